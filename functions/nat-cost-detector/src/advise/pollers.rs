//! Two remedies for Kafka pollers that exclude each other: interface endpoints, and pollers that need neither NAT
//! gateway nor endpoints.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, Remedy, SourceKind};
use tollkeeper::plan::PlanRequest;

use super::Situation;
use super::limits;
use super::month::{Untaken, left_over, money};
use crate::explain::attribute::Flow;
use crate::explain::poller_prices::{self, POLLERS_NEED};
use crate::explain::poller_report::{lambda_endpoints, priced_zones};
use crate::explain::pollers;

/// Addresses that must be free in a subnet: an endpoint takes one, AWS wants some left; the remediator's own limit.
const ROOM: u32 = 8;

/// What one VPC's pollers send through NAT gateways.
struct Leak<'a> {
    situation: Situation<'a>,
    vpc_id: &'a str,
    /// Ids of the mappings, joined by commas.
    mapping_ids: String,
    /// Bytes a month.
    bytes: u64,
    /// What they cost a month where they go now.
    cost_now: Decimal,
    /// What every remedy leaves.
    left: Vec<String>,
}

/// Both remedies, as far as they pay. They take the pollers' bytes once.
pub(super) fn remedies(
    situation: Situation<'_>,
    vpc_id: &str,
    untaken: &mut Untaken<'_>,
) -> Vec<Advice> {
    let covered =
        |flow: &Flow| flow.vpc_id() == vpc_id && flow.source.kind == SourceKind::KafkaPollers;
    let ids: BTreeSet<&str> = situation
        .flows
        .keys()
        .filter(|flow| covered(flow))
        .map(|flow| flow.source.id.as_str())
        .collect();
    // Where the Lambda API's name leads to an endpoint, what still goes through the gateways is something else.
    if ids.is_empty() || !lambda_endpoints(situation.network, vpc_id).is_empty() {
        return Vec::new();
    }
    let bytes = untaken.month_of(covered);
    let transit = untaken.month_of(|flow| covered(flow) && flow.nat_vpc_id != vpc_id);
    let mut left = left_over(situation.flows, vpc_id, covered);
    left.extend(limits::of_vpc(situation, vpc_id));
    if transit > 0 {
        left.push(limits::transit_note(situation.prices));
    }
    let leak = Leak {
        situation,
        vpc_id,
        mapping_ids: ids.into_iter().collect::<Vec<_>>().join(","),
        bytes,
        cost_now: poller_prices::nat(situation.prices, bytes).total
            + limits::transit_cost(situation.prices, transit),
        left,
    };
    let advice: Vec<Advice> = [interface_endpoints(&leak), provisioned(&leak)]
        .into_iter()
        .flatten()
        .collect();
    if !advice.is_empty() {
        untaken.take(covered);
    }
    advice
}

fn interface_endpoints(leak: &Leak<'_>) -> Option<Advice> {
    let Situation {
        network,
        mappings,
        prices,
        incident_id,
        ..
    } = leak.situation;
    let subnets: Vec<String> = mappings
        .iter()
        .filter(|mapping| leak.mapping_ids.split(',').any(|id| id == mapping.id))
        .flat_map(|mapping| mapping.subnets.clone())
        .collect();
    let zones = priced_zones(network, leak.vpc_id, &subnets);
    let count = u32::try_from(zones.len()).ok()?;
    let cost = poller_prices::endpoints(prices, count, leak.bytes).total;
    let saving = leak.cost_now - cost;
    if zones.is_empty() || money(saving).amount <= Decimal::ZERO {
        return None;
    }
    let services: Vec<String> = POLLERS_NEED.map(str::to_owned).to_vec();
    let mut does_not_cover = leak.left.clone();
    let kafka_pollers = pollers::plan_of(&leak.mapping_ids, mappings, network);
    if kafka_pollers.is_none() {
        does_not_cover.push(
            "Security group rules of the pollers: broker port or group could not be told, name them by hand".to_owned(),
        );
    }
    let crowded = network.crowded_zones(leak.vpc_id, &zones, ROOM);
    if !crowded.is_empty() {
        does_not_cover.push(format!(
            "No private subnet in {} has {ROOM} free addresses: without an interface there, its clients cross zones",
            crowded.join(", ")
        ));
    }
    does_not_cover.extend(limits::existing(network, leak.vpc_id, &services));
    Some(Advice {
        remedy: Remedy::InterfaceEndpoints,
        title: format!(
            "Give {} interface endpoints for {}: the Kafka pollers hand their batches to the Lambda API through the NAT \
             gateways",
            leak.vpc_id,
            services.join(" and ")
        ),
        vpc_id: leak.vpc_id.to_owned(),
        zones,
        monthly_cost: money(cost),
        monthly_saving: money(saving),
        break_even_gb_a_month: Some(
            prices
                .break_even_gb_a_month(poller_prices::interfaces(count))
                .round_dp(0),
        ),
        does_not_cover,
        plan_request: limits::may_plan(network, leak.vpc_id).then(|| PlanRequest {
            kafka_pollers: kafka_pollers.unwrap_or_default(),
            incident_id: incident_id.map(str::to_owned),
            ..PlanRequest::of(leak.vpc_id, services.clone())
        }),
        services,
    })
}

fn provisioned(leak: &Leak<'_>) -> Option<Advice> {
    let cost = poller_prices::provisioned(leak.bytes).total;
    let saving = leak.cost_now - cost;
    if money(saving).amount <= Decimal::ZERO {
        return None;
    }
    let mut does_not_cover = leak.left.clone();
    does_not_cover.insert(
        0,
        format!(
            "Peaks above the day's mean rate: priced for {} event poller units at us-east-1's price. It replaces \
             the interface endpoints, it does not go with them",
            poller_prices::event_poller_units(leak.bytes)
        ),
    );
    Some(Advice {
        remedy: Remedy::ProvisionedPollers,
        title: "Or switch the Kafka event source mappings to provisioned mode, whose pollers need neither NAT gateway \
                nor endpoints"
            .to_owned(),
        vpc_id: leak.vpc_id.to_owned(),
        services: Vec::new(),
        zones: Vec::new(),
        monthly_cost: money(cost),
        monthly_saving: money(saving),
        break_even_gb_a_month: Some((cost / leak.situation.prices.nat_gb()).round_dp(0)),
        does_not_cover,
        plan_request: None,
    })
}
