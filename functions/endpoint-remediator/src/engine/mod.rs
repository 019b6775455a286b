//! Carries out a plan's steps and undoes them: intent to the journal, call, outcome to the journal.
//!
//! One path serves the first run and every resume: what an entry meant to do is read back before it is done, so a
//! crash at any point leaves nothing done twice. It refuses to know what a plan is for, and stops in good time before
//! the function's deadline; the next call goes on from the journal.

mod apply;
mod policy_guard;
mod undo;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tollkeeper::aws::Versioned;

use crate::change::Change;
use crate::journal::{Entry, client_token};
use crate::network::{Network, NetworkError, Stamp};
use crate::policy;
use crate::snapshot::{Endpoint, EndpointState, Rule};
use crate::store::StoreError;

/// Entries by step, each with the version it was read or written at.
pub(crate) type Journal = BTreeMap<u32, Versioned<Entry>>;

/// Where entries are kept.
pub(crate) trait Keep {
    /// Writes the entry over exactly the version it holds, and raises that.
    async fn keep(&self, entry: &mut Versioned<Entry>) -> Result<(), StoreError>;

    /// Makes sure that the VPC is still this run's to change for as long as one call may last.
    async fn hold(&self) -> Result<(), StoreError>;
}

/// Time as a run sees it.
pub(crate) trait Clock {
    fn now(&self) -> Timestamp;

    /// Lets time pass between two looks.
    async fn pause(&self, length: Duration);
}

impl Clock for fn() -> Timestamp {
    fn now(&self) -> Timestamp {
        self()
    }

    async fn pause(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }
}

/// How far a run came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is left to do.
    Finished,
    /// The deadline came first; call again.
    OutOfTime {
        /// What it was waiting for or about to do.
        at: String,
    },
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("step {step} ({what}): {cause}")]
    Network {
        step: u32,
        what: String,
        cause: NetworkError,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The endpoint will not become usable.
    #[error("step {step}: endpoint {endpoint} is {state}, it will not become available")]
    Unusable {
        step: u32,
        endpoint: String,
        state: String,
    },
    /// A step refers to one that made nothing.
    #[error(
        "step {step} refers to a step that has made nothing: the journal does not fit the plan"
    )]
    Dangling { step: u32 },
    /// Undoing would take away what others have come to use.
    #[error("step {step}: {resource} is used by {users}, which this plan did not add; it stays")]
    InUse {
        step: u32,
        resource: String,
        users: String,
    },
    /// Setting or restoring a policy would overwrite a third one.
    #[error(
        "step {step}: the policy of {endpoint} is neither the one this plan sets nor the one that was there before: \
         somebody changed it since; it stays"
    )]
    PolicyMoved { step: u32, endpoint: String },
}

impl EngineError {
    /// Whether trying again cannot help: the network refused. The ledger's own failures pass.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self, Self::Store(_))
    }
}

/// How long to wait between two looks, and for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) first: Duration,
    pub(crate) most: Duration,
    /// For how long EC2 may answer as if its last write had not been: only an absence that lasts longer is believed.
    pub(crate) lag: Duration,
}

/// Why one try did not succeed.
#[derive(Debug)]
enum Trouble {
    Network(NetworkError),
    Store(StoreError),
}

impl From<NetworkError> for Trouble {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One run.
pub(crate) struct Engine<'a, N, K, C = fn() -> Timestamp> {
    pub(crate) network: &'a N,
    pub(crate) journal: &'a K,
    pub(crate) plan_id: &'a str,
    pub(crate) vpc_id: &'a str,
    /// The lock's counter.
    pub(crate) fencing: i64,
    pub(crate) clock: C,
    /// No call starts after this.
    pub(crate) stop_at: Timestamp,
    pub(crate) pace: Pace,
}

