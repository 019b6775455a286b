//! What a record's value says: lines of flow logs or JSON logs.
//!
//! A value is read line by line; what cannot be read is rejected with a reason, the other lines count. What comes out
//! is a function of the record and the rules alone, never of the batch, so that a replay counts the same. This
//! module refuses to know items and offsets.

mod flow_log;
mod json;
mod level;
mod line;
mod moment;
mod plain;
mod service;

use std::borrow::Cow;
use std::ops::Range;

use tollkeeper::flow_log::Format;
use tollkeeper::rollup::Counted;
use tollkeeper::services::IpRanges;
use tollkeeper::time::Hour;

pub use self::json::{Names, Pointers};
pub use self::level::Level;

/// How the values of a topic are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TopicFormat {
    /// VPC flow-log lines.
    FlowLogs,
    /// JSON objects.
    Json,
    /// Plain text, an entry a line.
    Plain,
    /// JSON objects where a value starts with a brace, flow-log lines otherwise.
    #[default]
    Detect,
}

/// How values are read, apart from the topic's format.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Format of flow-log lines without a header; version 2 where absent.
    pub flow_log_format: Option<Format>,
    /// AWS's address ranges, where at hand.
    pub ranges: Option<IpRanges>,
    /// Where JSON lines say what.
    pub names: Names,
}

/// What one line adds, and where.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A flow-log record that counts.
    Traffic {
        /// Owner of the interface; `unknown` where the log does not say.
        account: &'a str,
        /// The recording interface.
        interface: &'a str,
        /// Hour in which the record's interval starts.
        hour: Hour,
        /// What it counts as.
        counted: Counted<'a>,
    },
    /// A log line.
    Log {
        /// The service that wrote it, fit for a key; `unknown` where it does not say.
        service: Cow<'a, str>,
        /// Hour of its own time, or of Kafka's where it has none.
        hour: Hour,
        /// What it counts as.
        line: LogLine,
        /// What a line of level error or fatal says, all of it where it has no message of its own.
        error: Option<Cow<'a, str>>,
    },
}

/// What a log line counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLine {
    /// Its severity.
    pub level: Level,
    /// Its length.
    pub bytes: u64,
}

/// Lines of a value that could not be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Why the first of them could not, and how many there are; never their content.
    pub reason: String,
    /// The lines, for the quarantine.
    pub bytes: Vec<u8>,
    lines: usize,
}

impl Rejected {
    /// Something as a whole.
    pub fn whole(reason: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            reason: reason.into(),
            bytes: bytes.to_owned(),
            lines: 1,
        }
    }

    fn add(&mut self, line: usize, reason: impl std::fmt::Display, text: &str) {
        if self.lines == 0 {
            self.reason = format!("line {line}: {reason}");
        } else {
            self.bytes.push(b'\n');
        }
        self.bytes.extend_from_slice(text.as_bytes());
        self.lines += 1;
    }

    /// A part of a value; what its line is counted for only where it is told.
    fn add_from(&mut self, text: &str, part: Range<usize>, reason: impl std::fmt::Display) {
        let line = if self.lines == 0 {
            let before = text.as_bytes().get(..part.start).unwrap_or_default();
            1 + memchr::memchr_iter(b'\n', before).count()
        } else {
            0
        };
        self.add(
            line,
            reason,
            text.get(part).unwrap_or_default().trim_ascii_end(),
        );
    }

    fn done(mut self) -> Option<Self> {
        if self.lines > 1 {
            let others = self.lines - 1;
            self.reason = format!("{} (and {others} further lines)", self.reason);
        }
        (self.lines > 0).then_some(self)
    }
}

impl Rules {
    /// Reads a value and hands what its lines add to `sink`; returns what could not be read.
    ///
    /// `timestamp` is Kafka's, Unix milliseconds, for log lines without a time of their own.
    pub fn read(
        &self,
        format: TopicFormat,
        value: &[u8],
        timestamp: Option<i64>,
        sink: &mut impl FnMut(Entry<'_>),
    ) -> Option<Rejected> {
        let Ok(text) = std::str::from_utf8(value) else {
            return Some(Rejected::whole("value is not UTF-8 text", value));
        };
        match format {
            TopicFormat::Detect if text.trim_ascii_start().starts_with(['{', '[']) => {
                json::read(text, &self.names, timestamp, sink)
            }
            TopicFormat::Detect | TopicFormat::FlowLogs => flow_log::read(text, self, sink),
            TopicFormat::Json => json::read(text, &self.names, timestamp, sink),
            TopicFormat::Plain => plain::read(text, timestamp, sink),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_that_is_no_text_is_rejected_whole() {
        let rejected = Rules::default().read(TopicFormat::Detect, &[0xff, 0xfe], None, &mut |_| ());
        assert_eq!(
            rejected,
            Some(Rejected::whole("value is not UTF-8 text", &[0xff, 0xfe]))
        );
    }

    #[test]
    fn the_topics_format_beats_what_a_value_looks_like() {
        let read = |format| {
            Rules::default()
                .read(format, br#"{"level":"info"}"#, Some(0), &mut |_| ())
                .is_none()
        };
        assert!(read(TopicFormat::Detect));
        assert!(read(TopicFormat::Json));
        assert!(!read(TopicFormat::FlowLogs));
    }

    proptest! {
        #[test]
        fn no_value_makes_a_reader_panic(text in "\\PC{0,200}", open in any::<bool>()) {
            let text = if open { format!("{{{text}") } else { text };
            for format in [TopicFormat::FlowLogs, TopicFormat::Json, TopicFormat::Detect] {
                let _ = Rules::default().read(format, text.as_bytes(), None, &mut |_| ());
            }
        }
    }
}
