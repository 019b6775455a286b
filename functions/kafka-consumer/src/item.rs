//! What a rollup item becomes when a batch adds to it.
//!
//! The offsets that were counted lie in the item itself, and it is written back only over the version that was read.
//! So any replay, crash, shifted batch or second writer ends with the same sums. This module refuses to know tables.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tollkeeper::rollup::{Cells, Counted, ItemKey, SCHEMA, Sums, Traffic};

use crate::offsets::Offsets;

/// Cells of log lines an item may hold before further ones are summed up as `other`: about 60 bytes each.
const MOST_CELLS: usize = 500;

/// Sums that an item keeps, and what adds to them.
pub trait Counters: Default + Serialize + DeserializeOwned + Send + Sync {
    /// What one record adds; cells by their number.
    type Part: Copy + Send + Sync;
    /// What the numbers stand for.
    type Cells: std::fmt::Debug + Default + Send + Sync;
    /// Adds parts, in the order of their offsets.
    fn add(&mut self, parts: impl Iterator<Item = Self::Part>, cells: &Self::Cells);
}

/// What a flow-log record adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowPart {
    /// To a cell.
    Cell(u32, Sums),
    /// To the traffic whose leg cannot be told.
    Unclassified(Sums),
    /// To the lines that AWS skipped.
    Skipped,
}

/// Traffic of an interface's hour.
impl Counters for Traffic {
    type Part = FlowPart;
    type Cells = Cells;

    fn add(&mut self, parts: impl Iterator<Item = FlowPart>, cells: &Cells) {
        let mut totals = Totals::<Sums>::default();
        for part in parts {
            match part {
                FlowPart::Cell(cell, sums) => totals.of(cell).add(sums),
                FlowPart::Unclassified(sums) => self.unclassified.add(sums),
                FlowPart::Skipped => self.skipped = self.skipped.saturating_add(1),
            }
        }
        for (cell, sums) in totals.sums {
            if let Some(key) = cells.key(cell) {
                self.count(&Counted::Cell(key, sums));
            }
        }
    }
}

/// Log lines of an hour: by service and level, or errors by service and fingerprint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// Sums by cell, `checkout|error`.
    pub cells: BTreeMap<String, Lines>,
}

/// Sums of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// Lines.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A log line's cell, and the one it goes to where the item has no room for further cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCell {
    /// Service and level, or service and fingerprint.
    pub name: String,
    /// The same without the service.
    pub other: String,
}

impl Lines {
    fn add(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Counters for Logs {
    /// Cell and bytes of a line.
    type Part = (u32, u64);
    type Cells = Vec<LogCell>;

    fn add(&mut self, parts: impl Iterator<Item = (u32, u64)>, cells: &Vec<LogCell>) {
        let mut totals = Totals::<Lines>::default();
        for (cell, bytes) in parts {
            totals.of(cell).add(Lines { records: 1, bytes });
        }
        for (cell, lines) in totals.sums {
            let Some(cell) = cells.get(cell as usize) else {
                continue;
            };
            // Decided by what the item holds, not by the batch: a cell that has its own keeps it.
            let room = self.cells.len() < MOST_CELLS || self.cells.contains_key(&cell.name);
            let name = if room { &cell.name } else { &cell.other };
            self.cells.entry(name.clone()).or_default().add(lines);
        }
    }
}

/// Sums by cell number, in the order in which the cells first came.
struct Totals<S> {
    slots: Vec<Option<u32>>,
    sums: Vec<(u32, S)>,
}

impl<S> Default for Totals<S> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            sums: Vec::new(),
        }
    }
}

impl<S: Default> Totals<S> {
    fn of(&mut self, cell: u32) -> &mut S {
        let index = cell as usize;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        let next = u32::try_from(self.sums.len()).unwrap_or(u32::MAX);
        let slot = *self.slots[index].get_or_insert(next);
        if slot == next {
            self.sums.push((cell, S::default()));
        }
        &mut self.sums[slot as usize].1
    }
}

/// An item of the Rollups table, its key apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item<S> {
    schema: String,
    /// The Kafka offsets that were counted here, or had nothing to count here.
    pub offsets: Offsets,
    /// When DynamoDB may delete it, Unix seconds.
    expires_at: i64,
    #[serde(flatten)]
    sums: S,
}

/// What a batch adds to one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update<P> {
    /// The item.
    pub key: ItemKey,
    /// When the item may go, Unix seconds.
    pub expires_at: i64,
    /// Parts with the Kafka offset they came at, by offset; a record of many lines has many at one offset.
    pub parts: Vec<(i64, P)>,
}

