//! Generated daily volumes with a known model and, in some, one known leak. Fixed before any detector was tuned on it.
//!
//! **Core.** 180 days from a random date. Log-volume = level + growth × day + weekly profile + noise:
//! - level: 20 GB to 20 TB a day, log-uniform; growth: 0, +0.2, -0.2 or +0.6 % a day, equally often;
//! - weekly profile: Saturday and Sunday lower by 0 to 60 % (uniform, the same for both; 30 to 60 % where the leak is a
//!   weekend, or there would be nothing to find), times exp(5 % × normal) for each weekday by itself;
//! - noise: AR(1), coefficient 0.5, begun in its stationary state; innovations are Student's t with 4 degrees of freedom,
//!   brought to the standard deviation of 5, 10 or 20 % (balanced).
//!
//! **Leaks** begin on a random day from 70 to 160, factor 1.5, 2 or 3 (balanced):
//! - spike: 1 or 2 days times the factor; a find on one of its days counts;
//! - shift: times the factor for good; a find within 7 days counts;
//! - ramp: grows evenly to the factor in 7 days and stays; a find within 14 days counts;
//! - weekend: the next Saturday and Sunday run at the mean of the weekdays' profile, whatever the factor; a find on one
//!   of the two counts.
//!
//! With these choices (the standard deviation, the windows) an oracle that divides the distance from the true mean by the
//! true scale of the noise finds .82 at one false alarm a series-year: what it found in the trial that set the targets.
//!
//! **Beside the core**, reported apart: the first day of each month times 1.5 to 3; 15 % of days missing, one of them a
//! week; histories that begin 3 to 14 days before the leak; costs of the same quantities with a change of price, credits
//! and refunds.
//!
//! The same seed and number give the same series. Three seeds: one to tune on, one to set the shipped threshold on, one
//! that is only reported on.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tollkeeper::time::Day;

/// Days of a series.
pub(crate) const DAYS: usize = 180;
/// First day that is judged, and on which a leak may begin.
pub(crate) const FIRST_JUDGED: usize = 70;
/// AR(1) coefficient of the noise.
pub(crate) const COEFFICIENT: f64 = 0.5;
/// Degrees of freedom of its innovations.
pub(crate) const FREEDOM: f64 = 4.0;

const LAST_ONSET: usize = 160;
const GROWTHS: [f64; 4] = [0.0, 0.002, -0.002, 0.006];
const SCALES: [f64; 3] = [0.05, 0.10, 0.20];
const FACTORS: [f64; 3] = [1.5, 2.0, 3.0];
const KINDS: [Kind; 4] = [Kind::Spike, Kind::Shift, Kind::Ramp, Kind::Weekend];
const RAMP_DAYS: usize = 7;
const GB: f64 = 1_073_741_824.0;

/// Which generated series: what one seed yields is never used for another purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seed {
    /// To develop and tune on.
    Tuning,
    /// To set the shipped threshold on.
    Calibration,
    /// To report on, and nothing else.
    Test,
}

/// Shape of a leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Spike,
    Shift,
    Ramp,
    Weekend,
}

/// A leak, by day numbers within the series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leak {
    pub(crate) kind: Kind,
    pub(crate) factor: f64,
    /// First day.
    pub(crate) onset: usize,
    /// Days from the onset on which a find counts.
    pub(crate) window: usize,
}

/// What is put beside the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    Core,
    MonthStart,
    MissingDays,
    ShortHistory,
}

/// A series and all that is true of it.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Day 0.
    pub(crate) first: Day,
    /// Bytes of each day; `None` where the day is missing.
    pub(crate) volumes: Vec<Option<u64>>,
    /// True mean of the log of the volume, without noise and leak.
    pub(crate) means: Vec<f64>,
    /// Standard deviation of an innovation.
    pub(crate) scale: f64,
    pub(crate) leak: Option<Leak>,
}

impl Seed {
    /// A generator of its own for each series of each purpose.
    fn random(self, variant: Variant, number: usize, leaks: bool) -> StdRng {
        let purpose = match self {
            Self::Tuning => 0x7475_6e65,
            Self::Calibration => 0x6361_6c69,
            Self::Test => 0x7465_7374,
        };
        let stream = u64::from(leaks) << 8 | variant as u64;
        StdRng::seed_from_u64(purpose << 32 ^ stream << 20 ^ number as u64)
    }
}

/// A series without a leak.
pub(crate) fn clean(seed: Seed, variant: Variant, number: usize) -> Series {
    let mut random = seed.random(variant, number, false);
    core(&mut random, variant, number, None)
}

