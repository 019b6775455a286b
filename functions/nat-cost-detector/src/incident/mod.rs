//! An incident's life: opened with a frozen baseline, quiet while similar, updated when it grows, resolved when over.
//!
//! Every message is written into the incident before it is sent and struck out afterwards. So an alert that SNS did
//! not take is sent by the next run, and a crash between sending and striking out sends the same finding once more
//! (same incident, state and day): subscribers see it at least once and can tell a repeat. A day is judged once.

pub mod night;
pub mod saving;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollkeeper::finding::{Finding, Severity, State};
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::detect::{Gates, Range, Verdict};

/// Name and version of the item's shape.
pub const SCHEMA: &str = "incident/v1";

/// Growth over what was last told that is worth telling, in tenths.
const GROWTH_TENTHS: u128 = 15;

/// What one incident keeps in the Ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// `<account>/<region>/<series>/<day it opened>`.
    pub incident_id: String,
    /// Usage-type suffix.
    pub series: String,
    /// First day out of the ordinary.
    pub opened: Day,
    /// Day it was resolved on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Day>,
    /// Last day judged.
    pub last_day: Day,
    /// What was usual before it opened.
    pub baseline: Baseline,
    /// Largest daily volume since it opened, bytes.
    pub peak_bytes: u64,
    /// What was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// A finding about to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Finding>,
}

/// The counterfactual, frozen when the incident opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Usual range of each weekday, Monday first.
    pub weekdays: [Range; 7],
    /// NAT gateways that existed.
    pub nat_gateway_ids: Vec<String>,
    /// Days of history it rests on.
    pub history_days: u64,
    /// The volume that moved: the first day's excess, bytes.
    pub excess_bytes: u64,
}

/// What subscribers know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// In which state.
    pub state: State,
    /// About which day.
    pub day: Day,
    /// With which excess, bytes.
    pub excess_bytes: u64,
    /// How severe.
    pub severity: Severity,
}

/// What a day means for the series' incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The day, or a later one, was judged before.
    AlreadyJudged,
    /// Nothing out of the ordinary.
    Quiet,
    /// A new incident begins.
    Opens,
    /// The open incident grew by half or more.
    Grows,
    /// The open incident goes on, nothing new.
    GoesOn,
    /// The second day in a row within the frozen range.
    Resolves,
}

/// What the decision rests on, besides the incident.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// Day under analysis.
    pub day: Day,
    /// Verdict on it by the history without incident days.
    pub verdict: &'a Verdict,
    /// Volumes by day, the one under analysis included.
    pub volumes: &'a BTreeMap<Day, u64>,
    /// What matters.
    pub gates: Gates,
    /// List prices.
    pub prices: &'static RegionPrices,
}

/// Decides what a day means, given the series' latest incident.
pub fn decide(latest: Option<&Incident>, evidence: Evidence<'_>) -> Turn {
    let opens = if evidence.verdict.anomalous {
        Turn::Opens
    } else {
        Turn::Quiet
    };
    let Some(incident) = latest else { return opens };
    if incident.last_day >= evidence.day {
        return Turn::AlreadyJudged;
    }
    if incident.resolved.is_some() {
        return opens;
    }
    let is_over = |day: Day| {
        day > incident.opened
            && evidence.volumes.get(&day).is_some_and(|bytes| {
                let range = incident.baseline.of(day);
                !range.is_exceeded(*bytes, evidence.gates, evidence.prices)
            })
    };
    if is_over(evidence.day) {
        return if is_over(evidence.day.plus(-1)) {
            Turn::Resolves
        } else {
            Turn::GoesOn
        };
    }
    let observed = evidence.volumes.get(&evidence.day).copied().unwrap_or(0);
    let excess = observed.saturating_sub(incident.baseline.of(evidence.day).expected);
    let told = incident.told.as_ref().map_or(0, |told| told.excess_bytes);
    if u128::from(excess) * 10 >= u128::from(told) * GROWTH_TENTHS {
        Turn::Grows
    } else {
        Turn::GoesOn
    }
}

impl Turn {
    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyJudged => "already_judged",
            Self::Quiet => "quiet",
            Self::Opens => "opens",
            Self::Grows => "grows",
            Self::GoesOn => "goes_on",
            Self::Resolves => "resolves",
        }
    }
}

impl Baseline {
    /// Usual range of a day.
    pub fn of(&self, day: Day) -> Range {
        self.weekdays[usize::from(day.weekday())]
    }
}

impl Incident {
    /// A new incident.
    pub fn open(
        incident_id: String,
        series: &str,
        day: Day,
        observed: u64,
        baseline: Baseline,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            incident_id,
            series: series.to_owned(),
            opened: day,
            resolved: None,
            last_day: day,
            baseline,
            peak_bytes: observed,
            told: None,
            pending: None,
        }
    }

    /// The incident after a day, with the finding that is to be sent, if any.
    #[must_use]
    pub fn after(mut self, day: Day, observed: u64, turn: Turn, finding: Option<Finding>) -> Self {
        self.last_day = self.last_day.max(day);
        self.peak_bytes = self.peak_bytes.max(observed);
        if turn == Turn::Resolves {
            self.resolved = Some(day);
        }
        self.pending = finding;
        self
    }

    /// The incident once its pending finding was sent.
    #[must_use]
    pub fn told(mut self) -> Self {
        if let Some(finding) = self.pending.take() {
            self.told = Some(Told {
                state: finding.state,
                day: finding.day,
                excess_bytes: finding.excess.bytes,
                severity: finding.severity,
            });
        }
        self
    }

    /// Whether a day belongs to the incident, so that it says nothing about what is usual.
    pub fn covers(&self, day: Day) -> bool {
        // The two quiet days that resolved it are usual again.
        self.opened <= day && self.resolved.is_none_or(|resolved| day < resolved.plus(-1))
    }
}

#[cfg(test)]
mod tests;
