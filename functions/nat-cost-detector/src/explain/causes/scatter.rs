//! What a flow's bytes on the baseline days let expect, and how far they usually are from it.

use std::collections::BTreeSet;

use super::{Change, Flow, Flows};

/// A change is clear beyond this many times the largest deviation of the baseline days: with four of them about three
/// standard deviations of a day about their mean.
const TIMES: u128 = 3;

/// Each flow's bytes of the day and its mean of the quiet days, of which there is at least one.
pub(super) fn changes<'a>(today: &'a Flows, quiet_days: &'a [Flows]) -> Vec<Change<'a>> {
    let flows: BTreeSet<&Flow> = today
        .keys()
        .chain(quiet_days.iter().flat_map(Flows::keys))
        .collect();
    let bytes_on = |flows: &Flows, flow: &Flow| flows.get(flow).map_or(0, |figures| figures.bytes);
    let spreads: Vec<(u64, u64)> = flows
        .iter()
        .map(|flow| {
            let days = || quiet_days.iter().map(|day| bytes_on(day, flow));
            let sum: u128 = days().map(u128::from).sum();
            let mean = sum
                .checked_div(quiet_days.len() as u128)
                .and_then(|mean| u64::try_from(mean).ok())
                .unwrap_or(0);
            let spread = days().map(|bytes| bytes.abs_diff(mean)).max().unwrap_or(0);
            (mean, spread)
        })
        .collect();
    let typical = (quiet_days.len() > 1).then(|| typical(&spreads));
    flows
        .into_iter()
        .zip(spreads)
        .map(|(flow, (baseline, spread))| Change {
            flow,
            bytes: bytes_on(today, flow),
            baseline,
            usual: typical.map(|(part, of)| {
                let common = u128::from(baseline) * part / of.max(1);
                let usual = common.max(u128::from(spread)) * TIMES;
                u64::try_from(usual).unwrap_or(u64::MAX)
            }),
            contribution: 0,
        })
        .collect()
}

/// The spread that half of the traffic does not exceed, as a part of the mean.
fn typical(spreads: &[(u64, u64)]) -> (u128, u128) {
    let mut relative: Vec<(u128, u128)> = spreads
        .iter()
        .filter(|(mean, _)| *mean > 0)
        .map(|(mean, spread)| (u128::from(*spread), u128::from(*mean)))
        .collect();
    relative.sort_by(|(spread, mean), (other, of)| (spread * of).cmp(&(other * mean)));
    let half: u128 = relative.iter().map(|(_, mean)| mean).sum::<u128>() / 2;
    let mut below = 0;
    let median = relative.into_iter().find(|(_, mean)| {
        below += mean;
        below >= half
    });
    // A flow that comes and goes deviates by its mean and more; that is no measure for the others.
    median.map_or((0, 1), |(spread, mean)| (spread.min(mean), mean))
}
