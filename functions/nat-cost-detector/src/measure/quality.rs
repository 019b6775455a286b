//! What a reader should know about the figures of a day, in sentences, and how far it lowers the confidence.

use rust_decimal::Decimal;
use tollkeeper::finding::Confidence;
use tollkeeper::money::Money;
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::detect::{ENOUGH_DAYS, Verdict};
use crate::measure::bill::Bill;
use crate::measure::series::{SETTLED_DAYS, Series};
use crate::measure::usage_type::{Unit, UsageType};

/// What the sentences are about.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The series judged.
    pub usage_type: UsageType,
    /// Its days.
    pub series: &'a Series,
    /// The bill it comes from.
    pub bill: &'a Bill,
    /// CloudWatch has more than one kind of gateway in one figure.
    pub kinds_mixed: bool,
    /// Day under analysis.
    pub day: Day,
    /// List prices.
    pub prices: &'a RegionPrices,
}

/// Days of the history that nobody knows, from its first day with use.
pub fn missing_days(series: &Series, day: Day) -> usize {
    let first = series
        .values
        .iter()
        .find(|(_, value)| **value > 0)
        .map_or(day, |(day, _)| *day);
    let span = usize::try_from(day.days_since(first)).unwrap_or(0);
    span.saturating_sub(series.values.range(first..day).count())
}

/// The most that a verdict on these figures can be sure of.
pub fn most_confident(facts: Facts<'_>, verdict: &Verdict) -> Confidence {
    let gaps = missing_days(facts.series, facts.day) * 10 > verdict.history_days;
    if facts.series.day_is_lower_bound || gaps || across_midnight(facts, verdict) {
        Confidence::Medium
    } else {
        Confidence::High
    }
}

/// The sentences.
pub fn notes(facts: Facts<'_>, verdict: &Verdict) -> Vec<String> {
    let series = facts.series;
    let mut notes = Vec::new();
    if series.day_is_lower_bound {
        notes.push(format!(
            "The bill of {} is an estimate and CloudWatch does not confirm it: the true figure is this or more",
            facts.day
        ));
    }
    if series.held > 0 {
        notes.push(format!(
            "{} day(s) are estimates younger than {SETTLED_DAYS} days that CloudWatch does not confirm: left out of the \
             history",
            series.held
        ));
    }
    if series.unconfirmed > 0 {
        notes.push(format!(
            "{} day(s) of the history are estimates of the bill, {SETTLED_DAYS} days old or more",
            series.unconfirmed
        ));
    }
    let missing = missing_days(series, facts.day);
    if missing > 0 {
        notes.push(format!(
            "{missing} day(s) of the history are unknown, not zero"
        ));
    }
    if verdict.history_days < ENOUGH_DAYS {
        notes.push(format!(
            "Only {} day(s) of history: what is usual is assumed rather than known",
            verdict.history_days
        ));
    }
    if facts.kinds_mixed && facts.usage_type.unit() == Unit::Bytes {
        notes.push(
            "Zonal, regional or provisioned gateways share CloudWatch's figures: this series rests on the bill alone"
                .to_owned(),
        );
    }
    if across_midnight(facts, verdict) {
        notes.push(
            "The day before was below its usual by a like amount: work may have moved across midnight UTC, where the bill \
             cuts its days"
                .to_owned(),
        );
    }
    notes.extend(of_costs(facts));
    notes
}

/// A rise that the fall of the day before makes up for by half or more: a job that started an hour later (clock
/// changes do that) is in another day, and nothing more was used.
fn across_midnight(facts: Facts<'_>, verdict: &Verdict) -> bool {
    let before = facts.day.plus(-1);
    let Some(seen) = facts.series.values.get(&before) else {
        return false;
    };
    let usual = verdict.weekdays[usize::from(before.weekday())].expected;
    let observed = facts.series.values.get(&facts.day).copied().unwrap_or(0);
    let excess = observed.saturating_sub(verdict.range.expected);
    let fall = usual.saturating_sub(*seen);
    verdict.anomalous && fall > 0 && fall.saturating_mul(2) >= excess
}

fn of_costs(facts: Facts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for (currency, amount) in &facts.bill.other_currencies {
        let money = Money {
            amount: *amount,
            currency: currency.clone(),
        };
        notes.push(format!(
            "The bill has {money} for these days in another currency: never added to dollars, which are list prices here"
        ));
    }
    if !facts.bill.negative_days.is_empty() {
        notes.push(format!(
            "The bill has negative lines on {} day(s), a credit or refund written as usage: the quantity is judged, not the \
             cost",
            facts.bill.negative_days.len()
        ));
    }
    notes.extend(price_differs(facts));
    notes
}

/// Quantity times list price against what was billed: a credit, discount or price change shows here and nowhere else.
fn price_differs(facts: Facts<'_>) -> Option<String> {
    let billed = facts
        .bill
        .days
        .get(&facts.day)
        .filter(|day| !day.estimated)?;
    let usage = billed.usage(facts.usage_type);
    let list = facts
        .usage_type
        .price(billed.quantity(facts.usage_type), facts.prices)?;
    let differs = (usage.cost - list).abs() * Decimal::from(20) > list;
    (usage.cost > Decimal::ZERO && list > Decimal::ONE && differs).then(|| {
        format!(
            "Billed {} where the list price makes {}: a discount, or a price that changed. Dollars here are list prices",
            Money::usd(usage.cost),
            Money::usd(list)
        )
    })
}

#[cfg(test)]
#[path = "quality_tests.rs"]
mod tests;
