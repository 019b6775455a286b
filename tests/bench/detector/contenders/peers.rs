//! What one would use otherwise, and the oracle. Each scores the judged days of a series by the days before.
//!
//! The peers get what is fair to them: logs, on which all of them do better than on bytes, and history up to the day.
//! - same-weekday median/MAD: the last 8 same weekdays, scale from all of them about their medians;
//! - mean + 3σ: of the last 28 days;
//! - Holt-Winters: additive on logs, season 7, the three constants by least squares on the first 70 days; deviation of
//!   the one-day forecast over the standard deviation of the errors so far. (augurs has no seasonal ETS yet.)
//! - S-H-ESD: from the paper (Hochenbaum, Vallis, Kejariwal 2017): weekly season removed, median for the trend, the
//!   generalised ESD test with median and MAD; score: the day's statistic in the step in which it is the most extreme,
//!   over that step's critical value at 5 %.

use super::generator::{COEFFICIENT, DAYS, FIRST_JUDGED, Series};
use super::roc::{Scores, float};

/// A way to score a day by the days before it: logs by day number (`None` where missing) up to and including the day.
type Judge = fn(&[Option<f64>]) -> Option<f64>;

/// The peers by name.
pub(crate) const PEERS: [(&str, Judge); 3] = [
    ("same-weekday median/MAD", same_weekday),
    ("mean + 3 sigma", mean),
    ("S-H-ESD", seasonal_esd),
];

/// The name of the peer that goes through a series once.
pub(crate) const HOLT_WINTERS: &str = "Holt-Winters";

/// Scores of a peer; `sides` is 1 for rises, and 2 for rises and falls alike.
pub(crate) fn scores(series: &[Option<u64>], judge: Judge) -> Scores {
    let logs = logs(series);
    let judged = FIRST_JUDGED..series.len();
    judged
        .map(|day| logs[day].and_then(|_| judge(&logs[..=day])))
        .collect()
}

/// Scores of Holt-Winters.
pub(crate) fn holt_winters(series: &[Option<u64>]) -> Scores {
    let logs = logs(series);
    let steps = [0.02, 0.05, 0.1, 0.2, 0.35];
    let mut best: Option<(f64, [f64; 3])> = None;
    for level in steps {
        for trend in [0.0, 0.01, 0.03] {
            for season in steps {
                let errors = smooth(
                    &logs[..FIRST_JUDGED.min(logs.len())],
                    [level, trend, season],
                );
                let squares: f64 = errors
                    .iter()
                    .skip(21)
                    .flatten()
                    .map(|error| error * error)
                    .sum();
                if best.is_none_or(|(least, _)| squares < least) {
                    best = Some((squares, [level, trend, season]));
                }
            }
        }
    }
    let errors = smooth(
        &logs,
        best.map_or([0.1, 0.01, 0.1], |(_, constants)| constants),
    );
    (FIRST_JUDGED..logs.len())
        .map(|day| {
            let before: Vec<f64> = errors[..day].iter().skip(21).flatten().copied().collect();
            let square =
                before.iter().map(|error| error * error).sum::<f64>() / float(before.len());
            errors[day].map(|error| error / square.sqrt())
        })
        .collect()
}

/// Errors of the one-day forecasts.
fn smooth(logs: &[Option<f64>], [alpha, beta, gamma]: [f64; 3]) -> Vec<Option<f64>> {
    let week: Vec<f64> = logs.iter().flatten().take(7).copied().collect();
    let mut level = week.iter().sum::<f64>() / float(week.len());
    let mut trend = 0.0;
    let mut season = [0.0; 7];
    for (day, log) in logs.iter().take(7).enumerate() {
        season[day % 7] = log.map_or(0.0, |log| log - level);
    }
    let step = |(day, log): (usize, &Option<f64>)| {
        let forecast = level + trend + season[day % 7];
        let error = log.map(|log| log - forecast);
        level += trend;
        if let Some(error) = error {
            level += alpha * error;
            trend += beta * error;
            season[day % 7] += gamma * error;
        }
        error
    };
    logs.iter().enumerate().map(step).collect()
}

