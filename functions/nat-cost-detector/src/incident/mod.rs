//! An incident's life: opened with a frozen baseline, quiet while similar, updated when it grows, resolved when over,
//! and accepted as the new level where it lasts.
//!
//! What is told and how often is decided here; `keep` sees to it that it is told once. A day is judged once. An accepted
//! incident no longer stands out, but is watched on: when its remedy comes late, the saving is still measured against the
//! baseline it froze.

pub mod gateways;
pub mod judge;
pub mod keep;
pub mod night;
pub mod run;
pub mod saving;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollkeeper::finding::{Finding, Severity, State};
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::detect::{Gates, Range, Reported, Verdict};
use crate::measure::usage_type::UsageType;

/// Name and version of the item's shape.
pub const SCHEMA: &str = "incident/v1";

/// Growth over what was last told that is worth telling, in tenths.
const GROWTH_TENTHS: u128 = 15;
/// Days that an excess lasts before it counts as the new level: two of every weekday to know it by.
const LASTING_DAYS: i64 = 14;
/// Days without news before that.
const STEADY_DAYS: i64 = 7;
/// Days that an accepted incident is still watched for its remedy.
const WATCHED_DAYS: i64 = 90;

/// What one incident keeps in the Ledger. Quantities are in the series' unit: bytes, or hours of gateways.
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
    /// Day its level was accepted as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Day>,
    /// Day it was resolved on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Day>,
    /// Last day judged.
    pub last_day: Day,
    /// What was usual before it opened.
    pub baseline: Baseline,
    /// Largest daily quantity since it opened.
    #[serde(alias = "peak_bytes")]
    pub peak: u64,
    /// What was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// A message about to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
}

/// The counterfactual, frozen when the incident opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Usual range of each weekday, Monday first.
    pub weekdays: [Range; 7],
    /// Days of history it rests on.
    pub history_days: u64,
    /// What moved: the first day's excess.
    #[serde(alias = "excess_bytes")]
    pub excess: u64,
}

/// What subscribers know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// In which state.
    pub state: State,
    /// About which day.
    pub day: Day,
    /// With which excess.
    #[serde(alias = "excess_bytes")]
    pub excess: u64,
    /// How severe.
    pub severity: Severity,
}

/// A message that is written down before it is sent, and struck out afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// What is to be told.
    pub finding: Finding,
    /// Its excess in the series' unit.
    pub excess: u64,
    /// Who is sending it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
}

/// A run's right to send a message, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The run.
    pub run: String,
    /// When the right ends: whoever has it is dead by then.
    pub until: Timestamp,
}

/// What a day means for an incident, or for a series without one.
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
    /// The open incident has lasted: its level is usual from now on.
    Accepts,
    /// The second day in a row within the frozen range.
    Resolves,
}

/// What the decision rests on, besides the incidents.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The series.
    pub usage_type: UsageType,
    /// Day under analysis.
    pub day: Day,
    /// Verdict on it by the usual days, see [`usual`].
    pub verdict: &'a Verdict,
    /// Quantities by day, the one under analysis included.
    pub volumes: &'a BTreeMap<Day, u64>,
    /// What matters.
    pub gates: Gates,
    /// List prices.
    pub prices: &'static RegionPrices,
}

/// A turn of one incident: an index into the series' incidents, or none for one that opens (or for no incident).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Which incident.
    pub incident: Option<usize>,
    /// What happens to it.
    pub turn: Turn,
}

/// Decides what a day means, given the series' incidents, oldest first. The first move is the day's own; others are the
/// late ends of accepted incidents.
pub fn decide(incidents: &[Incident], evidence: Evidence<'_>) -> Vec<Move> {
    let active = incidents
        .iter()
        .rposition(|incident| incident.resolved.is_none() && incident.accepted.is_none());
    let judged = incidents
        .iter()
        .any(|incident| incident.last_day >= evidence.day && incident.accepted.is_none());
    let first = match active {
        Some(index) => Move {
            incident: active,
            turn: evidence.turn_of(&incidents[index]),
        },
        None if judged => Move {
            incident: None,
            turn: Turn::AlreadyJudged,
        },
        None if evidence.verdict.anomalous => Move {
            incident: None,
            turn: Turn::Opens,
        },
        None => Move {
            incident: None,
            turn: Turn::Quiet,
        },
    };
    let late = incidents
        .iter()
        .enumerate()
        .filter_map(|(index, incident)| {
            let watched = incident.accepted.is_some_and(|accepted| {
                incident.resolved.is_none()
                    && evidence.day > accepted
                    && evidence.day.days_since(accepted) <= WATCHED_DAYS
            });
            let ends =
                watched && incident.last_day < evidence.day && evidence.is_over_for_good(incident);
            ends.then_some(Move {
                incident: Some(index),
                turn: Turn::Resolves,
            })
        });
    std::iter::once(first).chain(late).collect()
}

/// The days of the level that is usual: from an accepted incident on only its own.
pub fn at_this_level(volumes: &BTreeMap<Day, u64>, incidents: &[Incident]) -> BTreeMap<Day, u64> {
    let accepted = incidents
        .iter()
        .filter(|incident| incident.accepted.is_some() && incident.resolved.is_none());
    match accepted.map(|incident| incident.opened).max() {
        Some(start) => volumes.range(start..).map(|(d, q)| (*d, *q)).collect(),
        None => volumes.clone(),
    }
}

