//! Every way a request can fail, with the stable name that callers and alarms match.

use tollkeeper::aws::{AlertError, TableError, UnsupportedPartition};
use tollkeeper::error::Fault;
use tollkeeper::plan::PlanState;

use crate::caller::IdentityError;
use crate::emit::NotExpressible;
use crate::engine::EngineError;
use crate::network::NetworkError;
use crate::plan::PlanError;
use crate::request::RequestError;
use crate::store::StoreError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("VPC {vpc_id} does not exist in {region}")]
    NoVpc { vpc_id: String, region: String },
    #[error(
        "the plan has {steps} changes, more than MAX_CHANGES={most}: ask for fewer services at a time"
    )]
    TooManyChanges { steps: usize, most: usize },
    #[error(
        "the plan changes {tables} of the VPC's {all} route tables, more than MAX_TABLES_PERCENT={most}: name fewer of them \
         in `route_tables`, and the others in later plans"
    )]
    TooManyTables {
        tables: usize,
        all: usize,
        most: usize,
    },
    #[error("no plan `{plan_id}` in this account and region: make one with the action `plan`")]
    NoPlan { plan_id: String },
    #[error("plan {plan_id} is {state}: {expected}")]
    WrongState {
        plan_id: String,
        state: &'static str,
        expected: &'static str,
    },
    #[error("the stored plan {plan_id} does not have its own hash: it was changed and is not used")]
    Tampered { plan_id: String },
    #[error("plan {plan_id} is not approved: nothing was changed; approve it first")]
    NotApproved { plan_id: String },
    #[error(
        "the approval of {plan_id} names hash {approved}, the plan has {hash}: nothing was changed"
    )]
    ApprovalMismatch {
        plan_id: String,
        approved: String,
        hash: String,
    },
    #[error(
        "the approval of {plan_id} expired at {expired}: nothing was changed; approve it again"
    )]
    ApprovalExpired {
        plan_id: String,
        expired: jiff::Timestamp,
    },
    #[error(
        "the plan {plan_id} rests on unknowns [{unknowns}], its approval accepts [{accepted}]: nothing was changed; approve it again"
    )]
    UnknownsNotAccepted {
        plan_id: String,
        unknowns: String,
        accepted: String,
    },
    #[error(
        "the network is not the one the plan was made for ({changes}): no further step was done; make a new plan"
    )]
    WorldMoved { changes: String },
    #[error(
        "plan {plan_id} could not be applied: {cause}; what it had done {}",
        way_back(*is_undone)
    )]
    ApplyFailed {
        plan_id: String,
        is_undone: bool,
        cause: Box<EngineError>,
    },
    #[error(
        "plan {plan_id} took a service away: {what}; what it had done {}",
        way_back(*is_undone)
    )]
    ConnectivityLost {
        plan_id: String,
        is_undone: bool,
        what: String,
    },
    #[error(transparent)]
    NotExpressible(#[from] NotExpressible),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Alert(#[from] AlertError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Partition(#[from] UnsupportedPartition),
    #[error("{what} cannot be read: {cause}")]
    Json {
        what: &'static str,
        cause: serde_json::Error,
    },
}

fn way_back(is_undone: bool) -> &'static str {
    if is_undone {
        "was undone, the network is as it was before"
    } else {
        "is being undone: `resume` goes on with it"
    }
}

impl Fault for Failure {
    fn fault_type(&self) -> &'static str {
        match self {
            Self::Request(error) => error.fault_type(),
            Self::Plan(PlanError::UnknownRegion(_)) => "Plan.UnknownRegion",
            Self::Plan(PlanError::NotInVpc { .. }) | Self::NoVpc { .. } => "Plan.NotInVpc",
            Self::Plan(PlanError::Request { .. }) => "Request.Malformed",
            Self::Plan(PlanError::Policy { .. }) => "Policy.Refused",
            Self::Plan(PlanError::NotCanonical(_)) | Self::Json { .. } => "Plan.Unreadable",
            Self::ApplyFailed { .. } => "Apply.Failed",
            Self::ConnectivityLost { .. } => "Verify.ConnectivityLost",
            Self::NotExpressible(_) => "Plan.NotExpressible",
            Self::TooManyChanges { .. } | Self::TooManyTables { .. } => "Plan.TooManyChanges",
            Self::NoPlan { .. } => "Plan.NotFound",
            Self::WrongState { .. } => "Plan.WrongState",
            Self::Tampered { .. } => "Plan.Tampered",
            Self::NotApproved { .. } => "Approval.Missing",
            Self::ApprovalMismatch { .. } => "Approval.Mismatch",
            Self::ApprovalExpired { .. } => "Approval.Expired",
            Self::UnknownsNotAccepted { .. } => "Approval.UnknownsNotAccepted",
            Self::WorldMoved { .. } => "World.Moved",
            Self::Engine(error) => engine_type(error),
            Self::Network(_) => "Network.Refused",
            Self::Store(error) => store_type(error),
            Self::Alert(_) => "Alert.Failed",
            Self::Identity(_) => "Identity.Unknown",
            Self::Partition(_) => "Partition.Unsupported",
        }
    }
}

fn engine_type(error: &EngineError) -> &'static str {
    match error {
        EngineError::Network { .. } => "Network.Refused",
        EngineError::Store(error) => store_type(error),
        EngineError::Unusable { .. } => "Endpoint.Unusable",
        EngineError::Dangling { .. } => "Journal.Inconsistent",
        EngineError::InUse { .. } => "Rollback.InUse",
        EngineError::PolicyMoved { .. } => "Policy.Moved",
    }
}

fn store_type(error: &StoreError) -> &'static str {
    match error {
        StoreError::Table(TableError::Shape { .. }) => "Ledger.Shape",
        StoreError::Table(_) => "Ledger.Failed",
        StoreError::Overtaken { .. } => "Lock.Lost",
        StoreError::Held { .. } => "Lock.Held",
        StoreError::UnderWay { .. } => "Plan.UnderWay",
    }
}

/// The wire's word for a state.
pub(crate) fn word(state: PlanState) -> &'static str {
    match state {
        PlanState::Planned => "planned",
        PlanState::Superseded => "superseded",
        PlanState::Applying => "applying",
        PlanState::Applied => "applied",
        PlanState::Verified => "verified",
        PlanState::RollingBack => "rolling_back",
        PlanState::RolledBack => "rolled_back",
        PlanState::Failed => "failed",
    }
}
