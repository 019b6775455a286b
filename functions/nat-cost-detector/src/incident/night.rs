//! What a night's run answers, and what of it the Ledger keeps.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollkeeper::finding::{Confidence, Finding, State};
use tollkeeper::money::{Money, cents};
use tollkeeper::time::Day;

use crate::detect::Verdict;
use crate::incident::Turn;
use crate::measure::bill::PAGE_PRICE;
use crate::measure::usage_type::{Unit, UsageType};
use crate::tell::compose::Subject;

/// Name and version of the shapes.
pub const SCHEMA: &str = "night/v2";

/// One series on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesVerdict {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Usage-type suffix.
    pub series: String,
    /// Day under analysis: the night's, or an earlier one that was caught up.
    pub day: Day,
    /// What the quantities count: `bytes` or `hours`.
    pub unit: String,
    /// What the day meant: `quiet`, `opens`, `grows`, `goes_on`, `accepts`, `resolves`, `already_judged`; `unknown`
    /// where the day has no figure.
    pub turn: String,
    /// Whether the day is out of the ordinary.
    pub anomalous: bool,
    /// The figure may still rise: the following nights judge the day again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
    /// Its quantity; absent where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<u64>,
    /// What was most likely.
    pub expected: u64,
    /// Above 1 is significant.
    pub score: String,
    /// How sure the verdict is.
    pub confidence: Confidence,
    /// Why, in words.
    pub reason: String,
    /// The incident that the day belongs to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
}

impl SeriesVerdict {
    /// A series' day, before its incidents were asked.
    pub fn new(
        subject: &Subject,
        usage_type: UsageType,
        observed: Option<u64>,
        verdict: &Verdict,
    ) -> Self {
        Self {
            account: subject.account.clone(),
            region: subject.region.clone(),
            series: subject.series.clone(),
            day: subject.day,
            unit: match usage_type.unit() {
                Unit::Bytes => "bytes",
                Unit::Hours | Unit::GbpsHours => "hours",
            }
            .to_owned(),
            turn: "unknown".to_owned(),
            anomalous: verdict.anomalous,
            provisional: false,
            observed,
            expected: verdict.range.expected,
            score: verdict.score.to_string(),
            confidence: verdict.confidence,
            reason: verdict.reason.clone(),
            incident_id: None,
        }
    }
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

impl Told {
    /// What a finding told.
    pub fn of(finding: &Finding) -> Self {
        Self {
            incident_id: finding.incident_id.clone(),
            state: finding.state,
            day: finding.day,
        }
    }
}

/// A place's day, as the Ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceNight {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Day under analysis.
    pub day: Day,
    /// Every series that was judged.
    pub series: Vec<SeriesVerdict>,
    /// What was told.
    pub told: Vec<Told>,
}

impl PlaceNight {
    /// A place's day.
    pub fn new(day: Day, series: Vec<SeriesVerdict>, findings: &[Finding]) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            day,
            series,
            told: findings.iter().map(Told::of).collect(),
        }
    }

    /// Whether every series had its final say.
    pub fn is_settled(&self) -> bool {
        self.series
            .iter()
            .all(|verdict| verdict.observed.is_some() && !verdict.provisional)
    }
}

/// Days that a night looks back for what earlier ones could not judge.
pub const CATCH_UP_DAYS: i64 = 7;

/// The days a night judges, oldest first: its own, and those of the last week that no night settled. A place that no
/// night of that week knows is new: its past is not judged. Re-judging is harmless: an incident takes a day once.
pub fn days_to_judge(day: Day, nights: &BTreeMap<Day, PlaceNight>) -> Vec<Day> {
    let first = nights
        .range(day.plus(-CATCH_UP_DAYS)..day)
        .next()
        .map_or(day, |(first, _)| *first);
    (0..=day.days_since(first))
        .map(|offset| first.plus(offset))
        .filter(|past| *past == day || !nights.get(past).is_some_and(PlaceNight::is_settled))
        .collect()
}

/// A place that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedPlace {
    /// Account; the role's where it could not be assumed.
    pub account: String,
    /// Region; absent where the whole account failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Stable name of the failure.
    pub error_type: String,
    /// What failed.
    pub error: String,
}

/// What Cost Explorer was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PagesAsked {
    /// Pages asked for.
    pub pages: u32,
    /// The most that may be asked for.
    pub max_pages: u32,
    /// What they cost.
    pub cost: Money,
}

impl PagesAsked {
    /// Pages and their price.
    pub fn new(pages: u32, max_pages: u32) -> Self {
        let cost = Money::usd(cents(Decimal::from(pages) * PAGE_PRICE));
        Self {
            pages,
            max_pages,
            cost,
        }
    }
}