/// The oracle of the issue: distance from the true mean over the true scale of the noise.
pub(crate) fn oracle(series: &Series) -> Scores {
    let logs = logs(&series.volumes);
    let scale = series.scale / (1.0 - COEFFICIENT * COEFFICIENT).sqrt();
    (FIRST_JUDGED..DAYS)
        .map(|day| Some((logs[day]? - series.means[day]) / scale))
        .collect()
}

fn same_weekday(logs: &[Option<f64>]) -> Option<f64> {
    let (today, before) = logs.split_last()?;
    let weeks = |weekday: usize| {
        let same = before.iter().rev().skip(weekday).step_by(7).take(9);
        same.flatten().take(8).copied().collect::<Vec<f64>>()
    };
    let centre = median(weeks(6));
    let distances = (0..7).flat_map(|weekday| {
        let same = weeks(weekday);
        let centre = median(same.clone());
        same.into_iter().map(move |log| (log - centre).abs())
    });
    Some((((*today)?) - centre) / mad(distances.collect()))
}

fn mean(logs: &[Option<f64>]) -> Option<f64> {
    let (today, before) = logs.split_last()?;
    let last: Vec<f64> = before.iter().rev().take(28).flatten().copied().collect();
    let mean = last.iter().sum::<f64>() / float(last.len());
    let square = last.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / float(last.len());
    Some(((*today)? - mean) / square.sqrt().max(1e-6))
}

fn seasonal_esd(logs: &[Option<f64>]) -> Option<f64> {
    let last = logs.len() - 1;
    let all: Vec<(usize, f64)> = logs
        .iter()
        .enumerate()
        .skip(logs.len().saturating_sub(98))
        .filter_map(|(day, log)| Some((day, (*log)?)))
        .collect();
    let centre = median(all.iter().map(|(_, log)| *log).collect());
    let mut season = [0.0; 7];
    for (weekday, slot) in season.iter_mut().enumerate() {
        let same = all.iter().filter(|(day, _)| day % 7 == weekday);
        *slot = median(same.map(|(_, log)| log - centre).collect());
    }
    let mut rest: Vec<(usize, f64)> = all
        .iter()
        .map(|(day, log)| (*day, log - centre - season[day % 7]))
        .collect();
    let mut score = None;
    for _ in 0..all.len() / 10 {
        let values: Vec<f64> = rest.iter().map(|(_, value)| *value).collect();
        let middle = median(values.clone());
        let scale = mad(values.iter().map(|value| (value - middle).abs()).collect());
        let (index, (day, value)) = rest
            .iter()
            .copied()
            .enumerate()
            .max_by(|(_, (_, a)), (_, (_, b))| (a - middle).abs().total_cmp(&(b - middle).abs()))?;
        if let Some(today) = rest.iter().find(|(day, _)| *day == last) {
            score = Some((today.1 - middle) / scale / critical(rest.len()));
        }
        if day == last || (value - middle).abs() / scale < critical(rest.len()) {
            break;
        }
        rest.remove(index);
    }
    score
}

/// Critical value of the ESD test at 5 %, two-sided, of so many values.
fn critical(count: usize) -> f64 {
    let n = float(count);
    // The normal quantile at 1 - 0.05 / 2n (Abramowitz and Stegun 26.2.23), brought to Student's t by Cornish and Fisher.
    let t = (-2.0 * (0.025 / n).ln()).sqrt();
    let z = t
        - (2.515_517 + t * (0.802_853 + t * 0.010_328))
            / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    let freedom = n - 2.0;
    let quantile = z + (z.powi(3) + z) / (4.0 * freedom);
    (n - 1.0) * quantile / ((freedom + quantile * quantile) * n).sqrt()
}

fn logs(series: &[Option<u64>]) -> Vec<Option<f64>> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are more than the noise leaves"
    )]
    let log = |volume: u64| (volume as f64).max(1.0).ln();
    series.iter().map(|volume| volume.map(log)).collect()
}

fn mad(distances: Vec<f64>) -> f64 {
    (1.4826 * median(distances)).max(1e-6)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
