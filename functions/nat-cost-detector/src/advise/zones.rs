//! Traffic that crosses zones on its way to a NAT gateway: paid for besides the gateway.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, Remedy};
use tollkeeper::prices::{self, HOURS_A_MONTH, RegionPrices};

use super::Situation;
use super::limits;
use super::month::{DAYS_A_MONTH, Untaken, money};
use crate::explain::attribute::Flow;
use crate::measure::network::{NatGateway, Network};

/// Traffic of one zone through gateways of others.
#[derive(Default)]
struct Crossing<'a> {
    day_bytes: u64,
    subnets: BTreeSet<&'a str>,
    gateways: BTreeSet<&'a str>,
}

/// A gateway in the zone for each zone whose traffic crosses to another, where that pays.
pub(super) fn remedies(situation: Situation<'_>, untaken: &Untaken<'_>) -> Vec<Advice> {
    let network = situation.network;
    let mut crossings: BTreeMap<(&str, &str), Crossing<'_>> = BTreeMap::new();
    for (flow, bytes) in untaken.flows() {
        let Some((zone, nat_zone)) = zones_of(network, flow) else {
            continue;
        };
        if zone == nat_zone || bytes == 0 {
            continue;
        }
        let crossing = crossings.entry((flow.vpc_id(), zone)).or_default();
        crossing.day_bytes = crossing.day_bytes.saturating_add(bytes);
        crossing.subnets.insert(&flow.source.subnet_id);
        crossing.gateways.insert(&flow.nat_gateway_id);
    }
    crossings
        .into_iter()
        .filter_map(|((vpc_id, zone), crossing)| remedy(situation, vpc_id, zone, &crossing))
        .collect()
}

/// The zones of a flow's source and of its gateway, where both are known and in one VPC. A regional gateway is in all.
fn zones_of<'a>(network: &'a Network, flow: &Flow) -> Option<(&'a str, &'a str)> {
    let nat = network.nat(&flow.nat_gateway_id)?;
    if flow.vpc_id() != nat.vpc_id {
        return None;
    }
    let zone = network.subnets.get(&flow.source.subnet_id)?.zone.as_str();
    let nat_zone = zone_of_gateway(network, nat)?;
    (!zone.is_empty()).then_some((zone, nat_zone))
}

/// The zone of a zonal gateway.
pub(super) fn zone_of_gateway<'a>(network: &'a Network, nat: &NatGateway) -> Option<&'a str> {
    if nat.regional {
        return None;
    }
    let subnet = network.subnets.get(nat.subnet_id.as_ref()?)?;
    (!subnet.zone.is_empty()).then_some(subnet.zone.as_str())
}

/// A public gateway in service in a zone of a VPC.
pub(super) fn gateway_in<'a>(network: &'a Network, vpc_id: &str, zone: &str) -> Option<&'a str> {
    network
        .nats
        .iter()
        .find(|nat| {
            nat.vpc_id == vpc_id
                && nat.state == "available"
                && !nat.private
                && zone_of_gateway(network, nat) == Some(zone)
        })
        .map(|nat| nat.id.as_str())
}

/// GB a month above which a gateway of a zone's own pays.
pub(super) fn break_even(prices: &RegionPrices) -> Decimal {
    (prices.nat_hours_a_month(1) / prices.cross_zone_gb().dollars).round_dp(0)
}

fn remedy(
    situation: Situation<'_>,
    vpc_id: &str,
    zone: &str,
    crossing: &Crossing<'_>,
) -> Option<Advice> {
    let prices = situation.prices;
    let own = gateway_in(situation.network, vpc_id, zone);
    let cost = if own.is_some() {
        Decimal::ZERO
    } else {
        prices.nat_hour() * Decimal::from(HOURS_A_MONTH)
    };
    let month = crossing.day_bytes.saturating_mul(DAYS_A_MONTH);
    let saving = prices::gb(month) * prices.cross_zone_gb().dollars - cost;
    if money(saving).amount <= Decimal::ZERO {
        return None;
    }
    let list = |words: &BTreeSet<&str>| words.iter().copied().collect::<Vec<_>>().join(", ");
    let to = own.map_or_else(
        || "a NAT gateway of their own zone, to be made".to_owned(),
        |id| format!("{id} in their own zone"),
    );
    let mut does_not_cover = vec![format!(
        "Counted is ${} a GB that crosses zones, at one end; where both ends are yours AWS charges as much at the other",
        prices.cross_zone_gb().dollars.normalize()
    )];
    does_not_cover.extend(limits::of_vpc(situation, vpc_id));
    Some(Advice {
        remedy: Remedy::NatGatewayInZone,
        title: format!(
            "Route {} ({zone}) to {to} instead of {} in another zone",
            list(&crossing.subnets),
            list(&crossing.gateways)
        ),
        vpc_id: vpc_id.to_owned(),
        services: Vec::new(),
        zones: vec![zone.to_owned()],
        monthly_cost: money(cost),
        monthly_saving: money(saving),
        break_even_gb_a_month: own.is_none().then(|| break_even(prices)),
        does_not_cover,
        plan_request: None,
    })
}
