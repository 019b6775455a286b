//! What was decided, and where a client stands afterwards.

use super::{Algorithm, Claim, Operation};

/// What is remembered of one claim's quota before the decision (after it, for operations that ask for nothing).
/// Times in microseconds since 1970, on the clock that decided; never before its now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Units in use; 0 for GCRA, which counts none.
    pub used: u64,
    /// When this claim has room if nobody else takes any: now where it has.
    pub room_at_us: u64,
    /// When the whole quota is available again: for GCRA, the theoretical arrival time.
    pub full_at_us: u64,
}

/// What was decided on all claims of a request together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was asked.
    pub operation: Operation,
    /// Whether every enforced claim has room. Always true of operations that ask for nothing.
    pub allowed: bool,
    /// The time of the decision, microseconds since 1970, on the clock that decided.
    pub now_us: u64,
    /// For each claim, in order; `None`: it was not looked at, because another one denies.
    pub readings: Vec<Option<Reading>>,
}

/// Where a client stands with one rule after the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether this rule has no room for the request. Where it is enforced, it stopped the request.
    pub exceeded: bool,
    /// Units that may be used right away.
    pub remaining: u64,
    /// Microseconds until the same request could pass this rule; 0 unless exceeded. For leases an upper bound: one may be
    /// released sooner.
    pub retry_after_us: u64,
    /// Microseconds until the whole quota is available again.
    pub full_after_us: u64,
}

impl Outcome {
    /// Where the client stands with each claim's rule, in order; `None`: not known.
    pub fn standings(&self, claims: &[Claim]) -> Vec<Option<Standing>> {
        claims
            .iter()
            .zip(&self.readings)
            .map(|(claim, reading)| Some(self.standing(claim, (*reading)?)))
            .collect()
    }

    /// For each claim, in order, whether it was charged.
    pub fn charged(&self) -> Vec<bool> {
        let has_room =
            |reading: &Option<Reading>| reading.is_some_and(|r| r.room_at_us <= self.now_us);
        let takes = self.operation == Operation::Take && self.allowed;
        self.readings
            .iter()
            .map(|reading| takes && has_room(reading))
            .collect()
    }

    /// The outcome of `count` claims that were decided in several places, from those of each place and which claims it
    /// decided on. Times are on the clock of the first.
    pub(crate) fn joined(operation: Operation, count: usize, parts: &[(Vec<usize>, Self)]) -> Self {
        let now_us = parts.first().map_or(0, |(_, outcome)| outcome.now_us);
        let mut readings = vec![None; count];
        for (members, outcome) in parts {
            for (member, reading) in members.iter().zip(&outcome.readings) {
                if let Some(slot) = readings.get_mut(*member) {
                    *slot = reading.map(|reading| reading.moved(outcome.now_us, now_us));
                }
            }
        }
        Self {
            operation,
            allowed: parts.iter().all(|(_, outcome)| outcome.allowed),
            now_us,
            readings,
        }
    }

    /// Where the client stands with one claim of which this was read.
    pub(crate) fn standing(&self, claim: &Claim, reading: Reading) -> Standing {
        let now = self.now_us;
        let asks = matches!(self.operation, Operation::Take | Operation::Peek);
        let exceeded = asks && reading.room_at_us > now;
        let charged = self.operation == Operation::Take && self.allowed && !exceeded;
        let after = if charged {
            reading.charged(claim, now)
        } else {
            reading
        };
        Standing {
            exceeded,
            remaining: after.remaining(claim, now),
            retry_after_us: if exceeded {
                reading.room_at_us - now
            } else {
                0
            },
            full_after_us: after.full_at_us.saturating_sub(now),
        }
    }
}

impl Reading {
    /// The reading on another clock.
    pub(crate) fn moved(self, from_us: u64, to_us: u64) -> Self {
        let moved = |at: u64| at.saturating_sub(from_us).saturating_add(to_us);
        Self {
            used: self.used,
            room_at_us: moved(self.room_at_us),
            full_at_us: moved(self.full_at_us),
        }
    }

    /// The reading once the claim is charged.
    fn charged(self, claim: &Claim, now_us: u64) -> Self {
        let (used, full_at_us) = match claim.algorithm {
            Algorithm::Gcra { interval_us, .. } => {
                let charge = claim.cost.saturating_mul(interval_us);
                (0, self.full_at_us.saturating_add(charge))
            }
            Algorithm::FixedWindow { window_us, .. } => {
                let end = window_end(now_us, window_us).max(self.full_at_us);
                (self.used + claim.cost, end)
            }
            Algorithm::SlidingLog { window_us, .. } => {
                let end = (now_us + window_us).max(self.full_at_us);
                (self.used + claim.cost, end)
            }
            Algorithm::Leases { ttl_us, .. } => {
                (self.used + 1, (now_us + ttl_us).max(self.full_at_us))
            }
        };
        Self {
            used,
            full_at_us,
            ..self
        }
    }

    fn remaining(self, claim: &Claim, now_us: u64) -> u64 {
        match claim.algorithm {
            Algorithm::Gcra { interval_us, burst } => {
                let tolerance = burst.saturating_mul(interval_us);
                let free = tolerance.saturating_sub(self.full_at_us.saturating_sub(now_us));
                // An interval of nothing would be no limit at all; rules cannot express it.
                free / interval_us.max(1)
            }
            _ => claim.algorithm.most().saturating_sub(self.used),
        }
    }
}

/// The end of the window that a moment lies in: windows begin at multiples of their length.
pub(super) fn window_end(now_us: u64, window_us: u64) -> u64 {
    (now_us / window_us.max(1) + 1).saturating_mul(window_us)
}
