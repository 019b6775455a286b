//! A table in memory with DynamoDB's conditional writes, that fails where a test wants it to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use kafka_consumer::App;
use kafka_consumer::actions::consume::{Sink, consume};
use kafka_consumer::archive::{Archive, ArchiveError, Object, Standing};
use kafka_consumer::config::Config;
use kafka_consumer::envelope;
use kafka_consumer::rollups::Rollups;
use kafka_consumer::rulesets::Rulesets;
use kafka_consumer::s3::Bucket;
use kafka_consumer::samples::Known;
use kafka_consumer::state::Origin;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
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
    /// From a number of writes on the process is dead; the last of them may have been applied.
    CrashAfter { writes: usize, applied: bool },
    /// After a number of writes, some are refused or their replies lost: throttling, server errors, time-outs.
    Stumble {
        after: usize,
        times: usize,
        applied: bool,
    },
    /// Writes to partition keys and sort keys that contain a text are refused for good.
    Refuse(&'static str),
    /// Calls never return.
    Hang,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// An error that may go away; whether the write was made all the same.
    Transient {
        applied: bool,
    },
    Refused,
    /// No reply ever; whether the write was made all the same.
    Silence {
        applied: bool,
    },
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

    fn of_write(&self, key: &ItemKey) -> Fate {
        let mut trouble = self.trouble.lock().unwrap();
        match &mut *trouble {
            Trouble::Hang => Fate::Silence { applied: false },
            Trouble::Refuse(text) if key.pk.contains(*text) || key.sk.contains(*text) => {
                Fate::Refused
            }
            Trouble::CrashAfter { writes: 0, applied } => Fate::Silence {
                applied: std::mem::take(applied),
            },
            Trouble::None
            | Trouble::Refuse(_)
            | Trouble::Stumble {
                after: 0, times: 0, ..
            } => Fate::Fine,
            Trouble::Stumble {
                after: 0,
                times,
                applied,
            } => {
                *times -= 1;
                Fate::Transient { applied: *applied }
            }
            Trouble::CrashAfter { writes: left, .. } | Trouble::Stumble { after: left, .. } => {
                *left -= 1;
                Fate::Fine
            }
        }
    }

    /// Gives other tasks their turn, as a network call does; a dead process gets no replies.
    async fn travel(&self) {
        tokio::task::yield_now().await;
        let trouble = *self.trouble.lock().unwrap();
        if matches!(
            trouble,
            Trouble::Hang
                | Trouble::CrashAfter {
                    writes: 0,
                    applied: false
                }
        ) {
            std::future::pending::<()>().await;
        }
    }
}

fn failed(code: &str) -> TableError {
    TableError::Call {
        operation: "PutItem",
        table: "rollups".to_owned(),
        code: code.to_owned(),
        detail: "made to fail".to_owned(),
    }
}

impl Rollups for &Memory {
    async fn get<T: DeserializeOwned + Send>(
        &self,
        key: &ItemKey,
    ) -> Result<Option<T>, TableError> {
        self.travel().await;
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
        self.travel().await;
        let fate = self.of_write(key);
        let holds = {
            let mut items = self.items.lock().unwrap();
            let slot = (key.pk.clone(), key.sk.clone());
            let holds = match condition {
                Condition::Always => true,
                Condition::Absent => !items.contains_key(&slot),
                Condition::Number { attribute, value } => items
                    .get(&slot)
                    .is_some_and(|item| item[*attribute].as_i64() == Some(*value)),
            };
            let applied = match fate {
                Fate::Fine => true,
                Fate::Refused => false,
                Fate::Transient { applied } | Fate::Silence { applied } => applied,
            };
            if applied && holds {
                items.insert(slot, serde_json::to_value(item).unwrap());
            }
            holds
        };
        match fate {
            Fate::Silence { .. } => std::future::pending().await,
            Fate::Transient { .. } => Err(failed("InternalServerError")),
            Fate::Refused => Err(failed("AccessDeniedException")),
            Fate::Fine if holds => Ok(Put::Done),
            Fate::Fine => Ok(Put::Conflict),
        }
    }
}

/// Hands one event to the function, as Lambda would with three seconds left.
pub(crate) async fn deliver(
    memory: &Memory,
    settings: &[(&str, &str)],
    event: &str,
) -> Result<Value, Diagnostic> {
    invoke(&app(memory, settings), event, 3000).await
}

