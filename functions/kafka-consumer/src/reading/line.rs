//! A log line, however it is written: when, who, how bad, and what it says where that is of use.

use std::borrow::Cow;

use tollkeeper::time::Hour;

use super::service::UNKNOWN;
use super::{Entry, Level, LogLine};

/// What a line says itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Severity.
    pub(super) level: Option<Level>,
    /// A name fit for a key.
    pub(super) service: Option<Cow<'a, str>>,
    /// When, in Unix seconds.
    pub(super) seconds: Option<i64>,
    /// What it says, apart from all that.
    pub(super) message: Option<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    /// What the line counts as. `written` is all of it, `timestamp` Kafka's for a line without a time of its own.
    pub(super) fn entry(
        self,
        written: &'a str,
        timestamp: Option<i64>,
    ) -> Result<Entry<'a>, &'static str> {
        let seconds = self
            .seconds
            .or(timestamp.map(|milliseconds| milliseconds.div_euclid(1000)))
            .ok_or("no time in the line or its record")?;
        let hour = Hour::of_unix_seconds(seconds).ok_or("time outside the calendar")?;
        let level = self.level.unwrap_or(Level::Other);
        let error = level
            .is_failure()
            .then(|| self.message.unwrap_or(Cow::Borrowed(written)));
        let bytes = u64::try_from(written.len()).unwrap_or(u64::MAX);
        Ok(Entry::Log {
            service: self.service.unwrap_or(Cow::Borrowed(UNKNOWN)),
            hour,
            line: LogLine { level, bytes },
            error,
        })
    }
}