/// The batch that an update is part of.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// First and last of its offsets. Rules are functions of the record: what lies between them and adds nothing to
    /// an item never will.
    pub span: (i64, i64),
    /// Offsets that the partition is done with, and that never come here again.
    pub done: &'a Offsets,
}

impl<S: Counters> Item<S> {
    /// The item after the update; `None` where all of it was counted already.
    pub fn after(
        current: Option<Self>,
        update: &Update<S::Part>,
        cells: &S::Cells,
        batch: Batch<'_>,
    ) -> Option<Self> {
        let (mut offsets, mut sums) = match current {
            Some(item) => (item.offsets, item.sums),
            None => (Offsets::default(), S::default()),
        };
        let (first, last) = batch.span;
        if offsets.overlaps(first, last) {
            let mut news = update
                .parts
                .iter()
                .filter(|(offset, _)| !offsets.contains(*offset))
                .peekable();
            news.peek()?;
            sums.add(news.map(|(_, part)| *part), cells);
        } else {
            sums.add(update.parts.iter().map(|(_, part)| *part), cells);
        }
        offsets.insert(first, last);
        offsets.close_gaps(batch.done);
        Some(Self {
            schema: SCHEMA.to_owned(),
            offsets,
            expires_at: update.expires_at,
            sums,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(names: &[&str]) -> Vec<LogCell> {
        let cell = |name: &&str| LogCell {
            name: (*name).to_owned(),
            other: "other|info".to_owned(),
        };
        names.iter().map(cell).collect()
    }

    fn update(offsets: &[i64]) -> Update<(u32, u64)> {
        Update {
            key: ItemKey {
                pk: "logs#1#2026-10-13T14".to_owned(),
                sk: "levels#app-logs#2#0".to_owned(),
            },
            expires_at: 1_794_927_600,
            parts: offsets.iter().map(|offset| (*offset, (0, 10))).collect(),
        }
    }

    fn count(
        item: Option<Item<Logs>>,
        offsets: &[i64],
        span: (i64, i64),
        done: &str,
    ) -> Option<Item<Logs>> {
        let done = done.parse().unwrap();
        Item::after(
            item,
            &update(offsets),
            &cells(&["pay|info"]),
            Batch { span, done: &done },
        )
    }

    fn seen(item: &Item<Logs>) -> (String, u64) {
        (
            item.offsets.to_string(),
            item.sums.cells["pay|info"].records,
        )
    }

    #[test]
    fn an_offset_counts_once_however_batches_lie() {
        let first = count(None, &[3, 4, 4, 9], (3, 9), "").unwrap();
        assert_eq!(seen(&first), ("3-9".to_owned(), 4));
        assert_eq!(count(Some(first.clone()), &[4, 4, 9], (4, 9), ""), None);
        let next = count(Some(first), &[9, 12, 15], (9, 15), "").unwrap();
        assert_eq!(seen(&next), ("3-15".to_owned(), 6));
    }

    #[test]
    fn an_older_offset_that_was_passed_over_still_counts() {
        let item = count(None, &[50], (50, 59), "").unwrap();
        let item = count(Some(item), &[7], (0, 9), "50-59").unwrap();
        assert_eq!(seen(&item), ("0-9,50-59".to_owned(), 2));
        let item = count(Some(item), &[61], (60, 69), "0-59").unwrap();
        assert_eq!(
            seen(&item),
            ("0-69".to_owned(), 3),
            "gaps that are done need not be remembered"
        );
    }

    #[test]
    fn cells_beyond_the_bound_go_to_other_and_totals_stay_exact() {
        let names: Vec<String> = (0..MOST_CELLS + 20).map(|n| format!("s{n}|info")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut logs = Logs::default();
        for _ in 0..2 {
            logs.add(
                (0..).map(|cell| (cell, 10)).take(names.len()),
                &cells(&names),
            );
        }
        assert_eq!(logs.cells.len(), MOST_CELLS + 1);
        assert_eq!(
            logs.cells["other|info"],
            Lines {
                records: 40,
                bytes: 400
            }
        );
        assert_eq!(logs.cells["s0|info"].records, 2);
    }

    #[test]
    fn a_logs_item_has_the_shape_of_the_contract() {
        same_shape::<Logs>(include_str!("../../../events/contracts/rollup-logs.json"));
    }

    #[test]
    fn a_traffic_item_has_the_shape_of_the_contract() {
        same_shape::<Traffic>(include_str!(
            "../../../events/contracts/rollup-traffic.json"
        ));
    }

    fn same_shape<S: Counters>(golden: &str) {
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let item: Item<S> = serde_json::from_value(golden.clone()).unwrap();
        let mut written = serde_json::to_value(&item).unwrap();
        for key in ["pk", "sk", "version"] {
            written[key] = golden[key].clone();
        }
        assert_eq!(written, golden);
    }
}
