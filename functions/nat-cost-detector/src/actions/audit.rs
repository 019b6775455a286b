//! `audit`: where the NAT money went in the last thirty days, which days stood out, and what to do. Read-only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollkeeper::money::{Money, cents};
use tollkeeper::time::Day;

use super::explain;
use super::replay::replay;
use crate::App;
use crate::adapters::endpoint_metrics::bytes_by_endpoint;
use crate::advise::{Standing, Usage, remarks, set_up_badly};
use crate::config::ExplainSource;
use crate::explain::attribute::Flows;
use crate::explain::causes::volume;
use crate::explain::poller_report::reports;
use crate::fault::DetectorError;
use crate::measure::study::{Gaps, Observed};
use crate::progress::Progress;
use crate::tell::report::{
    AuditReport, DayFigure, ExistingGateways, GatewayCost, MonthCost, UnusualDay, Usual,
};
use crate::tell::standing::StandingReport;

/// Days that an audit looks back.
const DAYS: i64 = 30;

/// Audits the thirty days up to and including `day`. What cannot be read is said in the report, which goes on.
pub async fn run(
    app: &App,
    day: Day,
    now: Timestamp,
    progress: Progress,
) -> Result<AuditReport, DetectorError> {
    let observed = progress
        .during(
            "reading the bill, the network and CloudWatch",
            Box::pin(app.observe(day, Gaps::Note)),
        )
        .await?;
    let explained = if observed.volumes.contains_key(&day) {
        let explained = Box::pin(explain::of_observed(app, &observed, now));
        let what = format!("looking for who used the gateways on {day}");
        Some(progress.during(&what, explained).await?)
    } else {
        None
    };
    let (mut report, flows) = explained.unzip();
    let flows = flows.filter(|flows| !flows.is_empty());
    let mut missing = missing(app, &observed, report.is_some());
    let looking = "looking at endpoints that nobody uses";
    let standing = progress
        .during(
            looking,
            Box::pin(standing(app, &observed, flows.as_ref(), &mut missing)),
        )
        .await;
    if let Some(report) = &mut report {
        // Said once, in its own place.
        let notes = &mut report.finding.data_quality.notes;
        notes.retain(|note| !missing.contains(note));
    }
    let days = days(app, &observed);
    Ok(AuditReport {
        account: observed.subject.account.clone(),
        region: observed.subject.region.clone(),
        from: day.plus(1 - DAYS),
        to: day,
        month: month(&observed),
        existing: existing(&observed),
        gateways: gateways(&observed),
        unusual_days: days
            .iter()
            .filter_map(|(_, unusual)| unusual.clone())
            .collect(),
        days: days.into_iter().map(|(figure, _)| figure).collect(),
        standing,
        missing,
        report,
    })
}

/// The network as it stands; `flows` are those of the last day, where flow logs were read.
async fn standing(
    app: &App,
    observed: &Observed,
    flows: Option<&Flows>,
    missing: &mut Vec<String>,
) -> StandingReport {
    let (network, prices) = (&*observed.network, observed.prices);
    let to = observed.subject.day;
    let from = Usage::first_day(to);
    let client = &app.clients.cloudwatch;
    let asked = bytes_by_endpoint(client, &network.endpoints, from, to).await;
    let endpoint_bytes = asked.unwrap_or_else(|error| {
        missing.push(format!(
            "Whether interface endpoints are used is unknown ({error})"
        ));
        BTreeMap::new()
    });
    let usage = Usage::until(to, observed.nat_bytes_since(from), endpoint_bytes);
    let standing = Standing {
        network,
        usage: &usage,
        prices,
        flows,
    };
    StandingReport {
        advice: set_up_badly(standing),
        remarks: remarks(standing),
        kafka_pollers: reports(&observed.mappings, network, flows, prices),
    }
}

/// What was not there to be read.
fn missing(app: &App, observed: &Observed, explained: bool) -> Vec<String> {
    let mut missing = observed.notes.clone();
    let day = observed.subject.day;
    if observed.network.nats.is_empty() && !missing.iter().any(|note| note.contains("the network"))
    {
        missing.push(format!(
            "There is no NAT gateway in {} now; what the bill shows belongs to gateways that are gone",
            observed.subject.region
        ));
    }
    if !explained {
        missing.push(format!(
            "Neither the bill nor CloudWatch has figures for {day}: nothing can be said about causes and remedies"
        ));
    }
    if app.config.explain == ExplainSource::None {
        missing.push(
            "No flow logs were named: who is behind the gateways, and what each remedy would save, is unknown. Name \
             them with --flow-logs s3://bucket/prefix"
                .to_owned(),
        );
    }
    missing
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

fn existing(observed: &Observed) -> ExistingGateways {
    let nats = &observed.network.nats;
    let count = u32::try_from(nats.len()).unwrap_or(u32::MAX);
    ExistingGateways {
        nat_gateway_ids: nats.iter().map(|nat| nat.id.clone()).collect(),
        hours_a_month: Money::usd(cents(observed.prices.nat_hours_a_month(count))),
    }
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

/// Each day judged by the days before it, those out of the ordinary left out: a leak is not what is usual.
fn days(app: &App, observed: &Observed) -> Vec<(DayFigure, Option<UnusualDay>)> {
    let (from, to) = (observed.subject.day.plus(1 - DAYS), observed.subject.day);
    let prices = observed.prices;
    replay(&observed.volumes, from..=to, app.config.gates, prices)
        .into_iter()
        .map(|judged| {
            let (range, day) = (judged.verdict.range, judged.day);
            let usual = (judged.verdict.history_days > 0).then(|| Usual {
                low: volume(range.low, prices).cost,
                high: volume(range.high, prices).cost,
            });
            let figure = DayFigure {
                day,
                processed: volume(judged.bytes, prices),
                usual,
                anomalous: judged.verdict.anomalous,
                estimated: observed.bill.days.get(&day).is_none_or(|day| day.estimated),
            };
            let unusual = judged.verdict.anomalous.then(|| UnusualDay {
                day,
                excess: volume(judged.bytes.saturating_sub(range.expected), prices),
                reason: judged.verdict.reason,
            });
            (figure, unusual)
        })
        .collect()
}
