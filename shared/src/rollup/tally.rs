//! Sums over a whole input: by recorder, hour and cell.
//!
//! For readers of files. Unlike an item of the Rollups table it has no bound on cells: every source keeps its name, and
//! the caller bounds what it counts (the interfaces of NAT gateways, one day).

use std::collections::BTreeMap;

use super::cells::{CellKey, Counted, Sums};
use super::intern::{Cells, Index, Number};
use super::traffic::Traffic;
use crate::time::Hour;

/// Sums by recorder, hour and cell.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    recorders: Vec<Box<str>>,
    by_recorder: Index,
    places: Vec<Place>,
    by_place: Index,
    cells: Cells,
    entries: Vec<Entry>,
    by_entry: Index,
}

/// An hour at a recorder.
#[derive(Debug, Clone)]
struct Place {
    recorder: u32,
    hour: Hour,
    unclassified: Sums,
    skipped: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    place: u32,
    cell: u32,
    sums: Sums,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one record. Allocates only where recorder, hour or cell is new.
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
        let recorder = match self
            .by_recorder
            .number(recorder, &self.recorders, |name| &**name)
        {
            Number::Known(recorder) => recorder,
            Number::New(number) => {
                self.recorders.push(recorder.into());
                number
            }
        };
        let as_key = |place: &Place| (place.recorder, place.hour);
        match self.by_place.number((recorder, hour), &self.places, as_key) {
            Number::Known(place) => place,
            Number::New(place) => {
                self.places.push(Place {
                    recorder,
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
        let as_key = |entry: &Entry| (entry.place, entry.cell);
        match self.by_entry.number((place, cell), &self.entries, as_key) {
            Number::Known(number) => {
                if let Some(entry) = self.entries.get_mut(number as usize) {
                    entry.sums.add(sums);
                }
            }
            Number::New(_) => self.entries.push(Entry { place, cell, sums }),
        }
    }

    /// All sums, in no order.
    pub fn sums(&self) -> impl Iterator<Item = (&str, Hour, CellKey<'_>, Sums)> {
        self.entries.iter().filter_map(|entry| {
            let place = self.places.get(entry.place as usize)?;
            let recorder = self.recorders.get(place.recorder as usize)?;
            let cell = self.cells.key(entry.cell)?;
            Some((&**recorder, place.hour, cell, entry.sums))
        })
    }

    /// The sums as readers of the Rollups table see them.
    pub fn hours(&self) -> BTreeMap<(String, Hour), Traffic> {
        let mut hours: BTreeMap<(String, Hour), Traffic> = BTreeMap::new();
        for place in &self.places {
            if let Some(recorder) = self.recorders.get(place.recorder as usize) {
                let traffic = hours.entry((recorder.to_string(), place.hour)).or_default();
                traffic.unclassified = place.unclassified;
                traffic.skipped = place.skipped;
            }
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