impl<N: Network, K: Keep, C: Clock> Engine<'_, N, K, C> {
    fn stamp(&self, step: u32) -> Stamp {
        Stamp {
            vpc_id: self.vpc_id.to_owned(),
            plan_id: self.plan_id.to_owned(),
            step,
            client_token: client_token(self.plan_id, step),
        }
    }

    fn has_time(&self) -> bool {
        self.clock.now() < self.stop_at
    }

    /// When an absence first seen now, or of something written at `since`, is to be believed.
    fn believed_from(&self, since: Timestamp) -> Timestamp {
        since.checked_add(self.pace.lag).unwrap_or(Timestamp::MAX)
    }

    async fn keep(&self, entry: &mut Versioned<Entry>) -> Result<(), EngineError> {
        entry.item.fencing = self.fencing;
        Ok(self.journal.keep(entry).await?)
    }

    /// Tries until `attempt` has an answer or the time is over. Errors that pass count as no answer; so do, for as long as
    /// EC2 may lag behind its own writes, those that a lagging answer explains.
    async fn until<T>(
        &self,
        step: u32,
        change: &Change<String>,
        mut attempt: impl AsyncFnMut() -> Result<Option<T>, Trouble>,
    ) -> Result<Option<T>, EngineError> {
        let mut pause = self.pace.first;
        let mut believed_from = None;
        loop {
            match attempt().await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(Trouble::Store(error)) => return Err(error.into()),
                Err(Trouble::Network(cause)) => {
                    let now = self.clock.now();
                    let until = *believed_from.get_or_insert_with(|| self.believed_from(now));
                    if !(cause.passes() || cause.may_be_lag() && now < until) {
                        let what = change.to_string();
                        return Err(EngineError::Network { step, what, cause });
                    }
                    tracing::info!(
                        operation = cause.operation,
                        code = cause.code,
                        "trying again"
                    );
                }
            }
            let now = self.clock.now();
            let wake = now.checked_add(pause).unwrap_or(self.stop_at);
            if wake >= self.stop_at {
                return Ok(None);
            }
            self.clock.pause(pause).await;
            pause = (pause * 2).min(self.pace.most);
        }
    }

    /// Whether a change that creates nothing is so already.
    async fn is_so(&self, change: &Change<String>) -> Result<bool, NetworkError> {
        Ok(match change {
            Change::Allow {
                group,
                direction,
                port,
                peer,
            } => {
                let rule = Rule::tcp(*port, peer.clone());
                let found = self.network.group(group).await?;
                found.is_some_and(|group| group.rules(*direction).contains(&rule))
            }
            Change::Revoke {
                group,
                direction,
                port,
                peer,
            } => {
                let rule = Rule::tcp(*port, peer.clone());
                let found = self.network.group(group).await?;
                // A group that is gone has no rule to bring back.
                found.is_some_and(|group| !group.rules(*direction).contains(&rule))
            }
            Change::AssociateRouteTable {
                endpoint,
                route_table,
            } => {
                let found = self.live_endpoint(endpoint).await?;
                found.is_some_and(|endpoint| endpoint.route_tables.contains(route_table))
            }
            Change::SwitchPrivateDnsOn { endpoint, .. } => {
                let found = self.live_endpoint(endpoint).await?;
                found.is_some_and(|endpoint| endpoint.private_dns)
            }
            Change::SetPolicy {
                endpoint, policy, ..
            } => {
                let found = self.live_endpoint(endpoint).await?;
                found.is_some_and(|found| policy::same(found.policy.as_deref(), Some(policy)))
            }
            Change::CreateGroup { .. }
            | Change::CreateGatewayEndpoint { .. }
            | Change::CreateInterfaceEndpoint { .. } => false,
        })
    }

    async fn live_endpoint(&self, id: &str) -> Result<Option<Endpoint>, NetworkError> {
        let found = self.network.endpoint(id).await?;
        Ok(found.filter(|endpoint| {
            !matches!(
                endpoint.state,
                EndpointState::Deleting | EndpointState::Deleted
            )
        }))
    }
}

#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod tests;
