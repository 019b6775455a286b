//! The network from EC2: NAT gateways, interfaces and who uses them, subnets, endpoints. Read-only.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{NetworkInterface, Tag};
use jiff::Timestamp;
use tollkeeper::finding::Source;

use crate::fault::CallError;
use crate::measure::network::{Endpoint, Hints, Interface, NatGateway, Network, Subnet, user_of};

/// Reads every page of a paginated call into one list.
macro_rules! all {
    ($request:expr, $operation:literal) => {{
        let mut pages = $request.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| CallError::of($operation, &error))?);
        }
        items
    }};
}

/// The network of the client's region as it is now.
pub async fn observe(client: &Client) -> Result<Network, CallError> {
    let nats = nat_gateways(client).await?;
    let names = instance_names(client).await;
    let interfaces = all!(
        client.describe_network_interfaces(),
        "ec2:DescribeNetworkInterfaces"
    );
    let subnets = all!(client.describe_subnets(), "ec2:DescribeSubnets");
    let endpoints = all!(client.describe_vpc_endpoints(), "ec2:DescribeVpcEndpoints");
    let nat_of: HashMap<&str, &str> = nats
        .iter()
        .flat_map(|nat| {
            nat.interface_ids
                .iter()
                .map(|id| (id.as_str(), nat.id.as_str()))
        })
        .collect();
    Ok(Network {
        interfaces: interfaces
            .iter()
            .map(|raw| interface(raw, &names, &nat_of))
            .collect(),
        subnets: subnets
            .into_iter()
            .map(|subnet| {
                let own = Subnet {
                    vpc_id: subnet.vpc_id.unwrap_or_default(),
                    zone: subnet.availability_zone.unwrap_or_default(),
                };
                (subnet.subnet_id.unwrap_or_default(), own)
            })
            .collect(),
        endpoints: endpoints
            .into_iter()
            .map(|endpoint| Endpoint {
                id: endpoint.vpc_endpoint_id.unwrap_or_default(),
                vpc_id: endpoint.vpc_id.unwrap_or_default(),
                service_name: endpoint.service_name.unwrap_or_default(),
            })
            .collect(),
        nats,
    })
}

/// Deleted gateways are listed for about an hour: they still had traffic, so they count.
async fn nat_gateways(client: &Client) -> Result<Vec<NatGateway>, CallError> {
    let nats = all!(client.describe_nat_gateways(), "ec2:DescribeNatGateways");
    Ok(nats
        .into_iter()
        .map(|nat| NatGateway {
            interface_ids: nat
                .nat_gateway_addresses
                .unwrap_or_default()
                .into_iter()
                .filter_map(|address| address.network_interface_id)
                .collect(),
            id: nat.nat_gateway_id.unwrap_or_default(),
            vpc_id: nat.vpc_id.unwrap_or_default(),
        })
        .collect())
}

/// `Name` tags of instances. Names are a comfort: without the permission, ids must do.
async fn instance_names(client: &Client) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let mut pages = client.describe_instances().into_paginator().items().send();
    while let Some(reservation) = pages.next().await {
        match reservation {
            Ok(reservation) => {
                for instance in reservation.instances() {
                    if let (Some(id), Some(name)) =
                        (instance.instance_id(), name_tag(instance.tags()))
                    {
                        names.insert(id.to_owned(), name.to_owned());
                    }
                }
            }
            Err(error) => {
                let error = CallError::of("ec2:DescribeInstances", &error);
                tracing::warn!(%error, "instances have no names in this run");
                break;
            }
        }
    }
    names
}

fn name_tag(tags: &[Tag]) -> Option<&str> {
    tags.iter()
        .find(|tag| tag.key() == Some("Name"))
        .and_then(Tag::value)
        .filter(|name| !name.is_empty())
}

fn interface(
    raw: &NetworkInterface,
    names: &BTreeMap<String, String>,
    nat_of: &HashMap<&str, &str>,
) -> Interface {
    let id = raw.network_interface_id().unwrap_or_default();
    let attachment = raw.attachment();
    let instance_id = attachment.and_then(|attachment| attachment.instance_id());
    let (kind, user, name) = user_of(Hints {
        interface_id: id,
        description: raw.description().unwrap_or_default(),
        instance_id,
        name: instance_id
            .and_then(|instance| names.get(instance).map(String::as_str))
            .or_else(|| name_tag(raw.tag_set())),
    });
    let mut groups: Vec<String> = raw
        .groups()
        .iter()
        .filter_map(|group| group.group_id().map(str::to_owned))
        .collect();
    groups.sort();
    Interface {
        id: id.to_owned(),
        addresses: addresses(raw),
        source: Source {
            kind,
            id: user,
            name,
            subnet_id: raw.subnet_id().unwrap_or_default().to_owned(),
            vpc_id: raw.vpc_id().unwrap_or_default().to_owned(),
        },
        groups,
        attached_at: attachment
            .and_then(|attachment| attachment.attach_time())
            .and_then(|time| Timestamp::from_second(time.secs()).ok()),
        nat_gateway_id: nat_of.get(id).map(|nat| (*nat).to_owned()),
    }
}

