//! Prices the remedies for a day's traffic: what to build, what it costs, what it saves, what it leaves as it is.
//!
//! A saving is for a month of days like the one under analysis, after the remedy's own cost; a remedy that saves
//! nothing is not advised. Nothing is claimed for traffic whose region is unknown or another one.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, Remedy, SourceKind};
use tollkeeper::money::{Money, cents};
use tollkeeper::plan::PlanRequest;
use tollkeeper::prices::{self, RegionPrices};

use crate::explain::attribute::{Flow, Flows};
use crate::explain::pollers;
use crate::measure::network::{KafkaMapping, Network};
use crate::tell::text::human_bytes;

const DAYS_A_MONTH: u64 = 30;
/// Services with gateway endpoints, as labels and as endpoints spell them.
const GATEWAY: [(&str, &str); 2] = [("S3", "s3"), ("DYNAMODB", "dynamodb")];
/// What pollers need: lambda to hand over batches, sts to become the function's role.
const POLLERS_NEED: [&str; 2] = ["lambda", "sts"];
/// Bytes a second of one event poller unit.
const POLLER_UNIT_RATE: u64 = 20_000_000;
/// Fewest units a mapping is priced with.
const LEAST_UNITS: u64 = 2;
/// Delivery of flow logs to S3, dollars a GB (first 10 TB a month, us-east-1 list price).
const FLOW_LOG_GB: Decimal = Decimal::from_parts(25, 0, 0, false, 2);
/// Assumed size of flow logs: four lines of 250 bytes for each MB through the gateways.
const FLOW_LOG_SHARE: u64 = 1_000;

/// What advice is made from.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// The day's flows.
    pub flows: &'a Flows,
    /// The network as it is now.
    pub network: &'a Network,
    /// Kafka mappings with on-demand pollers.
    pub mappings: &'a [KafkaMapping],
    /// List prices of the region.
    pub prices: &'static RegionPrices,
    /// The incident that a plan is to end.
    pub incident_id: Option<&'a str>,
}

/// The remedies, in the order to do them: what is free first.
pub fn advise(situation: Situation<'_>) -> Vec<Advice> {
    let vpcs: BTreeSet<&str> = situation.flows.keys().map(Flow::vpc_id).collect();
    let mut advice: Vec<Advice> = vpcs
        .iter()
        .filter_map(|vpc| gateway(situation, vpc))
        .collect();
    for vpc in vpcs {
        advice.extend(for_pollers(situation, vpc));
    }
    advice
}

/// The remedy for not knowing: a flow log on the NAT interfaces. It saves nothing by itself.
pub fn flow_log(day_bytes: u64, vpc_id: &str) -> Advice {
    let month = day_bytes.saturating_mul(DAYS_A_MONTH) / FLOW_LOG_SHARE;
    Advice {
        remedy: Remedy::FlowLog,
        title: "Turn on a flow log (version 5 fields, to S3, expiring) on the NAT gateways' interfaces: without one \
                nobody can say who causes this traffic"
            .to_owned(),
        vpc_id: vpc_id.to_owned(),
        services: Vec::new(),
        zones: Vec::new(),
        monthly_cost: money(prices::gb(month) * FLOW_LOG_GB),
        monthly_saving: money(Decimal::ZERO),
        break_even_gb_a_month: None,
        does_not_cover: vec![
            "The cost is an estimate (four lines of 250 bytes for each MB, $0.25 a GB delivered); storage is extra".to_owned(),
        ],
        plan_request: None,
    }
}

