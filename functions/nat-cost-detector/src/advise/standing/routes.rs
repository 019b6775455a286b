//! Routes that are missing or take the long way; what they cost is unknown without flow logs.

use std::collections::BTreeMap;

use tollkeeper::finding::{Advice, Remedy};
use tollkeeper::plan::PlanRequest;

use super::{Standing, free};
use crate::advise::gateway::{GATEWAY, endpoint, lacking};
use crate::advise::limits;
use crate::advise::month::money;
use crate::advise::zones::{gateway_in, zone_of_gateway};
use crate::measure::topology::WayOut;

/// Gateway endpoints that a VPC lacks.
pub(super) fn missing_endpoints(standing: Standing<'_>, vpc_id: &str) -> Option<Advice> {
    let services: Vec<String> = GATEWAY
        .iter()
        .filter(|(_, service)| endpoint(standing.network, vpc_id, service).is_none())
        .map(|(_, service)| (*service).to_owned())
        .collect();
    if services.is_empty() {
        return None;
    }
    Some(Advice {
        title: format!(
            "Give {vpc_id} a gateway endpoint for {} in the route tables of its private subnets: it costs nothing \
             (saving unknown)",
            services.join(" and ")
        ),
        plan_request: plan(standing, vpc_id, &services),
        services,
        does_not_cover: unknown(standing, vpc_id),
        ..free(Remedy::GatewayEndpoint, vpc_id)
    })
}

/// Private route tables that a VPC's gateway endpoints lack.
pub(super) fn missing_routes(standing: Standing<'_>, vpc_id: &str) -> Vec<Advice> {
    GATEWAY
        .iter()
        .filter_map(|(_, service)| {
            let endpoint = endpoint(standing.network, vpc_id, service)?;
            let tables: Vec<&str> = lacking(standing.network, vpc_id, endpoint)
                .into_iter()
                .collect();
            let services = vec![(*service).to_owned()];
            (!tables.is_empty()).then(|| Advice {
                title: format!(
                    "Add {} to the route tables of {}, the gateway endpoint of {vpc_id} for {service}: it costs \
                     nothing (saving unknown)",
                    tables.join(", "),
                    endpoint.id
                ),
                plan_request: plan(standing, vpc_id, &services),
                services,
                does_not_cover: unknown(standing, vpc_id),
                ..free(Remedy::GatewayEndpointRoutes, vpc_id)
            })
        })
        .collect()
}

/// Subnets that leave through another zone though their own has a gateway.
pub(super) fn crossing_subnets(standing: Standing<'_>, vpc_id: &str) -> Vec<Advice> {
    let network = standing.network;
    let mut by_zone: BTreeMap<&str, (Vec<&str>, &str)> = BTreeMap::new();
    for (id, subnet) in network.subnets_of(vpc_id) {
        let WayOut::Nat(nat) = network.way_out(id) else {
            continue;
        };
        let nat_zone = network
            .nat(&nat)
            .and_then(|nat| zone_of_gateway(network, nat));
        let crosses = nat_zone.is_some_and(|zone| zone != subnet.zone);
        if let Some(own) = gateway_in(network, vpc_id, &subnet.zone).filter(|_| crosses) {
            by_zone
                .entry(&subnet.zone)
                .or_insert((Vec::new(), own))
                .0
                .push(id);
        }
    }
    by_zone
        .into_iter()
        .map(|(zone, (subnets, own))| Advice {
            title: format!(
                "Route {} ({zone}) to {own} in their own zone: it costs nothing (saving unknown)",
                subnets.join(", ")
            ),
            zones: vec![zone.to_owned()],
            does_not_cover: vec![format!(
                "Saving unknown: ${} a GB that crosses zones, and no flow logs were read",
                standing.prices.cross_zone_gb().dollars.normalize()
            )],
            ..free(Remedy::NatGatewayInZone, vpc_id)
        })
        .collect()
}

fn unknown(standing: Standing<'_>, vpc_id: &str) -> Vec<String> {
    let nats = standing.network.nats.iter();
    let own: Vec<Option<&u64>> = nats
        .filter(|nat| nat.vpc_id == vpc_id)
        .map(|nat| standing.usage.nat_bytes.get(&nat.id))
        .collect();
    let ceiling = own
        .iter()
        .copied()
        .sum::<Option<u64>>()
        .filter(|_| !own.is_empty());
    let mut lines = vec![match ceiling {
        Some(bytes) => format!(
            "Saving unknown: no flow logs were read; less than the {} of NAT processing of the {} days to here",
            money(standing.prices.nat_bytes(bytes)),
            standing.usage.days
        ),
        None => "Saving unknown: no flow logs were read".to_owned(),
    }];
    if let Some(owner) = standing.network.foreign_owner(vpc_id) {
        lines.push(format!(
            "{vpc_id} is shared by account {owner}: only that account can change its routes and endpoints"
        ));
    }
    lines
}

fn plan(standing: Standing<'_>, vpc_id: &str, services: &[String]) -> Option<PlanRequest> {
    limits::may_plan(standing.network, vpc_id).then(|| PlanRequest::of(vpc_id, services.to_vec()))
}
