//! What a record's value says: lines of flow logs, or of logs as JSON, logfmt, syslog or plain text.
//!
//! A value is read line by line; what cannot be read is rejected with a reason, the other lines count. What comes out
//! is a function of the record and the rules alone, never of the batch, so that a replay counts the same. This
//! module refuses to know items and offsets.

mod detect;
mod escapes;
mod flow_log;
mod json;
mod level;
mod line;
mod logfmt;
mod moment;
mod plain;
mod rejected;
mod service;
mod syslog;

use std::borrow::Cow;

use tollkeeper::flow_log::Format;
use tollkeeper::rollup::Counted;
use tollkeeper::services::IpRanges;
use tollkeeper::time::Hour;

pub use self::json::{Names, Pointers};
pub use self::level::Level;
pub use self::rejected::Rejected;

/// How the values of a topic are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TopicFormat {
    /// VPC flow-log lines.
    FlowLogs,
    /// JSON objects.
    Json,
    /// logfmt, an entry a line.
    Logfmt,
    /// Syslog messages.
    Syslog,
    /// Plain text, an entry a line.
    Plain,
    /// Told from each value; plain text never is.
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
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let told = match format {
            TopicFormat::Detect => detect::format(text, self),
            told => Some(told),
        };
        match told {
            Some(TopicFormat::Json) => json::read(text, &self.names, timestamp, sink),
            Some(TopicFormat::FlowLogs) => flow_log::read(text, self, sink),
            Some(TopicFormat::Logfmt) => logfmt::read(text, timestamp, sink),
            Some(TopicFormat::Syslog) => syslog::read(text, timestamp, sink),
            Some(TopicFormat::Plain) => plain::read(text, timestamp, sink),
            Some(TopicFormat::Detect) | None => Some(Rejected::whole(detect::UNTOLD, value)),
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
    fn a_value_whose_format_cannot_be_told_says_what_to_set() {
        let value = b"user 4711 logged in";
        let rejected = Rules::default().read(TopicFormat::Detect, value, Some(0), &mut |_| ());
        insta::assert_snapshot!(rejected.unwrap().reason, @"neither JSON, syslog, logfmt nor flow logs of a known format: say in TOPIC_FORMATS how its topic is written (`plain` for plain text), or set FLOW_LOG_FORMAT");
        let rejected = Rules::default().read(TopicFormat::Plain, value, Some(0), &mut |_| ());
        assert_eq!(rejected, None);
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

    const ALL: [TopicFormat; 6] = [
        TopicFormat::FlowLogs,
        TopicFormat::Json,
        TopicFormat::Logfmt,
        TopicFormat::Syslog,
        TopicFormat::Plain,
        TopicFormat::Detect,
    ];

    /// Values put together from what the formats are made of.
    fn value() -> impl Strategy<Value = String> {
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            "\"",
            "\\",
            ",",
            ":",
            " ",
            "\n",
            "\r\n",
            "=",
            "-",
            "<",
            ">",
            "1 ",
            "20 ",
            "<14>1 ",
            "<11>",
            "{\"level\":\"error\"}",
            "\"message\":",
            "level=error ",
            "msg=\"",
            "ts=",
            "1791900000",
            "null",
            "- ",
            "2026-10-13T15:14:15Z ",
            "interface-id bytes start\n",
            "eni-1 ",
            "ERROR ",
            "secret",
            "é",
            "\u{feff}",
            "\\ud800",
        ];
        let piece = proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned);
        proptest::collection::vec(prop_oneof![8 => piece, 1 => "\\PC{0,8}"], 0..40)
            .prop_map(|all| all.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn of_any_value_what_counts_lies_within_it_and_no_reason_quotes_it(value in value()) {
            for format in ALL {
                let mut counted = 0;
                let rejected = Rules::default().read(format, value.as_bytes(), Some(0), &mut |entry| {
                    if let Entry::Log { line, error, .. } = entry {
                        counted += line.bytes;
                        assert_eq!(error.is_some(), line.level.is_failure());
                    }
                });
                prop_assert!(counted <= value.len() as u64);
                if let Some(rejected) = rejected {
                    prop_assert!(!rejected.reason.contains("secret"), "{}", rejected.reason);
                }
            }
        }
    }
}
