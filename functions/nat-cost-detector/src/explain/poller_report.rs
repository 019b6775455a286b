//! Which way the invocations of Kafka pollers take, and what each of the three ways costs.
//!
//! Read from mappings, route tables and endpoints; only the volume comes from flow logs, where the Lambda API has no
//! label and pollers are inferred. Mappings whose pollers can share interfaces are one report: no log tells them apart.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::Serialize;
use tollkeeper::finding::SourceKind;
use tollkeeper::money::{Money, cents};
use tollkeeper::prices::RegionPrices;

use super::attribute::Flows;
use super::poller_path::path;
pub use super::poller_path::{PollerPath, lambda_endpoints};
use super::poller_prices::{self, DAYS_A_MONTH, POLLERS_NEED, WayPrice};
use crate::measure::network::{EndpointType, KafkaMapping, Network};
use crate::measure::topology::WayOut;

/// Mappings whose pollers can share interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PollerReport {
    /// Ids of the mappings, in order.
    pub mapping_ids: Vec<String>,
    /// Functions they invoke, in order.
    pub functions: Vec<String>,
    /// MSK clusters they read; none of self-managed ones.
    pub cluster_arns: Vec<String>,
    /// Whether all of them are switched off.
    pub disabled: bool,
    /// VPC of the pollers; empty where unknown.
    pub vpc_id: String,
    /// Subnets of the pollers.
    pub subnets: Vec<String>,
    /// Groups of the pollers.
    pub groups: Vec<String>,
    /// Zones that endpoints are priced for.
    pub zones: Vec<String>,
    /// The way their invocations take.
    pub path: PollerPath,
    /// Bytes of the day through NAT gateways, inferred; absent without flow logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat_bytes_a_day: Option<u64>,
    /// The ways compared; empty where there is nothing to choose.
    pub ways: Vec<PricedWay>,
    /// What a reader should know, in sentences.
    pub notes: Vec<String>,
}

/// One of the three ways, priced at list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PricedWay {
    /// Which.
    pub way: Way,
    /// What it costs a month without any bytes.
    pub fixed_a_month: Money,
    /// What it costs a month of days like the one under analysis; absent where the volume is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_volume_a_month: Option<Money>,
    /// GB a month above which it is cheaper than the NAT gateway; absent for the NAT gateway itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_even_gb_a_month: Option<Decimal>,
}

/// The three ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// NAT gateways.
    NatGateways,
    /// Interface endpoints for lambda and sts.
    InterfaceEndpoints,
    /// Provisioned pollers.
    ProvisionedPollers,
}

/// A report for each group of mappings, in order of their first ids.
pub fn reports(
    mappings: &[KafkaMapping],
    network: &Network,
    flows: Option<&Flows>,
    prices: &RegionPrices,
) -> Vec<PollerReport> {
    groups(mappings)
        .iter()
        .map(|group| report(group, network, flows, prices))
        .collect()
}

/// Mappings grouped so that pollers of two groups cannot share an interface.
fn groups(mappings: &[KafkaMapping]) -> Vec<Vec<&KafkaMapping>> {
    let mut groups: Vec<Vec<&KafkaMapping>> = Vec::new();
    for mapping in mappings {
        let (mut joined, others): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|group| group.iter().any(|other| share_interfaces(other, mapping)));
        let mut group: Vec<&KafkaMapping> = joined.drain(..).flatten().collect();
        group.push(mapping);
        groups = others;
        groups.push(group);
    }
    for group in &mut groups {
        group.sort_by(|a, b| a.id.cmp(&b.id));
    }
    groups.sort_by(|a, b| a[0].id.cmp(&b[0].id));
    groups
}

fn share_interfaces(a: &KafkaMapping, b: &KafkaMapping) -> bool {
    let meet = |a: &[String], b: &[String]| a.iter().any(|word| b.contains(word));
    a.is_on_demand()
        && b.is_on_demand()
        && meet(&a.subnets, &b.subnets)
        && meet(&a.groups, &b.groups)
}

