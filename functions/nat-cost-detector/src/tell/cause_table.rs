//! The table of causes that people read: what matters in rows, the rest in one, what nobody can explain in the last.

use rust_decimal::Decimal;
use tollkeeper::finding::{Cause, Direction, Finding};
use tollkeeper::money::Money;

use crate::advise::far_end;
use crate::tell::text::columns;

/// Rows of causes; the JSON has more.
const ROWS: usize = 12;

/// The table.
pub fn render(finding: &Finding) -> String {
    let header = [
        "$ a day",
        "share",
        "source",
        "direction",
        "far end",
        "NAT gateway",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let cent = Decimal::new(1, 2);
    let shown: Vec<&Cause> = finding
        .causes
        .iter()
        .filter(|cause| cause.excess.cost.amount >= cent)
        .take(ROWS)
        .collect();
    rows.extend(shown.iter().map(|cause| row(cause)));
    let smaller = (finding.causes.len() - shown.len()) as u64
        + finding
            .further_causes
            .as_ref()
            .map_or(0, |further| further.count);
    let cost: Decimal = shown.iter().map(|cause| cause.excess.cost.amount).sum();
    let rest = finding.excess.cost.amount - cost - finding.unexplained.cost.amount;
    if smaller > 0 {
        rows.push(vec![
            Money::usd(rest).to_string(),
            percent(Money::usd(rest).amount, finding),
            format!("{smaller} smaller cause(s)"),
        ]);
    }
    rows.push(vec![
        finding.unexplained.cost.to_string(),
        percent(finding.unexplained.cost.amount, finding),
        "not explained".to_owned(),
    ]);
    columns(&rows, &[0, 1])
}

fn row(cause: &Cause) -> Vec<String> {
    let mark = if cause.inferred { " (inferred)" } else { "" };
    vec![
        cause.excess.cost.to_string(),
        format!("{} %", one_place(cause.share_percent)),
        format!("{}{mark}", cause.source.name),
        direction(cause.direction).to_owned(),
        far_end(&cause.service, &cause.service_region),
        cause.nat_gateway_id.clone(),
    ]
}

/// A direction as a verb.
pub fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Upload => "uploads to",
        Direction::Download => "downloads from",
    }
}

fn percent(part: Decimal, finding: &Finding) -> String {
    (part * Decimal::ONE_HUNDRED)
        .checked_div(finding.excess.cost.amount)
        .map_or_else(String::new, |percent| format!("{} %", one_place(percent)))
}

fn one_place(percent: Decimal) -> Decimal {
    let mut rounded = percent.round_dp(1);
    rounded.rescale(1);
    rounded
}
