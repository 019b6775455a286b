//! `backfill`: the nights of a range of days, one after the other, as if each had run on its morning.
//!
//! Each day is judged with the history before it, and incidents are kept as the nights would have; nobody is told
//! unless the request says so. Running it again changes nothing: a judged day is not judged twice. Days that an
//! incident of a later day already covers stay as they are. Every night asks Cost Explorer anew, a cent or more.

use std::cmp::max;

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::Value;
use tollkeeper::time::Day;

use super::clock::Clock;
use super::nightly;
use super::replay::replay;
use crate::App;
use crate::adapters::alerts::Listeners;
use crate::fault::DetectorError;
use crate::incident::night::NightReply;
use crate::measure::study::Gaps;
use crate::progress::Progress;
use crate::tell::backfill::{DryRun, JudgedDay};

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

/// Replays the range until it is done or the time is nearly over.
pub async fn run(app: &App, range: Range, clock: Clock<'_>) -> Result<Value, DetectorError> {
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
        let now = clock.now();
        // A night twice as long as the longest so far must still fit.
        if clock.is_short_for(longest * 2) {
            reply.go_on_from = Some(day);
            break;
        }
        match Box::pin(nightly::night(app, day, clock, &listeners)).await {
            Ok(night) => reply.nights.push(night),
            Err(DetectorError::NoFigures { .. }) => reply.without_figures.push(day),
            Err(cause) => {
                return Err(DetectorError::Backfill {
                    day,
                    cause: Box::new(cause),
                });
            }
        }
        longest = max(longest, clock.now().duration_since(now));
        day = day.next();
    }
    // String keys and finite figures only: always JSON.
    Ok(serde_json::to_value(reply).unwrap_or_default())
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
#[path = "backfill_tests.rs"]
mod nights;
