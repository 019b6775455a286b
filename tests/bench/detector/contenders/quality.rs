//! All contenders on all series: the figures that the benchmark reports.

use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::generator::{DAYS, FIRST_JUDGED, Kind, Seed, Series, Variant, clean, leaking};
use super::roc::{Figure, Outcome, Scores, float};
use super::{ours, peers, taxi};

/// False alarms a series-year at which recall is compared.
const ALLOWED: [f64; 2] = [1.0, 3.0];
/// Series beside the core, of each kind.
const BESIDE: usize = 240;
/// The score from which the shipped detector alarms.
const SHIPPED: f64 = 1.0;
const LONG_HISTORY: usize = 14;

/// Series of the core and what is true of them.
struct Core {
    clean: Vec<Series>,
    leaking: Vec<Series>,
}

/// Figures by name.
pub(crate) fn figures(seed: Seed, series: usize, taxi: Option<&Path>) -> io::Result<Value> {
    let core = Core {
        clean: (0..series)
            .map(|number| clean(seed, Variant::Core, number))
            .collect(),
        leaking: (0..series)
            .map(|number| leaking(seed, Variant::Core, number))
            .collect(),
    };
    let oracle = core.outcome(peers::oracle).0;
    let (ours, scores) = core.outcome(ours::scores);
    let weekday = |series: &Series| peers::scores(&series.volumes, peers::PEERS[0].1);
    let (same_weekday, _) = core.outcome(weekday);
    let mut contenders = Map::new();
    contenders.insert("ours".to_owned(), recalls(&ours, &core));
    contenders.insert("oracle".to_owned(), recalls(&oracle, &core));
    for (name, judge) in peers::PEERS {
        let (outcome, _) = core.outcome(|series| peers::scores(&series.volumes, judge));
        contenders.insert(name.to_owned(), recalls(&outcome, &core));
    }
    let (outcome, _) = core.outcome(|series| peers::holt_winters(&series.volumes));
    contenders.insert(peers::HOLT_WINTERS.to_owned(), recalls(&outcome, &core));
    let taxi = taxi.map(taxi::judge).transpose()?;
    Ok(json!({
        "series": 2 * series,
        "contenders": contenders,
        "shipped_false_alarms": figure(ours.false_alarms(SHIPPED)),
        "shipped_recall": share(&core.leaking, &scores, |_| true),
        "shift_delay": delay(&core.leaking, &scores, Kind::Shift),
        "ramp_delay": delay(&core.leaking, &scores, Kind::Ramp),
        "month_start": [
            rate(seed, Variant::MonthStart, ours::scores, SHIPPED),
            rate(seed, Variant::MonthStart, weekday, same_weekday.threshold(ALLOWED[0])),
        ],
        "missing_days": [
            rate(seed, Variant::MissingDays, ours::scores, SHIPPED),
            rate(seed, Variant::MissingDays, weekday, same_weekday.threshold(ALLOWED[0])),
        ],
        "missing_days_recall": beside(seed, Variant::MissingDays),
        "short_history": short(seed),
        "short_history_recall": beside(seed, Variant::ShortHistory),
        "prices_and_credits": prices(seed),
        "taxi": taxi.map(|(found, others)| [found, others]),
    }))
}

impl Core {
    /// What a contender makes of the series, and its scores of the leaking ones.
    fn outcome(&self, scores: impl Fn(&Series) -> Scores) -> (Outcome, Vec<Scores>) {
        let clean = self.clean.iter().map(&scores).collect();
        let leaking: Vec<Scores> = self.leaking.iter().map(&scores).collect();
        let found = self.leaking.iter().zip(&leaking);
        let found = found
            .map(|(series, scores)| largest(series, scores))
            .collect();
        (Outcome::new(clean, found), leaking)
    }
}

fn recalls(outcome: &Outcome, core: &Core) -> Value {
    let kinds = [Kind::Spike, Kind::Shift, Kind::Ramp, Kind::Weekend];
    let threshold = outcome.threshold(ALLOWED[0]);
    let by_kind = kinds.map(|kind| {
        let of_kind = core.leaking.iter().zip(outcome.found());
        let scores: Vec<f64> = of_kind
            .filter(|(series, _)| series.leak.is_some_and(|leak| leak.kind == kind))
            .map(|(_, score)| *score)
            .collect();
        float(scores.iter().filter(|score| **score > threshold).count()) / float(scores.len())
    });
    json!({
        "recall": ALLOWED.map(|allowed| figure(outcome.recall(allowed))),
        "by_kind": by_kind,
    })
}

