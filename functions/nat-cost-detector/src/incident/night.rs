//! What a night's run answers, and what of it the Ledger keeps.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollkeeper::finding::{Finding, State};
use tollkeeper::time::Day;

use crate::detect::Verdict;
use crate::incident::Turn;

/// Name and version of the item's shape.
pub const SCHEMA: &str = "night/v1";

/// A night, as the Ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NightReport {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Day under analysis.
    pub day: Day,
    /// What the day meant: `quiet`, `opens`, `grows`, `goes_on`, `resolves`, `already_judged`.
    pub turn: String,
    /// Whether the day is out of the ordinary.
    pub anomalous: bool,
    /// Its volume.
    pub observed_bytes: u64,
    /// What was most likely.
    pub expected_bytes: u64,
    /// Above 1 is significant.
    pub score: String,
    /// Why, in words.
    pub reason: String,
    /// The incident that the day belongs to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
    /// What was told in this run.
    pub told: Vec<Told>,
}

/// One message that left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// About which incident.
    pub incident_id: String,
    /// In which state.
    pub state: State,
    /// About which day (an earlier one where a message had stayed behind).
    pub day: Day,
}

/// The answer: the night, and the findings that were told in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NightReply {
    /// The night.
    #[serde(flatten)]
    pub night: NightReport,
    /// What subscribers got.
    pub findings: Vec<Finding>,
}

impl NightReport {
    /// A night on which nothing was told.
    pub fn new(
        day: Day,
        observed: u64,
        verdict: &Verdict,
        turn: Turn,
        incident_id: Option<String>,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            day,
            turn: turn.as_str().to_owned(),
            anomalous: verdict.anomalous,
            observed_bytes: observed,
            expected_bytes: verdict.range.expected,
            score: verdict.score.to_string(),
            reason: verdict.reason.clone(),
            incident_id,
            told: Vec::new(),
        }
    }

    /// The night with what was told.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<Finding>) -> NightReply {
        self.told = findings
            .iter()
            .map(|finding| Told {
                incident_id: finding.incident_id.clone(),
                state: finding.state,
                day: finding.day,
            })
            .collect();
        NightReply {
            night: self,
            findings,
        }
    }
}

impl NightReply {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        // String keys and finite figures only: always JSON.
        serde_json::to_value(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Range;
    use rust_decimal::Decimal;
    use tollkeeper::finding::Confidence;

    #[test]
    fn the_answer_to_the_schedule_is_the_golden_one() {
        let finding: Finding = serde_json::from_str(include_str!(
            "../../../../events/contracts/finding-opened.json"
        ))
        .unwrap();
        let range = Range {
            low: finding.expected.low_bytes,
            expected: finding.expected.bytes,
            high: finding.expected.high_bytes,
        };
        let verdict = Verdict {
            anomalous: true,
            score: Decimal::new(1793, 2),
            weekdays: [range; 7],
            range,
            confidence: Confidence::High,
            reason: "36.5 times the usual Tuesday".to_owned(),
            history_days: 70,
        };
        let id = Some(finding.incident_id.clone());
        let night = NightReport::new(
            finding.day,
            finding.observed.bytes,
            &verdict,
            Turn::Opens,
            id,
        );
        let mut reply = night.with_findings(vec![finding.clone()]).to_json();
        assert_eq!(
            reply["findings"][0],
            serde_json::to_value(&finding).unwrap()
        );
        reply.as_object_mut().unwrap().remove("findings");
        let golden = include_str!(
            "../../../../events/nat-cost-detector/scheduler-runs-the-night.reply.json"
        );
        assert_eq!(
            reply,
            serde_json::from_str::<Value>(golden).unwrap(),
            "now:\n{reply:#}"
        );
    }
}
