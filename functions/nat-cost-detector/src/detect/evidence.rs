//! How much better a leak explains the last days than noise does.
//!
//! Every way a leak may have begun in the last days (a spike or shift since today, yesterday, ...; a ramp) and every size
//! it may have is a hypothesis. Each is weighed by the likelihood of the last days under Student's t, and the average
//! over all is compared with "nothing happened": a Bayes factor, of which the log is the evidence. So a jump of one day
//! and a small excess that lasts a week are measured by one yardstick. Falls are the same with the sign turned.

use super::model::{FREEDOM, Model};
use super::points::Point;

/// Days that are looked at together.
pub(super) const WINDOW: usize = 8;
/// The same as days back.
const WINDOW_DAYS: i64 = 8;
/// Days in which a ramp reaches its size.
const RAMP_DAYS: i64 = 7;
/// Sizes on the log scale: from a quarter more to ten thousand times as much.
const SIZES: [f64; 14] = [
    0.22, 0.30, 0.40, 0.52, 0.66, 0.82, 1.0, 1.25, 1.6, 2.1, 2.9, 4.2, 6.3, 9.3,
];

/// How a leak begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// At once, this many days before today.
    Jump(i64),
    /// Growing, this many days before today.
    Ramp(i64),
}

/// A shape of a size, and what the days before today say for it.
#[derive(Debug, Clone, Copy)]
struct Hypothesis {
    shape: Shape,
    /// Prior, times the likelihood of the days before today over that of nothing.
    weight: f64,
    /// What today's noise is expected to be with this leak.
    today: f64,
}

/// The hypotheses, ready to weigh a volume of today.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    /// Scale of what is new today.
    scale: f64,
    hypotheses: Vec<Hypothesis>,
    carried: f64,
    base: f64,
    sign: f64,
}

impl Shape {
    fn all() -> impl Iterator<Item = Self> {
        (0..7).map(Self::Jump).chain((2..8).map(Self::Ramp))
    }

    /// Share of its size that a leak has `ago` days before today.
    fn reached(self, ago: i64) -> f64 {
        match self {
            Self::Jump(since) => f64::from(u8::from(ago <= since)),
            Self::Ramp(since) if ago <= since => {
                let days = i32::try_from((since - ago + 1).min(RAMP_DAYS)).unwrap_or(0);
                f64::from(days) / 7.0
            }
            Self::Ramp(_) => 0.0,
        }
    }

    fn prior(self) -> f64 {
        match self {
            Self::Jump(0) => 0.40,
            Self::Jump(1) => 0.15,
            Self::Jump(_) => 0.05,
            Self::Ramp(_) => 0.2 / 6.0,
        }
    }
}

impl Evidence {
    /// Of rises (`sign` 1) or falls (-1) up to a day, from the days before it.
    pub(super) fn new(model: &Model, days: &[Point], today: &Point, sign: f64) -> Self {
        let recent: Vec<(i64, f64, f64)> = days
            .iter()
            .rev()
            .take(WINDOW)
            .map(|point| (today.number - point.number, point))
            .take_while(|(ago, _)| *ago <= WINDOW_DAYS)
            .map(|(ago, point)| (ago, sign * model.residual(point), model.variance(point)))
            .collect();
        let nothing = before_today(model, &recent, |_| 0.0);
        let unsure = model.variance(today);
        let hypotheses = Shape::all()
            .filter(|shape| match shape {
                Shape::Jump(0) => true,
                // A leak that began on a day nobody saw began on the next one.
                Shape::Jump(since) | Shape::Ramp(since) => {
                    recent.iter().any(|(ago, ..)| ago == since)
                }
            })
            .flat_map(|shape| SIZES.map(|size| (shape, size)))
            .map(|(shape, size)| {
                let with = before_today(model, &recent, |ago| size * shape.reached(ago));
                #[expect(clippy::cast_precision_loss, reason = "fourteen")]
                let prior = shape.prior() / SIZES.len() as f64;
                Hypothesis {
                    shape,
                    weight: prior * power(nothing.unlikelihood / with.unlikelihood),
                    today: with.carried + size * shape.reached(0),
                }
            })
            .collect();
        let base = model.expected(today);
        Self {
            scale: (nothing.spread.powi(2) + unsure).sqrt(),
            hypotheses,
            carried: nothing.carried,
            base,
            sign,
        }
    }

    /// Log of the Bayes factor for a log-volume of today, and the likeliest shape.
    pub(super) fn weigh(&self, log: f64) -> (f64, Shape) {
        let residual = self.sign * (log - self.base);
        if residual <= 0.0 {
            // Whatever the days before were: this one is over.
            return (f64::MIN, Shape::Jump(0));
        }
        let nothing = unlikelihood((residual - self.carried) / self.scale);
        let mut most = (f64::MIN, Shape::Jump(0));
        let mut sum = 0.0;
        for hypothesis in &self.hypotheses {
            // Beyond what a leak of this size explains, a larger one is meant.
            let distance = (residual - hypothesis.today).min(0.0) / self.scale;
            let term = hypothesis.weight * power(nothing / unlikelihood(distance));
            sum += term;
            if term > most.0 {
                most = (term, hypothesis.shape);
            }
        }
        (f64::ln(sum), most.1)
    }
}

/// Evidence for a jump on a day, from its distance and what the day before hands on.
pub(super) fn one_day(residual: f64, carried: f64, spread: f64) -> f64 {
    let nothing = unlikelihood((residual - carried) / spread);
    let larger: f64 = SIZES
        .iter()
        .map(|size| (residual - carried - size).min(0.0) / spread)
        .map(|distance| power(nothing / unlikelihood(distance)))
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "fourteen")]
    let mean = larger / SIZES.len() as f64;
    (mean * Shape::Jump(0).prior()).ln()
}

struct Before {
    unlikelihood: f64,
    carried: f64,
    spread: f64,
}

/// Unlikelihood of the recent days (latest first) with a leak that adds `lift`, and what they hand on to today.
fn before_today(model: &Model, recent: &[(i64, f64, f64)], lift: impl Fn(i64) -> f64) -> Before {
    let mut product = 1.0;
    let mut earlier: Option<(i64, f64)> = None;
    for (ago, residual, variance) in recent.iter().rev() {
        let noise = residual - lift(*ago);
        let (carried, spread) = carry(model, earlier, *ago);
        if earlier.is_some() {
            product *= unlikelihood((noise - carried) / (spread * spread + variance).sqrt());
        }
        earlier = Some((*ago, noise));
    }
    let (carried, spread) = carry(model, earlier, 0);
    Before {
        unlikelihood: product,
        carried,
        spread,
    }
}

fn carry(model: &Model, earlier: Option<(i64, f64)>, ago: i64) -> (f64, f64) {
    earlier.map_or((0.0, model.usual_scale()), |(before, noise)| {
        model.carry(noise, before - ago)
    })
}

/// The density of Student's t is the inverse of this to the power of half its degrees of freedom and one, up to a
/// constant. Products of a window's days stay far within what a float holds.
fn unlikelihood(distance: f64) -> f64 {
    1.0 + distance * distance / FREEDOM
}

/// To the power of 5/2: half of four degrees of freedom and one.
fn power(ratio: f64) -> f64 {
    ratio * ratio * ratio.sqrt()
}
