//! Numbers for things that come again and again, found without allocating or copying those that are known.
//!
//! Numbers follow the order of first sight and mean nothing outside. The things themselves lie with the caller, who may
//! keep them in whatever shape is found by a borrowed key.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Finds the numbers of things by the things, which lie with the caller in the order of their numbers.
#[derive(Debug, Clone, Default)]
pub struct Index {
    numbers: HashTable<u32>,
    hasher: RandomState,
}

/// A thing's number.
pub enum Number {
    /// It had one.
    Known(u32),
    /// It got one: the caller adds it to the others.
    New(u32),
}

impl Index {
    /// The number of a thing among the others, each of which `as_key` shows as the key it is found by.
    pub fn number<'a, T, K: Copy + Hash + PartialEq>(
        &mut self,
        key: K,
        all: &'a [T],
        as_key: impl Fn(&'a T) -> K,
    ) -> Number {
        let hasher = &self.hasher;
        let hash = hasher.hash_one(key);
        let at = |number: u32| all.get(number as usize).map(&as_key);
        let same = |number: &u32| at(*number).is_some_and(|other| other == key);
        if let Some(number) = self.numbers.find(hash, same) {
            return Number::Known(*number);
        }
        // 2^32 different things do not fit in a function's memory.
        let number = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let rehash = |number: &u32| at(*number).map_or(0, |other| hasher.hash_one(other));
        self.numbers.insert_unique(hash, number, rehash);
        Number::New(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of a name; a new one is added.
    fn number(index: &mut Index, names: &mut Vec<String>, name: &str) -> u32 {
        match index.number(name, names, String::as_str) {
            Number::Known(number) => number,
            Number::New(number) => {
                names.push(name.to_owned());
                number
            }
        }
    }

    #[test]
    fn a_thing_keeps_its_number_however_many_come_after_it() {
        let (mut index, mut names) = (Index::default(), Vec::new());
        for round in 0..2 {
            for expected in 0..10_000 {
                let name = format!("name {expected}");
                assert_eq!(
                    number(&mut index, &mut names, &name),
                    expected,
                    "round {round}"
                );
            }
        }
        assert_eq!(names.len(), 10_000);
    }
}
