//! The answer to a question, before it is put into anybody's words.

use std::borrow::Cow;

use crate::config::OnOutage;
use crate::identity::Identity;
use crate::matching::Applied;
use crate::quota::Standing;
use crate::redis_server::Outage;
use crate::rules::{Limit, Listed, Rule};

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'r> {
    /// Whether the request may pass.
    pub allowed: bool,
    /// One for each limit that holds.
    pub rulings: Vec<Ruling<'r>>,
    /// Set when Redis did not decide: why, and what was done instead.
    pub outage: Option<(Outage, OnOutage)>,
    /// Set when an address list decided; then no limit was asked. In shadow a blocked address passes.
    pub listed: Option<Listed>,
    /// Whether the denial was known without asking Redis.
    pub from_cache: bool,
    /// The lease that the request holds while in flight, if a limit counts those.
    pub lease: Option<String>,
    /// When it was decided, microseconds since 1970 on the clock that decided; `None`: without Redis.
    pub decided_at_us: Option<u64>,
}

/// One limit's part of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// The limit that holds.
    pub limit: Cow<'r, Limit>,
    /// Whose quota it is. An identity that is missing uses the quota of all who do not say who they are.
    pub identity: Identity,
    /// Whether the rule may deny; else it only watches.
    pub enforced: bool,
    /// Where the client stands; `None`: nobody knows, because Redis is away or another limit was known to deny.
    pub standing: Option<Standing>,
}

impl<'r> Ruling<'r> {
    /// A ruling on a limit that was asked for.
    pub fn new(applied: Applied<'r>, standing: Option<Standing>) -> Self {
        Self {
            rule: applied.rule,
            limit: applied.limit,
            identity: applied.identity,
            enforced: applied.enforced,
            standing,
        }
    }

    /// Whether this limit stopped the request, or in shadow would have.
    pub fn exceeded(&self) -> bool {
        self.standing.is_some_and(|standing| standing.exceeded)
    }

    /// Seconds until the whole quota is back; for a limit that stopped the request, until it may be repeated.
    pub fn reset_seconds(&self) -> Option<u64> {
        let standing = self.standing?;
        Some(if standing.exceeded {
            whole_seconds(standing.retry_after_us).max(1)
        } else {
            whole_seconds(standing.full_after_us)
        })
    }
}

impl Decision<'_> {
    /// An address list decided.
    pub fn listed(listed: Listed, allowed: bool) -> Self {
        Self {
            allowed,
            rulings: Vec::new(),
            outage: None,
            listed: Some(listed),
            from_cache: false,
            lease: None,
            decided_at_us: None,
        }
    }

    /// When a denied request may be repeated, whole seconds, at least 1; `None` for one that passed, and where waiting
    /// does not help.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let denying = self.rulings.iter().filter(|ruling| ruling.enforced);
        let longest = denying
            .filter_map(|ruling| Some(whole_seconds(ruling.standing?.retry_after_us)))
            .max();
        (!self.allowed && self.listed.is_none()).then(|| longest.unwrap_or(0).max(1))
    }

    /// The limits that stopped the request.
    pub fn exceeded(&self) -> Vec<&str> {
        self.policies(|ruling| ruling.enforced && ruling.exceeded())
    }

    /// The limits that would have stopped the request, were they enforced.
    pub fn shadow_exceeded(&self) -> Vec<&str> {
        self.policies(|ruling| !ruling.enforced && ruling.exceeded())
    }

    /// Whether some limit was asked for an identity that the request did not give.
    pub fn missing_identity(&self) -> bool {
        self.rulings.iter().any(|ruling| ruling.identity.missing)
    }

    /// The reason of a block list that denied, or in shadow would have.
    pub fn blocked(&self) -> Option<&str> {
        match &self.listed {
            Some(Listed::Blocked { reason }) => {
                Some(reason.as_deref().unwrap_or("blocked address"))
            }
            _ => None,
        }
    }

    fn policies(&self, chosen: impl Fn(&Ruling) -> bool) -> Vec<&str> {
        let chosen = self.rulings.iter().filter(|ruling| chosen(ruling));
        chosen.map(|ruling| ruling.limit.policy.as_str()).collect()
    }
}

/// Rounded up: a client that waits that long is not early.
fn whole_seconds(microseconds: u64) -> u64 {
    microseconds.div_ceil(1_000_000)
}
