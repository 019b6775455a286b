//! Kafka batches to rollups: what an account's flow logs and log lines add up to, by hour, counted exactly once.
//!
//! Reads events of MSK and of self-managed clusters ([`envelope`]), says what each record counts as ([`reading`],
//! [`plan`]) and adds that to the items of the Rollups table ([`item`], [`commit`]). It refuses to know which
//! interface is a NAT gateway's and what anything costs: the detector does.

use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use tollkeeper::error::report;

use crate::actions::consume::{Sink, consume};
use crate::answer::Answers;
use crate::archive::Archive;
use crate::config::Config;
use crate::rollups::Rollups;
use crate::rulesets::Rulesets;
use crate::samples::Known;
use crate::state::Origin;

pub mod actions;
pub mod answer;
pub mod archive;
pub mod body;
pub mod commit;
pub mod compressed;
pub mod config;
mod counts;
pub mod envelope;
pub mod fingerprint;
pub mod item;
pub mod offsets;
pub mod patience;
pub mod plan;
pub mod reading;
pub mod redaction;
mod request;
pub mod rollups;
pub mod ruleset;
pub mod rulesets;
pub mod s3;
pub mod samples;
pub mod state;
pub mod tally;

/// Kept free before the function's deadline, to answer in: a tenth of the time, at most this.
const RESERVE: Duration = Duration::from_secs(1);

/// The function.
#[derive(Debug)]
pub struct App<R, A> {
    rollups: R,
    archive: Option<A>,
    rulesets: Rulesets,
    samples: Known,
    config: Config,
}

impl<R: Rollups, A: Archive> App<R, A> {
    /// The function on a table, and on an archive where the settings name one.
    pub fn new(rollups: R, archive: Option<A>, config: Config) -> Self {
        Self {
            rollups,
            archive,
            rulesets: Rulesets::new(config.ruleset.clone()),
            samples: Known::default(),
            config,
        }
    }

    /// Counts one batch that came at `now`, before `deadline`.
    pub async fn handle(
        &self,
        event: &[u8],
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<Value, Diagnostic> {
        let left = Duration::try_from(deadline.duration_since(now)).unwrap_or_default();
        let left = left.saturating_sub(RESERVE.min(left / 10));
        let sink = Sink {
            rollups: &self.rollups,
            archive: self.archive.as_ref(),
            rulesets: &self.rulesets,
            samples: &self.samples,
            config: &self.config,
        };
        let request = request::read(event).map_err(|error| report(&error))?;
        let consumed = consume(sink, &request.partitions, request.origin, now, left).await;
        consumed.tally.metrics().emit(now);
        // Nobody reads the partial answer to a person.
        let answers = if request.origin == Origin::Replay {
            Answers::Error
        } else {
            self.config.answers
        };
        answer::answer(answers, &consumed.outcomes).map_err(|error| report(&error))
    }
}