/// Largest score within the window of the leak.
fn largest(series: &Series, scores: &Scores) -> f64 {
    window(series)
        .filter_map(|day| scores.get(day - FIRST_JUDGED).copied().flatten())
        .fold(f64::MIN, f64::max)
}

fn window(series: &Series) -> std::ops::Range<usize> {
    series.leak.map_or(0..0, |leak| {
        leak.onset..(leak.onset + leak.window).min(DAYS)
    })
}

/// Share of the leaks found at the shipped threshold.
fn share(leaking: &[Series], scores: &[Scores], counts: impl Fn(&Series) -> bool) -> Value {
    let found: Vec<bool> = leaking
        .iter()
        .zip(scores)
        .filter(|(series, _)| counts(series))
        .map(|(series, scores)| largest(series, scores) > SHIPPED)
        .collect();
    let share = float(found.iter().filter(|found| **found).count()) / float(found.len());
    let error = 1.96 * (share * (1.0 - share) / float(found.len())).sqrt();
    json!([share, share - error, share + error])
}

/// Median day of the leak (1 is the first) on which the shipped detector finds it, of leaks of two scales of noise and
/// more; those that are not found at all count as later than all others.
fn delay(leaking: &[Series], scores: &[Scores], kind: Kind) -> Value {
    let mut days: Vec<f64> = leaking
        .iter()
        .zip(scores)
        .filter(|(series, _)| {
            let leak = series.leak.filter(|leak| leak.kind == kind);
            leak.is_some_and(|leak| leak.factor.ln() >= 2.0 * series.scale)
        })
        .map(|(series, scores)| {
            let found = window(series)
                .position(|day| scores[day - FIRST_JUDGED].is_some_and(|score| score > SHIPPED));
            found.map_or(99.0, |day| float(day + 1))
        })
        .collect();
    days.sort_by(f64::total_cmp);
    let interval = middle_of_median(&days);
    json!([days[days.len() / 2], interval[0], interval[1]])
}

/// Order statistics around the median of so many values (normal approximation of the binomial).
fn middle_of_median(sorted: &[f64]) -> [f64; 2] {
    let half = float(sorted.len()) / 2.0;
    let margin = 0.98 * float(sorted.len()).sqrt();
    let at = |rank: f64| {
        sorted
            .iter()
            .zip(0_i32..)
            .find(|(_, index)| f64::from(*index) >= rank)
    };
    [half - margin, half + margin].map(|rank| at(rank).map_or(99.0, |(value, _)| *value))
}

/// False alarms a series-year on series without a leak.
fn rate(seed: Seed, variant: Variant, scores: impl Fn(&Series) -> Scores, threshold: f64) -> Value {
    let clean = (0..BESIDE)
        .map(|number| scores(&clean(seed, variant, number)))
        .collect();
    figure(Outcome::new(clean, Vec::new()).false_alarms(threshold))
}

/// Recall at the shipped threshold beside the core.
fn beside(seed: Seed, variant: Variant) -> Value {
    let leaking: Vec<Series> = (0..BESIDE)
        .map(|number| leaking(seed, variant, number))
        .collect();
    let scores: Vec<Scores> = leaking.iter().map(ours::scores).collect();
    share(&leaking, &scores, |_| true)
}

/// False alarms a series-year in the first two judged weeks of series that begin 3 to 14 days before them.
fn short(seed: Seed) -> Value {
    let clean = (0..BESIDE).map(|number| {
        let mut scores = ours::scores(&clean(seed, Variant::ShortHistory, number));
        scores.truncate(LONG_HISTORY);
        scores
    });
    figure(Outcome::new(clean.collect(), Vec::new()).false_alarms(SHIPPED))
}

/// False alarms a series-year on quantities whose costs show changes of price, credits and refunds, and what the same
/// detector would say of those costs.
fn prices(seed: Seed) -> Value {
    let series: Vec<Series> = (0..BESIDE)
        .map(|number| clean(seed, Variant::Core, number))
        .collect();
    let quantities = series.iter().map(ours::scores).collect();
    let costs = series
        .iter()
        .enumerate()
        .map(|(number, series)| ours::of(series, &series.costs(seed, number)));
    json!([
        figure(Outcome::new(quantities, Vec::new()).false_alarms(SHIPPED)),
        figure(Outcome::new(costs.collect(), Vec::new()).false_alarms(SHIPPED)),
    ])
}

fn figure(figure: Figure) -> Value {
    json!([figure.value, figure.interval[0], figure.interval[1]])
}
