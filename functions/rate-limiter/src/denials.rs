//! Denials that are certain to be repeated: a client that is over its limit costs no trip to Redis.
//!
//! A denial consumes nothing, and what a rule has counted only grows until its own time has passed. So what Redis said
//! with a denial is, for everyone who asks later, the least that is used: while that alone denies, the denial is certain.
//! Only a reset, a refund or a release undoes use. Those of this process forget the denial at once; those of others are
//! noticed when the entry ends (`DENIAL_CACHE_SECONDS`). A raised limit is another rule's state ([`Claim::field`]) and is
//! never mistaken. Leases can be given back at any moment and are never remembered; a shadow rule denies nobody.
//!
//! Redis's clock is not ours. Its now was told some time between our question and its answer; counted from the question
//! on, with a margin for clocks that run apart, it is never underestimated. So a denial ends early by the time of the
//! round trip, never late.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::quota::{Algorithm, Claim, Demand, Operation, Outcome, Reading, Standing};

/// Identities remembered: about 4 MB at two rules each.
const IDENTITIES: usize = 10_000;
/// Two clocks run apart by no more than one part in a thousand: twice what NTP slews at.
const DRIFT: u64 = 1_000;

/// What Redis said with denials, by identity and rule.
#[derive(Debug)]
pub(crate) struct Denials {
    lifetime_us: u64,
    /// Younger and older halves: when one is full the other is dropped. Nothing is searched for what is over.
    young: Identities,
    old: Identities,
    /// How often something was forgotten: an answer to a question from before is not believed.
    epoch: u64,
}

type Identities = HashMap<String, Vec<Denial>, RandomState>;

#[derive(Debug, Clone)]
struct Denial {
    field: String,
    cost: u64,
    reading: Reading,
    told: Told,
}

/// Redis's now, and ours before the question and after the answer. Microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) now_us: u64,
    pub(crate) asked_at: u64,
    pub(crate) answered_at: u64,
}

impl Told {
    /// The latest that Redis's clock may show.
    fn latest(&self, steady_us: u64) -> u64 {
        let passed = steady_us.saturating_sub(self.asked_at);
        self.now_us + passed + passed.div_ceil(DRIFT)
    }

    /// About what it shows, rather too early: who waits from here on waits long enough.
    fn earliest(&self, steady_us: u64) -> u64 {
        let passed = steady_us.saturating_sub(self.answered_at);
        self.now_us + passed - passed / DRIFT
    }
}

impl Denials {
    /// Remembers each denial for at most `lifetime_us`; 0: none.
    pub(crate) fn new(lifetime_us: u64) -> Self {
        Self {
            lifetime_us,
            young: Identities::default(),
            old: Identities::default(),
            epoch: 0,
        }
    }

    /// To be handed back with the answer to a question that is asked now.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Where the client stands with each claim, if Redis is certain to deny; `None` of rules of which that is not known.
    pub(crate) fn certain(&self, demand: &Demand, steady_us: u64) -> Option<Vec<Option<Standing>>> {
        let asks = matches!(demand.operation, Operation::Take | Operation::Peek);
        if !asks || (self.young.is_empty() && self.old.is_empty()) {
            return None;
        }
        let mut known = demand
            .claims
            .iter()
            .map(|claim| (claim, self.denial_of(claim, steady_us)));
        // Most requests have one claim, and most of those with several are denied by the first.
        let (before, first, told) = known
            .by_ref()
            .enumerate()
            .find_map(|(place, one)| Some((place, one, one.1?.0)))?;
        let now_us = told.earliest(steady_us);
        let denial = Outcome {
            operation: demand.operation,
            allowed: false,
            now_us,
            readings: Vec::new(),
        };
        let standing = |(claim, known): (&Claim, Option<(Told, Reading)>)| {
            let (told, reading) = known?;
            // Several nodes may have told their times: all are put on the first one's clock.
            let reading = reading.moved(told.earliest(steady_us), now_us);
            Some(denial.standing(claim, reading))
        };
        let mut standings = Vec::with_capacity(demand.claims.len());
        standings.resize(before, None);
        standings.push(standing(first));
        standings.extend(known.map(standing));
        Some(standings)
    }

    /// Learns from an answer; `epoch` is that of the question.
    pub(crate) fn learn(&mut self, demand: &Demand, outcome: &Outcome, told: Told, epoch: u64) {
        if outcome.allowed {
            // Somebody has reset what we thought used up.
            if !self.young.is_empty() || !self.old.is_empty() {
                self.drop_claims(demand.claims);
            }
            return;
        }
        if self.lifetime_us == 0 || epoch != self.epoch {
            return;
        }
        for (claim, reading) in demand.claims.iter().zip(&outcome.readings) {
            if let Some(reading) = reading
                && claim.enforced
                && reading.room_at_us > outcome.now_us
                && !matches!(claim.algorithm, Algorithm::Leases { .. })
            {
                self.remember(claim, *reading, told);
            }
        }
    }

    /// Forgets what was used up: it is given back.
    pub(crate) fn forget(&mut self, claims: &[Claim]) {
        self.epoch += 1;
        self.drop_claims(claims);
    }

    fn drop_claims(&mut self, claims: &[Claim]) {
        for claim in claims {
            for half in [&mut self.young, &mut self.old] {
                if let Some(denials) = half.get_mut(&*claim.key) {
                    denials.retain(|denial| denial.field != claim.field);
                    if denials.is_empty() {
                        half.remove(&*claim.key);
                    }
                }
            }
        }
    }

    fn remember(&mut self, claim: &Claim, reading: Reading, told: Told) {
        self.drop_claims(std::slice::from_ref(claim));
        if self.young.len() >= IDENTITIES / 2 && !self.young.contains_key(&*claim.key) {
            self.old = std::mem::take(&mut self.young);
        }
        let denials = self.young.entry(claim.key.to_string()).or_default();
        denials.push(Denial {
            field: claim.field.to_string(),
            cost: claim.cost,
            reading,
            told,
        });
    }

    fn denial_of(&self, claim: &Claim, steady_us: u64) -> Option<(Told, Reading)> {
        if !claim.enforced {
            return None;
        }
        let halves = [&self.young, &self.old].into_iter();
        let mut denials = halves.filter_map(|half| half.get(&*claim.key)).flatten();
        let denial = denials.find(|denial| denial.field == claim.field)?;
        let lived = steady_us.saturating_sub(denial.told.answered_at);
        let room_at_us = denial.room_at(claim)?;
        let is_certain = lived < self.lifetime_us && room_at_us > denial.told.latest(steady_us);
        let reading = Reading {
            room_at_us,
            ..denial.reading
        };
        is_certain.then_some((denial.told, reading))
    }
}

impl Denial {
    /// The earliest moment at which a claim may have room, on Redis's clock; `None`: it may have it now.
    fn room_at(&self, claim: &Claim) -> Option<u64> {
        match claim.algorithm {
            Algorithm::Gcra { interval_us, burst } => {
                let charge = claim.cost.saturating_mul(interval_us);
                let charged = self.reading.full_at_us.saturating_add(charge);
                Some(charged.saturating_sub(burst.saturating_mul(interval_us)))
            }
            Algorithm::FixedWindow { limit, .. } => {
                (self.reading.used + claim.cost > limit).then_some(self.reading.full_at_us)
            }
            // A higher cost may have to wait longer still.
            Algorithm::SlidingLog { .. } => {
                (claim.cost >= self.cost).then_some(self.reading.room_at_us)
            }
            Algorithm::Leases { .. } => None,
        }
    }
}

#[cfg(test)]
#[path = "denials_tests.rs"]
mod tests;
