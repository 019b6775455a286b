//! Our side: the detector's own source, compiled in here, because the crate around it brings aws-sdk-ec2, whose optimised
//! build takes many minutes and has nothing to do with what is measured.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tollkeeper::prices;
use tollkeeper::time::Day;

use super::generator::{FIRST_JUDGED, Series};
use super::roc::Scores;
use crate::detect::{Gates, Verdict, detect, score};

/// Scores of the judged days, as the product scores a night: by all days before it. 1 is the shipped threshold.
pub(crate) fn scores(series: &Series) -> Scores {
    of(series, &series.volumes)
}

/// The same of other figures on the same days.
pub(crate) fn of(series: &Series, figures: &[Option<u64>]) -> Scores {
    let known = figures.iter().enumerate();
    let history: BTreeMap<Day, u64> = known
        .filter_map(|(number, figure)| Some((series.day(number), (*figure)?)))
        .collect();
    (FIRST_JUDGED..figures.len())
        .map(|number| figures[number].map(|figure| judge(&history, series.day(number), figure)))
        .collect()
}

/// Without any history nothing is scored: the product then decides by dollars alone.
pub(crate) fn judge(history: &BTreeMap<Day, u64>, day: Day, figure: u64) -> f64 {
    score(history, day, figure).unwrap_or(0.0)
}

/// A whole verdict, with range and reason, on the last day of a history.
pub(crate) fn verdict(history: &BTreeMap<Day, u64>) -> Option<Verdict> {
    let (day, bytes) = history.last_key_value()?;
    let gates = Gates {
        dollars: Decimal::from(5),
        percent: Decimal::from(25),
    };
    let prices = prices::for_region("us-east-1").ok()?;
    Some(detect(history, *day, *bytes, gates, prices))
}
