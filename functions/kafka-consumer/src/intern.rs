//! Numbers for things that come again and again, found without allocating for those that are known.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Distinct keys, numbered in the order in which they first came.
#[derive(Debug)]
pub(crate) struct Interner<K> {
    /// Hash and number of each key.
    numbers: HashTable<(u64, u32)>,
    keys: Vec<K>,
    hasher: RandomState,
}

impl<K> Default for Interner<K> {
    fn default() -> Self {
        Self {
            numbers: HashTable::new(),
            keys: Vec::new(),
            hasher: RandomState::default(),
        }
    }
}

impl<K> Interner<K> {
    /// The number of a key that is described by `query`; where no key `is` it, `make` makes one.
    pub(crate) fn number(
        &mut self,
        query: &impl Hash,
        is: impl Fn(&K) -> bool,
        make: impl FnOnce() -> K,
    ) -> u32 {
        let hash = self.hasher.hash_one(query);
        let same = |(other, number): &(u64, u32)| {
            *other == hash && self.keys.get(*number as usize).is_some_and(&is)
        };
        if let Some((_, number)) = self.numbers.find(hash, same) {
            return *number;
        }
        // A batch has 6 MB: far fewer keys than numbers.
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.push(make());
        self.numbers
            .insert_unique(hash, (hash, number), |(hash, _)| *hash);
        number
    }

    /// The key of a number.
    pub(crate) fn get(&self, number: u32) -> Option<&K> {
        self.keys.get(number as usize)
    }

    /// All keys, by number.
    pub(crate) fn into_keys(self) -> Vec<K> {
        self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_number_and_is_made_once() {
        let mut names = Interner::<String>::default();
        let mut number = |name: &str| names.number(&name, |key| key == name, || name.to_owned());
        let numbers: Vec<u32> = ["b", "a", "b", "c", "a"]
            .into_iter()
            .map(&mut number)
            .collect();
        assert_eq!(numbers, [0, 1, 0, 2, 1]);
        assert_eq!(names.get(1).map(String::as_str), Some("a"));
        assert_eq!(names.into_keys(), ["b", "a", "c"]);
    }

    #[test]
    fn many_keys_are_all_found_again() {
        let mut numbers = Interner::<u64>::default();
        for round in 0..2 {
            for key in 0..10_000_u64 {
                let number = numbers.number(&key, |known| *known == key, || key);
                assert_eq!(u64::from(number), key, "round {round}");
            }
        }
    }
}
