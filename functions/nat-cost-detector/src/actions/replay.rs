//! Judges a range of days one after the other, as the nights would have. Pure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::detect::{Gates, Verdict, detect};

/// A day of a replay.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    /// The day.
    pub(super) day: Day,
    /// Its volume, bytes.
    pub(super) bytes: u64,
    /// What was made of it.
    pub(super) verdict: Verdict,
}

/// Judges each known day of the range by the days before it. Days found out of the ordinary are no history for the
/// later ones, as days of an incident are none for a night.
pub(super) fn replay(
    volumes: &BTreeMap<Day, u64>,
    days: RangeInclusive<Day>,
    gates: Gates,
    prices: &'static RegionPrices,
) -> Vec<Judged> {
    let mut usual: BTreeMap<Day, u64> = volumes
        .range(..*days.start())
        .map(|(d, b)| (*d, *b))
        .collect();
    let mut judged = Vec::new();
    for (day, bytes) in volumes.range(days) {
        let verdict = detect(&usual, *day, *bytes, gates, prices);
        if !verdict.anomalous {
            usual.insert(*day, *bytes);
        }
        judged.push(Judged {
            day: *day,
            bytes: *bytes,
            verdict,
        });
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    fn run(gb: impl Fn(i64) -> u64) -> Vec<i64> {
        let first: Day = "2026-08-01".parse().unwrap();
        let volumes = (0..130)
            .map(|day| (first.plus(day), gb(day) << 30))
            .collect();
        let gates = Gates {
            dollars: Decimal::from(5),
            percent: Decimal::from(25),
        };
        let prices = tollkeeper::prices::for_region("us-east-1").unwrap();
        replay(&volumes, first.plus(40)..=first.plus(129), gates, prices)
            .into_iter()
            .filter(|judged| judged.verdict.anomalous)
            .map(|judged| judged.day.days_since(first))
            .collect()
    }

    #[test]
    fn a_long_leak_stays_out_of_the_ordinary_because_it_is_no_history() {
        let leak = |day: i64| {
            if day >= 50 {
                1_000
            } else {
                100 + day.unsigned_abs() % 5
            }
        };
        assert_eq!(run(leak), (50..130).collect::<Vec<_>>());
    }

    #[test]
    fn a_quiet_range_has_no_day_out_of_the_ordinary() {
        assert_eq!(run(|day| 100 + day.unsigned_abs() % 5), Vec::<i64>::new());
    }
}
