//! `backfill`: the nights of a range of days, one after the other, as if each had run on its morning.
//!
//! Each day is judged with the history before it, and incidents are kept as the nights would have; nobody is told
//! unless the request says so. Running it again changes nothing: a judged day is not judged twice. Days that an
//! incident of a later day already covers stay as they are. Every night asks Cost Explorer anew, a cent or more.

use std::cmp::max;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use tollkeeper::time::Day;

use super::nightly;
use super::replay::replay;
use crate::App;
use crate::adapters::alerts::Listeners;
use crate::fault::DetectorError;
use crate::incident::night::NightReply;
use crate::measure::study::Gaps;
use crate::progress::Progress;
use crate::tell::backfill::{DryRun, JudgedDay};

/// What the next night must have left at least, whatever the nights before it took.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// Days that a dry run can judge: what one look at the bill covers, with a week of history before the first.
const DRY_DAYS: i64 = 62;

/// A range to replay.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Whether people are told.
    pub tell: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Reply {
    schema: &'static str,
    from: Day,
    to: Day,
    told: bool,
    nights: Vec<NightReply>,
    /// Days that neither the bill nor CloudWatch knows.
    without_figures: Vec<Day>,
    /// Where to go on: the time for one request was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    go_on_from: Option<Day>,
}

/// Replays the range until it is done or the deadline is near; `clock` is asked between the nights.
pub async fn run(
    app: &App,
    range: Range,
    clock: impl Fn() -> Timestamp,
    deadline: Option<Timestamp>,
) -> Result<Value, DetectorError> {
    let listeners = if range.tell {
        nightly::subscribers(app)?
    } else {
        Listeners::Nobody
    };
    let mut reply = Reply {
        schema: "backfill/v1",
        from: range.from,
        to: range.to,
        told: range.tell,
        nights: Vec::new(),
        without_figures: Vec::new(),
        go_on_from: None,
    };
    let mut longest = SignedDuration::ZERO;
    let mut day = range.from;
    while day <= range.to {
        let now = clock();
        if deadline.is_some_and(|deadline| !fits(now, deadline, longest)) {
            reply.go_on_from = Some(day);
            break;
        }
        match Box::pin(nightly::night(app, day, now, &listeners)).await {
            Ok(night) => reply.nights.push(night),
            Err(DetectorError::NoFigures { .. }) => reply.without_figures.push(day),
            Err(cause) => {
                return Err(DetectorError::Backfill {
                    day,
                    cause: Box::new(cause),
                });
            }
        }
        longest = max(longest, clock().duration_since(now));
        day = day.next();
    }
    // String keys and finite figures only: always JSON.
    Ok(serde_json::to_value(reply).unwrap_or_default())
}

/// Whether a night twice as long as the longest so far would still end before the deadline.
fn fits(now: Timestamp, deadline: Timestamp, longest: SignedDuration) -> bool {
    deadline.duration_since(now) > max(longest * 2, MARGIN)
}

/// What the nights of a range would have found, read-only: one look at the bill, no Ledger.
pub async fn dry_run(
    app: &App,
    from: Day,
    to: Day,
    progress: Progress,
) -> Result<DryRun, DetectorError> {
    let days = to.days_since(from) + 1;
    if !(1..=DRY_DAYS).contains(&days) {
        return Err(DetectorError::Malformed {
            got: format!("a dry run of {days} days"),
            expected: "1 to 62 days, `from` before `to`",
        });
    }
    let observed = progress
        .during(
            "reading the bill, the network and CloudWatch",
            Box::pin(app.observe(to, Gaps::Note)),
        )
        .await?;
    let judged = replay(
        &observed.volumes,
        from..=to,
        app.config.gates,
        observed.prices,
    );
    let days = judged
        .into_iter()
        .map(|judged| JudgedDay::new(judged.day, judged.bytes, judged.verdict, observed.prices))
        .collect();
    Ok(DryRun {
        region: observed.subject.region,
        from,
        to,
        days,
        notes: observed.notes,
        cost_explorer_pages: observed.bill.pages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_begins_only_if_twice_the_longest_so_far_still_fits() {
        let now: Timestamp = "2026-11-21T06:30:00Z".parse().unwrap();
        let after = |seconds| now + SignedDuration::from_secs(seconds);
        let took = SignedDuration::from_secs;
        assert!(fits(now, after(61), took(0)));
        assert!(!fits(now, after(60), took(0)), "the margin");
        assert!(fits(now, after(201), took(100)));
        assert!(!fits(now, after(200), took(100)), "two of the longest");
    }
}

#[cfg(test)]
#[path = "backfill_tests.rs"]
mod nights;
