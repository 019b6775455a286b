//! Numbers for names that come again and again.
//!
//! A day's log names a few thousand cells millions of times. Here each gets a small number the first time; after that
//! nothing is copied or allocated for it. Numbers follow the order of first sight and mean nothing outside.

use std::net::IpAddr;

use super::cells::CellKey;
use crate::flow_log::Leg;
use crate::intern::{Index, Number};
use crate::services::Label;

/// Numbers of cells.
#[derive(Debug, Clone, Default)]
pub struct Cells {
    /// Services and regions.
    labels: Vec<(Box<str>, Box<str>)>,
    by_label: Index,
    seen: Vec<Cell>,
    by_cell: Index,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    leg: Leg,
    source: Option<IpAddr>,
    label: u32,
}

impl Cell {
    /// All of it as two numbers, which are hashed and compared in no time.
    fn as_key(&self) -> (u128, u64) {
        let (family, source) = match self.source {
            None => (0, 0),
            Some(IpAddr::V4(address)) => (1, u128::from(u32::from(address))),
            Some(IpAddr::V6(address)) => (2, u128::from(address)),
        };
        let leg = match self.leg {
            Leg::A => 0,
            Leg::D => 1,
        };
        (source, u64::from(self.label) << 8 | leg << 4 | family)
    }
}

impl Cells {
    /// No cells yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a cell; a new one where it was not seen before.
    pub fn id(&mut self, key: &CellKey<'_>) -> u32 {
        let remote = (key.remote.service, some(key.remote.region));
        let label = match self.by_label.number(remote, &self.labels, label) {
            Number::Known(label) => label,
            Number::New(label) => {
                let Label { service, region } = key.remote;
                self.labels.push((service.into(), region.into()));
                label
            }
        };
        let cell = Cell {
            leg: key.leg,
            source: key.source,
            label,
        };
        match self.by_cell.number(cell.as_key(), &self.seen, Cell::as_key) {
            Number::Known(id) => id,
            Number::New(id) => {
                self.seen.push(cell);
                id
            }
        }
    }

    /// The cell of a number; `None` of a number that was not given here.
    pub fn key(&self, id: u32) -> Option<CellKey<'_>> {
        let cell = self.seen.get(id as usize)?;
        let (service, region) = self.labels.get(cell.label as usize)?;
        Some(CellKey {
            leg: cell.leg,
            source: cell.source,
            remote: Label::new(service, region),
        })
    }

    /// The wire spelling of a number's cell.
    pub fn name(&self, id: u32) -> Option<String> {
        self.key(id).map(|key| key.to_string())
    }

    /// How many numbers were given: they go from 0 up to this.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether no number was given yet.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

fn label((service, region): &(Box<str>, Box<str>)) -> (&str, Option<&str>) {
    (service, some(region))
}

/// An empty text is compared by its length alone: where it is stored it points nowhere, and a comparison that masks out
/// all of an unmapped page costs a hundred cycles.
fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = String> {
        "[AD]\\|(other|10\\.0\\.0\\.[0-9]|2600::[1-9])\\|(S3|EC2|)\\|(us-east-1|)"
    }

    proptest! {
        #[test]
        fn a_cell_keeps_its_number_and_its_spelling(names in proptest::collection::vec(key(), 0..200)) {
            let mut cells = Cells::new();
            let mut numbers = HashMap::new();
            for name in &names {
                let id = cells.id(&CellKey::parse(name).unwrap());
                prop_assert_eq!(*numbers.entry(name).or_insert(id), id);
                prop_assert_eq!(&cells.name(id).unwrap(), name);
            }
            prop_assert_eq!(cells.len(), numbers.len());
            prop_assert_eq!(cells.key(u32::try_from(cells.len()).unwrap()), None);
        }
    }
}
