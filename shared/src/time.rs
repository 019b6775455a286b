//! Days and hours as the bill counts them: UTC, always.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// One billing day (UTC), `2026-10-13` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(Date);

/// A text that is no calendar day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a day: expected YYYY-MM-DD, for example 2026-10-13")]
pub struct NotADay(String);

impl Day {
    /// The UTC day a moment falls in.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.to_zoned(TimeZone::UTC).date())
    }

    /// Its first moment, 00:00:00 UTC.
    pub fn start(self) -> Timestamp {
        // Every civil midnight in UTC is a timestamp, except beyond jiff's range of years, which `Date` shares.
        self.0
            .to_zoned(TimeZone::UTC)
            .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
    }

    /// The first moment after it.
    pub fn end(self) -> Timestamp {
        self.next().start()
    }

    /// The following day.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// The day `days` later (earlier when negative); stays at the calendar's end beyond it.
    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.days()))
    }

    /// Whole days from `earlier` to this day; negative if that one is later.
    pub fn days_since(self, earlier: Self) -> i64 {
        i64::from((self.0 - earlier.0).get_days())
    }

    /// 0 for Monday to 6 for Sunday.
    pub fn weekday(self) -> u8 {
        self.0.weekday().to_monday_zero_offset().unsigned_abs()
    }

    /// Days in this day's month.
    pub fn days_in_month(self) -> u8 {
        self.0.days_in_month().unsigned_abs()
    }

    /// The calendar date.
    pub fn date(self) -> Date {
        self.0
    }

    /// The 24 hours of the day, in order.
    pub fn hours(self) -> impl Iterator<Item = Hour> {
        let start = self.start().as_second();
        (0..24).map(move |hour| Hour(start + hour * 3600))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = NotADay;
    fn from_str(text: &str) -> Result<Self, NotADay> {
        text.parse().map(Self).map_err(|_| NotADay(text.to_owned()))
    }
}

/// One UTC hour, `2026-10-13T14` in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour a moment falls in; `None` outside the calendar's range.
    pub fn of_unix_seconds(seconds: i64) -> Option<Self> {
        Timestamp::from_second(seconds).ok()?;
        Some(Self(seconds - seconds.rem_euclid(3600)))
    }

    /// Its first moment in Unix seconds.
    pub fn unix_seconds(self) -> i64 {
        self.0
    }

    /// The day it belongs to.
    pub fn day(self) -> Day {
        Day::of(Timestamp::from_second(self.0).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{:02}", self.day(), self.0.rem_euclid(86_400) / 3600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_runs_from_midnight_to_midnight_utc() {
        let day = Day::of("2026-10-13T23:59:59.999Z".parse().unwrap());
        assert_eq!(day.to_string(), "2026-10-13");
        assert_eq!(day.start().to_string(), "2026-10-13T00:00:00Z");
        assert_eq!(day.end().to_string(), "2026-10-14T00:00:00Z");
        assert_eq!(day.weekday(), 1, "a Tuesday");
        assert_eq!(day.plus(19).days_since(day), 19);
    }

    #[test]
    fn days_across_a_month_are_counted_as_days() {
        let start: Day = "2026-08-01".parse().unwrap();
        let end: Day = "2026-10-13".parse().unwrap();
        assert_eq!(end.days_since(start), 73);
    }

    #[test]
    fn hours_are_keys_that_sort_by_time() {
        let hour = Hour::of_unix_seconds(1_791_900_000).unwrap();
        assert_eq!(hour.to_string(), "2026-10-13T14");
        let day: Day = "2026-10-13".parse().unwrap();
        assert_eq!(day.hours().count(), 24);
        assert!(day.hours().any(|h| h == hour));
        assert_eq!(
            Hour::of_unix_seconds(-1).unwrap().to_string(),
            "1969-12-31T23"
        );
        assert_eq!(Hour::of_unix_seconds(i64::MAX), None);
    }

    #[test]
    fn a_word_is_not_a_day() {
        assert_eq!(
            "yesterday".parse::<Day>().unwrap_err().to_string(),
            "`yesterday` is not a day: expected YYYY-MM-DD, for example 2026-10-13"
        );
    }
}