/// The answer: every series' verdict, what failed, and the findings that were told in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NightReply {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Day under analysis.
    pub day: Day,
    /// The most notable turn of all series.
    pub turn: String,
    /// Why, in words, of that series.
    pub reason: String,
    /// Every series of every place.
    pub series: Vec<SeriesVerdict>,
    /// Accounts and regions that could not be judged; the next night judges their day too.
    pub failed: Vec<FailedPlace>,
    /// What Cost Explorer was asked.
    pub cost_explorer: PagesAsked,
    /// What was told.
    pub told: Vec<Told>,
    /// What subscribers got.
    pub findings: Vec<Finding>,
}

impl NightReply {
    /// Puts the answer together.
    pub fn new(
        day: Day,
        series: Vec<SeriesVerdict>,
        failed: Vec<FailedPlace>,
        cost_explorer: PagesAsked,
        findings: Vec<Finding>,
    ) -> Self {
        let (turn, reason) = series
            .iter()
            .filter(|verdict| verdict.day == day)
            // The first of the most notable.
            .min_by_key(|verdict| rank(&verdict.turn))
            .map(|verdict| (verdict.turn.clone(), verdict.reason.clone()))
            .unwrap_or_default();
        Self {
            schema: SCHEMA.to_owned(),
            day,
            turn,
            reason,
            told: findings.iter().map(Told::of).collect(),
            series,
            failed,
            cost_explorer,
            findings,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        // String keys and finite figures only: always JSON.
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn rank(turn: &str) -> usize {
    let order = [
        Turn::Opens,
        Turn::Grows,
        Turn::Resolves,
        Turn::Accepts,
        Turn::GoesOn,
        Turn::Quiet,
        Turn::AlreadyJudged,
    ];
    order
        .iter()
        .position(|known| known.as_str() == turn)
        .unwrap_or(order.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Range;

    #[test]
    fn a_night_judges_its_day_and_what_earlier_nights_of_the_week_left_open() {
        let day: Day = "2026-10-13".parse().unwrap();
        let night = |back: i64, provisional| {
            let subject = Subject {
                account: "1".to_owned(),
                region: "us-east-1".to_owned(),
                series: "NatGateway-Bytes".to_owned(),
                day: day.plus(-back),
            };
            let verdict = Verdict {
                anomalous: false,
                score: Decimal::ZERO,
                weekdays: [Range::default(); 7],
                range: Range::default(),
                confidence: Confidence::High,
                reason: String::new(),
                history_days: 0,
            };
            let series = SeriesVerdict {
                provisional,
                ..SeriesVerdict::new(&subject, UsageType::NatBytes, Some(1), &verdict)
            };
            (subject.day, PlaceNight::new(subject.day, vec![series], &[]))
        };
        let judged = |nights: &[(i64, bool)]| -> Vec<i64> {
            let nights = nights
                .iter()
                .map(|(back, provisional)| night(*back, *provisional))
                .collect();
            days_to_judge(day, &nights)
                .iter()
                .map(|past| day.days_since(*past))
                .collect()
        };
        assert_eq!(judged(&[]), [0], "a new place");
        assert_eq!(judged(&[(1, false)]), [0]);
        assert_eq!(
            judged(&[(4, false), (1, false)]),
            [3, 2, 0],
            "two nights failed"
        );
        assert_eq!(
            judged(&[(2, false), (1, true)]),
            [1, 0],
            "a figure was not final"
        );
        assert_eq!(judged(&[(9, false)]), [0], "more than a week ago");
        assert_eq!(judged(&[(1, false), (0, false)]), [0], "a night run again");
    }

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
        let subject = Subject {
            account: finding.account.clone(),
            region: finding.region.clone(),
            series: finding.series.clone(),
            day: finding.day,
        };
        let bytes = SeriesVerdict {
            turn: Turn::Opens.as_str().to_owned(),
            incident_id: Some(finding.incident_id.clone()),
            ..SeriesVerdict::new(
                &subject,
                UsageType::NatBytes,
                Some(finding.observed.bytes),
                &verdict,
            )
        };
        let usual = Verdict {
            anomalous: false,
            score: Decimal::ZERO,
            range: Range {
                low: 48,
                expected: 48,
                high: 48,
            },
            reason: "2 gateways (48 gateway-hours) on 2026-10-13".to_owned(),
            ..verdict
        };
        let subject = Subject {
            series: UsageType::NatHours.suffix().to_owned(),
            ..subject
        };
        let hours = SeriesVerdict {
            turn: Turn::Quiet.as_str().to_owned(),
            ..SeriesVerdict::new(&subject, UsageType::NatHours, Some(48), &usual)
        };
        let failed = FailedPlace {
            account: "210987654321".to_owned(),
            region: Some("eu-west-1".to_owned()),
            error_type: "Aws.CallFailed".to_owned(),
            error: "sts:GetCallerIdentity failed (AccessDenied): not allowed".to_owned(),
        };
        let reply = NightReply::new(
            finding.day,
            vec![hours, bytes],
            vec![failed],
            PagesAsked::new(1, 20),
            vec![finding.clone()],
        );
        let mut reply = reply.to_json();
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
