//! A month of days like the one under analysis: its flows, and which remedy takes which of them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tollkeeper::money::{Money, cents};

use crate::explain::attribute::{Flow, Flows};
pub(super) use crate::explain::poller_prices::DAYS_A_MONTH;
use crate::tell::text::human_bytes;

/// Far ends that a remedy names as left over.
const LEFT_OVER: usize = 5;

/// Flows that no remedy has taken: two remedies never save the same byte.
pub(super) struct Untaken<'a>(BTreeMap<&'a Flow, u64>);

impl<'a> Untaken<'a> {
    /// All of a day's flows.
    pub(super) fn all(flows: &'a Flows) -> Self {
        let days = flows.iter().map(|(flow, figures)| (flow, figures.bytes));
        Self(days.collect())
    }

    /// Bytes a month of the flows that a remedy would take.
    pub(super) fn month_of(&self, covered: impl Fn(&Flow) -> bool) -> u64 {
        self.0
            .iter()
            .filter(|(flow, _)| covered(flow))
            .fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes))
            .saturating_mul(DAYS_A_MONTH)
    }

    /// The flows that are left.
    pub(super) fn flows(&self) -> impl Iterator<Item = (&'a Flow, u64)> {
        self.0.iter().map(|(flow, bytes)| (*flow, *bytes))
    }

    /// Takes the flows of a remedy that is advised.
    pub(super) fn take(&mut self, covered: impl Fn(&Flow) -> bool) {
        self.0.retain(|flow, _| !covered(flow));
    }
}

/// What of a VPC's traffic keeps going through the gateways, the largest far ends.
pub(super) fn left_over(
    flows: &Flows,
    vpc_id: &str,
    covered: impl Fn(&Flow) -> bool,
) -> Vec<String> {
    let mut left: BTreeMap<String, u64> = BTreeMap::new();
    for (flow, figures) in flows {
        if flow.vpc_id() == vpc_id && !covered(flow) {
            let sum = left
                .entry(far_end(&flow.service, &flow.service_region))
                .or_default();
            *sum = sum.saturating_add(figures.bytes);
        }
    }
    let mut left: Vec<(String, u64)> = left.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    left.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    left.truncate(LEFT_OVER);
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

pub(super) fn money(amount: Decimal) -> Money {
    Money::usd(cents(amount))
}
