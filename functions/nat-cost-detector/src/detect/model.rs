//! What is usual: a level with a slow trend, a weekly profile, a month's first day, and noise that remembers yesterday.
//!
//! The most likely parameters under Student's t (heavy tails make the fit robust: a spike hardly moves it), with priors
//! that pull towards a flat week and no trend while the history is short. Older days count less. Lasting shifts are
//! found in the history and become steps of the level, so what has lasted a while is usual.

use tollkeeper::time::Day;

use super::linear::{MOST, Normal, Row, Solution};
use super::points::{Point, Points, median};

/// Degrees of freedom of the noise: tails as heavy as volumes have them.
pub(super) const FREEDOM: f64 = 4.0;

/// Median distance from the centre, in scales, under these degrees of freedom.
const MEDIAN_DISTANCE: f64 = 0.741;

/// Days after which a day of history counts half.
const HALF_LIFE: f64 = 120.0;
/// Noise assumed before there is history, and how many days of history that is worth.
const PRIOR_SCALE: f64 = 0.20;
const PRIOR_SCALE_DAYS: f64 = 5.0;
/// No series is thought to be quieter than this.
const SMALLEST_SCALE: f64 = 0.02;
/// Memory of the noise assumed, and how many days of history that is worth.
const PRIOR_MEMORY: f64 = 0.45;
const PRIOR_MEMORY_DAYS: f64 = 25.0;
const MOST_MEMORY: f64 = 0.9;
/// What yesterday's noise hands on is capped at this many scales: beyond is no noise.
const MEMORY_CAP: f64 = 3.0;

/// Prior standard deviations on the log scale.
const LEVEL: f64 = 3.0;
const TREND_A_DAY: f64 = 0.004;
const WEEKEND: f64 = 0.6;
const WEEKDAY: f64 = 0.07;
const MONTH_START: f64 = 0.5;
const STEP: f64 = 2.0;

/// Columns of a row.
const TREND: usize = 1;
const SATURDAY: usize = 2;
const WEEKDAYS: usize = 3;
const FIRST_OF_MONTH: usize = 10;
const STEPS: usize = 11;

/// Days that a shift must have lasted to be the new level.
pub(super) const LASTING_DAYS: usize = 10;
/// Days on either side by which a shift is recognised.
const SIDE: usize = 28;
/// Standard errors, and size on the log scale, that make a shift.
const SHIFT_ERRORS: f64 = 5.0;
const SMALLEST_SHIFT: f64 = 0.18;

/// A fitted history.
#[derive(Debug, Clone)]
pub(super) struct Model {
    solution: Solution,
    /// Centre of the logs, taken out before the fit.
    centre: f64,
    /// Number of the last day of history: where the trend is zero.
    last: i64,
    steps: Vec<i64>,
    knows_month_start: bool,
    /// Scale of an innovation (of Student's t, not its standard deviation).
    pub(super) scale: f64,
    /// AR(1) coefficient.
    pub(super) memory: f64,
}

impl Model {
    /// Fits a history; from each of `known` steps on the level is another one.
    pub(super) fn fit(points: &Points, known: &[Day]) -> Self {
        let days = &points.days;
        let mut logs: Vec<f64> = days.iter().map(|point| point.log).collect();
        let starts = days.iter().filter(|point| point.month_start).count();
        let mut model = Self {
            solution: Normal::new(&[1.0; MOST], MOST).solve(),
            centre: median(&mut logs),
            last: days.last().map_or(0, |point| point.number),
            steps: known
                .iter()
                .rev()
                .take(MOST - STEPS)
                .map(|day| points.number(*day))
                .collect(),
            knows_month_start: starts >= 2,
            scale: PRIOR_SCALE,
            memory: PRIOR_MEMORY,
        };
        model.improve(days, 6);
        while model.steps.len() < MOST - STEPS {
            let Some(step) = model.shift(days) else { break };
            model.steps.push(step);
            model.improve(days, 6);
        }
        model.improve(days, 4);
        model
    }

