//! A remedy for what no endpoint takes: instances in place of the NAT gateways.
//!
//! Its price is not only in dollars, so it is named only where a lot of money is left.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, Remedy};
use tollkeeper::prices::{HOURS_A_MONTH, NAT_INSTANCE, NAT_INSTANCE_BYTES_A_SECOND};

use super::Situation;
use super::month::{DAYS_A_MONTH, Untaken, money};
use super::zones::zone_of_gateway;
use crate::explain::attribute::Flow;
use crate::measure::network::NatGateway;

/// Dollars a month from which giving up what is managed, or set up, is worth a thought.
pub(super) const WORTH_A_THOUGHT: Decimal = Decimal::ONE_HUNDRED;
/// How many times the mean rate an instance must sustain: nobody knows the peaks of a day's sum.
const HEADROOM: u64 = 4;

/// The remedy for every VPC with NAT gateways.
pub(super) fn remedies(situation: Situation<'_>, untaken: &Untaken<'_>) -> Vec<Advice> {
    let nats = situation.network.nats.iter();
    let vpcs: BTreeSet<&str> = nats.map(|nat| nat.vpc_id.as_str()).collect();
    vpcs.into_iter()
        .filter_map(|vpc| instances(situation, vpc, untaken))
        .collect()
}

/// One instance a zone in place of the zone's gateways, for all that is left.
fn instances(situation: Situation<'_>, vpc_id: &str, untaken: &Untaken<'_>) -> Option<Advice> {
    let (network, prices) = (situation.network, situation.prices);
    let gateways: Vec<&NatGateway> = network
        .nats
        .iter()
        .filter(|nat| nat.vpc_id == vpc_id && nat.state == "available" && !nat.private)
        .collect();
    let zones: BTreeSet<&str> = gateways
        .iter()
        .filter_map(|nat| zone_of_gateway(network, nat))
        .collect();
    let bytes = untaken.month_of(|flow: &Flow| flow.nat_vpc_id == vpc_id);
    let used = |nat: &&&NatGateway| {
        let mut flows = untaken.flows();
        flows.any(|(flow, bytes)| bytes > 0 && flow.nat_gateway_id == nat.id)
    };
    // Idle gateways have a remedy of their own: only the hours of used ones are counted here.
    let replaced = u32::try_from(gateways.iter().filter(used).count()).ok()?;
    let count = u64::try_from(zones.len()).ok()?;
    let rate = bytes / (DAYS_A_MONTH * 86_400);
    let carried = NAT_INSTANCE_BYTES_A_SECOND.saturating_mul(count) / HEADROOM;
    if count == 0 || replaced == 0 || rate > carried {
        return None;
    }
    let hour = prices.nat_instance_hour();
    let cost = Decimal::from(count) * hour.dollars * Decimal::from(HOURS_A_MONTH);
    let saving = prices.nat_bytes(bytes) + prices.nat_hours_a_month(replaced) - cost;
    if saving < WORTH_A_THOUGHT {
        return None;
    }
    let mut does_not_cover = vec![
        format!(
            "No redundancy in a zone, your own patching and monitoring, {} Mbit/s sustained each (the day's mean is \
             {} Mbit/s in all, its peaks are unknown)",
            NAT_INSTANCE_BYTES_A_SECOND * 8 / 1_000_000,
            rate * 8 / 1_000_000
        ),
        "Public addresses cost the same either way and are not counted; the rest of this list comes first, and is          counted as done"
            .to_owned(),
    ];
    if !hour.confirmed {
        does_not_cover.push(format!(
            "The price of {NAT_INSTANCE} rests on one source only"
        ));
    }
    Some(Advice {
        remedy: Remedy::NatInstances,
        title: format!(
            "As a last resort, replace the NAT gateways of {vpc_id} by {count} NAT instance(s) ({NAT_INSTANCE}, one a \
             zone), which cost nothing per GB"
        ),
        vpc_id: vpc_id.to_owned(),
        services: Vec::new(),
        zones: zones.into_iter().map(str::to_owned).collect(),
        monthly_cost: money(cost),
        monthly_saving: money(saving),
        break_even_gb_a_month: Some(
            Decimal::ZERO
                .max(((cost - prices.nat_hours_a_month(replaced)) / prices.nat_gb()).round_dp(0)),
        ),
        does_not_cover,
        plan_request: None,
    })
}
