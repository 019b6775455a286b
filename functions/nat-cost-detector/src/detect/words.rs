//! A verdict in words.

use tollkeeper::time::Day;

use super::Range;
use super::evidence::Shape;
use super::judgement::Weighed;
use super::points::float;
use crate::tell::text::{human_bytes, weekday_name};

/// Odds beyond which no reader learns anything.
const MOST_ODDS: f64 = 1e4;

/// Why a day is, or is not, out of the ordinary.
pub(super) fn reason(
    day: Day,
    observed: u64,
    range: &Range,
    weighed: Weighed,
    threshold: f64,
) -> String {
    let times = if range.expected == 0 {
        "new traffic".to_owned()
    } else {
        format!("{:.1} times", float(observed) / float(range.expected))
    };
    format!(
        "{times} the usual {}: {} against {} (up to {} is usual); {}",
        weekday_name(day),
        human_bytes(observed),
        human_bytes(range.expected),
        human_bytes(range.high),
        evidence(day, weighed, threshold),
    )
}

fn evidence(day: Day, weighed: Weighed, threshold: f64) -> String {
    if weighed.evidence <= 0.0 {
        return "the usual noise explains it better than a change".to_owned();
    }
    let way = if weighed.score < 0.0 { "fall" } else { "rise" };
    let what = match weighed.shape {
        Shape::Jump(0) => format!("a sudden {way}"),
        Shape::Jump(ago) => format!("a {way} that lasts since {}", day.plus(-ago)),
        Shape::Ramp(ago) => format!("a {way} that grows since {}", day.plus(-ago)),
    };
    format!(
        "{what} explains it {} times better than the usual noise ({:.0} times raise an alarm)",
        odds(weighed.evidence),
        threshold.exp(),
    )
}

fn odds(evidence: f64) -> String {
    let odds = evidence.exp();
    if odds > MOST_ODDS {
        "more than 10,000".to_owned()
    } else {
        format!("{odds:.0}")
    }
}
