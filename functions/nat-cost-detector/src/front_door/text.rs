//! The comparison for a terminal.

use std::fmt::Write as _;

use tollkeeper::money::group_thousands;

use super::{Comparison, DoorKind};
use crate::tell::text::columns;

impl Comparison {
    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        // String keys and finite figures only: always JSON.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// For a terminal.
    pub fn to_text(&self) -> String {
        let mut out = format!(
            "API Gateway against Application Load Balancers in {}, {} to {}\n",
            self.region, self.from, self.to
        );
        section(
            &mut out,
            "What you paid (bill)",
            self.paid
                .iter()
                .map(|line| vec![line.cost.to_string(), line.what.clone()]),
        );
        section(
            &mut out,
            "Requests (CloudWatch)",
            self.doors.iter().map(|door| {
                vec![
                    count(door.requests),
                    format!("{} {}", kind(door.kind), door.name),
                    format!("busiest hour {}", count(door.busiest_hour)),
                ]
            }),
        );
        if let Some(range) = &self.behind_balancer {
            let _ = writeln!(
                out,
                "\nAPI Gateway's requests behind a load balancer\n  {} to {}. {}.",
                range.low, range.high, range.how
            );
        }
        section(
            &mut out,
            "The other way round",
            self.behind_gateway
                .iter()
                .map(|line| vec![line.cost.to_string(), line.what.clone()]),
        );
        section(
            &mut out,
            "What the gateway does for nothing",
            self.for_free.iter().map(|free| {
                let cost = free
                    .cost
                    .as_ref()
                    .map_or("not priced".to_owned(), ToString::to_string);
                vec![cost, format!("{}: {}", free.what, free.instead)]
            }),
        );
        section(
            &mut out,
            "Cheaper from so many requests a month",
            self.break_even.iter().map(|row| {
                let requests = row.requests_a_month.map_or("never".to_owned(), count);
                vec![requests, row.against.clone()]
            }),
        );
        out.push_str("\nWhat this rests on\n");
        for note in &self.notes {
            let _ = writeln!(out, "  - {note}");
        }
        out
    }
}

fn section(out: &mut String, title: &str, rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        let _ = write!(out, "\n{title}\n{}", columns(&rows, &[0]));
    }
}

fn kind(kind: DoorKind) -> &'static str {
    match kind {
        DoorKind::RestApi => "REST API",
        DoorKind::HttpApi => "HTTP API",
        DoorKind::LoadBalancer => "load balancer",
    }
}

fn count(figure: u64) -> String {
    group_thousands(&figure.to_string())
}
