//! What a dry run answers: each day as a night would have judged it.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use tollkeeper::finding::{Confidence, Volume};
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::detect::Verdict;
use crate::explain::causes::volume;
use crate::tell::text::{columns, human_bytes};

/// The days of a range, judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryRun {
    /// Region.
    pub region: String,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// The days that are known.
    pub days: Vec<JudgedDay>,
    /// What could not be read.
    pub notes: Vec<String>,
    /// Pages of the bill, a cent each.
    pub cost_explorer_pages: u32,
}

/// A day, judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgedDay {
    /// The day.
    pub day: Day,
    /// Whether it would have raised an alarm or kept one.
    pub anomalous: bool,
    /// Volume and list price.
    pub observed: Volume,
    /// What was too much.
    pub excess: Volume,
    /// 1 is the alarm threshold.
    pub score: Decimal,
    /// How sure.
    pub confidence: Confidence,
    /// Days of history it rests on.
    pub history_days: u64,
    /// Why, in words.
    pub reason: String,
}

impl JudgedDay {
    /// A day and what was made of it.
    pub fn new(day: Day, bytes: u64, verdict: Verdict, prices: &RegionPrices) -> Self {
        Self {
            day,
            anomalous: verdict.anomalous,
            observed: volume(bytes, prices),
            excess: volume(bytes.saturating_sub(verdict.range.expected), prices),
            score: verdict.score,
            confidence: verdict.confidence,
            history_days: verdict.history_days as u64,
            reason: verdict.reason,
        }
    }
}

impl DryRun {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// For a terminal.
    pub fn to_text(&self) -> String {
        let found: Vec<&JudgedDay> = self.days.iter().filter(|day| day.anomalous).collect();
        let mut out = format!(
            "NAT gateways in {}, {} to {}: {} of {} days out of the ordinary. Nothing was written, nobody was told.\n\n",
            self.region,
            self.from,
            self.to,
            found.len(),
            self.days.len()
        );
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|day| {
                vec![
                    day.day.to_string(),
                    human_bytes(day.observed.bytes),
                    format!("{} too much", day.excess.cost),
                    day.reason.clone(),
                ]
            })
            .collect();
        out.push_str(&columns(&rows, &[1, 2]));
        let missing =
            self.to.days_since(self.from) + 1 - i64::try_from(self.days.len()).unwrap_or(0);
        let _ = writeln!(
            out,
            "\nWhat this rests on\n  - {missing} day(s) without figures; {} Cost Explorer page(s), a cent each; each day \
             judged by the days before it, those out of the ordinary left out",
            self.cost_explorer_pages
        );
        for note in &self.notes {
            let _ = writeln!(out, "  - {note}");
        }
        out
    }
}
