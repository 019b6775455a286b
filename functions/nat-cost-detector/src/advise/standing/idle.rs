//! What is paid for by the hour and used by nobody.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tollkeeper::finding::{Advice, Remedy};

use super::{Standing, free};
use crate::advise::month::money;
use crate::measure::network::{Endpoint, EndpointType, NatGateway};
use crate::measure::topology::WayOut;

/// Gateways that nothing goes through, by VPC.
pub(super) fn gateways(standing: Standing<'_>) -> Vec<Advice> {
    let Standing {
        network,
        usage,
        prices,
        ..
    } = standing;
    let idle = |nat: &&NatGateway| {
        nat.state == "available"
            && is_older(nat.created_at, usage.since)
            && usage.nat_bytes.get(&nat.id) == Some(&0)
    };
    let mut by_vpc: BTreeMap<&str, Vec<&NatGateway>> = BTreeMap::new();
    for nat in network.nats.iter().filter(idle) {
        by_vpc.entry(&nat.vpc_id).or_default().push(nat);
    }
    by_vpc
        .into_iter()
        .map(|(vpc_id, nats)| {
            let ids: Vec<&str> = nats.iter().map(|nat| nat.id.as_str()).collect();
            let mut does_not_cover = vec![
                "Release their Elastic IP addresses too: unattached ones cost as much as attached ones".to_owned(),
            ];
            let tables: Vec<&str> = network
                .route_tables
                .iter()
                .filter(|table| matches!(table.way_out(), WayOut::Nat(id) if ids.contains(&id.as_str())))
                .map(|table| table.id.as_str())
                .collect();
            if !tables.is_empty() {
                does_not_cover.push(format!(
                    "Route tables still lead to them ({}): whoever starts there loses the way out",
                    tables.join(", ")
                ));
            }
            if nats.iter().any(|nat| nat.regional) {
                does_not_cover.push("A regional gateway pays hours for each zone; one zone is counted".to_owned());
            }
            let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
            Advice {
                title: format!(
                    "Delete {}: nothing went through in {} days",
                    ids.join(", "),
                    usage.days
                ),
                monthly_saving: money(prices.nat_hours_a_month(count)),
                does_not_cover,
                ..free(Remedy::DeleteIdleNatGateways, vpc_id)
            }
        })
        .collect()
}

/// Interface endpoints that nobody uses, by VPC.
pub(super) fn endpoints(standing: Standing<'_>) -> Vec<Advice> {
    let Standing {
        network,
        usage,
        prices,
        ..
    } = standing;
    let unused = |endpoint: &&Endpoint| {
        endpoint.kind == EndpointType::Interface
            && endpoint.available
            && !endpoint.requester_managed
            && !endpoint.subnets.is_empty()
            && is_older(endpoint.created_at, usage.since)
            && usage.endpoint_bytes.get(&endpoint.id) == Some(&0)
    };
    let mut by_vpc: BTreeMap<&str, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in network.endpoints.iter().filter(unused) {
        by_vpc.entry(&endpoint.vpc_id).or_default().push(endpoint);
    }
    by_vpc
        .into_iter()
        .map(|(vpc_id, endpoints)| {
            let interfaces: usize = endpoints.iter().map(|endpoint| endpoint.subnets.len()).sum();
            let interfaces = u32::try_from(interfaces).unwrap_or(u32::MAX);
            let names: Vec<String> = endpoints
                .iter()
                .map(|endpoint| {
                    let service = endpoint.service().unwrap_or(&endpoint.service_name);
                    format!("{} ({service})", endpoint.id)
                })
                .collect();
            Advice {
                title: format!(
                    "Delete {}: nothing went through in {} days",
                    names.join(", "),
                    usage.days
                ),
                services: endpoints
                    .iter()
                    .filter_map(|endpoint| endpoint.service().map(str::to_owned))
                    .collect(),
                monthly_saving: money(prices.endpoint_hours_a_month(interfaces)),
                does_not_cover: vec![format!(
                    "What is used less than once in {} days looks the same; where nothing else leads out, a rare use \
                     fails",
                    usage.days
                )],
                ..free(Remedy::DeleteUnusedEndpoints, vpc_id)
            }
        })
        .collect()
}

/// Something whose age is unknown may have been made yesterday.
fn is_older(created_at: Option<Timestamp>, since: Timestamp) -> bool {
    created_at.is_some_and(|created| created < since)
}
