//! A table that is asked again: throttling, server errors and lost replies are waited out with growing, random
//! pauses, until whoever asks has no time left.
//!
//! The SDK's own retries are switched off for this client: it gives up after a fixed number of attempts, however much
//! of the invocation is left. The caller bounds the whole by a deadline; this bounds one attempt.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};
use tollkeeper::aws::{Condition, Put, TableError};
use tollkeeper::rollup::ItemKey;

use crate::rollups::Rollups;

/// The longest that one attempt may take: DynamoDB answers in milliseconds, or not at all.
const ATTEMPT: Duration = Duration::from_secs(2);

/// The longest pause after the first attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause of all.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A table, asked with patience.
#[derive(Debug)]
pub struct Patient<'a, R> {
    table: &'a R,
    retries: AtomicU64,
    conflicts: AtomicU64,
}

impl<'a, R> Patient<'a, R> {
    /// For one invocation.
    pub fn new(table: &'a R) -> Self {
        Self {
            table,
            retries: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
        }
    }

    /// Calls that were made again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Writes that another writer's forestalled.
    pub fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    async fn again<T, F>(&self, call: impl Fn() -> F + Send) -> Result<T, TableError>
    where
        F: Future<Output = Result<T, TableError>> + Send,
    {
        let mut longest = FIRST_PAUSE;
        loop {
            match timeout(ATTEMPT, call()).await {
                Ok(Err(error)) if error.is_transient() => {
                    tracing::debug!(
                        error = error.to_string(),
                        "table did not answer as it should, asked again"
                    );
                }
                Ok(done) => return done,
                // What became of it is unknown: every write here is conditional or may be repeated.
                Err(_) => tracing::debug!("table did not answer in time, asked again"),
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            sleep(longest.mul_f64(fastrand::f64())).await;
            longest = (longest * 2).min(LONGEST_PAUSE);
        }
    }
}

impl<R: Rollups> Rollups for Patient<'_, R> {
    async fn get<T: DeserializeOwned + Send>(
        &self,
        key: &ItemKey,
    ) -> Result<Option<T>, TableError> {
        self.again(|| self.table.get(key)).await
    }

    async fn put<T: Serialize + Sync>(
        &self,
        key: &ItemKey,
        item: &T,
        condition: &Condition,
    ) -> Result<Put, TableError> {
        let put = self.again(|| self.table.put(key, item, condition)).await?;
        if put == Put::Conflict {
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
        Ok(put)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::time::Instant;

    /// Answers in the order given, then never.
    struct Script(Mutex<Vec<Result<Put, &'static str>>>);

    impl Rollups for Script {
        async fn get<T: DeserializeOwned + Send>(
            &self,
            _: &ItemKey,
        ) -> Result<Option<T>, TableError> {
            std::future::pending().await
        }

        async fn put<T: Serialize + Sync>(
            &self,
            _: &ItemKey,
            _: &T,
            _: &Condition,
        ) -> Result<Put, TableError> {
            let next = self.0.lock().unwrap().pop();
            match next {
                Some(answer) => answer.map_err(|code| TableError::Call {
                    operation: "PutItem",
                    table: "rollups".to_owned(),
                    code: code.to_owned(),
                    detail: String::new(),
                }),
                None => std::future::pending().await,
            }
        }
    }

    fn key() -> ItemKey {
        ItemKey {
            pk: "p".to_owned(),
            sk: "s".to_owned(),
        }
    }

    async fn put(mut script: Vec<Result<Put, &'static str>>) -> (Result<Put, TableError>, u64) {
        script.reverse();
        let script = Script(Mutex::new(script));
        let table = Patient::new(&script);
        let put = table.put(&key(), &1, &Condition::Always).await;
        (put, table.retries())
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_and_server_errors_are_waited_out() {
        let throttled = Err("ProvisionedThroughputExceededException");
        let (put, retries) = put(vec![
            throttled,
            throttled,
            Err("InternalServerError"),
            Ok(Put::Done),
        ])
        .await;
        assert_eq!((put.unwrap(), retries), (Put::Done, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_asking_again_cannot_mend_is_told_at_once() {
        let (put, retries) = put(vec![Err("AccessDeniedException"), Ok(Put::Done)]).await;
        assert!(put.is_err());
        assert_eq!(retries, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_table_is_asked_again_until_the_caller_gives_up() {
        let script = Script(Mutex::new(Vec::new()));
        let table = Patient::new(&script);
        let began = Instant::now();
        let asked = timeout(Duration::from_secs(30), table.get::<i64>(&key())).await;
        assert!(asked.is_err());
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        assert!((6..=15).contains(&table.retries()), "{}", table.retries());
    }
}
