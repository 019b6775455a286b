//! What can be wrong with a request to this function. Being over a limit is no error.

use tollkeeper::error::Fault;

/// A request that cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The event is none that this function knows, or lacks what it needs.
    #[error("event has {got}: expected {expected}")]
    Malformed {
        /// What the event has; never a value that a client sent.
        got: String,
        /// What was expected.
        expected: String,
    },
    /// A direct call for something that this function does not do.
    #[error("unknown action `{0}`: expected check, peek, refund, reset or release")]
    UnknownAction(String),
    /// A direct check against a rule that does not exist.
    #[error("unknown rule `{rule}`: expected one of {known}")]
    UnknownRule {
        /// The rule asked for.
        rule: String,
        /// The rules that exist.
        known: String,
    },
    /// A request that no wait could let pass.
    #[error("cost {cost} is above the burst of rule `{rule}`: expected at most {burst}")]
    CostTooHigh {
        /// The request's cost.
        cost: u64,
        /// The rule.
        rule: String,
        /// Its burst.
        burst: u64,
    },
}

impl RequestError {
    /// An event that is not as it should be.
    pub fn malformed(got: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Malformed {
            got: got.into(),
            expected: expected.into(),
        }
    }
}

impl Fault for RequestError {
    fn fault_type(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "Request.Malformed",
            Self::UnknownAction(_) => "Request.UnknownAction",
            Self::UnknownRule { .. } => "Request.UnknownRule",
            Self::CostTooHigh { .. } => "Request.CostTooHigh",
        }
    }
}
