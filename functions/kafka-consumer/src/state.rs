//! What the table remembers of a partition: which offsets are done, by which rules the next ones are read, and
//! whether what is delivered now can be the same topic.
//!
//! An offset is done once everything its record adds is in the table; done offsets are skipped. Between "started" and
//! "done" a batch may be half written, and must then be read again by the very rules it was read by before: so rules
//! are pinned to offsets *before* the first of them is counted, some way ahead, and new rules begin where the pinned
//! stretch ends. This module refuses to know what rules say.

use serde::{Deserialize, Serialize};

use crate::envelope::Record;
use crate::offsets::Offsets;

/// Name and version of the item's shape.
const SCHEMA: &str = "partition/v1";

/// Offsets beyond a batch that are pinned with it, so that pinning costs a write of its own only every now and then;
/// also how many records new rules wait at most, about.
const AHEAD: i64 = 20_000;

/// Ranges of done offsets that are kept: with one range a batch, the gaps of at least as many batches. 250 ranges are
/// about 4 KB, four write units a batch; a partition without gaps has one.
const MOST_RANGES: usize = 250;

/// Batches within which a redelivery is taken for one without further proof: Lambda sends an uncommitted batch again,
/// in whole or in parts, and after a rebalance the last few.
const RECENT: usize = 8;

/// Stretches of rules kept.
const MOST_PINS: usize = 32;

/// The item that keeps how far a partition is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    schema: String,
    /// Offsets that are done.
    pub done: Offsets,
    /// Below it, gaps between done offsets are forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remembered_from: Option<i64>,
    /// Latest of Kafka's timestamps on done records, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<i64>,
    /// The first record of each of the latest batches, oldest first.
    #[serde(default)]
    recent: Vec<Mark>,
    /// Which rules hold from which offset on, in order.
    pins: Vec<Pin>,
    /// The offset up to which, exclusively, rules are pinned.
    pinned_to: i64,
}

/// A record by which the topic is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    offset: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
}

/// From which offset on a ruleset holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// First offset.
    pub from: i64,
    /// The ruleset's id.
    pub ruleset: String,
}

/// Who says that records are what they are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The event source mapping.
    Delivery,
    /// The event source mapping, and the operator says that it was set back on purpose.
    Rewind,
    /// An operator who hands in a batch that Lambda gave up.
    Replay,
}

/// Why a partition's records are not counted: they may be other ones than those that were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Regression {
    /// Proof of another topic.
    #[error(
        "offset {0} was counted before and holds another record now: the topic was created anew; set a new epoch in \
         EPOCHS"
    )]
    OtherRecord(i64),
    /// No proof of the same one.
    #[error(
        "offset {offset} was counted long ago ({last} is the last one): the topic was created anew (set a new epoch in \
         EPOCHS) or the consumer group set back (name the partition in REWINDS)"
    )]
    Back {
        /// First of the offsets delivered.
        offset: i64,
        /// Last offset that is done.
        last: i64,
    },
    /// A replay of something that was forgotten.
    #[error(
        "offset {offset} lies below {from}, from where on gaps are remembered: whether it was counted cannot be told"
    )]
    Forgotten {
        /// First of the offsets delivered.
        offset: i64,
        /// Where memory begins.
        from: i64,
    },
}

/// What a batch does to a partition's state once all of it is in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    first: Mark,
    last: i64,
    newest: Option<i64>,
}

impl Advance {
    /// Of the records that were not done before, by offset; `None` where none has an offset.
    pub fn of<'r>(mut records: impl Iterator<Item = &'r Record<'r>>) -> Option<Self> {
        let (first, timestamp) =
            records.find_map(|record| Some((record.offset?, record.timestamp)))?;
        let mut advance = Self {
            first: Mark {
                offset: first,
                timestamp,
            },
            last: first,
            newest: timestamp,
        };
        for record in records {
            advance.last = record.offset.unwrap_or(advance.last);
            advance.newest = advance.newest.max(record.timestamp);
        }
        Some(advance)
    }

    /// First and last offset.
    pub fn span(&self) -> (i64, i64) {
        (self.first.offset, self.last)
    }
}

