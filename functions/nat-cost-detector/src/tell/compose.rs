//! Puts a finding together from what was measured, decided, explained and advised.

use rust_decimal::Decimal;
use tollkeeper::finding::{
    Advice, DataQuality, Expected, Finding, RealisedSaving, SCHEMA, Severity, State,
};
use tollkeeper::money::{Money, cents};
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::detect::{Range, Verdict};
use crate::explain::causes::{Explanation, volume};

/// Days that a projected month has.
const PROJECTED_DAYS: u32 = 30;

/// Whose day a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Account that pays.
    pub account: String,
    /// Region.
    pub region: String,
    /// Usage-type suffix.
    pub series: String,
    /// Day under analysis.
    pub day: Day,
}

impl Subject {
    /// Id of an incident that opened on a day.
    pub fn incident_id(&self, opened: Day) -> String {
        format!("{}/{}/{}/{opened}", self.account, self.region, self.series)
    }
}

/// What was decided about the day.
#[derive(Clone, Copy)]
pub struct Decision<'a> {
    /// Where the incident stands.
    pub state: State,
    /// Its id.
    pub incident_id: &'a str,
    /// Volume of the day, bytes.
    pub observed: u64,
    /// What it is compared with: the verdict's range, or the frozen one.
    pub range: Range,
    /// Score, confidence and reason.
    pub verdict: &'a Verdict,
}

/// A finding about a day that is out of the ordinary (or, in `explain` and `audit`, about any day).
pub fn finding(
    subject: &Subject,
    decision: Decision<'_>,
    explanation: Explanation,
    advice: Vec<Advice>,
    quality: DataQuality,
    prices: &RegionPrices,
) -> Finding {
    let excess = volume(
        decision.observed.saturating_sub(decision.range.expected),
        prices,
    );
    let month = cents(excess.cost.amount * Decimal::from(PROJECTED_DAYS));
    Finding {
        schema: SCHEMA.to_owned(),
        incident_id: decision.incident_id.to_owned(),
        state: decision.state,
        account: subject.account.clone(),
        region: subject.region.clone(),
        day: subject.day,
        series: subject.series.clone(),
        observed: volume(decision.observed, prices),
        expected: Expected {
            low_bytes: decision.range.low,
            bytes: decision.range.expected,
            high_bytes: decision.range.high,
            cost: volume(decision.range.expected, prices).cost,
        },
        excess,
        severity: Severity::of_projected_month(month),
        confidence: decision.verdict.confidence,
        score: decision.verdict.score,
        reason: decision.verdict.reason.clone(),
        projected_month: Money::usd(month),
        causes: explanation.causes,
        further_causes: explanation.further,
        unexplained: explanation.unexplained,
        gateways: None,
        advice,
        data_quality: quality,
        saving: None,
    }
}

/// The finding that ends an incident: nothing is in excess any more, and the saving is stated. It keeps the severity
/// that was told, so that whoever got the alarm gets the all-clear.
pub fn resolved(
    subject: &Subject,
    decision: Decision<'_>,
    severity: Severity,
    saving: RealisedSaving,
    quality: DataQuality,
    prices: &RegionPrices,
) -> Finding {
    let nothing = crate::explain::causes::unexplained(0, prices);
    let mut finding = finding(subject, decision, nothing, Vec::new(), quality, prices);
    finding.excess = volume(0, prices);
    finding.projected_month = Money::usd(cents(Decimal::ZERO));
    finding.severity = severity;
    "Two days in a row within the range that was usual before the incident"
        .clone_into(&mut finding.reason);
    finding.saving = Some(saving);
    finding
}