fn addresses(raw: &NetworkInterface) -> Vec<IpAddr> {
    let v4 = raw
        .private_ip_addresses()
        .iter()
        .filter_map(|address| address.private_ip_address());
    let v6 = raw
        .ipv6_addresses()
        .iter()
        .filter_map(|address| address.ipv6_address());
    let mut addresses: Vec<IpAddr> = raw
        .private_ip_address()
        .into_iter()
        .chain(v4)
        .chain(v6)
        .filter_map(|address| address.parse().ok())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_ec2::operation::{
        describe_instances::DescribeInstancesError,
        describe_nat_gateways::DescribeNatGatewaysOutput,
        describe_network_interfaces::DescribeNetworkInterfacesOutput,
        describe_subnets::DescribeSubnetsOutput,
        describe_vpc_endpoints::DescribeVpcEndpointsOutput,
    };
    use aws_sdk_ec2::types::{GroupIdentifier, NatGatewayAddress, NetworkInterfaceAttachment};
    use aws_smithy_mocks::mock;
    use aws_smithy_types::error::ErrorMetadata;
    use tollkeeper::finding::SourceKind;

    fn raw(id: &str, address: &str) -> aws_sdk_ec2::types::builders::NetworkInterfaceBuilder {
        NetworkInterface::builder()
            .network_interface_id(id)
            .private_ip_address(address)
            .vpc_id("vpc-1")
            .subnet_id("subnet-a")
    }

    #[tokio::test]
    async fn interfaces_come_from_all_pages_and_without_names_ids_must_do() {
        let nats = mock!(Client::describe_nat_gateways).then_output(|| {
            let address = NatGatewayAddress::builder()
                .network_interface_id("eni-nat")
                .build();
            let nat = aws_sdk_ec2::types::NatGateway::builder()
                .nat_gateway_id("nat-a")
                .vpc_id("vpc-1")
                .nat_gateway_addresses(address);
            DescribeNatGatewaysOutput::builder()
                .nat_gateways(nat.build())
                .build()
        });
        let instances = mock!(Client::describe_instances).then_error(|| {
            DescribeInstancesError::generic(
                ErrorMetadata::builder()
                    .code("UnauthorizedOperation")
                    .build(),
            )
        });
        let first = mock!(Client::describe_network_interfaces).then_output(|| {
            let nat = raw("eni-nat", "10.0.0.9").build();
            DescribeNetworkInterfacesOutput::builder()
                .network_interfaces(nat)
                .next_token("more")
                .build()
        });
        let second = mock!(Client::describe_network_interfaces)
            .match_requests(|request| request.next_token() == Some("more"))
            .then_output(|| {
                let web = raw("eni-web", "10.0.1.5")
                    .groups(GroupIdentifier::builder().group_id("sg-app").build())
                    .attachment(
                        NetworkInterfaceAttachment::builder()
                            .instance_id("i-web")
                            .build(),
                    );
                DescribeNetworkInterfacesOutput::builder()
                    .network_interfaces(web.build())
                    .build()
            });
        let subnets = mock!(Client::describe_subnets)
            .then_output(|| DescribeSubnetsOutput::builder().build());
        let endpoints = mock!(Client::describe_vpc_endpoints)
            .then_output(|| DescribeVpcEndpointsOutput::builder().build());
        let client = mocked!(
            aws_sdk_ec2,
            [&nats, &instances, &first, &second, &subnets, &endpoints]
        );

        let network = observe(&client).await.unwrap();
        let nat = &network.interfaces[0];
        assert_eq!(nat.nat_gateway_id.as_deref(), Some("nat-a"));
        let web = &network.interfaces[1];
        assert_eq!(
            (web.source.kind, web.source.name.as_str()),
            (SourceKind::Instance, "i-web")
        );
        assert_eq!(
            (web.groups.as_slice(), web.addresses.len()),
            (["sg-app".to_owned()].as_slice(), 1)
        );
    }
}