/// A series with one leak: kind, factor and noise go through all combinations with the number.
pub(crate) fn leaking(seed: Seed, variant: Variant, number: usize) -> Series {
    let mut random = seed.random(variant, number, true);
    let kind = KINDS[number / SCALES.len() % KINDS.len()];
    let factor = FACTORS[number / (SCALES.len() * KINDS.len()) % FACTORS.len()];
    core(&mut random, variant, number, Some((kind, factor)))
}

fn core(random: &mut StdRng, variant: Variant, number: usize, leak: Option<(Kind, f64)>) -> Series {
    let first = first_day().plus(random.random_range(0..365));
    let scale = SCALES[number % SCALES.len()];
    let level = (random.random_range(20.0_f64.ln()..20_000.0_f64.ln()).exp() * GB).ln();
    let growth = GROWTHS[random.random_range(0..GROWTHS.len())].ln_1p();
    let least_drop = match leak {
        Some((Kind::Weekend, _)) => 0.3,
        _ => 0.0,
    };
    let profile = profile(random, least_drop);
    let weekday = |day: usize| usize::from(first.plus(signed(day)).weekday());
    let mut means: Vec<f64> = (0..DAYS)
        .map(|day| level + growth * float(day) + profile[weekday(day)])
        .collect();
    if variant == Variant::MonthStart {
        let more = random.random_range(1.5_f64..3.0).ln();
        for (day, mean) in means.iter_mut().enumerate() {
            if first.plus(signed(day)).date().day() == 1 {
                *mean += more;
            }
        }
    }
    let leak = leak.map(|(kind, factor)| {
        let onset = random.random_range(FIRST_JUDGED..=LAST_ONSET);
        place(kind, factor, onset, &weekday, random)
    });
    let workdays = profile[..5].iter().map(|offset| offset.exp()).sum::<f64>() / 5.0;
    let lift = |day: usize| {
        leak.map_or(0.0, |leak| {
            leak.lift(day, workdays.ln() - profile[weekday(day)])
        })
    };
    let noise = noise(random, scale);
    let mut volumes: Vec<Option<u64>> = (0..DAYS)
        .map(|day| Some(bytes((means[day] + lift(day) + noise[day]).exp())))
        .collect();
    let begins = match (variant, leak) {
        (Variant::ShortHistory, Some(leak)) => leak.onset - random.random_range(3..=14),
        (Variant::ShortHistory, None) => FIRST_JUDGED - random.random_range(3..=14),
        _ => 0,
    };
    volumes[..begins].fill(None);
    if variant == Variant::MissingDays {
        lose(&mut volumes, leak, random);
    }
    Series {
        first,
        volumes,
        means,
        scale,
        leak,
    }
}

fn place(
    kind: Kind,
    factor: f64,
    onset: usize,
    weekday: &impl Fn(usize) -> usize,
    random: &mut StdRng,
) -> Leak {
    let (onset, window) = match kind {
        Kind::Spike => (onset, random.random_range(1..=2)),
        Kind::Shift => (onset, 7),
        Kind::Ramp => (onset, 2 * RAMP_DAYS),
        Kind::Weekend => (
            (onset..onset + 7)
                .find(|day| weekday(*day) == 5)
                .unwrap_or(onset),
            2,
        ),
    };
    Leak {
        kind,
        factor,
        onset,
        window,
    }
}

impl Leak {
    /// What the leak adds to the log of a day's volume; `weekend` is the day's distance from the weekdays' mean.
    fn lift(&self, day: usize, weekend: f64) -> f64 {
        let Some(age) = day.checked_sub(self.onset) else {
            return 0.0;
        };
        let reached = float((age + 1).min(RAMP_DAYS)) / float(RAMP_DAYS);
        match self.kind {
            Kind::Spike if age < self.window => self.factor.ln(),
            Kind::Weekend if age < self.window => weekend,
            Kind::Spike | Kind::Weekend => 0.0,
            Kind::Shift => self.factor.ln(),
            Kind::Ramp => (1.0 + (self.factor - 1.0) * reached).ln(),
        }
    }
}

impl Series {
    /// The calendar day of a number.
    pub(crate) fn day(&self, number: usize) -> Day {
        self.first.plus(signed(number))
    }

    /// Volumes by day, as the detector takes them; missing days are absent.
    pub(crate) fn history(&self) -> BTreeMap<Day, u64> {
        let known = self.volumes.iter().enumerate();
        known
            .filter_map(|(number, volume)| Some((self.day(number), (*volume)?)))
            .collect()
    }

