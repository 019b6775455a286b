//! Recall at a given number of false alarms, and how sure it is.
//!
//! One way of counting for all contenders. Each gives a score for every judged day; an alarm is a score above a
//! threshold. Alarm days with at most one quiet day between them are one alarm, as the product keeps one incident open
//! until two days in a row are quiet. False alarms are alarms on series without a leak; a leak is found when a day of its
//! window alarms. Nobody learns from its own alarms. The threshold is the lowest that gives at most the allowed number
//! of false alarms on these very series, so recall is compared at equal cost.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Scores of a series' judged days; `None` where the day is missing.
pub(crate) type Scores = Vec<Option<f64>>;

/// What a contender made of all series.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    clean: Vec<Scores>,
    /// Largest score within the window of the leak.
    found: Vec<f64>,
}

/// Days in a year.
const YEAR: f64 = 365.25;
/// Resamples of a confidence interval.
const RESAMPLES: usize = 400;
/// Thresholds tried: order statistics of the scores of clean days.
const THRESHOLDS: usize = 300;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) interval: [f64; 2],
}

impl Outcome {
    /// Of scores on clean series, and the largest score in each leak's window.
    pub(crate) fn new(clean: Vec<Scores>, found: Vec<f64>) -> Self {
        Self { clean, found }
    }

    /// Largest scores in the windows, in the order of the leaks.
    pub(crate) fn found(&self) -> &[f64] {
        &self.found
    }

    /// False alarms a series-year at a threshold.
    pub(crate) fn false_alarms(&self, threshold: f64) -> Figure {
        let counts: Vec<f64> = self
            .clean
            .iter()
            .map(|scores| float(alarms(scores, threshold)))
            .collect();
        let years: Vec<f64> = self.clean.iter().map(years).collect();
        let mut random = StdRng::seed_from_u64(1);
        let rate = |picked: &mut dyn Iterator<Item = usize>| {
            let (mut count, mut time) = (0.0, 0.0);
            for index in picked {
                count += counts[index];
                time += years[index];
            }
            count / time
        };
        let value = rate(&mut (0..counts.len()));
        let resampled = (0..RESAMPLES)
            .map(|_| rate(&mut (0..counts.len()).map(|_| random.random_range(0..counts.len()))));
        Figure {
            value,
            interval: middle(resampled.collect()),
        }
    }

    /// The lowest threshold with at most so many false alarms a series-year.
    pub(crate) fn threshold(&self, allowed: f64) -> f64 {
        let grid = self.grid();
        let rates: Vec<f64> = grid.iter().map(|threshold| self.rate(*threshold)).collect();
        lowest(&grid, &rates, allowed)
    }

    /// Share of leaks found at so many false alarms a series-year. Series are drawn again with their leaks for the
    /// interval, and the threshold is set again on each draw. The same draws for every contender.
    pub(crate) fn recall(&self, allowed: f64) -> Figure {
        Figure {
            value: self.share(
                &(0..self.found.len()).collect::<Vec<_>>(),
                self.threshold(allowed),
            ),
            interval: middle(self.recalls(allowed)),
        }
    }

    /// The draws behind the interval of [`Self::recall`].
    pub(crate) fn recalls(&self, allowed: f64) -> Vec<f64> {
        let grid = self.grid();
        let counts: Vec<Vec<f64>> = self
            .clean
            .iter()
            .map(|scores| {
                grid.iter()
                    .map(|threshold| float(alarms(scores, *threshold)))
                    .collect()
            })
            .collect();
        let years: Vec<f64> = self.clean.iter().map(years).collect();
        let mut random = StdRng::seed_from_u64(2);
        (0..RESAMPLES)
            .map(|_| {
                let mut sums = vec![0.0; grid.len()];
                let mut time = 0.0;
                for _ in 0..counts.len() {
                    let index = random.random_range(0..counts.len());
                    time += years[index];
                    for (sum, count) in sums.iter_mut().zip(&counts[index]) {
                        *sum += count;
                    }
                }
                for sum in &mut sums {
                    *sum /= time;
                }
                let leaks: Vec<usize> = (0..self.found.len())
                    .map(|_| random.random_range(0..self.found.len()))
                    .collect();
                self.share(&leaks, lowest(&grid, &sums, allowed))
            })
            .collect()
    }