fn report(
    group: &[&KafkaMapping],
    network: &Network,
    flows: Option<&Flows>,
    prices: &RegionPrices,
) -> PollerReport {
    let all = |words: fn(&KafkaMapping) -> &[String]| -> Vec<String> {
        let set: BTreeSet<&String> = group.iter().flat_map(|mapping| words(mapping)).collect();
        set.into_iter().cloned().collect()
    };
    let subnets = all(|mapping| &mapping.subnets);
    let vpc_id = subnets
        .iter()
        .find_map(|subnet| network.subnets.get(subnet))
        .map(|subnet| subnet.vpc_id.clone())
        .unwrap_or_default();
    let path = path(group, &vpc_id, &subnets, network);
    let nat_bytes_a_day = flows.map(|flows| bytes_of(group, flows));
    let zones = priced_zones(network, &vpc_id, &subnets);
    PollerReport {
        mapping_ids: group.iter().map(|mapping| mapping.id.clone()).collect(),
        functions: group
            .iter()
            .map(|mapping| mapping.function.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        cluster_arns: group
            .iter()
            .filter_map(|mapping| mapping.cluster_arn.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        disabled: group.iter().all(|mapping| mapping.disabled),
        groups: all(|mapping| &mapping.groups),
        ways: if path.is_paid_by_volume() {
            ways(prices, zones.len(), nat_bytes_a_day)
        } else {
            Vec::new()
        },
        notes: notes(group, &path, network, &vpc_id, &subnets),
        zones,
        path,
        nat_bytes_a_day,
        vpc_id,
        subnets,
    }
}

/// The zones that endpoints in a VPC are priced for: those of the pollers, and those of its other private subnets,
/// whose clients private DNS moves as well.
pub fn priced_zones(network: &Network, vpc_id: &str, subnets: &[String]) -> Vec<String> {
    let own = subnets
        .iter()
        .filter_map(|subnet| network.subnets.get(subnet))
        .map(|subnet| subnet.zone.as_str());
    let zones: BTreeSet<&str> = own.chain(network.private_zones(vpc_id)).collect();
    let named = zones.into_iter().filter(|zone| !zone.is_empty());
    named.map(str::to_owned).collect()
}

fn bytes_of(group: &[&KafkaMapping], flows: &Flows) -> u64 {
    flows
        .iter()
        .filter(|(flow, _)| flow.source.kind == SourceKind::KafkaPollers)
        .filter(|(flow, _)| {
            let mut ids = flow.source.id.split(',');
            ids.any(|id| group.iter().any(|mapping| mapping.id == id))
        })
        .fold(0, |sum: u64, (_, figures)| {
            sum.saturating_add(figures.bytes)
        })
}

fn ways(prices: &RegionPrices, zones: usize, bytes_a_day: Option<u64>) -> Vec<PricedWay> {
    let month = bytes_a_day.map(|bytes| bytes.saturating_mul(DAYS_A_MONTH));
    let bytes = month.unwrap_or(0);
    let zones = u32::try_from(zones).unwrap_or(u32::MAX);
    let money = |amount: Decimal| Money::usd(cents(amount));
    let way = |way, price: WayPrice, break_even: Option<Decimal>| PricedWay {
        way,
        fixed_a_month: money(price.fixed),
        at_volume_a_month: month.map(|_| money(price.total)),
        break_even_gb_a_month: break_even.map(|volume| volume.round_dp(0)),
    };
    let nat = way(Way::NatGateways, poller_prices::nat(prices, bytes), None);
    let provisioned = poller_prices::provisioned(bytes);
    let provisioned = way(
        Way::ProvisionedPollers,
        provisioned,
        Some(provisioned.fixed / prices.nat_gb()),
    );
    if zones == 0 {
        return vec![nat, provisioned];
    }
    let break_even = prices.break_even_gb_a_month(poller_prices::interfaces(zones));
    let endpoints = poller_prices::endpoints(prices, zones, bytes);
    let endpoints = way(Way::InterfaceEndpoints, endpoints, Some(break_even));
    vec![nat, endpoints, provisioned]
}

fn notes(
    group: &[&KafkaMapping],
    path: &PollerPath,
    network: &Network,
    vpc_id: &str,
    subnets: &[String],
) -> Vec<String> {
    let mut notes = Vec::new();
    if group.len() > 1 {
        notes.push(
            "Their pollers share subnets and security groups: volumes are of all of them together"
                .to_owned(),
        );
    }
    match path {
        PollerPath::Unknown if subnets.is_empty() => notes.push(
            "Subnets and groups of the cluster are not known (kafka:DescribeClusterV2), so neither is the way"
                .to_owned(),
        ),
        PollerPath::Unknown => notes.push("The route tables of the subnets are not known".to_owned()),
        PollerPath::NoWay => notes.push(
            "No subnet has a way out that a poller can take (it has no public address): the mapping cannot invoke \
             without interface endpoints for lambda and sts"
                .to_owned(),
        ),
        PollerPath::TransitGateways { .. } => notes.push(
            "The Transit Gateway's price for a GB comes on top of the NAT gateway's, wherever that is; endpoints \
             belong in the pollers' own VPC"
                .to_owned(),
        ),
        PollerPath::NatGateways { .. } => notes.push(
            "Volumes are inferred: flow logs have no label for the Lambda API".to_owned(),
        ),
        PollerPath::LambdaEndpoint { .. } => {
            let has_sts = network.endpoints.iter().any(|endpoint| {
                endpoint.vpc_id == vpc_id
                    && endpoint.private_dns
                    && endpoint.serves(EndpointType::Interface, POLLERS_NEED[1])
            });
            if !has_sts {
                notes.push(
                    "There is no sts endpoint: pollers still need another way to become the function's role"
                        .to_owned(),
                );
            }
        }
        PollerPath::Nothing | PollerPath::NoVpc | PollerPath::NatInstances { .. } => {}
    }
    let stuck: Vec<&str> = subnets
        .iter()
        .filter(|subnet| {
            let way = network.way_out(subnet);
            way == WayOut::Nowhere || way == WayOut::InternetGateway
        })
        .map(String::as_str)
        .collect();
    if path.is_paid_by_volume() && !stuck.is_empty() {
        notes.push(format!("No way out for a poller in {}", stuck.join(", ")));
    }
    notes
}

#[cfg(test)]
#[path = "poller_report_tests.rs"]
mod tests;
