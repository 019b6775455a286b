//! What may be asked of quotas, and what the answers mean: the words that rules, Redis and the outage mode share.
//!
//! A request has one [`Claim`] for each rule that holds. All of them are put together in one [`Demand`]: check all, then
//! commit all, so that a denial consumes nothing. This module is pure arithmetic on whole microseconds: it refuses to
//! know Redis, rules documents and headers. [`Memory`] is the oracle for `quota.lua`, and decides itself where Redis is
//! away and a process limits on its own.
//!
//! **Shadow.** A claim that is not enforced never denies. It is checked like the others, and it is charged when the
//! request passes and it has room itself. One without room is reported as exceeded and stays uncharged, as it would be
//! had it denied. So a shadow rule counts what it would count if it were enforced; what it cannot show is the room that
//! its denials would leave to the enforced rules, because those requests did pass. A request that an enforced rule
//! denies charges no shadow rule.

mod algorithm;
mod memory;
mod outcome;
mod state;

use std::borrow::Cow;

pub use algorithm::{Algorithm, strict};
pub use memory::Memory;
pub use outcome::{Outcome, Reading, Standing};

/// One rule's claim on one identity's quota. The claims of a request name different rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Whose quota: the name of the remembered state. On a cluster the part in braces picks the slot.
    pub key: Cow<'a, str>,
    /// Which rule: the name of its part of that state, without white space. It must change with the rule's numbers
    /// ([`Algorithm::signature`]): the old state would mean something else.
    pub field: Cow<'a, str>,
    /// How the rule limits.
    pub algorithm: Algorithm,
    /// Units that the request costs: at least 1, at most [`Algorithm::most`]. A lease always counts as one.
    pub cost: u64,
    /// Whether the rule may deny; else it only watches (shadow).
    pub enforced: bool,
}

impl<'a> Claim<'a> {
    /// An enforced claim.
    pub fn new(
        key: impl Into<Cow<'a, str>>,
        field: impl Into<Cow<'a, str>>,
        algorithm: Algorithm,
        cost: u64,
    ) -> Self {
        Self {
            key: key.into(),
            field: field.into(),
            algorithm,
            cost,
            enforced: true,
        }
    }

    /// The claim that one process may grant on its own: `share_percent` of rate and quota, but always room for the
    /// request itself, or it could never pass.
    #[must_use]
    pub fn share(&self, share_percent: u64) -> Self {
        Self {
            algorithm: self.algorithm.share(share_percent, self.cost),
            ..self.clone()
        }
    }
}

/// What is to be done with all claims together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Check all; if no enforced claim lacks room, charge all that have it.
    Take,
    /// What [`Operation::Take`] would answer, without charging.
    Peek,
    /// Give the cost back, never beyond the quota. Where the moment of the take is known (its [`Outcome::now_us`]), no
    /// more comes back than what the take still costs: others never get more than if it had not been. Where it is not,
    /// the units count as used less from now on.
    Refund {
        /// When they were taken, microseconds since 1970 on the clock that decided.
        taken_at_us: Option<u64>,
    },
    /// Forget all use.
    Reset,
    /// End the lease; claims of other algorithms stay as they are.
    Release,
}

/// An operation on claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand<'a> {
    /// What is to be done.
    pub operation: Operation,
    /// On what.
    pub claims: &'a [Claim<'a>],
    /// The name of the lease that [`Algorithm::Leases`] claims take or give back: unique for each request in flight,
    /// without white space. Taking under a name that is held renews it. Unused where no claim leases.
    pub lease: &'a str,
}

impl<'a> Demand<'a> {
    /// A take without leases.
    pub fn take(claims: &'a [Claim<'a>]) -> Self {
        Self {
            operation: Operation::Take,
            claims,
            lease: "",
        }
    }
}

/// The state of a claim that is not packed under the identity's key has this one: the same cluster slot.
pub fn own_key(claim: &Claim) -> String {
    let Claim { key, field, .. } = claim;
    if key.contains('{') {
        format!("{key}:{field}")
    } else {
        format!("{{{key}}}:{field}")
    }
}