    fn row(&self, point: &Point) -> Row {
        let mut row = [0.0; MOST];
        row[0] = 1.0;
        row[TREND] = float(point.number - self.last) / 100.0;
        row[SATURDAY] = if point.weekday < 5 {
            -2.0 / 7.0
        } else {
            5.0 / 7.0
        };
        row[WEEKDAYS + point.weekday] = 1.0;
        if self.knows_month_start && point.month_start {
            row[FIRST_OF_MONTH] = 1.0;
        }
        for (index, step) in self.steps.iter().enumerate() {
            // Levels before a step differ: the level itself is today's.
            if point.number < *step {
                row[STEPS + index] = 1.0;
            }
        }
        row
    }

    fn size(&self) -> usize {
        STEPS + self.steps.len()
    }

    fn precisions() -> Row {
        let mut deviations = [WEEKDAY; MOST];
        deviations[0] = LEVEL;
        deviations[TREND] = TREND_A_DAY * 100.0;
        deviations[SATURDAY] = WEEKEND;
        deviations[FIRST_OF_MONTH] = MONTH_START;
        deviations[STEPS..].fill(STEP);
        deviations.map(|deviation| 1.0 / (deviation * deviation))
    }

    /// Reweights `rounds` times, and estimates memory and scale on the way.
    fn improve(&mut self, days: &[Point], rounds: usize) {
        let rows: Vec<Row> = days.iter().map(|point| self.row(point)).collect();
        let mut residuals = vec![0.0; days.len()];
        let mut started = false;
        for half in 0..2 {
            let whitened = self.whiten(days, &rows);
            for round in 0..rounds.div_ceil(2) {
                let robust = started || round > 0;
                self.round(&whitened, robust);
            }
            started = true;
            for (residual, (point, row)) in residuals.iter_mut().zip(days.iter().zip(&rows)) {
                *residual = point.log - self.centre - self.solution.predict(row);
            }
            if half == 0 {
                self.memory = self.memory_of(days, &residuals);
            }
        }
    }

    /// Rows and values without what yesterday explains, and the weight their age leaves them.
    fn whiten(&self, days: &[Point], rows: &[Row]) -> Vec<(Row, f64, f64)> {
        let mut whitened = Vec::with_capacity(days.len());
        for (index, (point, row)) in days.iter().zip(rows).enumerate() {
            let age = 0.5_f64.powf(float(self.last - point.number) / HALF_LIFE);
            let mut row = *row;
            let mut value = point.log - self.centre;
            let gap = index.checked_sub(1).map(|before| {
                let handed = self.handed_on(point.number - days[before].number);
                value -= handed * (days[before].log - self.centre);
                for (cell, earlier) in row.iter_mut().zip(&rows[before]) {
                    *cell -= handed * earlier;
                }
                point.number - days[before].number
            });
            whitened.push((row, value, age / self.spread(gap).powi(2)));
        }
        whitened
    }

    fn round(&mut self, whitened: &[(Row, f64, f64)], robust: bool) {
        let mut normal = Normal::new(&Self::precisions(), self.size());
        let precision = 1.0 / (self.scale * self.scale);
        let mut squares = 0.0;
        let mut count = 0.0;
        for (row, value, weight) in whitened {
            let mut trust = 1.0;
            if robust {
                let residual = value - self.solution.predict(row);
                let share = residual * residual * weight * precision;
                trust = (FREEDOM + 1.0) / (FREEDOM + share);
                squares += trust * residual * residual * weight;
                count += 1.0;
            }
            normal.add(row, *value, trust * weight * precision);
        }
        self.solution = normal.solve();
        if robust {
            // Ages weigh too, so the count is of what they leave.
            let weights: f64 = whitened.iter().map(|(_, _, weight)| weight.min(1.0)).sum();
            let seen = (squares / weights.max(1.0)).sqrt().max(1e-9);
            // What the fit took from the residuals.
            let used = (count / (count - 6.0_f64).max(count / 2.0).max(1.0)).sqrt();
            let known = (seen * used).ln() * count + PRIOR_SCALE.ln() * PRIOR_SCALE_DAYS;
            self.scale = (known / (count + PRIOR_SCALE_DAYS))
                .exp()
                .max(SMALLEST_SCALE);
        } else {
            let mut distances: Vec<f64> = whitened
                .iter()
                .map(|(row, value, _)| (value - self.solution.predict(row)).abs())
                .collect();
            self.scale = (median(&mut distances) / MEDIAN_DISTANCE).max(SMALLEST_SCALE);
        }
    }

