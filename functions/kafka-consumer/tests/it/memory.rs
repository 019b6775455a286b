//! A table in memory with DynamoDB's conditional writes, that fails where a test wants it to.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use kafka_consumer::App;
use kafka_consumer::actions::consume::consume;
use kafka_consumer::config::Config;
use kafka_consumer::rollups::Rollups;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use tollkeeper::aws::{Condition, Put, TableError};
use tollkeeper::rollup::ItemKey;
use tollkeeper::settings::Settings;

/// When the batches come.
pub(crate) const NOW: i64 = 1_791_904_000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// From a number of writes on nothing works; the last of them may have been applied though its reply is lost.
    CrashAfter { writes: usize, applied: bool },
    /// Writes to partition keys and sort keys that contain a text are refused.
    Refuse(&'static str),
    /// Calls never return.
    Hang,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    items: Mutex<BTreeMap<(String, String), Value>>,
    trouble: Mutex<Trouble>,
}

impl Memory {
    pub(crate) fn trouble(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = trouble;
    }

    pub(crate) fn items(&self) -> BTreeMap<(String, String), Value> {
        self.items.lock().unwrap().clone()
    }

    /// Whether the next write is made, and whether its reply comes back.
    fn next_write(&self, key: &ItemKey) -> (bool, bool) {
        let mut trouble = self.trouble.lock().unwrap();
        match &mut *trouble {
            Trouble::None | Trouble::Hang => (true, true),
            Trouble::Refuse(text) => {
                let fine = !key.pk.contains(*text) && !key.sk.contains(*text);
                (fine, fine)
            }
            Trouble::CrashAfter { writes: 0, applied } => (std::mem::take(applied), false),
            Trouble::CrashAfter { writes, .. } => {
                *writes -= 1;
                (true, true)
            }
        }
    }

    /// Gives other tasks their turn, as a network call does.
    async fn travel(&self) -> Result<(), TableError> {
        tokio::task::yield_now().await;
        let trouble = *self.trouble.lock().unwrap();
        match trouble {
            Trouble::Hang => std::future::pending().await,
            Trouble::CrashAfter {
                writes: 0,
                applied: false,
            } => Err(unreachable_table()),
            _ => Ok(()),
        }
    }
}

fn unreachable_table() -> TableError {
    TableError::Call {
        operation: "PutItem",
        table: "rollups".to_owned(),
        code: "InternalServerError".to_owned(),
        detail: "made to fail".to_owned(),
    }
}

impl Rollups for &Memory {
    async fn get<T: DeserializeOwned>(&self, key: &ItemKey) -> Result<Option<T>, TableError> {
        self.travel().await?;
        let items = self.items.lock().unwrap();
        let item = items.get(&(key.pk.clone(), key.sk.clone())).cloned();
        Ok(item.map(|item| serde_json::from_value(item).unwrap()))
    }

    async fn put<T: Serialize + Sync>(
        &self,
        key: &ItemKey,
        item: &T,
        condition: &Condition,
    ) -> Result<Put, TableError> {
        self.travel().await?;
        let (made, answered) = self.next_write(key);
        let mut items = self.items.lock().unwrap();
        let slot = (key.pk.clone(), key.sk.clone());
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => !items.contains_key(&slot),
            Condition::Number { attribute, value } => items
                .get(&slot)
                .is_some_and(|item| item[*attribute].as_i64() == Some(*value)),
        };
        if made && holds {
            items.insert(slot, serde_json::to_value(item).unwrap());
        }
        match (answered, holds) {
            (false, _) => Err(unreachable_table()),
            (true, true) => Ok(Put::Done),
            (true, false) => Ok(Put::Conflict),
        }
    }
}

/// Hands one event to the function, as Lambda would with three seconds left.
pub(crate) async fn deliver(
    memory: &Memory,
    settings: &[(&str, &str)],
    event: &str,
) -> Result<Value, Diagnostic> {
    deliver_within(memory, settings, event, 3000).await
}

/// Hands one event to the function with some milliseconds left.
pub(crate) async fn deliver_within(
    memory: &Memory,
    settings: &[(&str, &str)],
    event: &str,
    left: i64,
) -> Result<Value, Diagnostic> {
    let config = config(settings);
    let event: Box<RawValue> = serde_json::from_str(event).unwrap();
    let now = Timestamp::from_second(NOW).unwrap();
    let deadline = Timestamp::from_millisecond(NOW * 1000 + left).unwrap();
    App::new(memory, config).handle(&event, now, deadline).await
}

/// Counts one event; whether all of it was committed.
pub(crate) async fn commits(memory: &Memory, event: &str) -> bool {
    let event: Box<RawValue> = serde_json::from_str(event).unwrap();
    let now = Timestamp::from_second(NOW).unwrap();
    let consumed = consume(
        &memory,
        &config(&[]).rules,
        &event,
        now,
        Duration::from_secs(30),
    )
    .await
    .unwrap();
    consumed
        .outcomes
        .iter()
        .all(|outcome| outcome.failure.is_none())
}

fn config(settings: &[(&str, &str)]) -> Config {
    let mut all = vec![("ROLLUPS_TABLE", "rollups")];
    all.extend(settings);
    Config::load(&Settings::from_pairs(&all)).unwrap()
}
