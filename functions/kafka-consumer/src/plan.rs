//! What one partition's records do to the Rollups table: which items they add to, what goes to the quarantine.
//!
//! Pure: which item and cell a record falls under follows from the record and its ruleset, never from the batch it
//! came in; and how many items an hour can have is bounded by the key, not by what somebody writes into a log.
//! Whether a record was counted before is for state and items to say (see [`crate::state`], [`crate::item`]).

use std::fmt::Display;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use tollkeeper::canonical::hash_bytes;
use tollkeeper::rollup::{ItemKey, Shard, Traffic};

use crate::archive::{ArchiveError, Object, Rows};
use crate::compressed::inflate;
use crate::counts::{Counted, Counts};
use crate::envelope::Record;
use crate::item::{Counters, Logs, Update};
use crate::reading::{Entry, Rejected};
use crate::ruleset::Pinned;
use crate::samples::Sample;

/// Bytes of a poison record that are kept: 1 KB once they are base64.
const SAMPLE_BYTES: usize = 768;

/// All that a partition's records ask for.
#[derive(Debug)]
pub struct Plan {
    /// Traffic by interface and hour.
    pub traffic: Dimension<Traffic>,
    /// Log lines by hour, service and level.
    pub levels: Dimension<Logs>,
    /// Errors by hour, service and fingerprint.
    pub errors: Dimension<Logs>,
    /// An example of each error.
    pub samples: Vec<Sample>,
    /// The records as they are archived, if they are.
    pub archive: Option<Object>,
    /// Poison.
    pub quarantine: Vec<(ItemKey, Poison)>,
    /// Bytes of the values.
    pub bytes: u64,
}

/// Updates of one kind of item, and the cells their parts speak of.
#[derive(Debug)]
pub struct Dimension<S: Counters> {
    /// One for each item.
    pub updates: Vec<Update<S::Part>>,
    /// Cells by number.
    pub cells: S::Cells,
}

impl<S: Counters> Default for Dimension<S> {
    fn default() -> Self {
        Self {
            updates: Vec::new(),
            cells: S::Cells::default(),
        }
    }
}

/// A record, or lines of it, that could not be read. Stored under its offset, so writing it again is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Poison {
    schema: &'static str,
    /// Why, and at which line; never the content.
    pub reason: String,
    topic: String,
    partition: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    /// Bytes of what could not be read.
    size: u64,
    /// Its first bytes, in base64.
    sample: String,
    expires_at: i64,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Days after their hour, or after they were found.
    pub days: u16,
}

impl Keep {
    /// When something may go whose content ends at a moment; both in Unix seconds.
    pub fn expiry(self, end: i64) -> i64 {
        end.saturating_add(i64::from(self.days) * 86_400)
    }
}

/// How a partition's records are planned.
#[derive(Debug)]
pub struct How<'a> {
    /// What they count as.
    pub rules: &'a Pinned,
    /// How long things are kept.
    pub keep: Keep,
    /// Whether they are archived.
    pub archived: bool,
    /// When poison starts to age, Unix seconds.
    pub now: i64,
}

/// Plans what `records` add.
pub fn plan<'r>(
    shard: &Shard,
    records: impl IntoIterator<Item = &'r Record<'r>>,
    how: &How<'_>,
) -> Result<Plan, ArchiveError> {
    let mut counts = Counts::new(shard, how.keep);
    let mut rows = how.archived.then(|| Rows::of(shard)).transpose()?;
    let mut quarantine = Vec::new();
    let mut bytes: u64 = 0;
    let (mut decoded, mut inflated) = (Vec::new(), Vec::new());
    for record in records {
        let whole =
            |reason: &dyn Display, bytes: &[u8]| Some(Rejected::whole(reason.to_string(), bytes));
        let mut value = None;
        let rejected = match (record.decode_into(&mut decoded), record.offset) {
            (Ok(Some(raw)), Some(offset)) => {
                bytes = bytes.saturating_add(length(raw));
                value = Some(raw);
                match inflate(raw, &mut inflated) {
                    Ok(text) => {
                        value = Some(text);
                        let rules = how.rules.at(offset);
                        let format = rules.format(&shard.topic);
                        let mut count = |entry: Entry<'_>| counts.add(offset, &entry);
                        rules
                            .reading
                            .read(format, text, record.timestamp, &mut count)
                    }
                    Err(reason) => whole(&reason, raw),
                }
            }
            (Ok(_), _) => None,
            (Err(reason), _) => whole(&reason, record.raw),
        };
        if let (Some(rows), Some(offset)) = (&mut rows, record.offset) {
            rows.add(offset, record.timestamp, record.key().as_deref(), value)?;
        }
        if let Some(rejected) = rejected {
            let expires_at = how.keep.expiry(how.now);
            quarantine.push(poison(shard, record, rejected, expires_at));
        }
    }
    let archive = rows.map(Rows::finish).transpose()?.flatten();
    let Counted {
        traffic,
        levels,
        errors,
        samples,
    } = counts.done();
    Ok(Plan {
        traffic,
        levels,
        errors,
        samples,
        archive,
        quarantine,
        bytes,
    })
}

