//! One redacted example of each error: what a fingerprint looks like to a person.
//!
//! Samples count nothing: one more or less, an older or a newer one makes no difference. So a new error is sampled by
//! whoever sees it first, and an execution environment writes each at most once a day.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tollkeeper::aws::Condition;
use tollkeeper::rollup::ItemKey;

use crate::commit::CommitError;
use crate::fingerprint::{self, Fingerprint};
use crate::plan::Keep;
use crate::redaction::redact;
use crate::rollups::Rollups;

/// Characters of a sample that are kept.
const MOST_CHARS: usize = 500;

/// Samples that an execution environment remembers to have written.
const MOST_KNOWN: usize = 10_000;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// An error's example, as it was logged: what of it may be kept is found out where it is written, which for most it
/// never is.
#[derive(Clone, PartialEq, Eq)]
pub struct Sample {
    /// What it is an example of.
    pub fingerprint: Fingerprint,
    service: String,
    /// With whatever secrets are in it.
    message: String,
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// An example as it is stored.
#[derive(Serialize)]
struct Stored<'a> {
    schema: &'static str,
    service: &'a str,
    /// What all of them have in common.
    template: String,
    /// What one of them says, without secrets.
    sample: String,
    expires_at: i64,
}

impl Sample {
    pub(crate) fn new(fingerprint: Fingerprint, service: &str, message: &str) -> Self {
        Self {
            fingerprint,
            service: service.to_owned(),
            message: fingerprint::scanned(message).to_owned(),
        }
    }

    fn stored(&self, expires_at: i64) -> Stored<'_> {
        Stored {
            schema: "error/v1",
            service: &self.service,
            template: redact(&fingerprint::template(&self.message), MOST_CHARS),
            sample: redact(&self.message, MOST_CHARS),
            expires_at,
        }
    }
}

/// Samples that were written, by fingerprint and day.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashSet<(Fingerprint, i64)>>);

impl Known {
    /// Writes those that are not known yet; the first one ever stays.
    pub async fn write(
        &self,
        rollups: &impl Rollups,
        samples: &[Sample],
        keep: Keep,
        now: i64,
    ) -> Result<(), CommitError> {
        for sample in samples {
            let today = (sample.fingerprint, now.div_euclid(DAY));
            if self.known().contains(&today) {
                continue;
            }
            let key = ItemKey {
                pk: format!("error#{}", sample.fingerprint),
                sk: "sample".to_owned(),
            };
            let stored = sample.stored(keep.expiry(now));
            rollups.put(&key, &stored, &Condition::Absent).await?;
            let mut known = self.known();
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(today);
        }
        Ok(())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<(Fingerprint, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
