//! What `explain` and `audit` answer: as JSON, and as a report for a terminal.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use tollkeeper::finding::{Advice, Direction, Finding, Source, Volume};
use tollkeeper::money::{Money, cents};
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::advise::{far_end, in_order, total_monthly_saving};
use crate::explain::attribute::Flows;
use crate::explain::causes::volume;
use crate::tell::cause_table;
use crate::tell::message;
use crate::tell::standing::StandingReport;
use crate::tell::text::{columns, human_bytes};

/// Flows in a report, largest first.
const TALKERS: usize = 20;

/// One day, explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DayReport {
    /// Whether the day is out of the ordinary.
    pub anomalous: bool,
    /// The day as a finding (state `opened`, though nothing was opened).
    pub finding: Finding,
    /// Who used the gateways, largest first, whether usual or not.
    pub traffic: Vec<Talker>,
}

/// One flow of the day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Talker {
    /// NAT gateway.
    pub nat_gateway_id: String,
    /// Who is behind it.
    pub source: Source,
    /// Far end's service.
    pub service: String,
    /// Far end's region; empty where unknown.
    pub service_region: String,
    /// Seen from the source.
    pub direction: Direction,
    /// Bytes of the day and their price.
    pub processed: Volume,
    /// `true` where the source was concluded.
    pub inferred: bool,
    /// How it was found.
    pub why: String,
}

/// Thirty days, priced.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditReport {
    /// Account that pays.
    pub account: String,
    /// Region of the NAT gateways.
    pub region: String,
    /// First of the thirty days.
    pub from: Day,
    /// Last of the thirty days.
    pub to: Day,
    /// What was paid; absent where the bill could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<MonthCost>,
    /// NAT gateways that exist now, and what their hours alone cost a month at list price.
    pub existing: ExistingGateways,
    /// Bytes of each gateway in those days, by CloudWatch at list price.
    pub gateways: Vec<GatewayCost>,
    /// Each of the thirty days that the bill or CloudWatch knows.
    pub days: Vec<DayFigure>,
    /// Days out of the ordinary.
    pub unusual_days: Vec<UnusualDay>,
    /// The network as it stands.
    pub standing: StandingReport,
    /// What was not there to be read, in sentences.
    pub missing: Vec<String>,
    /// The last day, explained; absent where neither the bill nor CloudWatch knows it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub report: Option<DayReport>,
}

/// The gateways as EC2 shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExistingGateways {
    /// `nat-...`.
    pub nat_gateway_ids: Vec<String>,
    /// Their hours of a month, whether used or not.
    pub hours_a_month: Money,
}

impl ExistingGateways {
    /// In a sentence; `None` without any.
    pub fn in_a_sentence(&self) -> Option<String> {
        let ids = &self.nat_gateway_ids;
        (!ids.is_empty()).then(|| {
            format!(
                "{} NAT gateway(s) exist now ({}): their hours alone cost {} a month at list price",
                ids.len(),
                ids.join(", "),
                self.hours_a_month
            )
        })
    }
}

/// One day's volume against what was usual before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DayFigure {
    /// The day.
    pub day: Day,
    /// Bytes (bill, or CloudWatch) and list price.
    pub processed: Volume,
    /// What was usual; absent while there is no history to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usual: Option<Usual>,
    /// Whether it is out of the ordinary.
    pub anomalous: bool,
    /// Whether the bill may still change.
    pub estimated: bool,
}

/// The usual range of a day at list price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usual {
    /// Lower end.
    pub low: Money,
    /// Upper end.
    pub high: Money,
}

/// What the bill says was paid in thirty days, unblended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonthCost {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Bytes through NAT gateways.
    pub nat_bytes: Money,
    /// Their hours.
    pub nat_hours: Money,
    /// Interface endpoints, hours and bytes.
    pub interface_endpoints: Money,
}

/// One gateway's thirty days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayCost {
    /// `nat-…`.
    pub nat_gateway_id: String,
    /// Bytes and list price.
    pub processed: Volume,
}

/// A day out of the ordinary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnusualDay {
    /// The day.
    pub day: Day,
    /// What was too much.
    pub excess: Volume,
    /// Why, in words.
    pub reason: String,
}

impl MonthCost {
    /// What was paid, largest first.
    fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = [
            (&self.nat_bytes, "NAT gateways, bytes processed (billed)"),
            (&self.nat_hours, "NAT gateways, hours (billed)"),
            (
                &self.interface_endpoints,
                "interface endpoints, hours and bytes (billed)",
            ),
        ];
        rows.sort_by_key(|(money, _)| std::cmp::Reverse(money.amount));
        rows.map(|(money, what)| vec![money.to_string(), what.to_owned()])
            .to_vec()
    }
}

impl DayReport {
    /// The largest flows of a day.
    pub fn talkers(flows: &Flows, prices: &RegionPrices) -> Vec<Talker> {
        let mut talkers: Vec<Talker> = flows
            .iter()
            .map(|(flow, figures)| Talker {
                nat_gateway_id: flow.nat_gateway_id.clone(),
                source: flow.source.clone(),
                service: flow.service.clone(),
                service_region: flow.service_region.clone(),
                direction: flow.direction,
                processed: volume(figures.bytes, prices),
                inferred: flow.is_inferred(),
                why: flow.why(figures.certainty),
            })
            .collect();
        talkers.sort_by_key(|talker| std::cmp::Reverse(talker.processed.bytes));
        talkers.truncate(TALKERS);
        talkers
    }

