//! EC2's route tables and Transit Gateway attachments in the product's own types.

use aws_sdk_ec2::types::{self, RouteState, TransitGatewayAttachmentState};

use crate::measure::topology::{Route, RouteTable, Target, TransitAttachment};

pub(super) fn route_table(raw: &types::RouteTable) -> RouteTable {
    let associations = raw.associations();
    let mut subnets: Vec<String> = associations
        .iter()
        .filter_map(|association| association.subnet_id().map(str::to_owned))
        .collect();
    subnets.sort();
    RouteTable {
        id: raw.route_table_id().unwrap_or_default().to_owned(),
        vpc_id: raw.vpc_id().unwrap_or_default().to_owned(),
        main: associations
            .iter()
            .any(|association| association.main() == Some(true)),
        subnets,
        routes: raw.routes().iter().filter_map(route).collect(),
    }
}

fn route(raw: &types::Route) -> Option<Route> {
    let destination = raw
        .destination_cidr_block()
        .or(raw.destination_ipv6_cidr_block())
        .or(raw.destination_prefix_list_id())?;
    Some(Route {
        destination: destination.to_owned(),
        target: target(raw)?,
        active: raw.state() != Some(&RouteState::Blackhole),
    })
}

/// One of the fields is set. A route to an instance names its interface too, which is what decides.
fn target(raw: &types::Route) -> Option<Target> {
    let own = |id: &str| id.to_owned();
    let gateway = |id: &str| match id.split('-').next() {
        Some("igw") => Target::InternetGateway(own(id)),
        Some("vpce") => Target::Endpoint(own(id)),
        Some("nat") => Target::Nat(own(id)),
        Some("eigw") => Target::EgressOnly(own(id)),
        _ => Target::Other(own(id)),
    };
    let nat = raw.nat_gateway_id().map(|id| Target::Nat(own(id)));
    let egress_only = raw
        .egress_only_internet_gateway_id()
        .map(|id| Target::EgressOnly(own(id)));
    let transit = raw
        .transit_gateway_id()
        .map(|id| Target::TransitGateway(own(id)));
    let interface = raw
        .network_interface_id()
        .map(|id| Target::Interface(own(id)));
    let other = raw
        .instance_id()
        .or(raw.vpc_peering_connection_id())
        .or(raw.local_gateway_id())
        .or(raw.carrier_gateway_id())
        .or(raw.core_network_arn())
        .map(|id| Target::Other(own(id)));
    nat.or(egress_only)
        .or(transit)
        .or(interface)
        .or(raw.gateway_id().map(gateway))
        .or(other)
}

/// An attachment that carries traffic.
pub(super) fn transit_attachment(
    raw: &types::TransitGatewayVpcAttachment,
) -> Option<TransitAttachment> {
    let works = matches!(
        raw.state(),
        Some(TransitGatewayAttachmentState::Available | TransitGatewayAttachmentState::Modifying)
    );
    works.then(|| TransitAttachment {
        id: raw
            .transit_gateway_attachment_id()
            .unwrap_or_default()
            .to_owned(),
        transit_gateway_id: raw.transit_gateway_id().unwrap_or_default().to_owned(),
        vpc_id: raw.vpc_id().unwrap_or_default().to_owned(),
        vpc_owner: raw.vpc_owner_id().unwrap_or_default().to_owned(),
    })
}
