//! Days of history as points on a log scale.

use tollkeeper::time::Day;

/// A day that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Days since the first point.
    pub(super) number: i64,
    /// 0 for Monday.
    pub(super) weekday: usize,
    /// First day of a month.
    pub(super) month_start: bool,
    /// Log of the volume and an offset.
    pub(super) log: f64,
}

/// A history on a log scale that stays finite on days without traffic.
#[derive(Debug, Clone)]
pub(super) struct Points {
    /// Ascending by day; missing days are absent.
    pub(super) days: Vec<Point>,
    first: Day,
    offset: f64,
}

impl Points {
    /// Of days in ascending order, at least one.
    pub(super) fn new(days: &[(Day, u64)]) -> Option<Self> {
        let (first, _) = *days.first()?;
        let mut volumes: Vec<f64> = days.iter().map(|(_, bytes)| float(*bytes)).collect();
        // Relative, so that the verdict does not depend on the unit.
        let offset = median(&mut volumes) / 100.0 + 1.0;
        let mut points = Self {
            days: Vec::with_capacity(days.len()),
            first,
            offset,
        };
        for (day, bytes) in days {
            let point = points.point(*day, *bytes);
            points.days.push(point);
        }
        Some(points)
    }

    /// Number of a day.
    pub(super) fn number(&self, day: Day) -> i64 {
        day.days_since(self.first)
    }

    /// A day on the same scale.
    pub(super) fn point(&self, day: Day, bytes: u64) -> Point {
        Point {
            number: self.number(day),
            weekday: usize::from(day.weekday()),
            month_start: day.date().day() == 1,
            log: (float(bytes) + self.offset).ln(),
        }
    }

    /// The volume of a point on the scale, bytes.
    pub(super) fn volume(&self, log: f64) -> u64 {
        let volume = log.exp() - self.offset;
        // Saturates at both ends.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, which is wanted"
        )]
        let bytes = volume.round() as u64;
        bytes
    }
}

/// Median; 0 of nothing. Reorders the values.
pub(super) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if below.len() == middle && values.len() % 2 == 1 {
        return upper;
    }
    let lower = values[..middle].iter().copied().fold(f64::MIN, f64::max);
    f64::midpoint(lower, upper)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "statistics need no more than 53 bits"
)]
pub(super) fn float(bytes: u64) -> f64 {
    bytes as f64
}