/// The days that say what is usual: without those of incidents, and from an accepted incident on only its new level.
pub fn usual(volumes: &BTreeMap<Day, u64>, incidents: &[Incident]) -> BTreeMap<Day, u64> {
    at_this_level(volumes, incidents)
        .iter()
        .filter(|(day, _)| !incidents.iter().any(|incident| incident.covers(**day)))
        .map(|(day, quantity)| (*day, *quantity))
        .collect()
}

impl Evidence<'_> {
    /// Whether a quantity is above a range by so much that it matters.
    fn exceeds(&self, range: Range, quantity: u64) -> bool {
        let price = |excess| self.usage_type.price(excess, self.prices);
        range.is_exceeded(quantity, self.gates, |excess| {
            price(excess).unwrap_or_default()
        })
    }

    /// Whether a day is known, after the opening, and within the frozen range.
    fn is_over(&self, incident: &Incident, day: Day) -> bool {
        day > incident.opened
            && self
                .volumes
                .get(&day)
                .is_some_and(|quantity| !self.exceeds(incident.baseline.of(day), *quantity))
    }

    fn is_over_for_good(&self, incident: &Incident) -> bool {
        self.is_over(incident, self.day) && self.is_over(incident, self.day.plus(-1))
    }

    fn turn_of(&self, incident: &Incident) -> Turn {
        if incident.last_day >= self.day {
            return Turn::AlreadyJudged;
        }
        if self.is_over(incident, self.day) {
            return if self.is_over_for_good(incident) {
                Turn::Resolves
            } else {
                Turn::GoesOn
            };
        }
        let observed = self.volumes.get(&self.day).copied().unwrap_or(0);
        let excess = observed.saturating_sub(incident.baseline.of(self.day).expected);
        let told = incident.told.as_ref().map_or(0, |told| told.excess);
        if u128::from(excess) * 10 >= u128::from(told) * GROWTH_TENTHS {
            Turn::Grows
        } else if self.has_lasted(incident) {
            Turn::Accepts
        } else {
            Turn::GoesOn
        }
    }

    /// Two weeks old, a week without news, and not over on any day of that week (days nobody knows say nothing).
    fn has_lasted(&self, incident: &Incident) -> bool {
        let told = incident
            .told
            .as_ref()
            .map_or(incident.opened, |told| told.day);
        let week = (0..STEADY_DAYS).map(|back| self.day.plus(-back));
        let known = week
            .clone()
            .filter(|day| self.volumes.contains_key(day))
            .count();
        self.day.days_since(incident.opened) >= LASTING_DAYS
            && self.day.days_since(told) >= STEADY_DAYS
            && known * 7 >= usize::try_from(STEADY_DAYS * 5).unwrap_or(0)
            && week.into_iter().all(|day| !self.is_over(incident, day))
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
            Self::Accepts => "accepts",
            Self::Resolves => "resolves",
        }
    }

    /// The state in which it is told; `None` where it is not.
    pub fn told_as(self) -> Option<State> {
        match self {
            Self::Opens => Some(State::Opened),
            Self::Grows => Some(State::Updated),
            Self::Accepts => Some(State::Accepted),
            Self::Resolves => Some(State::Resolved),
            Self::AlreadyJudged | Self::Quiet | Self::GoesOn => None,
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
            accepted: None,
            resolved: None,
            last_day: day,
            baseline,
            peak: observed,
            told: None,
            pending: None,
        }
    }

    /// The incident after a day, with the message that is to be sent, if any.
    #[must_use]
    pub fn after(mut self, day: Day, observed: u64, turn: Turn, message: Option<Pending>) -> Self {
        self.last_day = self.last_day.max(day);
        self.peak = self.peak.max(observed);
        match turn {
            Turn::Resolves => self.resolved = Some(day),
            Turn::Accepts => self.accepted = Some(day),
            _ => {}
        }
        self.pending = message;
        self
    }

    /// The incident once its message was sent.
    #[must_use]
    pub fn told(mut self) -> Self {
        if let Some(pending) = self.pending.take() {
            self.told = Some(Told {
                state: pending.finding.state,
                day: pending.finding.day,
                excess: pending.excess,
                severity: pending.finding.severity,
            });
        }
        self
    }

    /// The incident with a run's right to send its message, or with nobody's.
    #[must_use]
    pub fn claimed(mut self, claim: Option<Claim>) -> Self {
        if let Some(pending) = &mut self.pending {
            pending.claim = claim;
        }
        self
    }

    /// The days that people know of, and that say nothing about what is usual; those of an accepted one do.
    pub fn reported(&self) -> Option<Reported> {
        let is_usual = self.resolved.is_none() && self.accepted.is_some();
        (!is_usual).then(|| Reported {
            from: self.opened,
            // The two quiet days that resolved it are usual again.
            until: self.resolved.map(|resolved| resolved.plus(-1)),
        })
    }

    /// Whether a day belongs to the incident, so that it says nothing about what is usual. Those of an accepted one are
    /// what is usual, until it is over.
    pub fn covers(&self, day: Day) -> bool {
        match (self.resolved, self.accepted) {
            // The two quiet days that resolved it are usual again.
            (Some(resolved), _) => self.opened <= day && day < resolved.plus(-1),
            (None, Some(_)) => false,
            (None, None) => self.opened <= day,
        }
    }
}

#[cfg(test)]
mod tests;
