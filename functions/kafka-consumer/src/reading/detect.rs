//! How a value is written, where no setting says: told from the value alone, so that a replay tells the same.
//!
//! | What the value begins with | Taken for |
//! |---|---|
//! | `{`, or `[` before `{` or `]` | JSON |
//! | `<priority>`, with or without a length before it | syslog |
//! | the name of a flow-log field as first word | flow logs, that line being their header |
//! | 14 columns: version 2, an interface, a status | flow logs of the default format |
//! | a line that `FLOW_LOG_FORMAT` can read, among the first few | flow logs of that format |
//! | a line of two or more pairs, one of them a level, time or message | logfmt |
//! | anything else | nothing: rejected, with what to set |
//!
//! Plain text is never guessed: anything could be it, so that broken and foreign values would count as lines.

use tollkeeper::flow_log::Format;

use super::{Rules, TopicFormat, logfmt, syslog};

/// Why a value counts as nothing.
pub(super) const UNTOLD: &str = "neither JSON, syslog, logfmt nor flow logs of a known format: say in TOPIC_FORMATS \
                                 how its topic is written (`plain` for plain text), or set FLOW_LOG_FORMAT";

/// Lines of which one in the configured format is enough: the first one may be broken.
const LINES: usize = 5;

/// Columns of AWS's default format.
const VERSION_2_COLUMNS: usize = 14;

/// The format that a value shows; never plain text and never [`TopicFormat::Detect`].
pub(super) fn format(text: &str, rules: &Rules) -> Option<TopicFormat> {
    let text = text.trim_ascii_start();
    let is_json = match text.strip_prefix('[') {
        Some(inside) => inside.trim_ascii_start().starts_with(['{', ']']),
        None => text.starts_with('{'),
    };
    if is_json {
        return Some(TopicFormat::Json);
    }
    if syslog::begins(text) {
        return Some(TopicFormat::Syslog);
    }
    let first = text.lines().next().unwrap_or_default();
    if Format::is_header(first) || is_version_2(first) || is_configured(text, rules) {
        return Some(TopicFormat::FlowLogs);
    }
    logfmt::is_likely(first).then_some(TopicFormat::Logfmt)
}

fn is_version_2(line: &str) -> bool {
    let columns: Vec<&str> = line
        .split_ascii_whitespace()
        .take(VERSION_2_COLUMNS + 1)
        .collect();
    match columns.as_slice() {
        ["2", _, interface, .., status] => {
            columns.len() == VERSION_2_COLUMNS
                && (interface.starts_with("eni-") || *interface == "-")
                && matches!(*status, "OK" | "NODATA" | "SKIPDATA")
        }
        _ => false,
    }
}

fn is_configured(text: &str, rules: &Rules) -> bool {
    rules.flow_log_format.as_ref().is_some_and(|format| {
        text.lines()
            .map(str::trim_ascii)
            .filter(|line| !line.is_empty())
            .take(LINES)
            .any(|line| format.fits(line.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<TopicFormat> {
        format(text, &Rules::default())
    }

    #[test]
    fn a_value_shows_how_it_is_written() {
        for (text, expected) in [
            (" {", Some(TopicFormat::Json)),
            ("\n[ {\"a\":1}]", Some(TopicFormat::Json)),
            ("[]", Some(TopicFormat::Json)),
            (
                "<34>1 2026-10-13T15:14:15Z h a - - -",
                Some(TopicFormat::Syslog),
            ),
            ("39 <34>Oct 13 15:14:15 h a: x", Some(TopicFormat::Syslog)),
            (
                "version account-id interface-id",
                Some(TopicFormat::FlowLogs),
            ),
            (
                "2 1234 eni-1 10.0.1.5 10.0.0.9 1 443 6 3 700 1791900000 1791900060 ACCEPT OK",
                Some(TopicFormat::FlowLogs),
            ),
            (
                "2 1234 eni-1 - - - - - - - 1791900000 1791900060 - SKIPDATA\n",
                Some(TopicFormat::FlowLogs),
            ),
            ("level=info msg=\"x y\"", Some(TopicFormat::Logfmt)),
            ("[WARN] slow", None),
            ("<html>", None),
            ("5 eni-1 700", None),
            (
                "one of fourteen words that look like nothing that anybody has ever seen OK",
                None,
            ),
            ("2026-10-13 15:00:00 ERROR broke", None),
            ("user=4711 action=login", None),
            ("", None),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn a_configured_format_is_recognised_though_its_first_line_is_broken() {
        let rules = Rules {
            flow_log_format: Some(Format::parse("interface-id start bytes").unwrap()),
            ..Rules::default()
        };
        let broken = "eni-1 1791900000 many\neni-1 1791900000 700\n";
        assert_eq!(format(broken, &rules), Some(TopicFormat::FlowLogs));
        assert_eq!(format("user 4711 logged in", &rules), None);
        assert_eq!(format("{}", &rules), Some(TopicFormat::Json));
    }
}
