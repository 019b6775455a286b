//! The alert that carries a finding: a text that a person can act on at nine in the morning, and the JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use tollkeeper::aws::{Alert, MAX_ALERT_BYTES};
use tollkeeper::finding::{Advice, Finding, GatewayCount, RealisedSaving, State};
use tollkeeper::plan::PlanRequest;

use crate::config::AlertFormat;
use crate::tell::text::{grouped, human_bytes, weekday_name};
use crate::tell::{cause_table, chat, fit, subject};

/// Dollars for a read unit of DynamoDB on demand in us-east-1, as on AWS's price page since November 2024.
const READ_UNIT: Decimal = Decimal::from_parts(125, 0, 0, false, 9);

/// How to go on where no plan is made by itself.
const BY_HAND: &str = "To get a plan, invoke the endpoint-remediator with";

/// The alert for a finding, cut to what SNS carries.
pub fn alert(finding: &Finding, format: AlertFormat) -> Alert {
    let carried = fit::within(finding, MAX_ALERT_BYTES, |candidate| {
        unbounded(candidate, format).bytes()
    });
    unbounded(&carried, format)
}

fn unbounded(finding: &Finding, format: AlertFormat) -> Alert {
    let attributes = BTreeMap::from([
        ("kind", "finding".to_owned()),
        ("state", finding.state.as_str().to_owned()),
        ("severity", finding.severity.as_str().to_owned()),
        ("confidence", word(&finding.confidence)),
        ("account", finding.account.clone()),
        ("region", finding.region.clone()),
        ("series", finding.series.clone()),
    ]);
    Alert {
        subject: subject::of(finding),
        text: text(finding),
        // A finding has string keys and finite figures only: it is always JSON.
        json: serde_json::to_value(finding).unwrap_or_default(),
        chat: match format {
            AlertFormat::Text => None,
            AlertFormat::Chat => Some(chat::notification(finding)),
        },
        attributes,
        numbers: BTreeMap::from([("month_dollars", finding.projected_month.amount)]),
    }
}

/// What people read in an alert.
pub fn text(finding: &Finding) -> String {
    let opened = finding.incident_id.rsplit('/').next().unwrap_or_default();
    let incident = format!("Since {opened}. Incident {}.\n", finding.incident_id);
    let next = "Where the endpoint-remediator is deployed it makes a plan from this finding and sends it for approval; \
                nothing is changed without one.\n  To ask for a plan by hand, invoke it with";
    body(finding, &incident, next)
}

/// What people read where nothing was opened and nobody was told.
pub fn report(finding: &Finding) -> String {
    body(finding, "", BY_HAND)
}

fn body(finding: &Finding, incident: &str, next: &str) -> String {
    let mut out = headline(finding);
    out.push_str(incident);
    if let Some(saving) = &finding.saving {
        saved(&mut out, saving);
    }
    if let Some(count) = finding
        .gateways
        .as_ref()
        .filter(|_| finding.state != State::Resolved)
    {
        newest(&mut out, count);
    }
    if finding.excess.bytes > 0 {
        out.push_str("\nWho causes it\n");
        out.push_str(&cause_table::render(finding));
    }
    to_do(&mut out, &finding.advice);
    requests(&mut out, &finding.advice, next);
    rests_on(&mut out, finding);
    out
}

fn saved(out: &mut String, saving: &RealisedSaving) {
    let measured = saving
        .measured_a_day
        .as_ref()
        .map_or("not measured".to_owned(), |money| format!("{money} a day"));
    let _ = write!(
        out,
        "\nWhat the remedy saved (on {})\n  Measured on the new path: {measured}\n  Upper bound: {} a day\n  The \
         endpoints cost {} a day\n  {}\n",
        saving.day, saving.upper_bound_a_day, saving.endpoints_cost_a_day, saving.how
    );
}

/// Remedies with cost and saving, and how to get a plan for them: where nothing was opened.
pub fn remedies(out: &mut String, advice: &[Advice]) {
    to_do(out, advice);
    requests(out, advice, BY_HAND);
}

