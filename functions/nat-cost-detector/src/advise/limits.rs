//! What a remedy does not cover: shared VPCs, egress centralised behind a Transit Gateway, endpoints that exist.

use rust_decimal::Decimal;
use tollkeeper::finding::SourceKind;
use tollkeeper::prices::{self, RegionPrices};

use super::Situation;
use crate::explain::attribute::Flow;
use crate::measure::network::{EndpointType, Network};
use crate::tell::text::human_bytes;

/// Whether a flow's unknown source may be of another network, behind a Transit Gateway: an endpoint in the NAT
/// gateway's VPC does not serve it.
pub(super) fn is_from_elsewhere(network: &Network, flow: &Flow) -> bool {
    if !flow.source.vpc_id.is_empty() {
        return false;
    }
    match flow.source.kind {
        SourceKind::Address => flow.source.id.parse().map_or_else(
            |_| is_hub(network, &flow.nat_vpc_id),
            |address| network.may_come_through_transit(&flow.nat_vpc_id, address),
        ),
        _ => is_hub(network, &flow.nat_vpc_id),
    }
}

fn is_hub(network: &Network, vpc_id: &str) -> bool {
    network.transit_gateways_of(vpc_id).next().is_some()
}

/// What a Transit Gateway takes for a month's bytes, besides the NAT gateway: both directions are sent to it.
pub(super) fn transit_cost(prices: &RegionPrices, bytes: u64) -> Decimal {
    prices::gb(bytes) * prices.transit_gateway_gb().dollars
}

/// How a saving at the Transit Gateway was obtained.
pub(super) fn transit_note(prices: &RegionPrices) -> String {
    let price = prices.transit_gateway_gb();
    let sure = if price.confirmed {
        ""
    } else {
        " (one source only)"
    };
    format!(
        "The saving counts the Transit Gateway's ${} a GB too{sure}: this VPC leaves through another one's NAT gateways",
        price.dollars.normalize()
    )
}

/// Whether the remediator can be asked: it changes VPCs of its own account only.
pub(super) fn may_plan(network: &Network, vpc_id: &str) -> bool {
    network.foreign_owner(vpc_id).is_none()
}

/// What holds for every remedy in a VPC.
pub(super) fn of_vpc(situation: Situation<'_>, vpc_id: &str) -> Vec<String> {
    let network = situation.network;
    let mut limits = Vec::new();
    if let Some(owner) = network.foreign_owner(vpc_id) {
        limits.push(format!(
            "{vpc_id} is shared by account {owner}: only that account can change its routes and endpoints"
        ));
    }
    let elsewhere = situation
        .flows
        .iter()
        .filter(|(flow, _)| flow.vpc_id() == vpc_id && is_from_elsewhere(network, flow))
        .fold(0, |sum: u64, (_, figures)| {
            sum.saturating_add(figures.bytes)
        });
    if elsewhere > 0 {
        let hubs: Vec<&str> = network
            .transit_gateways_of(vpc_id)
            .map(|attachment| attachment.transit_gateway_id.as_str())
            .collect();
        limits.push(format!(
            "{} a day from addresses that are not known to be in {vpc_id} and may come through {}: an endpoint here \
             does not serve them. It belongs in their own VPC, where it saves the Transit Gateway's ${} a GB too",
            human_bytes(elsewhere),
            hubs.join(", "),
            situation.prices.transit_gateway_gb().dollars.normalize()
        ));
    }
    limits
}

/// Endpoints that already exist for these services: traffic goes past them. Gateway endpoints in service have a remedy
/// of their own, and are not named again.
pub(super) fn existing(network: &Network, vpc_id: &str, services: &[String]) -> Vec<String> {
    network
        .endpoints
        .iter()
        .filter(|endpoint| {
            endpoint.vpc_id == vpc_id
                && !(endpoint.kind == EndpointType::Gateway && endpoint.available)
                && services
                    .iter()
                    .any(|wanted| endpoint.service() == Some(wanted))
        })
        .map(|endpoint| {
            format!(
                "{} for {} exists already and this traffic goes past it: check its state, route tables, subnets and \
                 private DNS",
                endpoint.id, endpoint.service_name
            )
        })
        .collect()
}
