//! Decides whether a day is out of the ordinary, from the daily volumes before it. Pure: no I/O, no clock.
//!
//! - `points`: the history on a log scale. Missing days are absent, never zero.
//! - `model`: what is usual. Level, slow trend, weekly profile, the month's first day, and noise with heavy tails that
//!   remembers yesterday; fitted robustly, with priors that carry short histories.
//! - `evidence`: how much better a leak that began in the last days (a spike, a lasting shift, a ramp, a busy weekend)
//!   explains them than noise does. One yardstick for all shapes, for falls as for rises.
//! - `calibration`: how much evidence raises an alarm in this series.
//! - `count`: hours of gateways, which are a count and judged by one.
//!
//! What is significant must also matter: gates in dollars and percent. Falls are scored (below zero) for the record and
//! never alarm.
//!
//! **A lasting shift becomes usual** in two ways. What was reported (the days of incidents) is left out of the history at
//! first, so that a leak is not usual while people work on it; once it has lasted [`ACCEPTED_DAYS`] its days are history
//! again, at a level of their own. What nobody reported is found in the history itself once it has lasted ten days, and
//! becomes a level of its own likewise.
//!
//! This module refuses to know where the volumes come from, what was told, and what is done about it.

mod calibration;
pub mod count;
mod evidence;
mod judgement;
mod linear;
mod model;
mod points;
mod words;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tollkeeper::finding::Confidence;
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use self::judgement::{Judgement, Weighed};
use self::points::Points;
use crate::tell::text::human_bytes;

/// Days of history from which the detector trusts its own scale.
pub const ENOUGH_DAYS: usize = 14;
/// Days of history that count: thirty weeks. Older ones say little about today.
pub const HISTORY_DAYS: i64 = 210;
/// Days after which a reported shift that goes on is the new level.
pub const ACCEPTED_DAYS: i64 = 14;

/// What an alarm must exceed to matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gates {
    /// Dollars a day at the NAT's price.
    pub dollars: Decimal,
    /// Percent of the expected volume.
    pub percent: Decimal,
}

/// Usual range of a day: bytes, or hours of gateways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Lower end.
    pub low: u64,
    /// Most likely.
    pub expected: u64,
    /// Upper end.
    pub high: u64,
}

impl Range {
    /// Whether a quantity is so far above that it is significant and matters; `price` is that of an excess, dollars.
    pub fn is_exceeded(
        &self,
        quantity: u64,
        gates: Gates,
        price: impl FnOnce(u64) -> Decimal,
    ) -> bool {
        let excess = quantity.saturating_sub(self.expected);
        let percent = Decimal::from(self.expected) * gates.percent / Decimal::ONE_HUNDRED;
        quantity > self.high && price(excess) >= gates.dollars && Decimal::from(excess) >= percent
    }
}

/// Days that an incident covered: people know of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// First day.
    pub from: Day,
    /// First day that was usual again; `None` while it goes on.
    pub until: Option<Day>,
}

/// What the history says about a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Significant, and beyond the gates.
    pub anomalous: bool,
    /// Evidence over the threshold: above 1 is a significant rise, below -1 a significant fall.
    pub score: Decimal,
    /// Usual range of each weekday, Monday first, whatever the day before was: what an incident freezes.
    pub weekdays: [Range; 7],
    /// Range of the day itself that raises no alarm. Yesterday counts, so it may differ from its weekday's.
    pub range: Range,
    /// How sure the verdict is.
    pub confidence: Confidence,
    /// Why, in words.
    pub reason: String,
    /// Days of history used.
    pub history_days: usize,
}

/// Judges a day by the days before it, of which nothing was reported. See [`detect_after`].
pub fn detect(
    history: &BTreeMap<Day, u64>,
    day: Day,
    observed: u64,
    gates: Gates,
    prices: &RegionPrices,
) -> Verdict {
    detect_after(&[], history, day, observed, gates, prices)
}

/// Judges a day by the days before it; days at or after it in `history` are ignored.
///
/// Leading days without any traffic are no history. With none left, all traffic is new: anomalous where it passes
/// the dollar gate, with low confidence.
pub fn detect_after(
    reported: &[Reported],
    history: &BTreeMap<Day, u64>,
    day: Day,
    observed: u64,
    gates: Gates,
    prices: &RegionPrices,
) -> Verdict {
    let Some((judgement, history_days)) = judgement(reported, history, day) else {
        return all_new(day, observed, gates, prices);
    };
    let as_range = |(low, expected, high)| Range {
        low,
        expected,
        high,
    };
    let range = as_range(judgement.range());
    let weighed = judgement.weigh(observed);
    Verdict {
        anomalous: weighed.score > 1.0
            && range.is_exceeded(observed, gates, |excess| prices.nat_bytes(excess)),
        score: decimal(weighed.score),
        weekdays: std::array::from_fn(|weekday| as_range(judgement.weekday(weekday))),
        range,
        confidence: if history_days < ENOUGH_DAYS {
            Confidence::Low
        } else {
            Confidence::High
        },
        reason: words::reason(day, observed, &range, weighed, judgement.threshold),
        history_days,
    }
}

/// The score alone, unrounded and without the gates, as benchmarks compare it; `None` without any history.
pub fn score(history: &BTreeMap<Day, u64>, day: Day, observed: u64) -> Option<f64> {
    let (judgement, _) = judgement(&[], history, day)?;
    let Weighed { score, .. } = judgement.weigh(observed);
    Some(score)
}

fn judgement(
    reported: &[Reported],
    history: &BTreeMap<Day, u64>,
    day: Day,
) -> Option<(Judgement, usize)> {
    let days: Vec<(Day, u64)> = history
        .range(day.plus(-HISTORY_DAYS)..day)
        .skip_while(|(_, bytes)| **bytes == 0)
        .filter(|(known, _)| !reported.iter().any(|incident| incident.hides(**known, day)))
        .map(|(day, bytes)| (*day, *bytes))
        .collect();
    let steps: Vec<Day> = reported
        .iter()
        .filter(|incident| incident.is_accepted(day))
        .flat_map(|incident| [Some(incident.from), incident.until])
        .flatten()
        .collect();
    let count = days.len();
    let points = Points::new(&days)?;
    Some((Judgement::new(points, &steps, day), count))
}

impl Reported {
    /// Whether it has lasted so long, by `today`, that its level is the new one.
    fn is_accepted(&self, today: Day) -> bool {
        let end = self.until.map_or(today, |until| until.min(today));
        end.days_since(self.from) >= ACCEPTED_DAYS
    }

    /// Whether a day says nothing about what is usual today.
    fn hides(&self, known: Day, today: Day) -> bool {
        self.from <= known
            && self.until.is_none_or(|until| known < until)
            && !self.is_accepted(today)
    }
}

fn all_new(day: Day, observed: u64, gates: Gates, prices: &RegionPrices) -> Verdict {
    let range = Range::default();
    let anomalous = range.is_exceeded(observed, gates, |excess| prices.nat_bytes(excess));
    Verdict {
        anomalous,
        score: if anomalous {
            Decimal::ONE
        } else {
            Decimal::ZERO
        },
        weekdays: [range; 7],
        range,
        confidence: Confidence::Low,
        reason: format!(
            "{} on {day}, and no traffic through NAT gateways in the history before it",
            human_bytes(observed)
        ),
        history_days: 0,
    }
}

/// Two places, and never beyond what a reader can use.
fn decimal(score: f64) -> Decimal {
    Decimal::from_f64_retain(score.clamp(-999.0, 999.0))
        .unwrap_or_default()
        .round_dp(2)
}

#[cfg(test)]
mod tests;
