//! Decides whether a day is out of the ordinary, from the daily volumes before it.
//!
//! Two views on a log scale, each with a robust centre for every weekday and one robust scale: the *level* of the last
//! fourteen days under a weekly profile, and the *same weekdays* of the last eight weeks. The larger deviation counts.
//! What is significant must also matter: gates in dollars and percent. This module refuses to know where the volumes
//! come from and what was told before.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use tollkeeper::finding::Confidence;
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::tell::text::{human_bytes, weekday_name};

/// Robust deviations that raise an alarm: score 1.
const THRESHOLD: f64 = 4.0;
/// Days of history from which the detector trusts its own scale.
pub const ENOUGH_DAYS: usize = 14;
/// Log-scale deviation below which no series is thought to be quiet: five percent.
const SMALLEST_SCALE: f64 = 0.05;
/// Log-scale deviation assumed while the history is short.
const PRIOR_SCALE: f64 = 0.25;
const LEVEL_DAYS: usize = 14;
const SAME_WEEKDAYS: usize = 8;

/// What an alarm must exceed to matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gates {
    /// Dollars a day at the NAT's price.
    pub dollars: Decimal,
    /// Percent of the expected volume.
    pub percent: Decimal,
}

/// Usual range of a day, bytes.
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
    /// Whether a volume is so far above that it is significant and matters.
    pub fn is_exceeded(&self, bytes: u64, gates: Gates, prices: &RegionPrices) -> bool {
        let excess = bytes.saturating_sub(self.expected);
        let percent = Decimal::from(self.expected) * gates.percent / Decimal::ONE_HUNDRED;
        bytes > self.high
            && prices.nat_bytes(excess) >= gates.dollars
            && Decimal::from(excess) >= percent
    }
}

/// What the history says about a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Significant, and beyond the gates.
    pub anomalous: bool,
    /// Deviation over the threshold: above 1 is significant.
    pub score: Decimal,
    /// Usual range of each weekday, Monday first: what an incident freezes.
    pub weekdays: [Range; 7],
    /// Usual range of the day itself.
    pub range: Range,
    /// How sure the verdict is.
    pub confidence: Confidence,
    /// Why, in words.
    pub reason: String,
    /// Days of history used.
    pub history_days: usize,
}

/// One view: a centre for each weekday and a scale, on the log scale.
struct View {
    name: &'static str,
    centres: [f64; 7],
    scale: f64,
}

/// Judges a day by the days before it; days at or after it in `history` are ignored.
///
/// Leading days without any traffic are no history. With none left, all traffic is new: anomalous where it passes
/// the dollar gate, with low confidence.
pub fn detect(
    history: &BTreeMap<Day, u64>,
    day: Day,
    observed: u64,
    gates: Gates,
    prices: &RegionPrices,
) -> Verdict {
    let days: Vec<(Day, u64)> = history
        .range(..day)
        .skip_while(|(_, bytes)| **bytes == 0)
        .map(|(day, bytes)| (*day, *bytes))
        .collect();
    if days.is_empty() {
        return all_new(day, observed, gates, prices);
    }
    let volumes: Vec<f64> = days.iter().map(|(_, bytes)| float(*bytes)).collect();
    // Keeps days without traffic finite; relative, so that the verdict does not depend on the unit.
    let offset = median(&volumes) / 100.0 + 1.0;
    let logs: Vec<(usize, f64)> = days
        .iter()
        .zip(&volumes)
        .map(|((day, _), volume)| (usize::from(day.weekday()), (volume + offset).ln()))
        .collect();
    let weekday = usize::from(day.weekday());
    let x = (float(observed) + offset).ln();
    let deviation = |view: &View| (x - view.centres[weekday]) / view.scale;
    let level = level_view(&logs);
    let view = match same_weekday_view(&logs) {
        Some(same) if deviation(&same) > deviation(&level) => same,
        _ => level,
    };
    let weekdays = view.centres.map(|centre| Range {
        low: bytes((centre - THRESHOLD * view.scale).exp() - offset),
        expected: bytes(centre.exp() - offset),
        high: bytes((centre + THRESHOLD * view.scale).exp() - offset),
    });
    let range = weekdays[weekday];
    let confidence = if days.len() < ENOUGH_DAYS {
        Confidence::Low
    } else {
        Confidence::High
    };
    Verdict {
        anomalous: range.is_exceeded(observed, gates, prices),
        score: decimal(deviation(&view) / THRESHOLD),
        reason: reason(day, observed, &range, &view, deviation(&view)),
        weekdays,
        range,
        confidence,
        history_days: days.len(),
    }
}

