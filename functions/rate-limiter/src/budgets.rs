//! Quotas remembered in this process, for the time when Redis is away and `ON_OUTAGE` is `local`.
//!
//! Other instances of the function are unknown here, so each may only give out a stated share of every limit. The
//! number of identities remembered is bounded: a flood of addresses must not become a flood of memory.

use std::collections::HashMap;

use crate::gcra::{self, Claim, Outcome, Pace};

/// Theoretical arrival times by identity and rule.
#[derive(Debug)]
pub struct Budgets {
    capacity: usize,
    identities: HashMap<String, HashMap<String, u64>>,
}

impl Budgets {
    /// Remembers at most `capacity` identities.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            identities: HashMap::new(),
        }
    }

    /// Decides on all claims together and remembers what was granted. `now_us` is in microseconds since 1970.
    pub fn decide(&mut self, claims: &[Claim], now_us: u64) -> Outcome {
        let outcome = gcra::decide(claims, now_us, |claim| self.arrival(claim));
        for (claim, arrival_us) in outcome.committed(claims) {
            self.make_room_for(&claim.key, now_us);
            self.identities
                .entry(claim.key.clone())
                .or_default()
                .insert(claim.field.clone(), arrival_us);
        }
        outcome
    }

    fn arrival(&self, claim: &Claim) -> u64 {
        let arrivals = self.identities.get(&claim.key);
        arrivals
            .and_then(|arrivals| arrivals.get(&claim.field))
            .copied()
            .unwrap_or(0)
    }

    /// Forgets who has all quota back; if that is not enough, who would have it soonest.
    fn make_room_for(&mut self, key: &str, now_us: u64) {
        if self.identities.len() < self.capacity || self.identities.contains_key(key) {
            return;
        }
        self.identities
            .retain(|_, arrivals| last(arrivals) > now_us);
        if self.identities.len() >= self.capacity {
            let soonest = self
                .identities
                .iter()
                .min_by_key(|(_, arrivals)| last(arrivals));
            if let Some(key) = soonest.map(|(key, _)| key.clone()) {
                self.identities.remove(&key);
            }
        }
    }
}

fn last(arrivals: &HashMap<String, u64>) -> u64 {
    arrivals.values().copied().max().unwrap_or(0)
}

/// The claim that one process may grant on its own: `share_percent` of rate and burst, but always room for the request
/// itself, or it could never pass.
pub fn share(claim: &Claim, share_percent: u64) -> Claim {
    let Pace { interval_us, burst } = claim.pace;
    Claim {
        pace: Pace {
            interval_us: (interval_us * 100).div_ceil(share_percent.max(1)),
            burst: (burst * share_percent / 100).max(claim.cost),
        },
        ..claim.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(key: &str, burst: u64, cost: u64) -> Claim {
        Claim {
            key: key.to_owned(),
            field: "default".to_owned(),
            pace: Pace {
                interval_us: 1_000,
                burst,
            },
            cost,
        }
    }

    #[test]
    fn a_flood_of_identities_takes_bounded_memory_and_forgets_the_least_used_first() {
        let mut budgets = Budgets::new(3);
        budgets.decide(&[claim("heavy", 10, 9)], 5_000_000);
        for number in 0..1_000 {
            budgets.decide(&[claim(&number.to_string(), 10, 1)], 5_000_000);
        }
        assert_eq!(budgets.identities.len(), 3);
        assert!(!budgets.decide(&[claim("heavy", 10, 2)], 5_000_000).allowed);
    }

    #[test]
    fn a_tenth_of_a_limit_is_a_tenth_of_its_rate_and_burst() {
        let shared = share(&claim("a", 100, 1), 10);
        assert_eq!((shared.pace.interval_us, shared.pace.burst), (10_000, 10));
    }

    #[test]
    fn a_small_share_still_lets_a_single_request_through() {
        assert_eq!(share(&claim("a", 5, 3), 1).pace.burst, 3);
    }
}