/// Remedies, numbered in the order to do them.
fn to_do(out: &mut String, advice: &[Advice]) {
    if !advice.is_empty() {
        out.push_str("\nWhat to do\n");
    }
    let uncovered = covered_by_none(advice);
    for (index, advice) in advice.iter().enumerate() {
        remedy(out, index + 1, advice, &uncovered);
    }
    if !uncovered.is_empty() {
        let _ = writeln!(out, "  None of these covers: {}.", uncovered.join("; "));
    }
}

/// What every remedy leaves as it is: said once, not with each of them.
fn covered_by_none(advice: &[Advice]) -> Vec<&str> {
    let [first, others @ ..] = advice else {
        return Vec::new();
    };
    let everywhere = |line: &&String| {
        others
            .iter()
            .all(|advice| advice.does_not_cover.contains(line))
    };
    let lines = first.does_not_cover.iter().filter(everywhere);
    if others.is_empty() {
        Vec::new()
    } else {
        lines.map(String::as_str).collect()
    }
}

/// The finding in a sentence, without its place.
pub fn in_a_sentence(finding: &Finding) -> String {
    match finding.state {
        State::Opened => format!(
            "NAT gateway traffic costs {} a day more than usual",
            finding.excess.cost
        ),
        State::Updated => format!(
            "NAT gateway traffic grew further: {} a day over the usual",
            finding.excess.cost
        ),
        State::Accepted => format!(
            "NAT gateway traffic has stayed {} a day above what was usual; from now on this level counts as usual",
            finding.excess.cost
        ),
        State::Resolved => "NAT gateway traffic is back to what was usual".to_owned(),
    }
}

fn headline(finding: &Finding) -> String {
    if let Some(count) = &finding.gateways {
        return gateways(finding, count);
    }
    let first = in_a_sentence(finding);
    let mut out = format!(
        "{first} in {} (account {}).\n{} {}: {}, {}; usual are {} to {}, most likely {}.\n",
        finding.region,
        finding.account,
        weekday_name(finding.day),
        finding.day,
        human_bytes(finding.observed.bytes),
        finding.observed.cost,
        human_bytes(finding.expected.low_bytes),
        human_bytes(finding.expected.high_bytes),
        human_bytes(finding.expected.bytes),
    );
    rating(&mut out, finding);
    out
}

/// What it comes to, how sure that is, and why.
fn rating(out: &mut String, finding: &Finding) {
    if finding.state != State::Resolved {
        let _ = writeln!(out, "If it lasts: {} a month.", finding.projected_month);
    }
    let _ = writeln!(
        out,
        "Severity {}, confidence {}.\nWhy: {}.",
        finding.severity.as_str(),
        word(&finding.confidence),
        finding.reason,
    );
}

/// The opening lines about a series of hours: gateways, not bytes.
fn gateways(finding: &Finding, count: &GatewayCount) -> String {
    let first = match finding.state {
        State::Opened => format!(
            "More NAT gateways cost {} a day more than usual",
            finding.excess.cost
        ),
        State::Updated => format!(
            "Still more NAT gateways: {} a day over the usual",
            finding.excess.cost
        ),
        State::Accepted => format!(
            "More NAT gateways have stayed, {} a day above what was usual; from now on they count as usual",
            finding.excess.cost
        ),
        State::Resolved => "There are as many NAT gateways as was usual".to_owned(),
    };
    let mut out = format!(
        "{first} in {} (account {}), whatever goes through them.\n{} {}: {} gateways, {} in hours; usual are {}, at most {}.\n",
        finding.region,
        finding.account,
        weekday_name(finding.day),
        finding.day,
        count.observed,
        finding.observed.cost,
        count.expected,
        count.most,
    );
    rating(&mut out, finding);
    out
}

