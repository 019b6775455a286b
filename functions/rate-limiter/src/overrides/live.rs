//! The copy of the table that requests are decided with.
//!
//! A Lambda environment is frozen between requests, so nothing can be read on a clock of its own: a request that finds
//! the copy older than [`Overrides::refresh`] starts a read and does not wait for it. Only the very first read is
//! waited for, and not for long. A read that fails leaves the last good copy in place; its age is in the metrics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tollkeeper::telemetry::{Metrics, Unit, wall_clock};

use super::items::{self, Loaded};
use super::table::OverridesTable;
use crate::rules::Document;

/// How long the first request of a process waits for the table.
const FIRST_WITHIN: Duration = Duration::from_secs(1);
/// How long a read in the background may take before the next one is started.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// Where overrides are read from, and how often.
#[derive(Debug, Clone)]
pub struct Overrides {
    /// The table.
    pub table: OverridesTable,
    /// How old the copy may get before it is read again.
    pub refresh: Duration,
}

/// The copy.
pub struct Live {
    document: Arc<Document>,
    source: Option<Overrides>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    loaded: Arc<Loaded>,
    /// When the copy was read, by both clocks: an instant may stand still while the environment is frozen.
    read_at: Option<(Instant, Timestamp)>,
    /// When the read under way, or the last one that failed, was started.
    tried_at: Option<(Instant, Timestamp)>,
    refused: usize,
}

impl Live {
    /// Without a table, or not read yet.
    pub fn new(document: Arc<Document>, source: Option<Overrides>) -> Self {
        let loaded = Arc::new(Loaded::of_document(&document));
        let state = State {
            loaded,
            read_at: None,
            tried_at: None,
            refused: 0,
        };
        Self {
            document,
            source,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The copy to decide with. Starts a read where it is old; waits only for the first one.
    pub async fn current(&self, now: Timestamp) -> Arc<Loaded> {
        let Some(source) = &self.source else {
            return self.state().loaded.clone();
        };
        let (due, first) = {
            let mut state = self.state();
            let due = state.is_due(source.refresh, now);
            let first = state.read_at.is_none() && state.tried_at.is_none();
            if due {
                state.tried_at = Some((Instant::now(), now));
            }
            (due, first)
        };
        if due {
            let read = read(
                source.table.clone(),
                self.document.clone(),
                self.state.clone(),
            );
            let under_way = tokio::spawn(read);
            if first && tokio::time::timeout(FIRST_WITHIN, under_way).await.is_err() {
                tracing::warn!(
                    "the overrides table is slow: requests are decided without it until it is read"
                );
            }
        }
        self.state().loaded.clone()
    }

    /// The age of the copy, seconds; `None` where there is no table or it was never read.
    pub fn metrics(&self, now: Timestamp) -> Option<Metrics> {
        self.source.as_ref()?;
        let state = self.state();
        let metrics = Metrics::of("rate-limiter").count(
            "OverridesRefused",
            u64::try_from(state.refused).unwrap_or(u64::MAX),
        );
        Some(match state.read_at {
            Some(read_at) => metrics.value(
                "OverridesAge",
                Unit::Seconds,
                age(read_at, now).as_secs_f64(),
            ),
            None => metrics.count("OverridesNeverRead", 1),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_due(&self, refresh: Duration, now: Timestamp) -> bool {
        let old = self.read_at.is_none_or(|at| age(at, now) >= refresh);
        // One read at a time; after a failure not at every request.
        let pause = refresh.min(READ_WITHIN).max(Duration::from_secs(1));
        let trying = self.tried_at.is_some_and(|at| age(at, now) < pause);
        let done = self
            .read_at
            .zip(self.tried_at)
            .is_some_and(|(read, tried)| read.0 >= tried.0);
        old && (done || !trying)
    }
}

/// By the clock that moved more.
fn age(at: (Instant, Timestamp), now: Timestamp) -> Duration {
    let by_wall = Duration::try_from(now.duration_since(at.1)).unwrap_or_default();
    at.0.elapsed().max(by_wall)
}

async fn read(table: OverridesTable, document: Arc<Document>, state: Arc<Mutex<State>>) {
    let items = tokio::time::timeout(READ_WITHIN, table.items()).await;
    let items = match items {
        Ok(Ok(items)) => items,
        Ok(Err(error)) => {
            tracing::warn!(%error, "overrides stay as they were");
            return;
        }
        Err(_) => {
            tracing::warn!("the overrides table does not answer: overrides stay as they were");
            return;
        }
    };
    let now = wall_clock();
    let (loaded, refused) = items::read(&document, &items, now);
    for one in refused.iter().take(20) {
        tracing::warn!(
            sk = one.sk,
            problem = one.problem,
            "an item of the overrides table is skipped"
        );
    }
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    if *state.loaded != loaded {
        tracing::info!(
            items = loaded.items,
            refused = refused.len(),
            "overrides read"
        );
        state.loaded = Arc::new(loaded);
    }
    state.refused = refused.len();
    state.read_at = Some((Instant::now(), now));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn state(read: Option<i64>, tried: Option<i64>) -> State {
        let begun = Instant::now();
        let clock = |seconds: Option<i64>| seconds.map(|seconds| (begun, at(seconds)));
        State {
            loaded: Arc::default(),
            read_at: clock(read),
            tried_at: clock(tried),
            refused: 0,
        }
    }

    #[test]
    fn a_copy_is_read_again_once_it_is_old_by_either_clock_and_not_twice_at_a_time() {
        let refresh = Duration::from_secs(30);
        let due = |state: State, now: i64| state.is_due(refresh, at(now));
        assert!(due(state(None, None), 0));
        assert!(
            !due(state(None, Some(0)), 10),
            "the first read is under way"
        );
        assert!(
            due(state(None, Some(0)), 20),
            "or failed: tried again after a pause"
        );
        assert!(!due(state(Some(0), Some(0)), 29));
        assert!(due(state(Some(0), Some(0)), 30));
        let mut failing = state(Some(0), Some(100));
        failing.tried_at = failing
            .tried_at
            .map(|(begun, at)| (begun + Duration::from_millis(1), at));
        assert!(!due(failing, 110), "a read is under way");
    }

    #[test]
    fn a_wall_clock_that_steps_back_does_not_make_a_copy_young() {
        let read = (
            Instant::now().checked_sub(Duration::from_mins(1)).unwrap(),
            at(0),
        );
        assert!(age(read, at(-3_600)) >= Duration::from_mins(1));
    }

    #[tokio::test]
    async fn without_a_table_the_document_is_all_there_is() {
        let document = crate::rules::parse(
            r#"{"rules":[{"name":"a","limit":1,"window_seconds":1}],"block":["203.0.113.7"]}"#,
        );
        let live = Live::new(Arc::new(document.unwrap()), None);
        let loaded = live.current(at(0)).await;
        assert!(loaded.lists.of("203.0.113.7".parse().ok()).is_some());
        assert_eq!(live.metrics(at(0)), None);
    }
}