    /// What the quantities cost in cents a day: the price rises by a fifth to a half on one day, one or two days carry a
    /// credit that takes most of the cost, and one a refund beyond it (kept at zero, as a series of volumes must be).
    pub(crate) fn costs(&self, seed: Seed, number: usize) -> Vec<Option<u64>> {
        let mut random = seed.random(Variant::Core, number, true);
        let change = random.random_range(FIRST_JUDGED..LAST_ONSET);
        let more = random.random_range(1.2..1.5);
        let credits = [(); 2].map(|()| random.random_range(FIRST_JUDGED..DAYS));
        let refund = random.random_range(FIRST_JUDGED..DAYS);
        let cost = |(day, volume): (usize, &Option<u64>)| {
            let price = if day < change { 4.5 } else { 4.5 * more };
            let kept = if day == refund {
                0.0
            } else if credits.contains(&day) {
                0.1
            } else {
                1.0
            };
            volume.map(|volume| bytes(quantity(volume) / GB * price * kept))
        };
        self.volumes.iter().enumerate().map(cost).collect()
    }
}

/// Offsets of the log by weekday, Monday first.
fn profile(random: &mut StdRng, least_drop: f64) -> [f64; 7] {
    let weekend = (1.0 - random.random_range(least_drop..0.6_f64)).ln();
    std::array::from_fn(|weekday| 0.05 * normal(random) + if weekday < 5 { 0.0 } else { weekend })
}

fn noise(random: &mut StdRng, scale: f64) -> Vec<f64> {
    // Two hundred days before the first: its state is stationary by then.
    let mut state = 0.0;
    let mut step = || {
        state = COEFFICIENT * state + scale * student(random) / (FREEDOM / (FREEDOM - 2.0)).sqrt();
        state
    };
    for _ in 0..200 {
        step();
    }
    (0..DAYS).map(|_| step()).collect()
}

/// Takes days away at random, and one week; never the first days of a leak, which nobody could find then.
fn lose(volumes: &mut [Option<u64>], leak: Option<Leak>, random: &mut StdRng) {
    let week = random.random_range(0..DAYS - 7);
    let kept = leak.map_or(0..0, |leak| leak.onset..leak.onset + leak.window);
    for (day, volume) in volumes.iter_mut().enumerate() {
        let lost = random.random_bool(0.11) || (week..week + 7).contains(&day);
        if lost && !kept.contains(&day) {
            *volume = None;
        }
    }
}

/// Box and Muller.
pub(crate) fn normal(random: &mut StdRng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

/// Student's t with four degrees of freedom: its chi-squared is a product of two uniforms.
fn student(random: &mut StdRng) -> f64 {
    let product = (1.0 - random.random::<f64>()) * (1.0 - random.random::<f64>());
    normal(random) / (-2.0 * product.ln() / FREEDOM).sqrt()
}

fn first_day() -> Day {
    // 1 January 2025; no day of it has a meaning.
    Day::of(jiff::Timestamp::UNIX_EPOCH).plus(20_089)
}

fn signed(day: usize) -> i64 {
    i64::try_from(day).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "day numbers are small")]
fn float(day: usize) -> f64 {
    day as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits are more than the noise leaves"
)]
fn quantity(volume: u64) -> f64 {
    volume as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and far below 2^63"
)]
fn bytes(volume: f64) -> u64 {
    volume.max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was fixed before any detector was tuned on it: a change makes earlier figures incomparable.
    #[test]
    fn the_generated_series_are_still_the_ones_that_detectors_were_tuned_on() {
        let sum = |seed: Seed, variant: Variant| {
            let series = (0..24)
                .flat_map(|number| [clean(seed, variant, number), leaking(seed, variant, number)]);
            let volumes = series.flat_map(|series| series.volumes).flatten();
            // In megabytes: the last bits of a logarithm may differ between machines.
            volumes.fold(0_u64, |sum, bytes| {
                sum.wrapping_mul(31).wrapping_add(bytes >> 20)
            })
        };
        let sums =
            [Seed::Tuning, Seed::Calibration, Seed::Test].map(|seed| sum(seed, Variant::Core));
        assert_eq!(
            sums,
            [
                9_203_599_343_162_954_918,
                11_391_355_505_170_800_698,
                2_516_391_686_123_349_741
            ]
        );
        assert_eq!(
            sum(Seed::Test, Variant::MissingDays),
            342_620_957_540_196_173
        );
    }

    #[test]
    fn a_leak_lies_within_the_judged_days_and_every_combination_occurs() {
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..36 {
            let series = leaking(Seed::Tuning, Variant::Core, number);
            let leak = series.leak.unwrap();
            assert!(leak.onset >= FIRST_JUDGED && leak.onset + leak.window <= DAYS);
            let rest = |value: f64| format!("{value}");
            seen.insert((leak.kind, rest(leak.factor), rest(series.scale)));
            if leak.kind == Kind::Weekend {
                assert_eq!(series.day(leak.onset).weekday(), 5);
            }
        }
        assert_eq!(seen.len(), 36);
    }
}