fn gateway(situation: Situation<'_>, vpc_id: &str) -> Option<Advice> {
    let covered = |flow: &Flow| {
        flow.vpc_id() == vpc_id
            && flow.nat_vpc_id == vpc_id
            && flow.service_region == situation.prices.region
            && GATEWAY.iter().any(|(label, _)| *label == flow.service)
    };
    let bytes = month_of(situation.flows, covered);
    let saving = situation.prices.gateway_endpoint_saving_a_month(bytes);
    if cents(saving) <= Decimal::ZERO {
        return None;
    }
    let services: Vec<String> = GATEWAY
        .iter()
        .filter(|(label, _)| {
            situation
                .flows
                .keys()
                .any(|flow| covered(flow) && flow.service == *label)
        })
        .map(|(_, service)| (*service).to_owned())
        .collect();
    let mut does_not_cover = left_over(situation.flows, vpc_id, covered);
    does_not_cover.extend(existing(situation.network, vpc_id, &services));
    Some(Advice {
        remedy: Remedy::GatewayEndpoint,
        title: format!(
            "Give {vpc_id} a gateway endpoint for {} in the route tables of its private subnets: it costs nothing",
            services.join(" and ")
        ),
        vpc_id: vpc_id.to_owned(),
        zones: Vec::new(),
        monthly_cost: money(Decimal::ZERO),
        monthly_saving: money(saving),
        break_even_gb_a_month: None,
        does_not_cover,
        plan_request: Some(PlanRequest {
            vpc_id: vpc_id.to_owned(),
            services: services.clone(),
            kafka_pollers: Vec::new(),
            incident_id: situation.incident_id.map(str::to_owned),
        }),
        services,
    })
}

