//! The sums of an interface's hour, as they lie in the Rollups table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::{Counted, Sums};

/// Cells an item may hold before further sources are summed up as `other`: about 100 bytes each, far below
/// DynamoDB's 400 KB an item.
pub const MAX_CELLS: usize = 1_500;

/// The sums of one interface and hour (or of any range a reader adds up).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Sums by [`CellKey`](super::CellKey), in its wire spelling.
    #[serde(default)]
    pub cells: BTreeMap<String, Sums>,
    /// Accepted traffic whose leg cannot be told.
    #[serde(default)]
    pub unclassified: Sums,
    /// SKIPDATA lines: each may hide many flows.
    #[serde(default)]
    pub skipped: u64,
}

impl Traffic {
    /// Counts one record. A cell beyond [`MAX_CELLS`] goes to its `other`, so the totals stay exact and only the
    /// source is lost; that depends on the state of this item alone.
    pub fn count(&mut self, counted: &Counted<'_>) {
        match counted {
            Counted::Cell(key, sums) => {
                let mut name = key.to_string();
                if !self.cells.contains_key(&name) && self.cells.len() >= MAX_CELLS {
                    name = key.other().to_string();
                }
                self.cells.entry(name).or_default().add(*sums);
            }
            Counted::Unclassified(sums) => self.unclassified.add(*sums),
            Counted::Skipped => self.skipped = self.skipped.saturating_add(1),
            Counted::Nothing => {}
        }
    }

    /// Adds another item's sums, without any bound: for readers.
    pub fn merge(&mut self, other: &Self) {
        for (key, sums) in &other.cells {
            match self.cells.get_mut(key) {
                Some(mine) => mine.add(*sums),
                None => {
                    self.cells.insert(key.clone(), *sums);
                }
            }
        }
        self.unclassified.add(other.unclassified);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::flow_log::Leg;
    use crate::rollup::CellKey;
    use crate::services::Label;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn totals_stay_exact_however_many_sources_there_are(sources in proptest::collection::vec((0u32..4000, 1u64..1_000_000), 1..4000)) {
            let mut traffic = Traffic::default();
            for (source, bytes) in &sources {
                let source = Some(IpAddr::V4((*source).into()));
                let key = CellKey { leg: Leg::A, source, remote: Label::new("S3", "us-east-1") };
                traffic.count(&Counted::Cell(key, Sums { bytes: *bytes, packets: 1, flows: 1 }));
            }
            let total: u64 = traffic.cells.values().map(|sums| sums.bytes).sum();
            prop_assert_eq!(total, sources.iter().map(|(_, bytes)| bytes).sum::<u64>());
            prop_assert!(traffic.cells.len() <= MAX_CELLS + 1);
        }
    }
}
