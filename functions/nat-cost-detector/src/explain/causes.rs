//! Explains an excess by the flows that rose, so that causes and the unexplained rest add up to it exactly.
//!
//! Every flow's change against the baseline is signed. A fall elsewhere cannot be assigned to one rise, so falls are
//! netted off all rises in proportion; where the net rise is larger than the excess (the baseline day was quieter than
//! the expectation), all rises are scaled down to it. So: causes ≤ excess, and the rest is `unexplained`. Without a
//! baseline nobody knows what rose: the excess is spread over the day's traffic by volume, and the text says so.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use tollkeeper::finding::{Cause, FurtherCauses, Volume};
use tollkeeper::money::{Money, cents};
use tollkeeper::prices::RegionPrices;

use crate::explain::attribute::{Flow, Flows};

/// Causes in a finding; SNS carries 256 KB, and the finding is in it four times.
const MOST_CAUSES: usize = 40;

/// The causes of an excess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Largest first.
    pub causes: Vec<Cause>,
    /// Those beyond the most that fit.
    pub further: Option<FurtherCauses>,
    /// What no cause accounts for.
    pub unexplained: Volume,
}

/// Bytes and their price at the gateway, in whole cents.
pub fn volume(bytes: u64, prices: &RegionPrices) -> Volume {
    Volume {
        bytes,
        cost: Money::usd(cents(prices.nat_bytes(bytes))),
    }
}

/// No causes: all of the excess is unexplained.
pub fn unexplained(excess: u64, prices: &RegionPrices) -> Explanation {
    Explanation {
        causes: Vec::new(),
        further: None,
        unexplained: volume(excess, prices),
    }
}

/// Causes of an excess, from a day's flows and those of the quiet days it is compared with (their mean; none: see
/// the module). `observed` is the day's volume as detected, bytes.
pub fn explain(
    today: &Flows,
    quiet_days: &[Flows],
    observed: u64,
    excess: u64,
    prices: &RegionPrices,
) -> Explanation {
    let changes = if quiet_days.is_empty() {
        by_volume(today, observed, excess)
    } else {
        by_change(today, quiet_days, excess)
    };
    let mut causes: Vec<Cause> = changes
        .into_iter()
        .filter(|change| change.contribution > 0)
        .map(|change| change.into_cause(today, excess, prices))
        .collect();
    causes.sort_by(|a, b| {
        let key = |cause: &Cause| {
            (
                cause.nat_gateway_id.clone(),
                cause.source.clone(),
                cause.service.clone(),
            )
        };
        b.excess
            .bytes
            .cmp(&a.excess.bytes)
            .then_with(|| key(a).cmp(&key(b)))
    });
    let further: Vec<Cause> = causes.split_off(causes.len().min(MOST_CAUSES));
    let further = (!further.is_empty()).then(|| FurtherCauses {
        count: further.len() as u64,
        excess: sum(&further),
    });
    let mut named = sum(&causes);
    if let Some(further) = &further {
        named.bytes += further.excess.bytes;
        named.cost.amount += further.excess.cost.amount;
    }
    let all = volume(excess, prices);
    Explanation {
        causes,
        further,
        // Each cause's cents are rounded down; what rounding leaves is here, so that the money adds up too.
        unexplained: Volume {
            bytes: excess - named.bytes,
            cost: Money::usd(all.cost.amount - named.cost.amount),
        },
    }
}

fn sum(causes: &[Cause]) -> Volume {
    Volume {
        bytes: causes.iter().map(|cause| cause.excess.bytes).sum(),
        cost: Money::usd(causes.iter().map(|cause| cause.excess.cost.amount).sum()),
    }
}

struct Change<'a> {
    flow: &'a Flow,
    bytes: u64,
    baseline: u64,
    contribution: u64,
}

fn by_change<'a>(today: &'a Flows, quiet_days: &'a [Flows], excess: u64) -> Vec<Change<'a>> {
    let flows: BTreeSet<&Flow> = today
        .keys()
        .chain(quiet_days.iter().flat_map(Flows::keys))
        .collect();
    let bytes_on = |flows: &Flows, flow: &Flow| flows.get(flow).map_or(0, |figures| figures.bytes);
    let mut changes: Vec<Change<'a>> = flows
        .into_iter()
        .map(|flow| Change {
            flow,
            bytes: bytes_on(today, flow),
            baseline: quiet_days
                .iter()
                .map(|day| bytes_on(day, flow))
                .sum::<u64>()
                / quiet_days.len() as u64,
            contribution: 0,
        })
        .collect();
    let rises: u128 = changes
        .iter()
        .map(|c| u128::from(c.bytes.saturating_sub(c.baseline)))
        .sum();
    let falls: u128 = changes
        .iter()
        .map(|c| u128::from(c.baseline.saturating_sub(c.bytes)))
        .sum();
    let explained = rises.saturating_sub(falls).min(u128::from(excess));
    for change in &mut changes {
        let rise = change.bytes.saturating_sub(change.baseline);
        change.contribution = share(rise, explained, rises);
    }
    changes
}

fn by_volume(today: &Flows, observed: u64, excess: u64) -> Vec<Change<'_>> {
    let logged: u128 = today
        .values()
        .map(|figures| u128::from(figures.bytes))
        .sum();
    let day = logged.max(u128::from(observed));
    today
        .iter()
        .map(|(flow, figures)| {
            let contribution = share(figures.bytes, u128::from(excess), day).min(figures.bytes);
            Change {
                flow,
                bytes: figures.bytes,
                baseline: figures.bytes - contribution,
                contribution,
            }
        })
        .collect()
}

/// `part × of / whole`, rounded down; 0 of nothing.
fn share(part: u64, of: u128, whole: u128) -> u64 {
    (u128::from(part) * of)
        .checked_div(whole)
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(0)
}

impl Change<'_> {
    fn into_cause(self, today: &Flows, excess: u64, prices: &RegionPrices) -> Cause {
        let percent =
            Decimal::from(self.contribution) * Decimal::ONE_HUNDRED / Decimal::from(excess.max(1));
        let cost = prices.nat_bytes(self.contribution).trunc_with_scale(2);
        Cause {
            nat_gateway_id: self.flow.nat_gateway_id.clone(),
            source: self.flow.source.clone(),
            service: self.flow.service.clone(),
            service_region: self.flow.service_region.clone(),
            direction: self.flow.direction,
            bytes: self.bytes,
            baseline_bytes: self.baseline,
            excess: Volume {
                bytes: self.contribution,
                cost: Money::usd(cents(cost)),
            },
            share_percent: percent.round_dp(2),
            inferred: self.flow.is_inferred(),
            why: today
                .get(self.flow)
                .map_or_else(String::new, |figures| self.flow.why(figures.certainty)),
        }
    }
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