    /// For a report that has more advice than the day's, and one list of all of it.
    fn without_advice(&self) -> Self {
        let mut report = self.clone();
        report.finding.advice.clear();
        report
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        // String keys and finite figures only: always JSON.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// For a terminal.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        if self.anomalous {
            out.push_str(&message::report(&self.finding));
        } else {
            let finding = &self.finding;
            let _ = writeln!(
                out,
                "{}: {} through NAT gateways, {}: nothing out of the ordinary ({}).",
                finding.day,
                human_bytes(finding.observed.bytes),
                finding.observed.cost,
                finding.reason
            );
            message::remedies(&mut out, &finding.advice);
            message::rests_on(&mut out, finding);
        }
        if !self.traffic.is_empty() {
            let _ = writeln!(out, "\nWho used the NAT gateways on {}", self.finding.day);
            out.push_str(&self.table());
        }
        out
    }

    fn table(&self) -> String {
        let header = [
            "$ a day",
            "volume",
            "source",
            "direction",
            "far end",
            "NAT gateway",
        ];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for talker in &self.traffic {
            let mark = if talker.inferred { " (inferred)" } else { "" };
            rows.push(vec![
                talker.processed.cost.to_string(),
                human_bytes(talker.processed.bytes),
                format!("{}{mark}", talker.source.name),
                cause_table::direction(talker.direction).to_owned(),
                far_end(&talker.service, &talker.service_region),
                talker.nat_gateway_id.clone(),
            ]);
        }
        columns(&rows, &[0, 1])
    }
}

impl AuditReport {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// All remedies, in the order to do them: those of the day and those of the network as it stands.
    pub fn advice(&self) -> Vec<Advice> {
        let of_the_day = self.report.iter().flat_map(|day| &day.finding.advice);
        in_order(of_the_day.chain(&self.standing.advice).cloned().collect())
    }

    /// What could be saved a month, were every day like the last: of remedies that exclude each other the better one.
    pub fn saving_a_month(&self) -> Option<Money> {
        let total = total_monthly_saving(&self.advice());
        (total > Decimal::ZERO).then(|| Money::usd(cents(total)))
    }

    /// For a terminal: ranked, in dollars.
    pub fn to_text(&self) -> String {
        let mut out = format!(
            "NAT gateways of account {} in {}, the thirty days to {}\n\n",
            self.account, self.region, self.to
        );
        let mut table = self.month.as_ref().map_or_else(
            || {
                vec![vec![
                    "unknown".to_owned(),
                    "the bill could not be read".to_owned(),
                ]]
            },
            MonthCost::rows,
        );
        for gateway in &self.gateways {
            let volume = human_bytes(gateway.processed.bytes);
            let what = format!(
                "{}: {volume} (CloudWatch, list price)",
                gateway.nat_gateway_id
            );
            table.push(vec![gateway.processed.cost.to_string(), what]);
        }
        out.push_str(&columns(&table, &[0]));
        if let Some(existing) = self.existing.in_a_sentence() {
            let _ = writeln!(out, "\n{existing}.");
        }
        if let Some(line) = self.sparkline() {
            let _ = writeln!(out, "\nDay by day\n  {line}");
        }
        out.push_str("\nDays out of the ordinary\n");
        if self.days.is_empty() {
            out.push_str("  unknown: no day has figures\n");
        } else if self.unusual_days.is_empty() {
            out.push_str("  none\n");
        }
        for day in &self.unusual_days {
            let _ = writeln!(
                out,
                "  {}: {} too much; {}",
                day.day, day.excess.cost, day.reason
            );
        }
        if let Some(report) = &self.report {
            let _ = write!(out, "\n{}", report.without_advice().to_text());
        }
        out.push_str(&self.standing.to_text());
        message::remedies(&mut out, &self.advice());
        if let Some(saving) = self.saving_a_month() {
            let _ = writeln!(
                out,
                "\nThe remedies save up to {saving} a month, were every day like {}.",
                self.to
            );
        }
        if !self.missing.is_empty() {
            out.push_str("\nWhat this report could not know\n");
        }
        for line in &self.missing {
            let _ = writeln!(out, "  - {line}");
        }
        out
    }

    /// The days as blocks of eight heights.
    fn sparkline(&self) -> Option<String> {
        let highest = self.days.iter().max_by_key(|day| day.processed.bytes)?;
        let lowest = self.days.iter().min_by_key(|day| day.processed.bytes)?;
        let height = |bytes: u64| {
            let of_eight = u128::from(bytes) * 7 / u128::from(highest.processed.bytes.max(1));
            char::from_u32(0x2581 + u32::try_from(of_eight).unwrap_or(0)).unwrap_or(' ')
        };
        let blocks: String = self
            .days
            .iter()
            .map(|day| height(day.processed.bytes))
            .collect();
        Some(format!(
            "{blocks}  {} on {} to {} on {}",
            lowest.processed.cost, lowest.day, highest.processed.cost, highest.day
        ))
    }
}
