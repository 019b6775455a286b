//! How much evidence raises an alarm: one false alarm a series-year, for series that behave like others and for those
//! that do not.
//!
//! Conformal with pooling: the share of days that exceed a threshold is estimated from the series' own past together
//! with what was learnt from generated series, worth [`POOLED_DAYS`] days. A series that jumps about every month needs
//! more evidence than the pool says, a quiet one a little less, and a short history rests on the pool.

/// Evidence that one in so many days of clean generated series exceeds (`make bench BENCH=detector`, calibration seed).
const POOLED_THRESHOLD: f64 = 3.0;
/// Share of days that may exceed it: one alarm in a year.
const ALLOWED: f64 = 1.0 / 365.0;
/// How fast the tail of clean days falls: exceedances halve with every `ln 2 / TAIL` of evidence.
const TAIL: f64 = 0.67;
/// Days of history that the pool is worth.
const POOLED_DAYS: f64 = 1500.0;
/// A series may need so much less or more than the pool says.
const BOUNDS: (f64, f64) = (0.9, 2.5);

/// The threshold of a series with this evidence on its past days.
pub(super) fn threshold(past: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "numbers of days are small")]
    let days = past.len() as f64;
    let budget = ALLOWED * (POOLED_DAYS + days);
    let mut high: Vec<f64> = past
        .iter()
        .copied()
        .filter(|evidence| *evidence > 0.0)
        .collect();
    high.sort_by(|a, b| b.total_cmp(a));
    let mut threshold = pooled(budget);
    let mut own = 0.0;
    for evidence in high {
        if evidence <= threshold {
            break;
        }
        own += 1.0;
        // With this day among the exceedances the pool has less left.
        threshold = pooled((budget - own).max(1e-3)).min(evidence.max(threshold));
    }
    threshold.clamp(POOLED_THRESHOLD * BOUNDS.0, POOLED_THRESHOLD * BOUNDS.1)
}

/// The threshold that so many of the pool's days exceed.
fn pooled(exceeding: f64) -> f64 {
    POOLED_THRESHOLD - (exceeding / (ALLOWED * POOLED_DAYS)).ln() / TAIL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_history_the_pool_decides() {
        assert!((threshold(&[]) - POOLED_THRESHOLD).abs() < 1e-9);
    }

    #[test]
    fn a_restless_series_needs_more_and_a_quiet_one_less() {
        let quiet = threshold(&[-1.0; 180]);
        let restless: Vec<f64> = (0..180)
            .map(|day| if day % 30 == 0 { 8.0 } else { -1.0 })
            .collect();
        assert!(quiet < POOLED_THRESHOLD, "{quiet}");
        assert!(
            threshold(&restless) > 1.5 * POOLED_THRESHOLD,
            "{}",
            threshold(&restless)
        );
        assert!(threshold(&[100.0; 400]) <= POOLED_THRESHOLD * BOUNDS.1);
    }

    #[test]
    fn one_large_day_in_the_past_changes_little() {
        let mut past = [-1.0; 180];
        past[90] = 50.0;
        assert!(
            threshold(&past) < 1.2 * POOLED_THRESHOLD,
            "{}",
            threshold(&past)
        );
    }
}