impl State {
    /// Whether records may be counted, as far as offsets that are done already come again.
    pub fn check(&self, records: &[Record<'_>], origin: Origin) -> Result<(), Regression> {
        let mut again = records
            .iter()
            .filter_map(|record| Some((record.offset?, record.timestamp)))
            .filter(|(offset, _)| self.done.contains(*offset))
            .peekable();
        let Some((first, _)) = again.peek().copied() else {
            return Ok(());
        };
        if let Some((offset, _)) =
            again.find(|(offset, timestamp)| self.is_other(*offset, *timestamp))
        {
            return Err(Regression::OtherRecord(offset));
        }
        let last = self.done.last().unwrap_or(first);
        let recent = self.recent.first().filter(|_| self.recent.len() == RECENT);
        match (origin, self.remembered_from) {
            (Origin::Delivery, _) if recent.is_some_and(|mark| first < mark.offset) => {
                Err(Regression::Back {
                    offset: first,
                    last,
                })
            }
            (Origin::Replay, Some(from)) if first < from => Err(Regression::Forgotten {
                offset: first,
                from,
            }),
            _ => Ok(()),
        }
    }

    /// Whether the record at a done offset cannot be the one that was counted there.
    fn is_other(&self, offset: i64, timestamp: Option<i64>) -> bool {
        let known = self.recent.iter().find(|mark| mark.offset == offset);
        // Nothing that is done was newer than the newest.
        let too_new = timestamp.is_some() && self.newest.is_some() && timestamp > self.newest;
        too_new || known.is_some_and(|mark| mark.timestamp != timestamp)
    }

    /// The rules that hold somewhere from `first` to `last`, with the offset each begins at.
    pub fn pins(&self, first: i64, last: i64) -> impl Iterator<Item = &Pin> {
        let start = self
            .pins
            .partition_point(|pin| pin.from <= first)
            .saturating_sub(1);
        self.pins
            .iter()
            .skip(start)
            .take_while(move |pin| pin.from <= last)
    }

    /// The state of a partition of which nothing is known yet, with a ruleset pinned up to `last` and further.
    pub fn new(last: i64, ruleset: &str) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            done: Offsets::default(),
            remembered_from: None,
            newest: None,
            recent: Vec::new(),
            pins: vec![Pin {
                from: 0,
                ruleset: ruleset.to_owned(),
            }],
            pinned_to: last.saturating_add(1 + AHEAD),
        }
    }

    /// Whether rules are pinned for all offsets up to `last`: they must be before the first of them is counted.
    pub fn is_pinned(&self, last: i64) -> bool {
        last < self.pinned_to
    }

    /// Whether a ruleset is the one pinned last.
    pub fn ends_with(&self, ruleset: &str) -> bool {
        self.pins.last().is_some_and(|pin| pin.ruleset == ruleset)
    }

    /// The state with a ruleset pinned from where pins end, up to `last` and further.
    #[must_use]
    pub fn pinned(mut self, last: i64, ruleset: &str) -> Self {
        self.pin(last, ruleset);
        self
    }

    /// The state once a batch is wholly in the table.
    #[must_use]
    pub fn after(mut self, batch: &Advance, ruleset: &str) -> Self {
        if self
            .done
            .last()
            .is_none_or(|last| batch.first.offset > last)
        {
            self.recent.push(batch.first);
            let oldest = self.recent.len().saturating_sub(RECENT);
            self.recent.drain(..oldest);
        }
        self.done.insert(batch.first.offset, batch.last);
        self.remembered_from = self.done.limit(MOST_RANGES).or(self.remembered_from);
        self.newest = self.newest.max(batch.newest);
        // Ahead of time, in the write that happens anyway.
        if batch.last.saturating_add(AHEAD / 2) >= self.pinned_to {
            self.pin(batch.last, ruleset);
        }
        self
    }

    fn pin(&mut self, last: i64, ruleset: &str) {
        if !self.ends_with(ruleset) {
            self.pins.push(Pin {
                from: self.pinned_to,
                ruleset: ruleset.to_owned(),
            });
        }
        self.pinned_to = self.pinned_to.max(last.saturating_add(1 + AHEAD));
        self.forget_pins();
    }

    /// Drops stretches that are done as a whole, and the oldest beyond a bound.
    fn forget_pins(&mut self) {
        let ends: Vec<i64> = self.pins.iter().skip(1).map(|pin| pin.from - 1).collect();
        let mut index = 0;
        let count = self.pins.len();
        self.pins.retain(|pin| {
            let done = ends
                .get(index)
                .is_some_and(|end| self.done.covers(pin.from, *end));
            index += 1;
            !done && index + MOST_PINS > count
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(offsets: &[i64], timestamp: i64) -> Vec<Record<'static>> {
        let record = |offset: &i64| Record {
            offset: Some(*offset),
            timestamp: Some(timestamp + *offset),
            value: Ok(None),
            raw: b"{}",
        };
        offsets.iter().map(record).collect()
    }

    fn range(first: i64, last: i64) -> Vec<Record<'static>> {
        records(&(first..=last).collect::<Vec<_>>(), 1000)
    }

    /// A partition of which batches of ten were counted, the first at 0.
    fn counted(batches: i64) -> State {
        let state = State::new(9, "a");
        (0..batches).fold(state, |state, batch| {
            let batch = range(batch * 10, batch * 10 + 9);
            state.after(&Advance::of(batch.iter()).unwrap(), "a")
        })
    }

    fn check(state: &State, records: &[Record<'_>]) -> Result<(), String> {
        state
            .check(records, Origin::Delivery)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_batch_that_comes_again_in_any_part_is_no_regression() {
        let state = counted(40);
        assert_eq!(state.done.to_string(), "0-399");
        for (first, last) in [(390, 399), (390, 412), (394, 396), (330, 399), (400, 410)] {
            assert_eq!(check(&state, &range(first, last)), Ok(()), "{first}-{last}");
        }
    }

    #[test]
    fn other_records_at_counted_offsets_are_a_topic_created_anew() {
        let state = counted(40);
        let anew = check(&state, &records(&[0, 1, 2], 50_000)).unwrap_err();
        insta::assert_snapshot!(anew, @"offset 0 was counted before and holds another record now: the topic was created anew; set a new epoch in EPOCHS");
        // Older than the newest, but not the time that the record at a batch's start had.
        let backfilled = state.check(&records(&[390, 391], 900), Origin::Delivery);
        assert_eq!(backfilled, Err(Regression::OtherRecord(390)));
    }

    #[test]
    fn offsets_far_back_stand_still_unless_somebody_vouches_for_them() {
        let (state, old) = (counted(40), range(100, 109));
        let back = check(&state, &old).unwrap_err();
        insta::assert_snapshot!(back, @"offset 100 was counted long ago (399 is the last one): the topic was created anew (set a new epoch in EPOCHS) or the consumer group set back (name the partition in REWINDS)");
        for origin in [Origin::Rewind, Origin::Replay] {
            assert_eq!(state.check(&old, origin), Ok(()));
        }
        let anew = records(&[100], 50_000);
        assert_eq!(
            state.check(&anew, Origin::Rewind),
            Err(Regression::OtherRecord(100)),
            "against proof nobody can"
        );
    }

    #[test]
    fn a_gap_is_open_to_a_replay_until_it_is_forgotten() {
        let mut state = counted(1);
        for batch in 1..=260 {
            let records = range(batch * 20, batch * 20 + 9);
            state = state.after(&Advance::of(records.iter()).unwrap(), "a");
        }
        let gap = |batch: i64| range(batch * 20 + 10, batch * 20 + 19);
        assert_eq!(state.check(&gap(200), Origin::Replay), Ok(()));
        let forgotten = state.check(&gap(3), Origin::Replay).unwrap_err();
        insta::assert_snapshot!(forgotten, @"offset 70 lies below 220, from where on gaps are remembered: whether it was counted cannot be told");
        assert!(
            state.done.to_string().starts_with("0-229,"),
            "{}",
            state.done
        );
        assert!(serde_json::to_string(&state).unwrap().len() < 5_000);
    }

    #[test]
    fn new_rules_begin_where_the_pinned_stretch_ends() {
        let state = State::new(9, "a");
        assert!(state.is_pinned(9 + AHEAD) && !state.is_pinned(10 + AHEAD));
        let rules = |state: &State, first, last| -> Vec<(i64, String)> {
            state
                .pins(first, last)
                .map(|pin| (pin.from, pin.ruleset.clone()))
                .collect()
        };
        // Deployed anew, half-way through: what may be half written keeps its rules.
        let batch = range(15_000, 15_009);
        let state = state.after(&Advance::of(batch.iter()).unwrap(), "b");
        assert_eq!(rules(&state, 15_000, 15_009), [(0, "a".to_owned())]);
        assert_eq!(
            rules(&state, 20_000, 20_020),
            [(0, "a".to_owned()), (20_010, "b".to_owned())]
        );
        assert_eq!(rules(&state, 30_000, 30_010), [(20_010, "b".to_owned())]);
        assert!(state.ends_with("b") && state.is_pinned(15_009 + AHEAD));
    }

    #[test]
    fn a_stretch_is_forgotten_once_it_is_done() {
        let mut state = State::new(0, "a");
        for (batch, ruleset) in ["b", "c", "a", "b"].into_iter().enumerate() {
            let first = i64::try_from(batch).unwrap() * 20_000;
            let records = range(first, first + 19_999);
            state = state.after(&Advance::of(records.iter()).unwrap(), ruleset);
        }
        let pins: Vec<&str> = state.pins.iter().map(|pin| pin.ruleset.as_str()).collect();
        assert_eq!(pins.last(), Some(&"b"));
        assert!(pins.len() <= 3, "{pins:?}");
    }
}
