//! What one partition's records do to the Rollups table: which items they add to, what goes to the quarantine.
//!
//! Pure: which item a record falls under, and as what, follows from the record and the rules, never from the batch
//! it came in. Whether it was counted before is for the item to say (see [`crate::item`]).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use tollkeeper::canonical::hash_text;
use tollkeeper::rollup::{Counted, ItemKey, Shard};
use tollkeeper::time::Hour;

use crate::config::Rules;
use crate::envelope::{Partition, Record};
use crate::item::Update;
use crate::reading::{Entry, LogLine, Rejected, TopicFormat};

/// Bytes of a poison record that are kept: 1 KB once they are base64.
const SAMPLE_BYTES: usize = 768;

/// All that a partition's records ask for.
#[derive(Debug)]
pub struct Plan {
    /// Items of traffic.
    pub traffic: Vec<Update<Counted>>,
    /// Items of logs.
    pub logs: Vec<Update<LogLine>>,
    /// Poison.
    pub quarantine: Vec<(ItemKey, Poison)>,
    /// The partition's state; `None` without any record that has an offset.
    pub state: Option<Update<Option<i64>>>,
    /// Bytes of the values.
    pub bytes: u64,
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

/// Plans a partition; `now`, in Unix seconds, is when poison starts to age.
pub fn plan(partition: &Partition<'_>, rules: &Rules, now: i64) -> Plan {
    let shard = Shard {
        topic: partition.topic.clone(),
        partition: partition.number,
        epoch: rules.epoch(&partition.topic, partition.number),
    };
    let format = rules.format(&partition.topic);
    let mut items = Items::default();
    let mut quarantine = Vec::new();
    let mut bytes: u64 = 0;
    for record in &partition.records {
        let rejected = match (&record.value, record.offset) {
            (Ok(None), _) => None,
            (Ok(Some(value)), Some(offset)) => match STANDARD.decode(value.as_bytes()) {
                Ok(value) => {
                    bytes = bytes.saturating_add(length(&value));
                    items.add(&shard, rules, format, offset, record.timestamp, &value)
                }
                Err(_) => Some(Rejected::whole("value is not base64", value.as_bytes())),
            },
            (Ok(Some(_)), None) => Some(Rejected::whole(
                "record has no offset",
                record.raw.as_bytes(),
            )),
            (Err(reason), _) => Some(Rejected::whole(*reason, record.raw.as_bytes())),
        };
        if let Some(rejected) = rejected {
            let expires_at = rules.expiry(now);
            quarantine.push(poison(&shard, record, rejected, expires_at));
        }
    }
    Plan {
        traffic: items.traffic.into_values().collect(),
        logs: items.logs.into_values().collect(),
        quarantine,
        state: state(&shard, &partition.records),
        bytes,
    }
}

#[derive(Default)]
struct Items {
    traffic: BTreeMap<ItemKey, Update<Counted>>,
    logs: BTreeMap<ItemKey, Update<LogLine>>,
}

impl Items {
    fn add(
        &mut self,
        shard: &Shard,
        rules: &Rules,
        format: TopicFormat,
        offset: i64,
        timestamp: Option<i64>,
        value: &[u8],
    ) -> Option<Rejected> {
        rules
            .reading
            .read(format, value, timestamp, &mut |entry| match entry {
                Entry::Traffic {
                    account,
                    interface,
                    hour,
                    counted,
                } => {
                    let key = shard.traffic(account, interface, hour);
                    part(&mut self.traffic, key, hour, rules).push((offset, counted));
                }
                Entry::Log {
                    service,
                    hour,
                    line,
                } => {
                    let key = shard.logs(&service, hour);
                    part(&mut self.logs, key, hour, rules).push((offset, line));
                }
            })
    }
}

fn part<'a, P>(
    items: &'a mut BTreeMap<ItemKey, Update<P>>,
    key: ItemKey,
    hour: Hour,
    rules: &Rules,
) -> &'a mut Vec<(i64, P)> {
    let update = items.entry(key.clone()).or_insert_with(|| Update {
        key,
        expires_at: Some(rules.expiry(hour.unix_seconds() + 3600)),
        parts: Vec::new(),
    });
    &mut update.parts
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
            sk: format!("unplaced#{}", hash_text(record.raw)),
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

fn state(shard: &Shard, records: &[Record<'_>]) -> Option<Update<Option<i64>>> {
    let offset = records.last()?.offset?;
    let timestamp = records.iter().rev().find_map(|record| record.timestamp);
    Some(Update {
        key: shard.state(),
        expires_at: None,
        parts: vec![(offset, timestamp)],
    })
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope;
    use serde_json::value::RawValue;

    fn plan_of(event: &str) -> Plan {
        let event: Box<RawValue> = serde_json::from_str(event).unwrap();
        let partitions = envelope::read(&event).unwrap();
        plan(&partitions[0], &Rules::default(), 1_791_900_000)
    }

    #[test]
    fn all_lines_of_a_record_count_at_its_offset() {
        let plan = plan_of(include_str!(
            "../../../events/kafka-consumer/msk-flow-logs.json"
        ));
        let keys: Vec<_> = plan
            .traffic
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
            plan.traffic[0].expires_at,
            Some(1_794_927_600),
            "35 days after the hour"
        );
        assert_eq!(plan.state.unwrap().parts, [(41, Some(1_791_903_660_000))]);
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
                "reason": "line 1: 1 columns without a header line or FLOW_LOG_FORMAT: neither a JSON object nor the \
                           default flow-log format of 14",
                "expires_at": 1_791_900_000 + 35 * 86_400,
            })
        );
        let (key, _) = &plan.quarantine[0];
        assert!(key.sk.starts_with("unplaced#sha256:"), "{}", key.sk);
    }

    #[test]
    fn tombstones_only_move_the_state() {
        let plan = plan_of(
            r#"{"eventSource":"SelfManagedKafka","records":{"t-1":[{"offset":7,"timestamp":5000,"value":null},{"offset":9}]}}"#,
        );
        assert!(plan.traffic.is_empty() && plan.logs.is_empty() && plan.quarantine.is_empty());
        assert_eq!(plan.state.unwrap().parts, [(9, Some(5000))]);
    }
}
