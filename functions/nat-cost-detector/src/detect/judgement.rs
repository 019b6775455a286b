//! Evidence on one day of a series, against the threshold of that series.

use tollkeeper::time::Day;

use super::calibration;
use super::evidence::{Evidence, Shape, one_day};
use super::model::Model;
use super::points::{Point, Points};

/// Scales of usual noise within which a frozen baseline calls a day usual again. An alarm needs more than to leave this
/// range for a day, and an incident is over only back within it.
const USUAL_SCALES: f64 = 3.0;
/// Scales up to which no day can be evidence of a leak that comes near a threshold.
const ORDINARY: f64 = 3.0;
/// Log-scale distance beyond every volume.
const BEYOND: f64 = 14.0;

/// A fitted history, ready to weigh volumes of a day.
#[derive(Debug)]
pub(super) struct Judgement {
    points: Points,
    model: Model,
    day: Day,
    rise: Evidence,
    fall: Evidence,
    /// Evidence that raises an alarm.
    pub(super) threshold: f64,
}

/// What a volume is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weighed {
    /// Evidence over the threshold; negative for a fall.
    pub(super) score: f64,
    /// Log of the Bayes factor.
    pub(super) evidence: f64,
    /// How the leak began.
    pub(super) shape: Shape,
}

impl Judgement {
    /// Of a day by the days before it; from `steps` on the level is known to be another one.
    pub(super) fn new(points: Points, steps: &[Day], day: Day) -> Self {
        let model = Model::fit(&points, steps);
        let today = points.point(day, 0);
        let threshold = calibration::threshold(&past(&model, &points.days));
        Self {
            rise: Evidence::new(&model, &points.days, &today, 1.0),
            fall: Evidence::new(&model, &points.days, &today, -1.0),
            points,
            model,
            day,
            threshold,
        }
    }

    /// Weighs a volume of the day both ways; the larger evidence counts.
    pub(super) fn weigh(&self, bytes: u64) -> Weighed {
        let log = self.points.point(self.day, bytes).log;
        let (rise, shape) = self.rise.weigh(log);
        let (fall, fallen) = self.fall.weigh(log);
        if fall > rise && fall > 0.0 {
            return Weighed {
                score: -fall / self.threshold,
                evidence: fall,
                shape: fallen,
            };
        }
        Weighed {
            score: rise.max(0.0) / self.threshold,
            evidence: rise,
            shape,
        }
    }

    /// Lowest, expected and highest volume of the day that raises no alarm.
    pub(super) fn range(&self) -> (u64, u64, u64) {
        let base = self.model.expected(&self.points.point(self.day, 0));
        let edge = |evidence: &Evidence, sign: f64| {
            let (mut inside, mut outside) = (0.0, BEYOND);
            for _ in 0..18 {
                let middle = f64::midpoint(inside, outside);
                if evidence.weigh(base + sign * middle).0 > self.threshold {
                    outside = middle;
                } else {
                    inside = middle;
                }
            }
            self.points.volume(base + sign * inside)
        };
        (
            edge(&self.fall, -1.0),
            self.points.volume(base),
            edge(&self.rise, 1.0),
        )
    }

    /// The same for a weekday that is not preceded by anything known: what an incident freezes.
    pub(super) fn weekday(&self, weekday: usize) -> (u64, u64, u64) {
        let point = Point {
            weekday,
            month_start: false,
            ..self.points.point(self.day, 0)
        };
        let base = self.model.expected(&point);
        let spread =
            USUAL_SCALES * (self.model.usual_scale().powi(2) + self.model.variance(&point)).sqrt();
        let volume = |log: f64| self.points.volume(log);
        (volume(base - spread), volume(base), volume(base + spread))
    }
}

/// Evidence for a jump on each day of history, from that day and the one before; of ordinary days just that it is none.
fn past(model: &Model, days: &[Point]) -> Vec<f64> {
    let residuals: Vec<f64> = days.iter().map(|point| model.residual(point)).collect();
    (1..days.len())
        .map(|at| {
            let gap = days[at].number - days[at - 1].number;
            let (carried, spread) = model.carry(residuals[at - 1], gap);
            if residuals[at] - carried < ORDINARY * spread {
                return f64::MIN;
            }
            one_day(residuals[at], carried, spread)
        })
        .collect()
}
