//! Gateways are a count, not a volume: hours over 24 are gateways, and a count has no noise to speak of.
//!
//! Usual is the median of the last two weeks; what is more than the most of the last four weeks, and costs what matters,
//! is out of the ordinary. A gateway that nobody had before is just that: one more than the most.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tollkeeper::finding::Confidence;
use tollkeeper::time::Day;

use super::{ENOUGH_DAYS, Gates, Range, Verdict};

const USUAL_DAYS: usize = 14;
const MOST_DAYS: usize = 28;
const HOURS: u64 = 24;

/// Judges a day's gateway-hours by the days before it; `hour` is the price of one in dollars.
pub fn judge(
    history: &BTreeMap<Day, u64>,
    day: Day,
    observed: u64,
    gates: Gates,
    hour: Decimal,
) -> Verdict {
    let days: Vec<u64> = history
        .range(..day)
        .skip_while(|(_, hours)| **hours == 0)
        .map(|(_, hours)| *hours)
        .collect();
    let latest = |count: usize| &days[days.len().saturating_sub(count)..];
    let expected = median(latest(USUAL_DAYS));
    let most = latest(MOST_DAYS).iter().copied().max().unwrap_or(0);
    let least = latest(MOST_DAYS).iter().copied().min().unwrap_or(0);
    let range = Range {
        low: least,
        expected,
        high: most.max(expected),
    };
    // One gateway more than the most is what raises a score by one.
    let step = (range.high - expected).max(HOURS);
    let signed = Decimal::from(observed) - Decimal::from(expected);
    Verdict {
        anomalous: range.is_exceeded(observed, gates, |excess| Decimal::from(excess) * hour),
        score: (signed / Decimal::from(step)).round_dp(2),
        weekdays: [range; 7],
        range,
        confidence: if days.len() < ENOUGH_DAYS {
            Confidence::Low
        } else {
            Confidence::High
        },
        reason: format!(
            "{} gateways ({observed} gateway-hours) on {day}; usual are {} (median of the last {USUAL_DAYS} days), at most {} \
             in the last {MOST_DAYS}",
            gateways(observed),
            gateways(expected),
            gateways(range.high),
        ),
        history_days: days.len(),
    }
}

fn median(hours: &[u64]) -> u64 {
    let mut sorted = hours.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// Hours of a day as gateways, one place.
pub fn gateways(hours: u64) -> Decimal {
    (Decimal::from(hours) / Decimal::from(HOURS))
        .round_dp(1)
        .normalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(offset: i64) -> Day {
        "2026-10-13".parse::<Day>().unwrap().plus(offset)
    }

    fn verdict(gateways: &[u64], observed: u64) -> Verdict {
        let history = (1..)
            .zip(gateways)
            .map(|(back, count)| (day(-back), count * HOURS))
            .collect();
        let gates = Gates {
            dollars: Decimal::from(5),
            percent: Decimal::from(25),
        };
        judge(
            &history,
            day(0),
            observed * HOURS,
            gates,
            Decimal::new(45, 3),
        )
    }

    #[test]
    fn gateways_are_counted_and_only_those_that_cost_what_matters_stand_out() {
        let many = verdict(&[3; 40], 9);
        assert!(
            many.anomalous && many.score > Decimal::ONE,
            "six more, $6.48 a day"
        );
        assert_eq!(
            many.reason,
            "9 gateways (216 gateway-hours) on 2026-10-13; usual are 3 (median of the last 14 days), at most 3 in the last 28"
        );
        assert!(!verdict(&[3; 40], 6).anomalous, "three more, $3.24 a day");
        assert!(!verdict(&[3; 40], 3).anomalous && !verdict(&[3; 40], 0).anomalous);
    }

    #[test]
    fn a_count_that_was_seen_of_late_is_usual() {
        let mut counts = vec![3; 40];
        counts[20] = 9;
        assert!(!verdict(&counts, 9).anomalous);
        counts[20] = 3;
        counts[30] = 9;
        assert!(verdict(&counts, 9).anomalous, "more than four weeks ago");
    }

    #[test]
    fn gateways_of_a_new_account_are_told_with_low_confidence() {
        let first = verdict(&[], 6);
        assert_eq!(
            (first.anomalous, first.confidence, first.history_days),
            (true, Confidence::Low, 0)
        );
        assert_eq!(verdict(&[3; 5], 3).confidence, Confidence::Low);
    }
}
