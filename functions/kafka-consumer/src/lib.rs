//! Kafka batches to rollups: what an account's flow logs and log lines add up to, by hour, counted exactly once.
//!
//! Reads events of MSK and of self-managed clusters ([`envelope`]), says what each record counts as ([`reading`],
//! [`plan`]) and adds that to the items of the Rollups table ([`item`], [`commit`]). It refuses to know which
//! interface is a NAT gateway's and what anything costs: the detector does.

use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use serde_json::value::RawValue;
use tollkeeper::error::report;

pub mod actions;
pub mod answer;
pub mod commit;
pub mod config;
pub mod envelope;
pub mod item;
pub mod plan;
pub mod reading;
pub mod rollups;

/// Kept free before the function's deadline, to answer in: a tenth of the time, at most this.
const RESERVE: Duration = Duration::from_secs(1);

/// The function.
#[derive(Debug)]
pub struct App<R> {
    rollups: R,
    config: config::Config,
}

impl<R: rollups::Rollups> App<R> {
    /// The function on a table.
    pub fn new(rollups: R, config: config::Config) -> Self {
        Self { rollups, config }
    }

    /// Counts one batch that came at `now`, before `deadline`.
    pub async fn handle(
        &self,
        event: &RawValue,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<Value, Diagnostic> {
        let left = Duration::try_from(deadline.duration_since(now)).unwrap_or_default();
        let left = left.saturating_sub(RESERVE.min(left / 10));
        let consumed =
            actions::consume::consume(&self.rollups, &self.config.rules, event, now, left)
                .await
                .map_err(|error| report(&error))?;
        consumed.tally.metrics().emit(now);
        answer::answer(self.config.answers, &consumed.outcomes).map_err(|error| report(&error))
    }
}
