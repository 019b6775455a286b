//! Quotas remembered in this process: the oracle of the script, and the limiter of a process for the time when Redis is
//! away and `ON_OUTAGE` is `local`.
//!
//! Other instances of the function are unknown here, so each may only give out a stated share of every limit
//! ([`Claim::share`]). The number of identities remembered is bounded: a flood of addresses must not become a flood of
//! memory.

use std::collections::HashMap;

use super::state::State;
use super::{Algorithm, Claim, Demand, Operation, Outcome, Reading};

/// States by identity and rule.
#[derive(Debug)]
pub struct Memory {
    capacity: usize,
    identities: HashMap<String, HashMap<String, (Algorithm, State)>>,
}

impl Memory {
    /// Remembers at most `capacity` identities.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            identities: HashMap::new(),
        }
    }

    /// Does what is demanded, as of `now_us` (microseconds since 1970).
    pub fn decide(&mut self, demand: &Demand, now_us: u64) -> Outcome {
        let Demand {
            operation,
            claims,
            lease,
        } = *demand;
        match operation {
            Operation::Take | Operation::Peek => {}
            Operation::Refund { taken_at_us } => self.change(claims, |claim, state| {
                state.refund(claim, lease, taken_at_us, now_us);
            }),
            Operation::Reset => self.change(claims, |claim, state| {
                *state = State::fresh(&claim.algorithm);
            }),
            Operation::Release => self.change(claims, |_, state| state.release(lease)),
        }
        let readings: Vec<Reading> = claims
            .iter()
            .map(|claim| self.read(claim, lease, now_us))
            .collect();
        let has_room = |reading: &Reading| reading.room_at_us <= now_us;
        let asks = matches!(operation, Operation::Take | Operation::Peek);
        let mut claimed = claims.iter().zip(&readings);
        let allowed = !asks || claimed.all(|(claim, reading)| !claim.enforced || has_room(reading));
        if operation == Operation::Take && allowed {
            let claimed = claims.iter().zip(&readings);
            for (claim, _) in claimed.filter(|(_, reading)| has_room(reading)) {
                self.charge(claim, lease, now_us);
            }
        }
        if operation != Operation::Peek && allowed {
            self.tidy(claims, now_us);
        }
        Outcome {
            operation,
            allowed,
            now_us,
            readings: readings.into_iter().map(Some).collect(),
        }
    }

    fn read(&self, claim: &Claim, lease: &str, now_us: u64) -> Reading {
        let states = self.identities.get(&*claim.key);
        match states.and_then(|states| states.get(&*claim.field)) {
            Some((_, state)) => state.read(claim, lease, now_us),
            None => State::fresh(&claim.algorithm).read(claim, lease, now_us),
        }
    }

    fn charge(&mut self, claim: &Claim, lease: &str, now_us: u64) {
        self.make_room_for(&claim.key, now_us);
        let states = self.identities.entry(claim.key.to_string()).or_default();
        let (_, state) = states
            .entry(claim.field.to_string())
            .or_insert_with(|| (claim.algorithm, State::fresh(&claim.algorithm)));
        state.charge(claim, lease, now_us);
    }

    fn change(&mut self, claims: &[Claim], change: impl Fn(&Claim, &mut State)) {
        for claim in claims {
            let states = self.identities.get_mut(&*claim.key);
            if let Some((_, state)) = states.and_then(|states| states.get_mut(&*claim.field)) {
                change(claim, state);
            }
        }
    }

    /// Drops what limits nobody any more of the identities that were written to.
    fn tidy(&mut self, claims: &[Claim], now_us: u64) {
        for claim in claims.iter().filter(|claim| !claim.algorithm.has_own_key()) {
            let Some(states) = self.identities.get_mut(&*claim.key) else {
                continue;
            };
            states.retain(|_, (algorithm, state)| {
                algorithm.has_own_key() || state.over_at_us(algorithm) > now_us
            });
            if states.is_empty() {
                self.identities.remove(&*claim.key);
            }
        }
    }

    /// Forgets who has all quota back; if that is not enough, who would have it soonest.
    fn make_room_for(&mut self, key: &str, now_us: u64) {
        if self.identities.len() < self.capacity || self.identities.contains_key(key) {
            return;
        }
        self.identities.retain(|_, states| over_at(states) > now_us);
        if self.identities.len() >= self.capacity {
            let soonest = self
                .identities
                .iter()
                .min_by_key(|(_, states)| over_at(states));
            if let Some(key) = soonest.map(|(key, _)| key.clone()) {
                self.identities.remove(&key);
            }
        }
    }
}

fn over_at(states: &HashMap<String, (Algorithm, State)>) -> u64 {
    let over = |(algorithm, state): &(Algorithm, State)| state.over_at_us(algorithm);
    states.values().map(over).max().unwrap_or(0)
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