/// The function on a table, as in a new execution environment.
pub(crate) fn app<'m>(memory: &'m Memory, settings: &[(&str, &str)]) -> App<&'m Memory, Bucket> {
    App::new(memory, None, config(settings))
}

/// An object: its version, its last offset, its bytes.
type Shelved = (u64, i64, Vec<u8>);

/// An archive in memory, with S3's conditional puts.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    objects: Mutex<BTreeMap<String, Shelved>>,
    versions: AtomicU64,
}

impl Shelf {
    /// Offsets of all rows, sorted.
    pub(crate) fn offsets(&self) -> Vec<i64> {
        let objects = self.objects.lock().unwrap();
        let rows = objects.values().flat_map(|(_, _, packed)| {
            BufReader::new(GzDecoder::new(packed.as_slice()))
                .lines()
                .map(Result::unwrap)
                .collect::<Vec<_>>()
        });
        let offset = |row: String| {
            serde_json::from_str::<Value>(&row).unwrap()["offset"]
                .as_i64()
                .unwrap()
        };
        let mut offsets: Vec<i64> = rows.map(offset).collect();
        offsets.sort_unstable();
        offsets
    }
}

impl Archive for &Shelf {
    async fn put(&self, object: &Object, over: Option<&Standing>) -> Result<Put, ArchiveError> {
        tokio::task::yield_now().await;
        let mut objects = self.objects.lock().unwrap();
        let stands = objects
            .get(&object.name)
            .map(|(version, ..)| version.to_string());
        if stands.as_ref() != over.map(|over| &over.version) {
            return Ok(Put::Conflict);
        }
        let version = self.versions.fetch_add(1, Ordering::Relaxed);
        objects.insert(
            object.name.clone(),
            (version, object.last_offset, object.bytes.clone()),
        );
        Ok(Put::Done)
    }

    async fn standing(&self, name: &str) -> Result<Option<Standing>, ArchiveError> {
        tokio::task::yield_now().await;
        let objects = self.objects.lock().unwrap();
        let standing = |(version, last_offset, _): &Shelved| Standing {
            version: version.to_string(),
            last_offset: *last_offset,
        };
        Ok(objects.get(name).map(standing))
    }
}

/// A version of the function, without its voice: no metrics, no answer.
pub(crate) struct Version<'m> {
    memory: &'m Memory,
    rulesets: Rulesets,
    samples: Known,
    config: Config,
    shelf: Option<&'m Shelf>,
}

impl<'m> Version<'m> {
    /// The same, with an archive.
    pub(crate) fn archiving(self, archive: &'m Shelf) -> Self {
        Self {
            shelf: Some(archive),
            ..self
        }
    }

    pub(crate) fn new(memory: &'m Memory, settings: &[(&str, &str)]) -> Self {
        let config = config(settings);
        Self {
            memory,
            rulesets: Rulesets::new(config.ruleset.clone()),
            samples: Known::default(),
            config,
            shelf: None,
        }
    }

    /// Counts one event within half a minute; whether all of it was committed.
    pub(crate) async fn commits(&self, event: &str, origin: Origin) -> bool {
        let partitions = envelope::read(event).unwrap();
        let sink = Sink {
            rollups: &self.memory,
            archive: self.shelf.as_ref(),
            rulesets: &self.rulesets,
            samples: &self.samples,
            config: &self.config,
        };
        let now = Timestamp::from_second(NOW).unwrap();
        let consumed = consume(sink, &partitions, origin, now, Duration::from_secs(30)).await;
        consumed
            .outcomes
            .iter()
            .all(|outcome| outcome.failure.is_none())
    }
}

fn config(settings: &[(&str, &str)]) -> Config {
    let mut all = vec![("ROLLUPS_TABLE", "rollups")];
    all.extend(settings);
    Config::load(&Settings::from_pairs(&all)).unwrap()
}

/// Hands one event to the function with some milliseconds left.
pub(crate) async fn invoke(
    app: &App<&Memory, Bucket>,
    event: &str,
    left: i64,
) -> Result<Value, Diagnostic> {
    let now = Timestamp::from_second(NOW).unwrap();
    let deadline = Timestamp::from_millisecond(NOW * 1000 + left).unwrap();
    app.handle(event.as_bytes(), now, deadline).await
}
