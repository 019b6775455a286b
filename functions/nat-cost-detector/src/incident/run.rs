//! One run of a night: who it is, and what time it is.
//!
//! Leases need the time of the moment, not of the start: it is the start, which is an argument, plus the time that went
//! by since.

use std::hash::{BuildHasher, RandomState};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    id: String,
    start: Timestamp,
    since: Instant,
}

impl Run {
    /// A run that starts now, under a name that no other run has.
    pub fn begin(now: Timestamp) -> Self {
        // The standard library's keys are random in each process and differ with each call.
        let chance = RandomState::new().hash_one(now.as_nanosecond());
        Self::named(format!("{now}/{chance:016x}"), now)
    }

    /// A run by name.
    pub fn named(id: impl Into<String>, now: Timestamp) -> Self {
        Self {
            id: id.into(),
            start: now,
            since: Instant::now(),
        }
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::ZERO);
        self.start.checked_add(gone).unwrap_or(self.start)
    }
}
