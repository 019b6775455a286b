//! Explains an excess by the flows that rose, so that causes and the unexplained rest add up to it exactly.
//!
//! Every flow's change against the mean of the baseline days is signed. Flows rise and fall of themselves, so with two
//! or more baseline days only clear changes count: those beyond the scatter of the flow's own days, and beyond what
//! is usual of all flows. A fall where SKIPDATA hid flows is none: it may be what was hidden. What only moved is netted
//! off first: the same source and far end at another gateway, then what a source that is new at a gateway took over
//! from others with the same far end. Any other fall cannot be assigned to one rise, so it is netted off all rises in
//! proportion; where the net rise is larger than the excess (the baseline days were quieter than the expectation), all
//! rises are scaled down to it. So: causes ≤ excess, and the rest is `unexplained`. Without a baseline nobody knows
//! what rose: the excess is spread over the day's traffic by volume, and the text says so.

mod scatter;

use std::collections::{BTreeMap, BTreeSet};

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
    /// Bytes by which flows without a clear change rose in all, net of their falls.
    pub usual_rises: u64,
    /// The flow that may hide the largest rise in its usual scatter, and how large, bytes.
    pub blind_spot: Option<(Flow, u64)>,
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
        usual_rises: 0,
        blind_spot: None,
    }
}

/// [`explain_with_gaps`] of a day whose logs skipped nothing.
pub fn explain(
    today: &Flows,
    quiet_days: &[Flows],
    observed: u64,
    excess: u64,
    prices: &RegionPrices,
) -> Explanation {
    explain_with_gaps(
        today,
        quiet_days,
        (observed, excess),
        &BTreeSet::new(),
        prices,
    )
}

/// Causes of an excess, from a day's flows and those of the quiet days it is compared with (their mean; none: see
/// the module). Volume and excess of the day are as detected, bytes. `gaps` are the gateways whose logs skipped flows.
pub fn explain_with_gaps(
    today: &Flows,
    quiet_days: &[Flows],
    (observed, excess): (u64, u64),
    gaps: &BTreeSet<String>,
    prices: &RegionPrices,
) -> Explanation {
    let changes = if quiet_days.is_empty() {
        by_volume(today, observed, excess)
    } else {
        by_change(today, quiet_days, excess, gaps)
    };
    let (usual_rises, blind_spot) = doubts(&changes, excess);
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
        usual_rises,
        blind_spot,
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
    /// A change up to this is usual; `None` where the baseline does not tell.
    usual: Option<u64>,
    contribution: u64,
}

impl Change<'_> {
    fn is_clear(&self) -> bool {
        self.usual
            .is_none_or(|usual| self.bytes.abs_diff(self.baseline) > usual)
    }

    fn rise(&self) -> u64 {
        self.bytes.saturating_sub(self.baseline)
    }

    fn fall(&self) -> u64 {
        self.baseline.saturating_sub(self.bytes)
    }
}

/// What the unclear changes add up to, and the widest scatter that a rise of a hundredth of the excess could hide in.
fn doubts(changes: &[Change<'_>], excess: u64) -> (u64, Option<(Flow, u64)>) {
    let unclear = || changes.iter().filter(|change| !change.is_clear());
    let rises: u128 = unclear().map(|change| u128::from(change.rise())).sum();
    let falls: u128 = unclear().map(|change| u128::from(change.fall())).sum();
    let widest = unclear()
        .filter_map(|change| Some((change.flow, change.usual?)))
        .filter(|(_, usual)| *usual > excess / 100)
        .max_by_key(|(_, usual)| *usual);
    let net = rises.saturating_sub(falls).min(u128::from(excess));
    (
        u64::try_from(net).unwrap_or(excess),
        widest.map(|(flow, usual)| (flow.clone(), usual)),
    )
}

fn by_change<'a>(
    today: &'a Flows,
    quiet_days: &'a [Flows],
    excess: u64,
    gaps: &BTreeSet<String>,
) -> Vec<Change<'a>> {
    let mut changes = scatter::changes(today, quiet_days);
    let mut moves: Vec<Move> = changes
        .iter()
        .map(|change| Move::of(change, gaps))
        .collect();
    // Moved to another gateway; then taken over by a source that is new there.
    net(&changes, &mut moves, Flow::ends, |_| true);
    let role = |flow: &'a Flow| {
        let (_, service, region, direction) = flow.ends();
        (&flow.nat_gateway_id, service, region, direction)
    };
    net(&changes, &mut moves, role, |change| change.baseline == 0);
    let rises: u128 = moves.iter().map(|left| u128::from(left.rise)).sum();
    let falls: u128 = moves.iter().map(|left| u128::from(left.fall)).sum();
    let explained = rises.saturating_sub(falls).min(u128::from(excess));
    for (change, left) in changes.iter_mut().zip(moves) {
        change.contribution = share(left.rise, explained, rises);
    }
    changes
}

/// What is left of a clear change while rises and falls that belong together are netted off.
struct Move {
    rise: u64,
    fall: u64,
}

impl Move {
    fn of(change: &Change<'_>, gaps: &BTreeSet<String>) -> Self {
        let clear = change.is_clear();
        let told = clear && !gaps.contains(&change.flow.nat_gateway_id);
        Self {
            rise: if clear { change.rise() } else { 0 },
            fall: if told { change.fall() } else { 0 },
        }
    }
}

/// Nets falls off those rises of the same group that may take them, all of a group in proportion.
fn net<'a, K: Ord>(
    changes: &[Change<'a>],
    moves: &mut [Move],
    group: impl Fn(&'a Flow) -> K,
    takes: impl Fn(&Change<'a>) -> bool,
) {
    let mut groups: BTreeMap<K, (u128, u128)> = BTreeMap::new();
    for (change, left) in changes.iter().zip(moves.iter()) {
        let (rises, falls) = groups.entry(group(change.flow)).or_default();
        *rises += if takes(change) {
            u128::from(left.rise)
        } else {
            0
        };
        *falls += u128::from(left.fall);
    }
    for (change, left) in changes.iter().zip(moves) {
        let Some((rises, falls)) = groups.get(&group(change.flow)) else {
            continue;
        };
        let both = (*rises).min(*falls);
        if takes(change) {
            left.rise -= share(left.rise, both, *rises);
        }
        left.fall -= share(left.fall, both, *falls);
    }
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
                usual: None,
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
