//! What is remembered of one rule and identity, and how each algorithm reads, charges and gives back.
//!
//! A clock that steps back never makes anybody richer: what was remembered later counts until its own time has come.

use std::collections::{BTreeMap, VecDeque};

use super::outcome::window_end;
use super::{Algorithm, Claim, Reading};

/// The memory of one rule and identity. Times in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// The theoretical arrival time, at which the whole burst is available again.
    Arrival(u64),
    /// Units used in the window that ends then.
    Window { end_us: u64, used: u64 },
    /// The moment of each unit, ascending.
    Log(VecDeque<u64>),
    /// When each lease ends.
    Leases(BTreeMap<String, u64>),
}

impl State {
    pub(super) fn fresh(algorithm: &Algorithm) -> Self {
        match algorithm {
            Algorithm::Gcra { .. } => Self::Arrival(0),
            Algorithm::FixedWindow { .. } => Self::Window { end_us: 0, used: 0 },
            Algorithm::SlidingLog { .. } => Self::Log(VecDeque::new()),
            Algorithm::Leases { .. } => Self::Leases(BTreeMap::new()),
        }
    }

    /// Drops what no longer limits anybody.
    pub(super) fn trim(&mut self, algorithm: &Algorithm, now_us: u64) {
        match (self, algorithm) {
            (Self::Log(moments), Algorithm::SlidingLog { window_us, .. }) => {
                let over = over(moments, *window_us, now_us);
                moments.drain(..over);
            }
            (Self::Leases(ends), _) => ends.retain(|_, end| *end > now_us),
            _ => {}
        }
    }

    /// What the state means for a claim.
    pub(super) fn read(&self, claim: &Claim, lease: &str, now_us: u64) -> Reading {
        let cost = claim.cost;
        match (self, claim.algorithm) {
            (Self::Arrival(at), Algorithm::Gcra { interval_us, burst }) => {
                let arrival = (*at).max(now_us);
                let charged = arrival.saturating_add(cost.saturating_mul(interval_us));
                let room = charged.saturating_sub(burst.saturating_mul(interval_us));
                reading(0, room, arrival, now_us)
            }
            (Self::Window { end_us, used }, Algorithm::FixedWindow { limit, .. }) => {
                // A window that has ended or was given back counts for nothing.
                let (end, used) = if *end_us > now_us && *used > 0 {
                    (*end_us, *used)
                } else {
                    (0, 0)
                };
                let room = if used + cost > limit { end } else { 0 };
                reading(used, room, end, now_us)
            }
            (Self::Log(moments), Algorithm::SlidingLog { limit, window_us }) => {
                let over = over(moments, window_us, now_us);
                let used = (moments.len() - over) as u64;
                let out = |at: Option<&u64>| at.map_or(0, |at| at + window_us);
                let missing = usize::try_from((used + cost).saturating_sub(limit));
                let last_in_the_way = missing.unwrap_or(usize::MAX).checked_sub(1);
                let room = last_in_the_way.map_or(0, |index| out(moments.get(over + index)));
                reading(used, room, out(moments.back()), now_us)
            }
            (Self::Leases(ends), Algorithm::Leases { limit, .. }) => {
                // A lease of the same name is renewed, not taken a second time.
                let held = || ends.iter().filter(|(_, end)| **end > now_us);
                let used = held().filter(|(name, _)| *name != lease).count() as u64;
                let first = held().map(|(_, end)| *end).min().unwrap_or(0);
                let room = if used < limit { 0 } else { first };
                let last = held().map(|(_, end)| *end).max().unwrap_or(0);
                reading(used, room, last, now_us)
            }
            // A field names its algorithm, so this is another rule's state: as good as none.
            _ => Self::fresh(&claim.algorithm).read(claim, lease, now_us),
        }
    }

    /// Charges a claim that has room.
    pub(super) fn charge(&mut self, claim: &Claim, lease: &str, now_us: u64) {
        self.trim(&claim.algorithm, now_us);
        match (self, claim.algorithm) {
            (Self::Arrival(at), Algorithm::Gcra { interval_us, .. }) => {
                *at = (*at)
                    .max(now_us)
                    .saturating_add(claim.cost.saturating_mul(interval_us));
            }
            (Self::Window { end_us, used }, Algorithm::FixedWindow { window_us, .. }) => {
                if *end_us <= now_us {
                    (*end_us, *used) = (window_end(now_us, window_us), 0);
                }
                *used += claim.cost;
            }
            (Self::Log(moments), _) => {
                let at = moments.back().copied().unwrap_or(0).max(now_us);
                moments.extend((0..claim.cost).map(|_| at));
            }
            (Self::Leases(ends), Algorithm::Leases { ttl_us, .. }) => {
                ends.insert(lease.to_owned(), now_us + ttl_us);
            }
            (state, algorithm) => {
                *state = Self::fresh(&algorithm);
                state.charge(claim, lease, now_us);
            }
        }
    }

    /// Gives a claim's cost back.
    pub(super) fn refund(&mut self, claim: &Claim, lease: &str, taken_at: Option<u64>, now: u64) {
        match (self, claim.algorithm) {
            (Self::Arrival(at), Algorithm::Gcra { interval_us, .. }) => {
                // While time passed, the bucket may have been full: then nothing of the take is left to give back.
                let passed = taken_at.map_or(0, |taken_at| now.saturating_sub(taken_at));
                let charge = claim.cost.saturating_mul(interval_us);
                *at = at.saturating_sub(charge.saturating_sub(passed));
            }
            (Self::Window { end_us, used }, Algorithm::FixedWindow { window_us, .. })
                if taken_at.is_none_or(|at| window_end(at, window_us) == *end_us) =>
            {
                *used = used.saturating_sub(claim.cost);
            }
            (Self::Log(moments), Algorithm::SlidingLog { window_us, .. }) => match taken_at {
                None => {
                    moments.drain(..over(moments, window_us, now));
                    // The oldest: what stays is what limits longest.
                    let units = usize::try_from(claim.cost).unwrap_or(usize::MAX);
                    moments.drain(..units.min(moments.len()));
                }
                Some(taken_at) => {
                    let mut left = claim.cost;
                    moments.retain(|at| {
                        let goes = *at == taken_at && left > 0;
                        left -= u64::from(goes);
                        !goes
                    });
                }
            },
            (Self::Leases(ends), _) => {
                ends.remove(lease);
            }
            _ => {}
        }
    }

    /// Ends a lease.
    pub(super) fn release(&mut self, lease: &str) {
        if let Self::Leases(ends) = self {
            ends.remove(lease);
        }
    }

    /// When nothing of the state limits anybody any more.
    pub(super) fn over_at_us(&self, algorithm: &Algorithm) -> u64 {
        match (self, algorithm) {
            (Self::Arrival(at), _) => *at,
            (Self::Window { end_us, used }, _) => {
                if *used > 0 {
                    *end_us
                } else {
                    0
                }
            }
            (Self::Log(moments), Algorithm::SlidingLog { window_us, .. }) => {
                moments.back().map_or(0, |at| at + window_us)
            }
            (Self::Log(_), _) => 0,
            (Self::Leases(ends), _) => ends.values().max().copied().unwrap_or(0),
        }
    }
}

/// How many moments of a log are out of its window.
fn over(moments: &VecDeque<u64>, window_us: u64, now_us: u64) -> usize {
    moments.partition_point(|at| at + window_us <= now_us)
}

fn reading(used: u64, room_at_us: u64, full_at_us: u64, now_us: u64) -> Reading {
    Reading {
        used,
        room_at_us: room_at_us.max(now_us),
        full_at_us: full_at_us.max(now_us),
    }
}
