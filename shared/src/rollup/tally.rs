//! Sums over a whole input: by recorder, hour and cell.
//!
//! For readers of files. Unlike an item of the Rollups table it has no bound on cells: every source keeps its name, and
//! the caller bounds what it counts (the interfaces of NAT gateways, one day).

use std::collections::BTreeMap;

use super::cells::{CellKey, Counted, Sums};
use super::intern::Cells;
use super::traffic::Traffic;
use crate::flow_log::{LineError, Record};
use crate::intern::{Index, Number};
use crate::services::IpRanges;
use crate::time::Hour;

/// Sums by recorder, hour and cell.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    places: Vec<Place>,
    by_place: Index,
    cells: Cells,
    entries: Vec<Entry>,
    by_entry: Index,
}

/// An hour at a recorder.
#[derive(Debug, Clone)]
struct Place {
    recorder: Box<str>,
    hour: Hour,
    unclassified: Sums,
    skipped: u64,
}

impl Place {
    fn as_key(&self) -> (&str, Hour) {
        (&self.recorder, self.hour)
    }
}

/// A cell in an hour at a recorder.
#[derive(Debug, Clone, Copy)]
struct Entry {
    place: u32,
    cell: u32,
    sums: Sums,
}

impl Entry {
    fn as_key(&self) -> u64 {
        u64::from(self.place) << 32 | u64::from(self.cell)
    }
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a record, with the labels of [`Counted::of`]; an odd one is an error and counts nowhere.
    pub fn record<'a>(
        &mut self,
        record: &Record<'a>,
        ranges: Option<&'a IpRanges>,
    ) -> Result<(), LineError> {
        let counted = Counted::of(record, ranges)?;
        if counted != Counted::Nothing {
            self.count(record.recorder(), record.hour()?, &counted);
        }
        Ok(())
    }

    /// Counts what a record counts as. Allocates only where recorder, hour or cell is new.
    pub fn count(&mut self, recorder: &str, hour: Hour, counted: &Counted<'_>) {
        if *counted == Counted::Nothing {
            return;
        }
        let number = self.place(recorder, hour);
        match counted {
            Counted::Cell(key, sums) => self.add(number, key, *sums),
            Counted::Unclassified(sums) => {
                if let Some(place) = self.places.get_mut(number as usize) {
                    place.unclassified.add(*sums);
                }
            }
            Counted::Skipped => {
                if let Some(place) = self.places.get_mut(number as usize) {
                    place.skipped = place.skipped.saturating_add(1);
                }
            }
            Counted::Nothing => {}
        }
    }

    fn place(&mut self, recorder: &str, hour: Hour) -> u32 {
        let key = (recorder, hour);
        match self.by_place.number(key, &self.places, Place::as_key) {
            Number::Known(place) => place,
            Number::New(place) => {
                self.places.push(Place {
                    recorder: recorder.into(),
                    hour,
                    unclassified: Sums::default(),
                    skipped: 0,
                });
                place
            }
        }
    }

    fn add(&mut self, place: u32, key: &CellKey<'_>, sums: Sums) {
        let cell = self.cells.id(key);
        let entry = Entry { place, cell, sums };
        let key = entry.as_key();
        match self.by_entry.number(key, &self.entries, Entry::as_key) {
            Number::Known(number) => {
                if let Some(entry) = self.entries.get_mut(number as usize) {
                    entry.sums.add(sums);
                }
            }
            Number::New(_) => self.entries.push(entry),
        }
    }

    /// All sums, in no order.
    pub fn sums(&self) -> impl Iterator<Item = (&str, Hour, CellKey<'_>, Sums)> {
        self.entries.iter().filter_map(|entry| {
            let place = self.places.get(entry.place as usize)?;
            let cell = self.cells.key(entry.cell)?;
            Some((&*place.recorder, place.hour, cell, entry.sums))
        })
    }

    /// The sums as readers of the Rollups table see them.
    pub fn hours(&self) -> BTreeMap<(String, Hour), Traffic> {
        let mut hours: BTreeMap<(String, Hour), Traffic> = BTreeMap::new();
        for place in &self.places {
            let key = (place.recorder.to_string(), place.hour);
            let traffic = hours.entry(key).or_default();
            traffic.unclassified = place.unclassified;
            traffic.skipped = place.skipped;
        }
        for (recorder, hour, cell, sums) in self.sums() {
            let traffic = hours.entry((recorder.to_owned(), hour)).or_default();
            traffic.cells.insert(cell.to_string(), sums);
        }
        hours
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hour(number: i64) -> Hour {
        Hour::of_unix_seconds(1_791_900_000 + number * 3600).unwrap()
    }

    #[test]
    fn what_counts_nowhere_leaves_no_trace() {
        let mut tally = Tally::new();
        tally.count("eni-1", hour(0), &Counted::Nothing);
        assert!(tally.hours().is_empty());
    }

    proptest! {
        #[test]
        fn a_tally_sums_up_as_items_of_the_table_do(
            records in proptest::collection::vec((0usize..3, 0i64..3, 0usize..5, 1u64..1000), 0..200),
        ) {
            let cells = ["A|10.0.0.1|S3|", "D|10.0.0.1|S3|", "A|2600::1|EC2|us-east-1"];
            let (mut tally, mut plain) = (Tally::new(), BTreeMap::<_, Traffic>::new());
            for (recorder, number, cell, bytes) in records {
                let recorder = ["eni-1", "eni-2", "nat-1"][recorder];
                let sums = Sums { bytes, packets: 1, flows: 1 };
                let counted = match cells.get(cell) {
                    Some(cell) => Counted::Cell(CellKey::parse(cell).unwrap(), sums),
                    None if cell == 3 => Counted::Unclassified(sums),
                    None => Counted::Skipped,
                };
                tally.count(recorder, hour(number), &counted);
                plain.entry((recorder.to_owned(), hour(number))).or_default().count(&counted);
            }
            prop_assert_eq!(tally.hours(), plain);
        }
    }
}