    fn memory_of(&self, days: &[Point], residuals: &[f64]) -> f64 {
        let cap = 2.5 * self.usual_scale();
        let near = days.windows(2).zip(residuals.windows(2));
        let (mut product, mut square, mut count) = (0.0, 0.0, 0.0);
        for (pair, values) in near {
            if pair[1].number - pair[0].number == 1 {
                let [a, b] = [values[0], values[1]].map(|value: f64| value.clamp(-cap, cap));
                product += a * b;
                square += f64::midpoint(a * a, b * b);
                count += 1.0;
            }
        }
        if square <= 0.0 {
            return PRIOR_MEMORY;
        }
        let seen = product / square;
        // The fit takes some of the memory out of the residuals.
        let seen = seen + (1.0 + 4.0 * seen) / f64::max(count, 10.0);
        let memory =
            (seen * count + PRIOR_MEMORY * PRIOR_MEMORY_DAYS) / (count + PRIOR_MEMORY_DAYS);
        memory.clamp(0.0, MOST_MEMORY)
    }

    /// The day from which the level is another one, if there is one more such day.
    fn shift(&self, days: &[Point]) -> Option<i64> {
        let residuals: Vec<f64> = days
            .iter()
            .map(|point| point.log - self.centre - self.solution.predict(&self.row(point)))
            .collect();
        let inflation = (1.0 + self.memory) / (1.0 - self.memory);
        let near = |at: usize| {
            self.steps
                .iter()
                .any(|step| (days[at].number - step).unsigned_abs() < LASTING_DAYS as u64)
        };
        let mut best: Option<(f64, i64)> = None;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for at in LASTING_DAYS..(days.len() + 1).saturating_sub(LASTING_DAYS) {
            if near(at) {
                continue;
            }
            before.clear();
            before.extend_from_slice(&residuals[at.saturating_sub(SIDE)..at]);
            after.clear();
            after.extend_from_slice(&residuals[at..(at + SIDE).min(days.len())]);
            let size = median(&mut after) - median(&mut before);
            let share = 1.0 / count(before.len()) + 1.0 / count(after.len());
            let error = 1.25 * self.usual_scale() * (share * inflation).sqrt();
            let errors = size.abs() / error;
            if size.abs() > SMALLEST_SHIFT
                && errors > SHIFT_ERRORS
                && best.is_none_or(|(most, _)| errors > most)
            {
                best = Some((errors, days[at].number));
            }
        }
        best.map(|(_, step)| step)
    }

    /// Distance of a day from what its level and profile say.
    pub(super) fn residual(&self, point: &Point) -> f64 {
        point.log - self.expected(point)
    }

    /// What level and profile say, on the log scale.
    pub(super) fn expected(&self, point: &Point) -> f64 {
        self.centre + self.solution.predict(&self.row(point))
    }

    /// How unsure that is, as a variance.
    pub(super) fn variance(&self, point: &Point) -> f64 {
        self.solution.variance(&self.row(point))
    }

    /// Scale of the noise when nothing is known of the days before.
    pub(super) fn usual_scale(&self) -> f64 {
        self.scale / (1.0 - self.memory * self.memory).sqrt()
    }

    /// Share of the noise that is left after some days.
    fn handed_on(&self, gap: i64) -> f64 {
        self.memory.powi(i32::try_from(gap).unwrap_or(i32::MAX))
    }

    /// Scale of what is new after a gap, in innovations; of a day without one before.
    fn spread(&self, gap: Option<i64>) -> f64 {
        let handed = gap.map_or(0.0, |gap| self.handed_on(gap));
        ((1.0 - handed * handed) / (1.0 - self.memory * self.memory)).sqrt()
    }

    /// What the noise of an earlier day says about a later one, and the scale of what is new in it.
    pub(super) fn carry(&self, noise: f64, gap: i64) -> (f64, f64) {
        let cap = MEMORY_CAP * self.usual_scale();
        (
            self.handed_on(gap) * noise.clamp(-cap, cap),
            self.scale * self.spread(Some(gap)),
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of days are small")]
fn float(days: i64) -> f64 {
    days as f64
}

#[expect(clippy::cast_precision_loss, reason = "numbers of days are small")]
fn count(days: usize) -> f64 {
    days as f64
}
