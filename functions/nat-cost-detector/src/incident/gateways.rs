//! A finding about hours of gateways: it carries gateways and dollars, and no bytes. The rule itself is
//! [`crate::detect::count`].

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tollkeeper::finding::{Finding, GatewayCount, NewGateway, Severity, State};
use tollkeeper::money::{Money, cents};
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::detect::Range;
use crate::detect::count::gateways;
use crate::measure::network::Network;
use crate::measure::usage_type::UsageType;

/// Days before an incident opened in which the gateways were made that it is about: the bill's last days come late, and
/// a gateway's first day is seldom a whole one.
const NEW_DAYS: i64 = 7;
/// Days that a projected month has.
const PROJECTED_DAYS: u32 = 30;

/// Turns a finding that was put together without bytes into one about gateways, of which `new` are the youngest.
#[must_use]
pub fn about(
    finding: Finding,
    usage_type: UsageType,
    observed: u64,
    range: Range,
    new: Vec<NewGateway>,
    prices: &RegionPrices,
) -> Finding {
    let money = |hours: u64| Money::usd(cents(usage_type.price(hours, prices).unwrap_or_default()));
    let excess = money(observed.saturating_sub(range.expected));
    let month = Money::usd(cents(excess.amount * Decimal::from(PROJECTED_DAYS)));
    let mut finding = finding;
    finding.observed.cost = money(observed);
    finding.expected.cost = money(range.expected);
    if finding.state != State::Resolved {
        finding.severity = Severity::of_projected_month(month.amount);
    }
    finding.projected_month = month;
    finding.unexplained.cost = excess.clone();
    finding.excess.cost = excess;
    finding.gateways = Some(GatewayCount {
        observed: gateways(observed),
        expected: gateways(range.expected),
        most: gateways(range.high),
        new,
    });
    finding
}

/// Gateways made in the week before an incident opened or since, up to a day; what was deleted meanwhile no longer costs.
pub fn new(
    network: &Network,
    opened: Day,
    day: Day,
    bytes: &BTreeMap<String, u64>,
) -> Vec<NewGateway> {
    let since = opened.plus(-NEW_DAYS).start();
    let mut new: Vec<NewGateway> = network
        .nats
        .iter()
        .filter(|nat| matches!(nat.state.as_str(), "available" | "pending" | ""))
        .filter_map(|nat| {
            let created_at = nat.created_at?;
            let subnet = nat
                .subnet_id
                .as_ref()
                .and_then(|id| network.subnets.get(id));
            (since <= created_at && created_at < day.end()).then(|| NewGateway {
                id: nat.id.clone(),
                name: nat.name.clone(),
                vpc_id: nat.vpc_id.clone(),
                zone: subnet.map(|subnet| subnet.zone.clone()).unwrap_or_default(),
                created_at,
                bytes: bytes.get(&nat.id).copied(),
            })
        })
        .collect();
    new.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::network::{NatGateway, Subnet};

    #[test]
    fn gateways_made_shortly_before_or_since_are_named_and_others_are_not() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let nat = |id: &str, made: &str, state: &str| NatGateway {
            id: id.to_owned(),
            state: state.to_owned(),
            subnet_id: Some("subnet-a".to_owned()),
            created_at: made.parse().ok(),
            ..NatGateway::default()
        };
        let network = Network {
            nats: vec![
                nat("nat-old", "2026-10-01T00:00:00Z", "available"),
                nat("nat-since", "2026-10-14T08:00:00Z", "available"),
                nat("nat-before", "2026-10-11T08:00:00Z", "available"),
                nat("nat-gone", "2026-10-11T08:00:00Z", "deleted"),
                nat("nat-later", "2026-10-16T08:00:00Z", "available"),
                nat("nat-unknown", "", "available"),
            ],
            subnets: BTreeMap::from([(
                "subnet-a".to_owned(),
                Subnet {
                    zone: "use1-az1".to_owned(),
                    ..Subnet::default()
                },
            )]),
            ..Network::default()
        };
        let bytes = BTreeMap::from([("nat-since".to_owned(), 0)]);
        let new = new(&network, day("2026-10-13"), day("2026-10-15"), &bytes);
        let seen: Vec<_> = new
            .iter()
            .map(|new| (new.id.as_str(), new.zone.as_str(), new.bytes))
            .collect();
        assert_eq!(
            seen,
            [
                ("nat-before", "use1-az1", None),
                ("nat-since", "use1-az1", Some(0))
            ]
        );
    }
}
