//! The subject of an alert: one line that carries the dollars, under 100 printable ASCII characters as SNS wants it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tollkeeper::finding::{Finding, State};
use tollkeeper::money::Money;

/// Most characters of a subject.
const MAX: usize = 99;

/// A source is named where it makes at least this share of the excess, percent.
const NAMED_FROM: u32 = 50;

/// The subject of a finding: the longest wording that fits.
pub fn of(finding: &Finding) -> String {
    let wordings = wordings(finding).map(|wording| plain(&wording));
    let fitting = wordings.iter().find(|wording| wording.len() <= MAX);
    let chosen = fitting.or(wordings.last()).map_or("", String::as_str);
    chosen.chars().take(MAX).collect()
}

/// From the most telling to the shortest; each carries its amount.
fn wordings(finding: &Finding) -> [String; 4] {
    let (amount, month) = (amount(finding), &finding.projected_month);
    let place = &finding.region;
    let (what, stays) = match finding.gateways {
        None => ("NAT cost", "stays"),
        // Paid by the hour, whatever goes through.
        Some(_) => ("NAT gateway hours", "stay"),
    };
    let (short, whole) = match finding.state {
        State::Opened => (
            format!("{what} up {amount} a day"),
            format!("{what} up {amount} a day ({month} a month) in {place}"),
        ),
        State::Updated => (
            format!("{what} grew to {amount} a day too much"),
            format!("{what} grew to {amount} a day ({month} a month) too much in {place}"),
        ),
        State::Accepted => (
            format!("{what} {stays} {amount} a day higher"),
            format!(
                "{what} {stays} {amount} a day ({month} a month) higher in {place}: the new level"
            ),
        ),
        State::Resolved => resolved(finding, what),
    };
    let with_place = format!("{short} in {place}");
    let named = match top_source(finding) {
        Some(name) => format!("{whole}: {name}"),
        None => whole.clone(),
    };
    [named, whole, with_place, short]
}

fn resolved(finding: &Finding, subject: &str) -> (String, String) {
    let amount = amount(finding);
    let what = match &finding.saving {
        Some(saving) if saving.measured_a_day.is_some() => {
            format!("{amount} a day saved, measured")
        }
        Some(_) => format!("{amount} a day less at most"),
        None => format!("{amount} a day"),
    };
    (
        format!("{subject} normal: {what}"),
        format!("{subject} back to normal in {}: {what}", finding.region),
    )
}

/// The source that most of the excess comes from, over all gateways, far ends and directions.
fn top_source(finding: &Finding) -> Option<&str> {
    let mut shares: BTreeMap<&str, Decimal> = BTreeMap::new();
    for cause in &finding.causes {
        *shares.entry(&cause.source.name).or_default() += cause.share_percent;
    }
    let (name, share) = shares.into_iter().max_by_key(|(_, share)| *share)?;
    (share >= NAMED_FROM.into() && finding.state != State::Accepted).then_some(name)
}

fn plain(text: &str) -> String {
    let printable = |c: char| c.is_ascii_graphic() || c == ' ';
    text.chars()
        .map(|c| if printable(c) { c } else { '?' })
        .collect()
}

/// The amount that a subject carries: the excess, and once it is over the saving.
pub(super) fn amount(finding: &Finding) -> &Money {
    match (&finding.saving, finding.state) {
        (Some(saving), State::Resolved) => saving
            .measured_a_day
            .as_ref()
            .unwrap_or(&saving.upper_bound_a_day),
        (None, State::Resolved) => &finding.observed.cost,
        _ => &finding.excess.cost,
    }
}
