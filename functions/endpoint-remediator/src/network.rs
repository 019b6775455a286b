//! What the engine needs of EC2, in own types: the one trait of this crate, because the flow of control (crash, resume,
//! undo) is proved against a model of the network.

use crate::change::Change;
use crate::snapshot::{Endpoint, Group, Scope, Snapshot};

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("EC2 {operation} failed ({code}): {detail}")]
pub(crate) struct NetworkError {
    pub(crate) operation: &'static str,
    /// AWS error code, or `Unreachable`.
    pub(crate) code: String,
    pub(crate) detail: String,
}

impl NetworkError {
    /// Whether the same call may succeed a little later: throttled, out of order, still in use, or no answer.
    pub(crate) fn passes(&self) -> bool {
        matches!(
            self.code.as_str(),
            "RequestLimitExceeded"
                | "Throttling"
                | "ConcurrentTagAccess"
                | "DependencyViolation"
                | "IncorrectState"
                | "InternalError"
                | "InternalFailure"
                | "ServiceUnavailable"
                | "Unavailable"
                | "Unreachable"
        )
    }

    /// Whether the call may have been answered from a copy that had not yet seen this product's own last write.
    pub(crate) fn may_be_lag(&self) -> bool {
        self.is_absence()
            || matches!(
                self.code.as_str(),
                "InvalidGroup.Duplicate" | "RouteAlreadyExists"
            )
    }

    /// Whether the call says that what it names does not exist.
    pub(crate) fn is_absence(&self) -> bool {
        self.code.ends_with(".NotFound")
    }
}

/// What marks a created resource as a step's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) vpc_id: String,
    pub(crate) plan_id: String,
    pub(crate) step: u32,
    /// The same on every try of the step.
    pub(crate) client_token: String,
}

/// A VPC that can be looked at and changed.
pub(crate) trait Network {
    /// The VPC as a plan sees it; `None` where it does not exist.
    async fn observe(&self, scope: &Scope) -> Result<Option<Snapshot>, NetworkError>;

    /// A group; `None` where it does not exist.
    async fn group(&self, id: &str) -> Result<Option<Group>, NetworkError>;

    /// An endpoint, also one being deleted; `None` where it does not exist.
    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, NetworkError>;

    /// Who uses a group: interfaces that wear it, and other groups whose rules name it. Ids.
    async fn users_of_group(&self, id: &str) -> Result<Vec<String>, NetworkError>;

    /// The id of what the stamp's step has made, found by its tags: also what has failed or is being deleted.
    async fn made(
        &self,
        change: &Change<String>,
        stamp: &Stamp,
    ) -> Result<Option<String>, NetworkError>;

    /// Makes one change; answers the id of what it created. What is so already counts as done.
    async fn change(
        &self,
        change: &Change<String>,
        stamp: &Stamp,
    ) -> Result<Option<String>, NetworkError>;

    /// Undoes one change; `created` names what the change made, and a rule that comes back carries the stamp. What is gone already is an error that
    /// [`NetworkError::is_absence`]: whether to believe it is for the caller to say.
    async fn undo(
        &self,
        change: &Change<String>,
        created: Option<&str>,
        stamp: &Stamp,
    ) -> Result<(), NetworkError>;
}
