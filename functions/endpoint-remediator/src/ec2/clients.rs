//! Reading: who talks in a VPC, for the replay of its flow logs.

use aws_sdk_ec2::types;

use super::{Ec2, convert, failed, filter};
use crate::network::NetworkError;
use crate::replay::{Clients, Interface};

impl Ec2 {
    /// Interfaces, groups and NAT gateways of a VPC; all pages.
    pub(crate) async fn clients(&self, vpc: &str) -> Result<Clients, NetworkError> {
        let of_vpc = || filter("vpc-id", vpc);
        let interfaces = self.client.describe_network_interfaces().filters(of_vpc());
        let interfaces = interfaces.into_paginator().items().send();
        let interfaces: Vec<types::NetworkInterface> = interfaces
            .try_collect()
            .await
            .map_err(failed("DescribeNetworkInterfaces"))?;
        let groups = self.client.describe_security_groups().filters(of_vpc());
        let groups = groups.into_paginator().items().send();
        let groups: Vec<types::SecurityGroup> = groups
            .try_collect()
            .await
            .map_err(failed("DescribeSecurityGroups"))?;
        // Deleted gateways are listed for about an hour: they recorded, so they count.
        let gateways = self.client.describe_nat_gateways().filter(of_vpc());
        let gateways = gateways.into_paginator().items().send();
        let gateways: Vec<types::NatGateway> = gateways
            .try_collect()
            .await
            .map_err(failed("DescribeNatGateways"))?;
        Ok(Clients {
            interfaces: interfaces.iter().map(interface).collect(),
            groups: groups.iter().map(convert::group).collect(),
            gateways: gateways.iter().flat_map(recorders).collect(),
        })
    }
}

fn interface(from: &types::NetworkInterface) -> Interface {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let addresses = from.private_ip_addresses().iter();
    let addresses =
        addresses.filter_map(types::NetworkInterfacePrivateIpAddress::private_ip_address);
    let prefixes = from.ipv4_prefixes().iter();
    let groups = from.groups().iter();
    Interface {
        id: text(from.network_interface_id()),
        subnet: text(from.subnet_id()),
        groups: groups.map(|group| text(group.group_id())).collect(),
        addresses: addresses
            .filter_map(|address| address.parse().ok())
            .collect(),
        prefixes: prefixes
            .filter_map(|prefix| prefix.ipv4_prefix().map(str::to_owned))
            .collect(),
        is_endpoint: from.interface_type() == Some(&types::NetworkInterfaceType::VpcEndpoint),
    }
}

/// What records of a gateway name: its interfaces, or a regional one itself.
fn recorders(from: &types::NatGateway) -> impl Iterator<Item = String> {
    let addresses = from.nat_gateway_addresses().iter();
    let interfaces = addresses.filter_map(types::NatGatewayAddress::network_interface_id);
    interfaces.chain(from.nat_gateway_id()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::Client;
    use aws_sdk_ec2::config::http::HttpResponse;
    use aws_smithy_mocks::mock;

    use super::super::tests::{answer, ec2_with, refusal};

    fn page(operation: &str, set: &str, item: &str, next: &str) -> HttpResponse {
        let next = match next {
            "" => String::new(),
            next => format!("<nextToken>{next}</nextToken>"),
        };
        let body = format!(
            "<{operation}Response><{set}><item>{item}</item></{set}>{next}</{operation}Response>"
        );
        answer(200, &body)
    }

    #[tokio::test]
    async fn every_page_of_interfaces_is_read_with_secondary_addresses_and_prefixes() {
        let first = mock!(Client::describe_network_interfaces)
            .match_requests(|request| {
                let filters = request.filters();
                request.next_token().is_none()
                    && filters.iter().any(|filter| filter.values() == ["vpc-1"])
            })
            .then_http_response(|| {
                let item = "<networkInterfaceId>eni-1</networkInterfaceId><subnetId>subnet-1</subnetId>\
                            <groupSet><item><groupId>sg-1</groupId></item></groupSet><privateIpAddressesSet>\
                            <item><privateIpAddress>10.0.1.5</privateIpAddress></item>\
                            <item><privateIpAddress>10.0.1.77</privateIpAddress></item></privateIpAddressesSet>\
                            <ipv4PrefixSet><item><ipv4Prefix>10.0.1.16/28</ipv4Prefix></item></ipv4PrefixSet>";
                page("DescribeNetworkInterfaces", "networkInterfaceSet", item, "more")
            });
        let second = mock!(Client::describe_network_interfaces)
            .match_requests(|request| request.next_token() == Some("more"))
            .then_http_response(|| {
                let item =
                    "<networkInterfaceId>eni-2</networkInterfaceId><subnetId>subnet-2</subnetId>";
                page("DescribeNetworkInterfaces", "networkInterfaceSet", item, "")
            });
        let groups = mock!(Client::describe_security_groups).then_http_response(|| {
            let item = "<groupId>sg-1</groupId><groupName>web</groupName>";
            page("DescribeSecurityGroups", "securityGroupInfo", item, "")
        });
        let gateways = mock!(Client::describe_nat_gateways).then_http_response(|| {
            let item = "<natGatewayId>nat-1</natGatewayId><natGatewayAddressSet><item>\
                        <networkInterfaceId>eni-nat</networkInterfaceId></item></natGatewayAddressSet>";
            page("DescribeNatGateways", "natGatewaySet", item, "")
        });
        let ec2 = ec2_with(&[&first, &second, &groups, &gateways]);
        let clients = ec2.clients("vpc-1").await.unwrap();
        let [one, two] = clients.interfaces.as_slice() else {
            panic!("{clients:?}");
        };
        assert_eq!((one.id.as_str(), two.id.as_str()), ("eni-1", "eni-2"));
        assert_eq!(
            one.addresses,
            ["10.0.1.5", "10.0.1.77"].map(|text| text.parse::<std::net::Ipv4Addr>().unwrap())
        );
        assert_eq!(
            (&one.prefixes[..], &one.groups[..]),
            (&["10.0.1.16/28".to_owned()][..], &["sg-1".to_owned()][..])
        );
        assert_eq!(clients.gateways, ["eni-nat", "nat-1"]);
        assert_eq!(clients.groups[0].name, "web");
    }

    #[tokio::test]
    async fn what_may_not_be_read_is_an_error_that_names_the_call() {
        let denied = mock!(Client::describe_network_interfaces)
            .then_http_response(|| refusal("UnauthorizedOperation"));
        let error = ec2_with(&[&denied]).clients("vpc-1").await.unwrap_err();
        assert_eq!(
            (error.operation, error.code.as_str()),
            ("DescribeNetworkInterfaces", "UnauthorizedOperation")
        );
    }
}
