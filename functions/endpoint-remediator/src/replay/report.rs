//! What a replay found, as it is bound into the plan.

use serde::{Deserialize, Serialize};
use tollkeeper::time::Day;

use super::sum::Sum;
use crate::policy::Held;

/// Flows that would break listed one by one; the rest of them is summed up.
pub(super) const MOST_LISTED: usize = 20;

/// The replay of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Replay {
    /// A plan that moves and admits nobody; and why flows say nothing of it.
    NotApplicable(String),
    /// There is nothing to replay, and why: whoever approves accepts that how many flows would break is unknown.
    NotDone(String),
    /// There are flow logs, and they could not be read: whoever approves accepts that.
    Unread(String),
    Done(Box<Report>),
    /// The calls that CloudTrail recorded at endpoints, held against policies that are to be set there.
    Calls(Box<Held>),
}

/// What happens to the flows of some days. A flow is a flow-log record: one direction of a connection in one interval.
///
/// `seen` is the sum of `fine`, `unaffected`, `would_break` (with `would_break_more`) and `unknown`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Complete UTC days, oldest first.
    pub(crate) days: Vec<Day>,
    /// Those of them of which no flow was recorded: no files are there, or files of other days only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) days_without_flows: Vec<Day>,
    pub(crate) files: Files,
    /// When AWS wrote the table of addresses that labels come from; absent where they are the logs' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<String>,
    /// Whether flows were looked for at the interfaces of endpoints, and nowhere else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) at_endpoints: bool,
    /// Accepted flows between the VPC and public addresses.
    pub(crate) seen: Sum,
    /// To planned services, and they pass after the plan as before.
    pub(crate) fine: Sum,
    /// To what the plan does not move.
    pub(crate) unaffected: Sum,
    /// Planned services that flow logs do not tell from AWS's other APIs, where there were flows to such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unnamed: Vec<String>,
    /// Addresses with flows to planned services.
    pub(crate) sources: u64,
    /// The worst first.
    pub(crate) would_break: Vec<Broken>,
    pub(crate) would_break_more: More,
    /// The most first.
    pub(crate) unknown: Vec<Unknown>,
    /// Connections that drop where a route table gets a route, in the busiest hour of each service.
    pub(crate) drops: Vec<Drops>,
    /// Lines by which AWS says that it skipped records: each may hide many flows.
    pub(crate) skipped_lines: u64,
    pub(crate) bad_lines: u64,
}

/// Flow-log files of the days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Files {
    pub(crate) all: u64,
    /// Could not be read to their end.
    pub(crate) broken: u64,
    /// Were not begun, because there was no time left.
    pub(crate) left: u64,
}

/// Flows that would break, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Broken {
    pub(crate) source: String,
    /// Who has the address now; absent where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) interface: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subnet: Option<String>,
    /// The service, or which it may be.
    pub(crate) service: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    #[serde(flatten)]
    pub(crate) sum: Sum,
    pub(crate) why: String,
}

/// What is not listed one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct More {
    pub(crate) entries: u64,
    #[serde(flatten)]
    pub(crate) sum: Sum,
}

/// Flows of which it is not known what happens to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unknown {
    pub(crate) reason: String,
    #[serde(flatten)]
    pub(crate) sum: Sum,
}

/// The hour in which most would see a connection drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Drops {
    pub(crate) service: String,
    /// `2026-10-13T14`, UTC.
    pub(crate) hour: String,
    pub(crate) flows: u64,
    pub(crate) sources: u64,
}

impl Replay {
    /// What was found, if anything was replayed.
    pub(crate) fn report(&self) -> Option<&Report> {
        match self {
            Self::NotApplicable(_) | Self::NotDone(_) | Self::Unread(_) | Self::Calls(_) => None,
            Self::Done(report) => Some(report),
        }
    }
}

impl Report {
    /// All flows that would break, listed or not.
    pub(crate) fn broken(&self) -> Sum {
        let listed = self.would_break.iter().map(|broken| broken.sum);
        listed.chain([self.would_break_more.sum]).sum()
    }

    /// All flows of which it is not known.
    pub(crate) fn doubtful(&self) -> Sum {
        self.unknown.iter().map(|unknown| unknown.sum).sum()
    }
}
