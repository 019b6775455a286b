//! What the claims of one request come to: known denials first, then Redis, and what happens when it says nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::breaker::{self, Breaker};
use crate::config::OnOutage;
use crate::denials::{Denials, Told};
use crate::quota::{Claim, Demand, Memory, Operation, Outcome, Standing};
use crate::redis_server::{Outage, RedisServer};
use crate::steady::Steady;

/// Identities that one process remembers while Redis is away: about 2 MB.
const LOCAL_IDENTITIES: usize = 10_000;

/// How a limiter behaves beside what Redis says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What happens while Redis is away.
    pub on_outage: OnOutage,
    /// The part of each limit that one process gives out on its own in `local` mode, percent.
    pub local_share_percent: u64,
    /// How long a denial is remembered at most; 0: not at all.
    pub denials_for: Duration,
    /// When Redis is no longer asked.
    pub breaker: breaker::Settings,
}

/// What came of a demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether no enforced claim lacks room.
    pub allowed: bool,
    /// Where the client stands with each claim, in order; `None` where nobody knows: Redis is away, or another claim
    /// was known to deny.
    pub standings: Vec<Option<Standing>>,
    /// Set when Redis did not decide: why, and what was done instead.
    pub outage: Option<(Outage, OnOutage)>,
    /// Whether the denial was known without asking Redis.
    pub from_cache: bool,
    /// When it was decided, microseconds since 1970 on the clock that decided: for a refund. `None`: Redis did not decide.
    pub decided_at_us: Option<u64>,
}

/// Redis, what is known without it, and what to do without it.
pub struct Limiter {
    redis: RedisServer,
    policy: Policy,
    clock: Steady,
    denials: Mutex<Denials>,
    breaker: Mutex<Breaker>,
    memory: Mutex<Memory>,
}

impl Limiter {
    /// A limiter that has asked for nothing yet.
    pub fn new(redis: RedisServer, policy: Policy) -> Self {
        let denials_for = u64::try_from(policy.denials_for.as_micros()).unwrap_or(u64::MAX);
        Self {
            redis,
            policy,
            clock: Steady::default(),
            denials: Mutex::new(Denials::new(denials_for)),
            breaker: Mutex::new(Breaker::new(policy.breaker)),
            memory: Mutex::new(Memory::new(LOCAL_IDENTITIES)),
        }
    }

    /// Does what is demanded.
    pub async fn ask(&self, demand: &Demand<'_>, now: Timestamp) -> Verdict {
        let now_us = microseconds(now);
        let asked_at = self.clock.with_wall(now_us);
        if demand.claims.is_empty() {
            return Verdict::flat(demand, true, None);
        }
        let epoch = {
            let mut denials = lock(&self.denials);
            if gives_back(demand.operation) {
                denials.forget(demand.claims);
            } else if let Some(standings) = denials.certain(demand, asked_at) {
                return Verdict {
                    allowed: false,
                    standings,
                    outage: None,
                    from_cache: true,
                    decided_at_us: None,
                };
            }
            denials.epoch()
        };
        if !lock(&self.breaker).lets_ask(asked_at) {
            return self.without_redis(demand, now_us, Outage::BreakerOpen);
        }
        match self.redis.decide(demand, now_us).await {
            Ok(outcome) => {
                lock(&self.breaker).answered();
                let told = Told {
                    now_us: outcome.now_us,
                    asked_at,
                    answered_at: self.clock.now(),
                };
                let mut denials = lock(&self.denials);
                if gives_back(demand.operation) {
                    // Denials of meanwhile may be from before.
                    denials.forget(demand.claims);
                } else {
                    denials.learn(demand, &outcome, told, epoch);
                }
                Verdict::of(&outcome, demand.claims, None)
            }
            Err(outage) => {
                lock(&self.breaker).failed(self.clock.now());
                self.without_redis(demand, now_us, outage)
            }
        }
    }

    fn without_redis(&self, demand: &Demand, now_us: u64, outage: Outage) -> Verdict {
        let outage = Some((outage, self.policy.on_outage));
        match self.policy.on_outage {
            OnOutage::Open => Verdict::flat(demand, true, outage),
            OnOutage::Closed => {
                // A rule in shadow closes no door.
                let is_open = !demand.claims.iter().any(|claim| claim.enforced);
                Verdict::flat(demand, is_open, outage)
            }
            OnOutage::Local => {
                let percent = self.policy.local_share_percent;
                let claims = demand.claims.iter().map(|claim| claim.share(percent));
                let claims: Vec<Claim> = claims.collect();
                let demand = Demand {
                    claims: &claims,
                    ..*demand
                };
                let outcome = lock(&self.memory).decide(&demand, now_us);
                Verdict::of(&outcome, &claims, outage)
            }
        }
    }
}

fn gives_back(operation: Operation) -> bool {
    !matches!(operation, Operation::Take | Operation::Peek)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn microseconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_microsecond()).unwrap_or(0)
}

impl Verdict {
    fn flat(demand: &Demand, allowed: bool, outage: Option<(Outage, OnOutage)>) -> Self {
        Self {
            allowed,
            standings: vec![None; demand.claims.len()],
            outage,
            from_cache: false,
            decided_at_us: None,
        }
    }

    fn of(outcome: &Outcome, claims: &[Claim], outage: Option<(Outage, OnOutage)>) -> Self {
        Self {
            allowed: outcome.allowed,
            standings: outcome.standings(claims),
            outage,
            from_cache: false,
            decided_at_us: outage.is_none().then_some(outcome.now_us),
        }
    }
}
