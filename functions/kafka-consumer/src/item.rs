//! What a rollup item becomes when a batch adds to it.
//!
//! The watermark (`last_offset`) lives in the item: what lies at or below it was counted and is dropped. So any
//! replay, crash or shifted batch ends with the same sums, as long as the write happens on the condition that the
//! watermark is still the one that was read. This module refuses to know tables.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tollkeeper::rollup::{Counted, ItemKey, SCHEMA, Traffic};

use crate::reading::{Level, LogLine};

/// Sums that an item keeps, and what adds to them.
pub trait Sums: Default + Serialize + DeserializeOwned + Send + Sync {
    /// What one record adds.
    type Part: Send + Sync;
    /// Adds it.
    fn add(&mut self, part: &Self::Part);
}

/// Traffic of an interface's hour.
impl Sums for Traffic {
    type Part = Counted;
    fn add(&mut self, part: &Counted) {
        self.count(part);
    }
}

/// Log lines of a service's hour, by level.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    levels: BTreeMap<Level, Lines>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lines {
    records: u64,
    bytes: u64,
}

impl Sums for Levels {
    type Part = LogLine;
    fn add(&mut self, part: &LogLine) {
        let lines = self.levels.entry(part.level).or_default();
        lines.records = lines.records.saturating_add(1);
        lines.bytes = lines.bytes.saturating_add(part.bytes);
    }
}

/// How far a partition was read: its watermark is the item's own, this adds the time of the record there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Kafka's timestamp of the last record that had one, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<i64>,
}

impl Sums for Progress {
    type Part = Option<i64>;
    fn add(&mut self, part: &Option<i64>) {
        self.last_timestamp = part.or(self.last_timestamp);
    }
}

/// An item of the Rollups table, its key apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item<S> {
    schema: String,
    /// The last Kafka offset that was counted here.
    pub last_offset: i64,
    /// When DynamoDB may delete it, Unix seconds; never where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(flatten)]
    sums: S,
}

/// What a batch adds to one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update<P> {
    /// The item.
    pub key: ItemKey,
    /// When the item may go, Unix seconds.
    pub expires_at: Option<i64>,
    /// Parts with the Kafka offset they came at, by offset; a record of many lines has many at one offset.
    pub parts: Vec<(i64, P)>,
}

impl<S: Sums> Item<S> {
    /// The item after the update; `None` where all of it was counted already.
    pub fn after(current: Option<Self>, update: &Update<S::Part>) -> Option<Self> {
        let counted = current.as_ref().map(|item| item.last_offset);
        let news = update
            .parts
            .partition_point(|(offset, _)| Some(*offset) <= counted);
        let news = update.parts.get(news..)?;
        let (last_offset, _) = news.last()?;
        let mut sums = current.map(|item| item.sums).unwrap_or_default();
        for (_, part) in news {
            sums.add(part);
        }
        Some(Self {
            schema: SCHEMA.to_owned(),
            last_offset: *last_offset,
            expires_at: update.expires_at,
            sums,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(offsets: &[i64]) -> Update<LogLine> {
        let line = |offset: &i64| {
            (
                *offset,
                LogLine {
                    level: Level::Info,
                    bytes: 10,
                },
            )
        };
        Update {
            key: ItemKey {
                pk: "logs#checkout#2026-10-13T14".to_owned(),
                sk: "levels#app-logs#2#0".to_owned(),
            },
            expires_at: Some(1_794_927_600),
            parts: offsets.iter().map(line).collect(),
        }
    }

    fn info(item: &Item<Levels>) -> (i64, u64) {
        (item.last_offset, item.sums.levels[&Level::Info].records)
    }

    #[test]
    fn offsets_at_or_below_the_watermark_are_not_counted_again() {
        let first = Item::<Levels>::after(None, &update(&[3, 4, 4, 9])).unwrap();
        assert_eq!(info(&first), (9, 4));
        assert_eq!(Item::after(Some(first.clone()), &update(&[4, 4, 9])), None);
        let next = Item::after(Some(first), &update(&[9, 12, 15])).unwrap();
        assert_eq!(info(&next), (15, 6));
    }

    #[test]
    fn offset_zero_of_a_new_item_counts() {
        assert_eq!(info(&Item::after(None, &update(&[0])).unwrap()), (0, 1));
        assert_eq!(Item::<Levels>::after(None, &update(&[])), None);
    }

    #[test]
    fn a_logs_item_has_the_shape_of_the_contract() {
        let golden = include_str!("../../../events/contracts/rollup-logs.json");
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let item: Item<Levels> = serde_json::from_value(golden.clone()).unwrap();
        assert_eq!(item.sums.levels[&Level::Error].bytes, 1290);
        let mut written = serde_json::to_value(&item).unwrap();
        for key in ["pk", "sk"] {
            written[key] = golden[key].clone();
        }
        assert_eq!(written, golden);
    }

    #[test]
    fn a_traffic_item_has_the_shape_of_the_contract() {
        let golden = include_str!("../../../events/contracts/rollup-traffic.json");
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let item: Item<Traffic> = serde_json::from_value(golden.clone()).unwrap();
        let mut written = serde_json::to_value(&item).unwrap();
        for key in ["pk", "sk"] {
            written[key] = golden[key].clone();
        }
        assert_eq!(written, golden);
    }
}