fn all_new(day: Day, observed: u64, gates: Gates, prices: &RegionPrices) -> Verdict {
    let range = Range::default();
    let anomalous = range.is_exceeded(observed, gates, prices);
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

fn reason(day: Day, observed: u64, range: &Range, view: &View, deviation: f64) -> String {
    let times = if range.expected == 0 {
        "new traffic".to_owned()
    } else {
        format!("{:.1} times", float(observed) / float(range.expected))
    };
    format!(
        "{times} the usual {}: {} against {} (up to {} is usual); {deviation:.1} robust deviations from the {}, of \
         which {THRESHOLD:.0} raise an alarm",
        weekday_name(day),
        human_bytes(observed),
        human_bytes(range.expected),
        human_bytes(range.high),
        view.name,
    )
}

/// Weekly profile over the whole history, level from the last fourteen days.
fn level_view(logs: &[(usize, f64)]) -> View {
    let profile = weekly_profile(logs);
    let flat: Vec<f64> = logs
        .iter()
        .map(|(weekday, x)| x - profile[*weekday])
        .collect();
    let level_before = |index: usize| median(&flat[index.saturating_sub(LEVEL_DAYS)..index]);
    let residuals: Vec<f64> = (3..flat.len())
        .map(|index| flat[index] - level_before(index))
        .collect();
    // A handful of days says little about what is usual among them: a scale is assumed.
    let (shift, scale) = if logs.len() < ENOUGH_DAYS {
        (0.0, PRIOR_SCALE)
    } else {
        centre_and_scale(&residuals)
    };
    let level = level_before(flat.len()) + shift;
    View {
        name: "level of the last 14 days",
        centres: profile.map(|offset| level + offset),
        scale,
    }
}

/// What each weekday adds to the fortnight around it; nothing while there are fewer than two weeks.
fn weekly_profile(logs: &[(usize, f64)]) -> [f64; 7] {
    let mut profile = [0.0; 7];
    if logs.len() < ENOUGH_DAYS {
        return profile;
    }
    for (weekday, slot) in profile.iter_mut().enumerate() {
        let around: Vec<f64> = logs
            .iter()
            .enumerate()
            .filter(|(_, (day, _))| *day == weekday)
            .map(|(index, (_, x))| {
                // A fortnight inside the history, so that every weekday weighs the same.
                let first = index.saturating_sub(7).min(logs.len() - ENOUGH_DAYS);
                let near: Vec<f64> = logs[first..first + ENOUGH_DAYS]
                    .iter()
                    .map(|(_, x)| *x)
                    .collect();
                x - median(&near)
            })
            .collect();
        *slot = median(&around);
    }
    profile
}

/// The last eight same weekdays; `None` before every weekday was seen three times and two weeks could be judged.
fn same_weekday_view(logs: &[(usize, f64)]) -> Option<View> {
    let mut seen: [Vec<f64>; 7] = Default::default();
    let mut residuals = Vec::new();
    for (weekday, x) in logs {
        let before = &mut seen[*weekday];
        if before.len() >= 3 {
            residuals.push(x - median(latest(before)));
        }
        before.push(*x);
    }
    if residuals.len() < ENOUGH_DAYS || seen.iter().any(|days| days.len() < 3) {
        return None;
    }
    let (shift, scale) = centre_and_scale(&residuals);
    Some(View {
        name: "same weekday of the last 8 weeks",
        centres: seen.map(|days| median(latest(&days)) + shift),
        scale,
    })
}

fn latest(days: &[f64]) -> &[f64] {
    &days[days.len().saturating_sub(SAME_WEEKDAYS)..]
}

/// Median, and the median absolute deviation as a standard deviation, never under the smallest.
fn centre_and_scale(residuals: &[f64]) -> (f64, f64) {
    let centre = median(residuals);
    let distances: Vec<f64> = residuals.iter().map(|r| (r - centre).abs()).collect();
    (centre, (1.4826 * median(&distances)).max(SMALLEST_SCALE))
}

/// Median; 0 of nothing.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "statistics need no more than 53 bits"
)]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

fn bytes(value: f64) -> u64 {
    value.max(0.0).round().to_u64().unwrap_or(u64::MAX)
}

/// Two places, and never beyond what a reader can use.
fn decimal(score: f64) -> Decimal {
    Decimal::from_f64_retain(score.clamp(-999.0, 999.0))
        .unwrap_or_default()
        .round_dp(2)
}

#[cfg(test)]
mod tests;