fn poison(
    shard: &Shard,
    record: &Record<'_>,
    rejected: Rejected,
    expires_at: i64,
) -> (ItemKey, Poison) {
    let key = match record.offset {
        Some(offset) => shard.quarantine(offset),
        // No position to be found under: its content is its name, so that a redelivery overwrites it too.
        None => ItemKey {
            sk: format!("unplaced#{}", hash_bytes(record.raw)),
            ..shard.quarantine(0)
        },
    };
    let kept = rejected.bytes.len().min(SAMPLE_BYTES);
    let poison = Poison {
        schema: "quarantine/v1",
        reason: rejected.reason,
        topic: shard.topic.clone(),
        partition: shard.partition,
        offset: record.offset,
        timestamp: record.timestamp,
        size: length(&rejected.bytes),
        sample: STANDARD.encode(rejected.bytes.get(..kept).unwrap_or_default()),
        expires_at,
    };
    (key, poison)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use tollkeeper::settings::Settings;

    use crate::envelope;
    use crate::ruleset::Ruleset;

    fn plan_of(event: &str) -> Plan {
        let partitions = envelope::read(event).unwrap();
        let shard = Shard {
            topic: partitions[0].topic.clone(),
            partition: partitions[0].number,
            epoch: 0,
        };
        let rules =
            Pinned::everywhere(Arc::new(Ruleset::load(&Settings::from_pairs(&[])).unwrap()));
        let how = How {
            rules: &rules,
            keep: Keep { days: 35 },
            archived: false,
            now: 1_791_900_000,
        };
        plan(&shard, &partitions[0].records, &how).unwrap()
    }

    #[test]
    fn all_lines_of_a_record_count_at_its_offset() {
        let plan = plan_of(include_str!(
            "../../../events/kafka-consumer/msk-flow-logs.json"
        ));
        let keys: Vec<_> = plan
            .traffic
            .updates
            .iter()
            .map(|update| {
                let offsets: Vec<_> = update.parts.iter().map(|(offset, _)| *offset).collect();
                (update.key.pk.as_str(), update.key.sk.as_str(), offsets)
            })
            .collect();
        assert_eq!(
            keys,
            [
                (
                    "traffic#123456789012#eni-0a1b2c3d4e5f60718#2026-10-13T14",
                    "cells#flow-logs#0#0",
                    vec![40, 40, 41]
                ),
                (
                    "traffic#123456789012#eni-0a1b2c3d4e5f60718#2026-10-13T15",
                    "cells#flow-logs#0#0",
                    vec![41]
                ),
            ]
        );
        assert_eq!(
            plan.traffic.updates[0].expires_at, 1_794_927_600,
            "35 days after the hour"
        );
    }

    #[test]
    fn poison_is_kept_with_reason_position_and_a_bounded_sample() {
        let long = STANDARD.encode("x".repeat(5000));
        let plan = plan_of(&format!(
            r#"{{"eventSource":"aws:kafka","records":{{"t-1":[{{"offset":7,"timestamp":-1,"value":"{long}"}},"odd"]}}}}"#
        ));
        let (key, poison) = &plan.quarantine[1];
        assert_eq!(
            (key.pk.as_str(), key.sk.as_str()),
            ("quarantine#t#1#0", "00000000000000000007")
        );
        let mut stored = serde_json::to_value(poison).unwrap();
        let sample = stored["sample"].take();
        assert_eq!(sample.as_str().unwrap().len(), 1024);
        assert_eq!(
            stored,
            serde_json::json!({
                "schema": "quarantine/v1", "topic": "t", "partition": 1, "offset": 7, "size": 5000, "sample": null,
                "reason": "neither JSON, syslog, logfmt nor flow logs of a known format: say in TOPIC_FORMATS how its \
                           topic is written (`plain` for plain text), or set FLOW_LOG_FORMAT",
                "expires_at": 1_791_900_000 + 35 * 86_400,
            })
        );
        let (key, _) = &plan.quarantine[0];
        assert!(key.sk.starts_with("unplaced#sha256:"), "{}", key.sk);
    }

    #[test]
    fn tombstones_add_nothing() {
        let plan = plan_of(
            r#"{"eventSource":"SelfManagedKafka","records":{"t-1":[{"offset":7,"timestamp":5000,"value":null},{"offset":9}]}}"#,
        );
        assert!(
            plan.traffic.updates.is_empty()
                && plan.levels.updates.is_empty()
                && plan.quarantine.is_empty()
        );
    }
}