/// The gateways that were made of late: where to ask.
fn newest(out: &mut String, count: &GatewayCount) {
    if count.new.is_empty() {
        out.push_str(
            "\nNo gateway that exists now was made in the week before it began or since: those of that day are deleted again, or a regional gateway took in a zone.\n",
        );
        return;
    }
    out.push_str("\nMade in the week before it began or since\n");
    for new in &count.new {
        let named = match new.name.as_str() {
            "" => new.id.clone(),
            name => format!("{} ({name})", new.id),
        };
        let zone = match new.zone.as_str() {
            "" => String::new(),
            zone => format!(", {zone}"),
        };
        let bytes = new.bytes.map_or_else(
            || "its traffic is unknown".to_owned(),
            |bytes| format!("{} that day", human_bytes(bytes)),
        );
        let _ = writeln!(
            out,
            "  - {named} in {}{zone}, {}: {bytes}",
            new.vpc_id,
            new.created_at.strftime("%F %R UTC"),
        );
    }
    out.push_str(
        "  CloudTrail's CreateNatGateway says who made them. A VPC needs one a zone, and one in all where the zones may share.\n",
    );
}

/// A wire word of an enum without a spelling function of its own.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn remedy(out: &mut String, number: usize, advice: &Advice, uncovered: &[&str]) {
    let _ = write!(
        out,
        "  {number}. {}.\n     Costs {} a month, saves {} a month after that.",
        advice.title, advice.monthly_cost, advice.monthly_saving
    );
    if let Some(volume) = advice.break_even_gb_a_month {
        let _ = write!(out, " Pays from {} GB a month.", grouped(volume));
    }
    if !advice.zones.is_empty() {
        let _ = write!(out, " Priced for {}.", advice.zones.join(", "));
    }
    out.push('\n');
    let lines = advice.does_not_cover.iter().map(String::as_str);
    let left: Vec<&str> = lines.filter(|line| !uncovered.contains(line)).collect();
    if !left.is_empty() {
        let _ = writeln!(out, "     Does not cover: {}.", left.join("; "));
    }
}

fn requests(out: &mut String, advice: &[Advice], next: &str) {
    let requests: Vec<String> = advice
        .iter()
        .filter_map(|advice| advice.plan_request.as_ref())
        .map(|request| as_event(request).to_string())
        .collect();
    if requests.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nWhat happens next\n  {next}");
    for request in requests {
        let _ = writeln!(out, "    {request}");
    }
}

/// The event that asks the remediator for a plan.
pub fn as_event(request: &PlanRequest) -> Value {
    let mut event = Map::from_iter([("action".to_owned(), Value::from("plan"))]);
    if let Ok(Value::Object(fields)) = serde_json::to_value(request) {
        event.extend(fields);
    }
    Value::Object(event)
}

/// What the figures rest on, and what is not known.
pub fn rests_on(out: &mut String, finding: &Finding) {
    out.push_str("\nWhat this rests on\n");
    for line in rests_on_lines(finding) {
        let _ = writeln!(out, "  - {line}");
    }
}

/// The same, a sentence each.
pub fn rests_on_lines(finding: &Finding) -> Vec<String> {
    let quality = &finding.data_quality;
    let mut lines = vec![format!(
        "{} days of history, {} missing; explanation from {}; list prices of {}; {} Cost Explorer page(s), a cent each",
        quality.history_days,
        quality.missing_days,
        quality.explained_from,
        quality.prices_as_of,
        quality.cost_explorer_pages,
    )];
    if let Some(percent) = quality.cloudwatch_percent_of_bill {
        lines.push(format!("CloudWatch shows {percent} % of the billed bytes"));
    }
    if let Some(percent) = quality.flow_logs_percent_of_cloudwatch {
        lines.push(format!("Flow logs show {percent} % of CloudWatch's bytes"));
    }
    if let Some(units) = quality.rollup_read_units {
        let dollars = units * READ_UNIT;
        lines.push(format!(
            "Reading the rollups took {units} read units, about ${dollars:.6} (us-east-1, on demand)"
        ));
    }
    lines.push(match &quality.ip_ranges_created {
        Some(created) => format!("AWS address table of {created}"),
        None => "No AWS address table (IP_RANGES): regions of far ends are unknown".to_owned(),
    });
    let inferred = finding.causes.iter().filter(|cause| cause.inferred);
    let mut inferred: Vec<String> = inferred.map(|cause| cause.why.clone()).collect();
    inferred.dedup();
    lines.extend(inferred);
    lines.extend(quality.notes.iter().cloned());
    lines
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
