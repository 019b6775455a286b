//! Sets of Kafka offsets, as few ranges as they need.
//!
//! A partition that is read in order is one range, however long; each jump adds one. This module refuses to know
//! why offsets are missing (compaction, transaction markers, filters, batches that Lambda gave up).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A set of offsets, `0-99,120,130-140` on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Offsets {
    /// First and last offset of each range; sorted, apart by at least one offset.
    ranges: Vec<(i64, i64)>,
}

/// A text that is no set of offsets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a set of offsets: expected rising ranges such as `0-99,120`")]
pub struct NotOffsets;

impl Offsets {
    /// The offsets from `first` to `last`, both included.
    pub fn range(first: i64, last: i64) -> Self {
        let mut offsets = Self::default();
        offsets.insert(first, last);
        offsets
    }

    /// Whether an offset is in the set.
    pub fn contains(&self, offset: i64) -> bool {
        self.covers(offset, offset)
    }

    /// Whether all offsets from `first` to `last` are in the set.
    pub fn covers(&self, first: i64, last: i64) -> bool {
        self.reaching(first)
            .is_some_and(|(from, to)| from <= first && last <= to)
    }

    /// Whether any offset from `first` to `last` is in the set.
    pub fn overlaps(&self, first: i64, last: i64) -> bool {
        self.reaching(first).is_some_and(|(from, _)| from <= last)
    }

    /// The highest offset.
    pub fn last(&self) -> Option<i64> {
        self.ranges.last().map(|(_, last)| *last)
    }

    /// Adds the offsets from `first` to `last`; does nothing where `last` is below `first`.
    pub fn insert(&mut self, first: i64, last: i64) {
        if last < first {
            return;
        }
        // All ranges from `start` to before `end` touch the new one and become part of it.
        let start = self
            .ranges
            .partition_point(|(_, to)| to.saturating_add(1) < first);
        let end = self
            .ranges
            .partition_point(|(from, _)| *from <= last.saturating_add(1));
        let touched = self.ranges.get(start..end).unwrap_or_default();
        let from = touched.first().map_or(first, |(from, _)| first.min(*from));
        let to = touched.last().map_or(last, |(_, to)| last.max(*to));
        self.ranges.splice(start..end.max(start), [(from, to)]);
    }

    /// Adds each gap of this set that lies wholly in `other`: fewer ranges, and the same set to whoever does not
    /// care about the offsets in `other`.
    pub fn close_gaps(&mut self, other: &Self) {
        self.ranges.dedup_by(|next, previous| {
            let closed = other.covers(previous.1 + 1, next.0 - 1);
            if closed {
                previous.1 = next.1;
            }
            closed
        });
    }

    /// Closes the lowest gaps until at most `most` ranges are left. Returns the offset above the last gap closed:
    /// what lies below it can no longer be told from what was there.
    pub fn limit(&mut self, most: usize) -> Option<i64> {
        let closed = self.ranges.len().checked_sub(most.max(1))?;
        let (first, above) = (self.ranges.first()?.0, *self.ranges.get(closed)?);
        if closed == 0 {
            return None;
        }
        self.ranges.splice(..=closed, [(first, above.1)]);
        Some(above.0)
    }

    /// The first range that ends at or above an offset.
    fn reaching(&self, offset: i64) -> Option<(i64, i64)> {
        let index = self.ranges.partition_point(|(_, to)| *to < offset);
        self.ranges.get(index).copied()
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Offsets {
    type Err = NotOffsets;
    fn from_str(text: &str) -> Result<Self, NotOffsets> {
        let mut offsets = Self::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            let first = first.parse().map_err(|_| NotOffsets)?;
            let last = last.parse().map_err(|_| NotOffsets)?;
            if last < first || offsets.last().is_some_and(|before| first <= before) {
                return Err(NotOffsets);
            }
            offsets.insert(first, last);
        }
        Ok(offsets)
    }
}

impl From<Offsets> for String {
    fn from(offsets: Offsets) -> Self {
        offsets.to_string()
    }
}

impl TryFrom<String> for Offsets {
    type Error = NotOffsets;
    fn try_from(text: String) -> Result<Self, NotOffsets> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(text: &str) -> Offsets {
        text.parse().unwrap()
    }

    #[test]
    fn a_set_is_read_as_it_was_written() {
        for text in ["", "7", "0-99", "0-99,120,130-140"] {
            assert_eq!(set(text).to_string(), text);
        }
        for text in ["9-5", "5,3", "5,5", "a", "1-2-3", "--"] {
            assert_eq!(text.parse::<Offsets>(), Err(NotOffsets), "{text}");
        }
    }

    #[test]
    fn gaps_that_another_set_covers_are_closed_and_others_stay() {
        let mut offsets = set("0-9,20-29,40-49");
        offsets.close_gaps(&set("5-25"));
        assert_eq!(offsets, set("0-29,40-49"));
    }

    #[test]
    fn a_limit_closes_the_lowest_gaps_and_says_up_to_where() {
        let mut offsets = set("0-9,20-29,40-49,60-69");
        assert_eq!(offsets.clone().limit(4), None);
        assert_eq!(offsets.limit(2), Some(40));
        assert_eq!(offsets, set("0-49,60-69"));
    }

    proptest! {
        #[test]
        fn ranges_hold_what_a_set_of_numbers_holds(
            spans in proptest::collection::vec((0..60i64, 0..8i64), 0..30),
            (first, length) in (0..70i64, 0..10i64),
        ) {
            let mut offsets = Offsets::default();
            let mut numbers = BTreeSet::new();
            for (first, length) in spans {
                offsets.insert(first, first + length);
                numbers.extend(first..=first + length);
            }
            let last = first + length;
            prop_assert_eq!(offsets.covers(first, last), (first..=last).all(|n| numbers.contains(&n)));
            prop_assert_eq!(offsets.overlaps(first, last), (first..=last).any(|n| numbers.contains(&n)));
            prop_assert_eq!(offsets.last(), numbers.last().copied());
            prop_assert!(offsets.ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{}", offsets);
            prop_assert_eq!(set(&offsets.to_string()), offsets);
        }
    }
}
