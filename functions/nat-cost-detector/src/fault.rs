//! Why a request failed, with the stable names that alarms and callers match.

use jiff::Timestamp;
use tollkeeper::aws::{AlertError, TableError, UnsupportedPartition};
use tollkeeper::error::Fault;
use tollkeeper::prices::UnknownRegion;
use tollkeeper::time::Day;

pub use tollkeeper::aws::CallError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// The event is none of the shapes that are understood.
    #[error("request cannot be read: got {got}, expected {expected}")]
    Malformed {
        /// What was wrong, without the payload.
        got: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// An action that this function does not have.
    #[error(
        "unknown action `{0}`: expected nightly, backfill, explain, audit, report or compare-front-door"
    )]
    UnknownAction(String),
    /// `nightly` without its table or topic.
    #[error("`nightly` needs {0}: set it, or use `explain` and `audit`, which need no table")]
    NotConfigured(&'static str),
    /// An AWS call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The history has more pages than allowed.
    #[error(
        "the cost history has more than {0} pages: raise COST_EXPLORER_MAX_PAGES (a cent each)"
    )]
    TooManyPages(u32),
    /// Cost Explorer answered with something else than amounts.
    #[error("Cost Explorer sent {0}")]
    BillShape(String),
    /// Neither the bill nor CloudWatch knows the day.
    #[error(
        "no figures for {day}: neither Cost Explorer nor CloudWatch shows it{}",
        reasons(notes)
    )]
    NoFigures {
        /// The day.
        day: Day,
        /// What could not be read.
        notes: Vec<String>,
    },
    /// The region has no prices.
    #[error(transparent)]
    Region(#[from] UnknownRegion),
    /// No region is configured.
    #[error("no AWS region is configured: set AWS_REGION or a profile with a region")]
    NoRegion,
    /// China, GovCloud or another partition.
    #[error(transparent)]
    Partition(#[from] UnsupportedPartition),
    /// A table could not be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// An alert did not leave; it stays pending in its incident.
    #[error(transparent)]
    Alert(#[from] AlertError),
    /// Another run is sending a message, or died over it a moment ago.
    #[error(
        "a message of incident {incident} is being sent by another run until {until}: run the night again after that, and \
         it is sent if that run did not"
    )]
    Claimed {
        /// The incident.
        incident: String,
        /// When the other run's claim ends.
        until: Timestamp,
    },
    /// The day has not ended: its figures would be a part of it.
    #[error("{day} is not over before {}: a night judges whole UTC days", day.end())]
    DayNotOver {
        /// The day.
        day: Day,
    },
    /// The function would have been stopped before it was through with a place.
    #[error(
        "too little time was left to begin: run the night again, which passes quickly over what is judged already, or raise \
         the function's timeout"
    )]
    OutOfTime,
    /// An account is in the settings twice, once by a role and once as the own one.
    #[error("account {0} is in ACCOUNTS more than once: as `own` and by a role in it")]
    AccountTwice(String),
    /// STS lent another account's role than the settings name.
    #[error("the role for account {expected} is one in account {got}")]
    OtherAccount {
        /// The role's account by its ARN.
        expected: String,
        /// Who STS says is calling.
        got: String,
    },
    /// A night of a backfill failed; the days before it are done.
    #[error(
        "backfill stopped at {day}, the days before it are done: {cause}; ask again from {day}"
    )]
    Backfill {
        /// The day that failed.
        day: Day,
        /// Why.
        cause: Box<DetectorError>,
    },
    /// The page could not be written.
    #[error("the page could not be written to `{file}`: {cause}")]
    Page {
        /// Where to.
        file: String,
        /// Why.
        cause: std::io::Error,
    },
    /// Another run changed the incident at the same time.
    #[error(
        "incident {0} was changed by another run at the same time; this one told nobody: run the night again"
    )]
    Conflict(String),
}

fn reasons(notes: &[String]) -> String {
    notes.iter().flat_map(|note| [". ", note]).collect()
}

impl DetectorError {
    /// Whether it concerns one account or region only, and the others can be judged all the same. What concerns the
    /// Ledger or the alerts does not: such a night is run again.
    pub fn is_of_one_place(&self) -> bool {
        matches!(
            self,
            Self::Call(_)
                | Self::TooManyPages(_)
                | Self::BillShape(_)
                | Self::NoFigures { .. }
                | Self::Region(_)
                | Self::Partition(_)
                | Self::AccountTwice(_)
                | Self::OtherAccount { .. }
        )
    }
}

impl Fault for DetectorError {
    fn fault_type(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "Request.Malformed",
            Self::UnknownAction(_) => "Request.UnknownAction",
            Self::NotConfigured(_) => "Nightly.NotConfigured",
            Self::Call(_) => "Aws.CallFailed",
            Self::TooManyPages(_) => "CostExplorer.TooManyPages",
            Self::BillShape(_) => "CostExplorer.Shape",
            Self::NoFigures { .. } => "Day.NoFigures",
            Self::Region(_) => "Prices.UnknownRegion",
            Self::NoRegion => "Region.NotConfigured",
            Self::Partition(_) => "Partition.Unsupported",
            Self::Table(_) => "Table.Failed",
            Self::Alert(_) => "Alert.NotSent",
            Self::Claimed { .. } => "Alert.Claimed",
            Self::DayNotOver { .. } => "Day.NotOver",
            Self::OutOfTime => "Nightly.OutOfTime",
            Self::AccountTwice(_) => "Accounts.Twice",
            Self::OtherAccount { .. } => "Accounts.OtherAccount",
            Self::Backfill { cause, .. } => cause.fault_type(),
            Self::Page { .. } => "Page.NotWritten",
            Self::Conflict(_) => "Incident.Conflict",
        }
    }
}
