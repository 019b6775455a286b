//! The network from EC2: gateways, interfaces and who uses them, subnets, endpoints, and the ways between them. Read-only.
//!
//! Without gateways, interfaces, subnets or endpoints there is nothing to explain: their calls must succeed. Route
//! tables, VPCs, Transit Gateways and flow logs make the advice better: what of them cannot be read becomes a gap.

mod interfaces;
mod routes;
mod things;

use std::collections::{BTreeSet, HashMap};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::EgressOnlyInternetGateway;

use crate::fault::CallError;
use crate::measure::network::Network;

/// Reads every page of a paginated call into one list.
macro_rules! all {
    ($request:expr, $operation:literal) => {
        async {
            let mut pages = $request.into_paginator().items().send();
            let mut items = Vec::new();
            while let Some(item) = pages.next().await {
                items.push(item.map_err(|error| CallError::of($operation, &error))?);
            }
            Ok::<_, CallError>(items)
        }
    };
}

/// The network of the client's region as it is now. Whose account it is, EC2 does not say: the caller fills it in.
pub async fn observe(client: &Client) -> Result<Network, CallError> {
    // Boxed: seven paginators in one future are large.
    let (known, ways) = tokio::join!(Box::pin(things(client)), Box::pin(ways(client)));
    let known = known?;
    Ok(Network {
        nats: known.nats,
        interfaces: known.interfaces,
        subnets: known.subnets,
        endpoints: known.endpoints,
        ..ways
    })
}

/// Gateways, interfaces, subnets and endpoints.
async fn things(client: &Client) -> Result<Network, CallError> {
    let (nats, names, interfaces, subnets, endpoints) = tokio::join!(
        all!(client.describe_nat_gateways(), "ec2:DescribeNatGateways"),
        interfaces::instance_names(client),
        all!(
            client.describe_network_interfaces(),
            "ec2:DescribeNetworkInterfaces"
        ),
        all!(client.describe_subnets(), "ec2:DescribeSubnets"),
        all!(client.describe_vpc_endpoints(), "ec2:DescribeVpcEndpoints"),
    );
    // Deleted gateways are listed for about an hour: they still had traffic, so they count.
    let nats: Vec<_> = nats?.iter().map(things::nat_gateway).collect();
    let nat_of: HashMap<&str, &str> = nats
        .iter()
        .flat_map(|nat| {
            let own = nat.interface_ids.iter();
            own.map(|id| (id.as_str(), nat.id.as_str()))
        })
        .collect();
    let interfaces = interfaces?
        .iter()
        .map(|raw| interfaces::interface(raw, &names, &nat_of))
        .collect();
    Ok(Network {
        interfaces,
        subnets: subnets?.iter().map(things::subnet).collect(),
        endpoints: endpoints?.iter().map(things::endpoint).collect(),
        nats,
        ..Network::default()
    })
}

/// Route tables, VPCs, Transit Gateways, egress-only gateways and flow logs, as far as they can be read.
async fn ways(client: &Client) -> Network {
    let (tables, vpcs, transit, egress_only, flow_logs) = tokio::join!(
        all!(client.describe_route_tables(), "ec2:DescribeRouteTables"),
        all!(client.describe_vpcs(), "ec2:DescribeVpcs"),
        all!(
            client.describe_transit_gateway_vpc_attachments(),
            "ec2:DescribeTransitGatewayVpcAttachments"
        ),
        all!(
            client.describe_egress_only_internet_gateways(),
            "ec2:DescribeEgressOnlyInternetGateways"
        ),
        all!(client.describe_flow_logs(), "ec2:DescribeFlowLogs"),
    );
    let mut gaps = Vec::new();
    let mut network = Network {
        route_tables: read(
            tables,
            "route tables: which way traffic takes is not known",
            &mut gaps,
        )
        .iter()
        .map(routes::route_table)
        .collect(),
        vpcs: read(
            vpcs,
            "VPCs: their ranges and owners are not known",
            &mut gaps,
        )
        .iter()
        .map(things::vpc)
        .collect(),
        transit_attachments: read(
            transit,
            "Transit Gateway attachments: centralised egress is not recognised",
            &mut gaps,
        )
        .iter()
        .filter_map(routes::transit_attachment)
        .collect(),
        egress_only_vpcs: read(
            egress_only,
            "egress-only internet gateways: IPv6 is not advised on",
            &mut gaps,
        )
        .iter()
        .flat_map(EgressOnlyInternetGateway::attachments)
        .filter_map(|attachment| attachment.vpc_id().map(str::to_owned))
        .collect::<BTreeSet<String>>(),
        flow_logs: read(
            flow_logs,
            "flow logs: which of them exist is not known",
            &mut gaps,
        )
        .iter()
        .map(things::flow_log)
        .collect(),
        ..Network::default()
    };
    network.gaps = gaps;
    network
}

fn read<T>(result: Result<Vec<T>, CallError>, without: &str, gaps: &mut Vec<String>) -> Vec<T> {
    result.unwrap_or_else(|error| {
        tracing::warn!(%error, "going on without");
        gaps.push(format!("Without {without} ({error})"));
        Vec::new()
    })
}

#[cfg(test)]
pub(crate) use tests::no_ways;
#[cfg(test)]
mod tests;
