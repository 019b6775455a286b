//! Who is denied most often? The space-saving sketch (Metwally, Agrawal, El Abbadi 2005: "Efficient Computation of
//! Frequent and Top-k Elements in Data Streams").
//!
//! A fixed number of counters, whatever the number of identities. An identity without a counter takes over the smallest
//! one and inherits its count as its possible error. Guaranteed, for N denials and m counters: a count is never too
//! low, and too high by at most its own `error`, which is at most N / m; whoever was denied more than N / m times is in
//! the list.

use std::collections::HashMap;

/// Counts for identities.
#[derive(Debug)]
pub struct Offenders {
    most: usize,
    counters: HashMap<String, Counter>,
    total: u64,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    count: u64,
    error: u64,
}

/// One identity and how often it was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offender {
    /// The identity, as it was counted.
    pub name: String,
    /// Never below the true count.
    pub count: u64,
    /// By how much the count may be too high.
    pub error: u64,
}

impl Offenders {
    /// A sketch with so many counters, at least one.
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            counters: HashMap::new(),
            total: 0,
        }
    }

    /// Counts an identity.
    pub fn count(&mut self, name: &str, times: u64) {
        self.total += times;
        if let Some(counter) = self.counters.get_mut(name) {
            counter.count += times;
            return;
        }
        let error = if self.counters.len() < self.most {
            0
        } else {
            self.evict()
        };
        self.counters.insert(
            name.to_owned(),
            Counter {
                count: error + times,
                error,
            },
        );
    }

    /// Drops the smallest counter and answers its count.
    fn evict(&mut self) -> u64 {
        let smallest = self
            .counters
            .iter()
            .min_by_key(|(_, counter)| counter.count);
        let Some((name, count)) = smallest.map(|(name, counter)| (name.clone(), counter.count))
        else {
            return 0;
        };
        self.counters.remove(&name);
        count
    }

    /// All that was counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The first `most`, most often counted first.
    pub fn top(&self, most: usize) -> Vec<Offender> {
        let all = self.counters.iter().map(|(name, counter)| Offender {
            name: name.clone(),
            count: counter.count,
            error: counter.error,
        });
        let mut all: Vec<Offender> = all.collect();
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        all.truncate(most);
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_runaway_among_a_flood_of_addresses_is_found() {
        let mut offenders = Offenders::new(32);
        for request in 0..10_000 {
            offenders.count("runaway", 1);
            offenders.count(&format!("flood-{request}"), 1);
        }
        let top = offenders.top(1);
        assert_eq!(top[0].name, "runaway");
        assert!(top[0].count >= 10_000 && top[0].count - top[0].error <= 10_000);
        assert_eq!(offenders.counters.len(), 32);
    }

    proptest! {
        #[test]
        fn a_count_is_never_too_low_and_the_stated_error_holds(stream in prop::collection::vec(0..30_u8, 1..400), most in 1..12_usize) {
            let mut offenders = Offenders::new(most);
            let mut truth: HashMap<String, u64> = HashMap::new();
            for name in &stream {
                offenders.count(&name.to_string(), 1);
                *truth.entry(name.to_string()).or_default() += 1;
            }
            let bound = offenders.total() / most as u64;
            let top = offenders.top(most);
            for one in &top {
                let exact = truth[&one.name];
                prop_assert!(exact <= one.count && one.count <= exact + one.error && one.error <= bound);
            }
            for (name, exact) in truth {
                prop_assert!(exact <= bound || top.iter().any(|one| one.name == name));
            }
        }
    }
}