/// Two remedies that exclude each other: interface endpoints, and pollers that need neither NAT nor endpoints.
fn for_pollers(situation: Situation<'_>, vpc_id: &str) -> Vec<Advice> {
    let covered =
        |flow: &Flow| flow.vpc_id() == vpc_id && flow.source.kind == SourceKind::KafkaPollers;
    let ids: BTreeSet<&str> = situation
        .flows
        .keys()
        .filter(|flow| covered(flow))
        .map(|flow| flow.source.id.as_str())
        .collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let ids = ids.into_iter().collect::<Vec<_>>().join(",");
    let bytes = month_of(situation.flows, covered);
    let left = left_over(situation.flows, vpc_id, covered);
    [
        interface_endpoints(situation, vpc_id, &ids, bytes, left.clone()),
        provisioned(situation, vpc_id, bytes, left),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn interface_endpoints(
    situation: Situation<'_>,
    vpc_id: &str,
    mapping_ids: &str,
    bytes: u64,
    mut does_not_cover: Vec<String>,
) -> Option<Advice> {
    let zones: BTreeSet<&str> = situation
        .mappings
        .iter()
        .filter(|mapping| mapping_ids.split(',').any(|id| id == mapping.id))
        .flat_map(|mapping| &mapping.subnets)
        .filter_map(|subnet| situation.network.subnets.get(subnet))
        .map(|subnet| subnet.zone.as_str())
        .collect();
    let interfaces = u32::try_from(zones.len() * POLLERS_NEED.len()).ok()?;
    let prices = situation.prices;
    let cost = prices.endpoint_hours_a_month(interfaces) + prices.endpoint_bytes_a_month(bytes);
    let saving = prices.nat_bytes(bytes) - cost;
    if zones.is_empty() || saving <= Decimal::ZERO {
        return None;
    }
    let services: Vec<String> = POLLERS_NEED
        .iter()
        .map(|service| (*service).to_owned())
        .collect();
    let kafka_pollers = pollers::plan_of(mapping_ids, situation.mappings, situation.network);
    if kafka_pollers.is_none() {
        does_not_cover.push(
            "Security group rules of the pollers: broker port or group could not be told, name them by hand".to_owned(),
        );
    }
    does_not_cover.extend(existing(situation.network, vpc_id, &services));
    Some(Advice {
        remedy: Remedy::InterfaceEndpoints,
        title: format!(
            "Give {vpc_id} interface endpoints for {}: the Kafka pollers hand their batches to the Lambda API through \
             the NAT gateways",
            services.join(" and ")
        ),
        vpc_id: vpc_id.to_owned(),
        zones: zones.into_iter().map(str::to_owned).collect(),
        monthly_cost: money(cost),
        monthly_saving: money(saving),
        break_even_gb_a_month: Some(prices.break_even_gb_a_month(interfaces).round_dp(0)),
        does_not_cover,
        plan_request: Some(PlanRequest {
            vpc_id: vpc_id.to_owned(),
            services: services.clone(),
            kafka_pollers: kafka_pollers.unwrap_or_default(),
            incident_id: situation.incident_id.map(str::to_owned),
        }),
        services,
    })
}

fn provisioned(
    situation: Situation<'_>,
    vpc_id: &str,
    bytes: u64,
    mut does_not_cover: Vec<String>,
) -> Option<Advice> {
    let rate = bytes / (DAYS_A_MONTH * 86_400);
    let units = rate.div_ceil(POLLER_UNIT_RATE).max(LEAST_UNITS);
    let cost = Decimal::from(units)
        * prices::event_poller_unit_hour()
        * Decimal::from(prices::HOURS_A_MONTH);
    let saving = situation.prices.nat_bytes(bytes) - cost;
    if saving <= Decimal::ZERO {
        return None;
    }
    does_not_cover.insert(
        0,
        format!(
            "Peaks above the day's mean rate: priced for {units} event poller units at us-east-1's price. It replaces \
             the interface endpoints, it does not go with them"
        ),
    );
    Some(Advice {
        remedy: Remedy::ProvisionedPollers,
        title: "Or switch the Kafka event source mappings to provisioned mode, whose pollers need neither NAT gateway \
                nor endpoints"
            .to_owned(),
        vpc_id: vpc_id.to_owned(),
        services: Vec::new(),
        zones: Vec::new(),
        monthly_cost: money(cost),
        monthly_saving: money(saving),
        break_even_gb_a_month: Some((cost / situation.prices.nat_gb()).round_dp(0)),
        does_not_cover,
        plan_request: None,
    })
}

fn month_of(flows: &Flows, covered: impl Fn(&Flow) -> bool) -> u64 {
    flows
        .iter()
        .filter(|(flow, _)| covered(flow))
        .map(|(_, figures)| figures.bytes)
        .sum::<u64>()
        .saturating_mul(DAYS_A_MONTH)
}

/// What of the VPC's traffic keeps going through the gateways, the five largest far ends.
fn left_over(flows: &Flows, vpc_id: &str, covered: impl Fn(&Flow) -> bool) -> Vec<String> {
    let mut left: BTreeMap<String, u64> = BTreeMap::new();
    for (flow, figures) in flows {
        if flow.vpc_id() == vpc_id && !covered(flow) {
            *left
                .entry(far_end(&flow.service, &flow.service_region))
                .or_default() += figures.bytes;
        }
    }
    let mut left: Vec<(String, u64)> = left.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    left.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    left.truncate(5);
    left.into_iter()
        .map(|(far_end, bytes)| format!("{far_end}: {} a day", human_bytes(bytes)))
        .collect()
}

/// A far end for people: `S3 in eu-west-1`.
pub fn far_end(service: &str, region: &str) -> String {
    match (service, region) {
        ("INTERNET", _) => "the internet".to_owned(),
        ("UNKNOWN", _) => "unknown far ends".to_owned(),
        ("AMAZON", "") => "AWS, unresolved, region unknown".to_owned(),
        ("AMAZON", region) => format!("AWS, unresolved, in {region}"),
        (service, "") => format!("{service}, region unknown"),
        (service, region) => format!("{service} in {region}"),
    }
}

/// Endpoints that already exist for these services: traffic goes past them.
fn existing(network: &Network, vpc_id: &str, services: &[String]) -> Vec<String> {
    network
        .endpoints
        .iter()
        .filter(|endpoint| {
            endpoint.vpc_id == vpc_id
                && endpoint
                    .service_name
                    .rsplit_once('.')
                    .is_some_and(|(_, service)| services.iter().any(|wanted| wanted == service))
        })
        .map(|endpoint| {
            format!(
                "{} for {} exists already and this traffic goes past it: check its route tables, subnets and private DNS",
                endpoint.id, endpoint.service_name
            )
        })
        .collect()
}

fn money(amount: Decimal) -> Money {
    Money::usd(cents(amount))
}

#[cfg(test)]
mod tests;