    fn share(&self, leaks: &[usize], threshold: f64) -> f64 {
        let found = leaks
            .iter()
            .filter(|leak| self.found[**leak] > threshold)
            .count();
        float(found) / float(leaks.len())
    }

    fn rate(&self, threshold: f64) -> f64 {
        let count: usize = self
            .clean
            .iter()
            .map(|scores| alarms(scores, threshold))
            .sum();
        float(count) / self.clean.iter().map(years).sum::<f64>()
    }

    /// Ascending; from where nobody would want to be, to above every score.
    fn grid(&self) -> Vec<f64> {
        let mut scores: Vec<f64> = self.clean.iter().flatten().flatten().copied().collect();
        scores.sort_by(f64::total_cmp);
        // Thrice the alarms of ten a year, and every day an alarm.
        let tail = (scores.len() * 30 / 365).min(scores.len());
        let kept = &scores[scores.len() - tail..];
        let mut grid: Vec<f64> = (0..THRESHOLDS)
            .filter_map(|step| kept.get(step * kept.len() / THRESHOLDS).copied())
            .collect();
        grid.extend(kept.last());
        grid
    }
}

/// Alarms of a series at a threshold.
pub(crate) fn alarms(scores: &Scores, threshold: f64) -> usize {
    let mut count = 0;
    let mut quiet = 2;
    for score in scores.iter().flatten() {
        if *score > threshold {
            count += usize::from(quiet >= 2);
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    count
}

fn years(scores: &Scores) -> f64 {
    float(scores.iter().flatten().count()) / YEAR
}

/// The lowest threshold from which on the rate stays allowed.
fn lowest(grid: &[f64], rates: &[f64], allowed: f64) -> f64 {
    let over = rates.iter().rposition(|rate| *rate > allowed);
    let index = over.map_or(0, |index| index + 1);
    grid.get(index)
        .or(grid.last())
        .copied()
        .unwrap_or(f64::INFINITY)
}

/// The middle 95 %.
fn middle(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = |share: usize| values.get(last * share / 1000).copied().unwrap_or(f64::NAN);
    [at(25), at(975)]
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[f64]) -> Scores {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn alarm_days_with_one_quiet_day_between_them_are_one_alarm_and_with_two_are_two() {
        assert_eq!(alarms(&scores(&[2.0, 2.0, 0.0, 2.0]), 1.0), 1);
        assert_eq!(alarms(&scores(&[2.0, 0.0, 0.0, 2.0]), 1.0), 2);
        assert_eq!(alarms(&scores(&[1.0, 0.0]), 1.0), 0, "above, not at");
        assert_eq!(
            alarms(&vec![Some(2.0), None, None, Some(2.0)], 1.0),
            1,
            "nobody saw a quiet day"
        );
    }

    #[test]
    fn the_threshold_is_the_lowest_that_keeps_to_the_allowed_false_alarms() {
        // Four series-years of which every 73rd day has a score of its own.
        let clean: Vec<Scores> = (0..4)
            .map(|year| {
                let day = |day: usize| {
                    if day.is_multiple_of(73) {
                        float(1 + day / 73 + 5 * year)
                    } else {
                        0.0
                    }
                };
                scores(&(0..365).map(day).collect::<Vec<f64>>())
            })
            .collect();
        let outcome = Outcome::new(clean, vec![5.0, 16.5, 19.0]);
        // A year has a quarter of a day more than these.
        let allowed = 1.01;
        assert!(outcome.false_alarms(outcome.threshold(allowed)).value <= allowed);
        assert!((outcome.threshold(allowed) - 16.0).abs() < 1e-9);
        let recall = outcome.recall(allowed);
        assert!((recall.value - 2.0 / 3.0).abs() < 1e-9);
        assert!(recall.interval[0] <= recall.value && recall.value <= recall.interval[1]);
    }
}
