//! `audit`: where the NAT money went in the last thirty days, which days stood out, and what to do. Read-only.

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollkeeper::money::{Money, cents};
use tollkeeper::time::Day;

use super::explain;
use crate::App;
use crate::detect::detect;
use crate::explain::causes::volume;
use crate::fault::DetectorError;
use crate::measure::study::{Gaps, Observed};
use crate::tell::report::{AuditReport, GatewayCost, MonthCost, UnusualDay};

/// Days that an audit looks back.
const DAYS: i64 = 30;

/// Audits the thirty days up to and including `day`.
pub async fn run(app: &App, day: Day, now: Timestamp) -> Result<AuditReport, DetectorError> {
    let observed = app.observe(day, Gaps::Note).await?;
    let report = explain::of_observed(app, &observed, now).await?;
    Ok(AuditReport {
        month: month(&observed),
        gateways: gateways(&observed),
        unusual_days: unusual_days(app, &observed),
        report,
    })
}

fn month(observed: &Observed) -> Option<MonthCost> {
    if observed.bill.days.is_empty() {
        return None;
    }
    let (from, to) = (observed.subject.day.plus(1 - DAYS), observed.subject.day);
    let days = || observed.bill.days.range(from..=to).map(|(_, day)| day);
    let money = |amount: Decimal| Money::usd(cents(amount));
    Some(MonthCost {
        from,
        to,
        nat_bytes: money(days().map(|day| day.nat_bytes_cost).sum()),
        nat_hours: money(days().map(|day| day.nat_hours_cost).sum()),
        interface_endpoints: money(days().map(|day| day.endpoints_cost).sum()),
    })
}

fn gateways(observed: &Observed) -> Vec<GatewayCost> {
    let (from, to) = (observed.subject.day.plus(1 - DAYS), observed.subject.day);
    let mut gateways: Vec<GatewayCost> = observed
        .nats
        .iter()
        .map(|(nat, days)| GatewayCost {
            nat_gateway_id: nat.clone(),
            processed: volume(
                days.range(from..=to).map(|(_, bytes)| bytes).sum(),
                observed.prices,
            ),
        })
        .collect();
    gateways.sort_by_key(|gateway| std::cmp::Reverse(gateway.processed.bytes));
    gateways
}

fn unusual_days(app: &App, observed: &Observed) -> Vec<UnusualDay> {
    let from = observed.subject.day.plus(1 - DAYS);
    observed
        .volumes
        .range(from..=observed.subject.day)
        .filter_map(|(day, bytes)| {
            let verdict = detect(
                &observed.volumes,
                *day,
                *bytes,
                app.config.gates,
                observed.prices,
            );
            verdict.anomalous.then(|| UnusualDay {
                day: *day,
                excess: volume(
                    bytes.saturating_sub(verdict.range.expected),
                    observed.prices,
                ),
                reason: verdict.reason,
            })
        })
        .collect()
}
