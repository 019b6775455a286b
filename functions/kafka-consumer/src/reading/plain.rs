//! Plain text: one entry a line, its level from a word near the beginning.
//!
//! Read only where the settings say so: any text can be plain text, so nothing is ever taken for it. Its service is
//! unknown, its time is Kafka's: spellings of local times are too many to be sure of one.

use super::line::Line;
use super::{Entry, Level, Rejected};

/// Words from the beginning among which the level stands: behind a date, a time, a host and a thread.
const WORDS: usize = 10;

/// Reads a value; `timestamp` is Kafka's.
pub(super) fn read(
    text: &str,
    timestamp: Option<i64>,
    sink: &mut impl FnMut(Entry<'_>),
) -> Option<Rejected> {
    let mut rejected = Rejected::default();
    for (number, written) in (1..).zip(text.lines()) {
        let written = written.trim_ascii();
        if written.is_empty() {
            continue;
        }
        let line = Line {
            level: level(written),
            ..Line::default()
        };
        match line.entry(written, timestamp) {
            Ok(entry) => sink(entry),
            Err(reason) => rejected.add(number, reason, written),
        }
    }
    rejected.done()
}

/// The level of a line: the first word that can be nothing else. That is the name of a level in capitals (`ERROR`,
/// `WARN:`), in brackets (`[error]`, `<info>`, Apache's `[core:error]`), at the very beginning before a colon
/// (`warning: …`) or as a pair (`level=error`); or klog's letter before month and day (`E1013`).
pub(super) fn level(line: &str) -> Option<Level> {
    line.split_ascii_whitespace()
        .take(WORDS)
        .enumerate()
        .find_map(|(place, word)| word_level(word, place == 0))
}

fn word_level(word: &str, is_first: bool) -> Option<Level> {
    if let Some((name, value)) = word.split_once('=') {
        let is_level = ["level", "lvl", "severity", "loglevel"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        return is_level.then(|| Level::named(value.trim_matches('"')))?;
    }
    let in_brackets = word.starts_with(['[', '(', '<']);
    let bare = word.trim_start_matches(['[', '(', '<', '|', '"']);
    let (name, ends_in) = match bare.find([':', ']', ')', '>', '|', ',', '"']) {
        Some(end) => bare.split_at_checked(end)?,
        None => (bare, ""),
    };
    if is_first && let Some(level) = klog(name) {
        return Some(level);
    }
    let in_capitals = name.bytes().all(|byte| byte.is_ascii_uppercase());
    let module = ends_in.strip_prefix(':').filter(|_| in_brackets);
    let before_colon = is_first && ends_in.starts_with(':');
    match module.and_then(|rest| rest.strip_suffix(']')) {
        Some(level) => letters(level),
        None if in_capitals || in_brackets || before_colon => letters(name),
        None => None,
    }
}

/// A level by name, not by number.
fn letters(name: &str) -> Option<Level> {
    name.bytes()
        .all(|byte| byte.is_ascii_alphabetic())
        .then(|| Level::named(name))?
}

fn klog(word: &str) -> Option<Level> {
    let (letter, date) = word.as_bytes().split_first()?;
    if date.len() != 4 || !date.iter().all(u8::is_ascii_digit) {
        return None;
    }
    match letter {
        b'I' => Some(Level::Info),
        b'W' => Some(Level::Warn),
        b'E' => Some(Level::Error),
        b'F' => Some(Level::Fatal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_a_word_that_can_be_nothing_else() {
        for (line, expected) in [
            ("ERROR something broke", Some(Level::Error)),
            (
                "2026-10-13 14:00:05,123 [main] WARN  c.a.Pay - slow",
                Some(Level::Warn),
            ),
            (
                "2026/10/13 14:00:05 [error] 12#12: *1 open() failed",
                Some(Level::Error),
            ),
            (
                "[Tue Oct 13 14:00:05.1 2026] [core:error] [pid 1] AH00128",
                Some(Level::Error),
            ),
            ("[14:00:05 INF] started", Some(Level::Info)),
            ("[WARN][main] slow", Some(Level::Warn)),
            (
                "E, [2026-10-13T14:00:05 #1] ERROR -- : broke",
                Some(Level::Error),
            ),
            (
                "2026-10-13 14:00:05 UTC [123] FATAL:  no role",
                Some(Level::Fatal),
            ),
            ("CRITICAL:root:message", Some(Level::Fatal)),
            (
                "E1013 14:00:05.123456 1 server.go:12] failed",
                Some(Level::Error),
            ),
            ("warning: deprecated", Some(Level::Warn)),
            ("app level=\"debug\" msg", Some(Level::Debug)),
            ("<info> link up", Some(Level::Info)),
            ("an error occurred", None),
            ("took 400 ms: error: twice", None),
            ("user 4711 logged in", None),
            (
                "one two three four five six seven eight nine ten ERROR",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(level(line), expected, "{line}");
        }
    }

    #[test]
    fn each_line_is_an_entry_and_a_failure_says_what_it_says() {
        let mut seen = Vec::new();
        let text = "ERROR broke\r\n\n  at frame\n";
        let rejected = read(text, Some(1_791_900_000_123), &mut |entry| {
            seen.push(format!("{entry:?}"));
        });
        assert_eq!(rejected, None);
        insta::assert_snapshot!(seen.join("\n"), @r#"
        Log { service: "unknown", hour: Hour(1791900000), line: LogLine { level: Error, bytes: 11 }, error: Some("ERROR broke") }
        Log { service: "unknown", hour: Hour(1791900000), line: LogLine { level: Other, bytes: 8 }, error: None }
        "#);
    }
}
