//! logfmt: `ts=2026-10-13T14:00:05Z level=error service=pay msg="card declined"`, one entry a line.
//!
//! Keys are compared as they are written. As with JSON the order of the names below says which one counts, whatever
//! the order of the line; of a key that comes twice the last one does.

use std::borrow::Cow;

use super::escapes::unescaped;
use super::line::Line;
use super::{Entry, Level, Rejected, moment, service};

const LEVEL: [&str; 5] = ["level", "lvl", "severity", "log.level", "loglevel"];
const TIME: [&str; 6] = ["ts", "time", "timestamp", "t", "@timestamp", "datetime"];
const SERVICE: [&str; 6] = [
    "service",
    "service.name",
    "app",
    "application",
    "component",
    "logger",
];
const MESSAGE: [&str; 5] = ["msg", "message", "error", "err", "event"];

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
        let entry = line(written).and_then(|line| line.entry(written, timestamp));
        match entry {
            Ok(entry) => sink(entry),
            Err(reason) => rejected.add(number, reason, written),
        }
    }
    rejected.done()
}

/// Whether a line can hardly be anything else: two pairs or more, and the key of a level, time or message among them.
pub(super) fn is_likely(line: &str) -> bool {
    let mut pairs = 0;
    let mut known = false;
    for pair in Pairs(line) {
        let Ok(pair) = pair else {
            return false;
        };
        if pair.value.is_some() {
            pairs += 1;
            known |= [&LEVEL[..], &TIME, &MESSAGE]
                .iter()
                .any(|names| names.contains(&pair.key));
        }
    }
    pairs >= 2 && known
}

fn line(written: &str) -> Result<Line<'_>, &'static str> {
    let mut level = Best::default();
    let mut service = Best::default();
    let mut seconds = Best::default();
    let mut message = Best::default();
    let mut has_pair = false;
    for pair in Pairs(written) {
        let Pair { key, value } = pair?;
        let Some(value) = value else {
            continue;
        };
        has_pair = true;
        level.offer(&LEVEL, key, || Level::named(&value));
        seconds.offer(&TIME, key, || moment::of_text(&value));
        service.offer(&SERVICE, key, || service::name(value.clone()));
        message.offer(&MESSAGE, key, || {
            Some(value.clone()).filter(|value| !value.is_empty())
        });
    }
    if !has_pair {
        return Err("no pair of key and value");
    }
    Ok(Line {
        level: level.value,
        service: service.value,
        seconds: seconds.value,
        message: message.value,
    })
}

/// The value of the name that counts first, of those that mean something.
struct Best<T> {
    rank: usize,
    value: Option<T>,
}

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self {
            rank: usize::MAX,
            value: None,
        }
    }
}

impl<T> Best<T> {
    fn offer(&mut self, names: &[&str], key: &str, value: impl FnOnce() -> Option<T>) {
        let Some(rank) = names.iter().position(|name| *name == key) else {
            return;
        };
        if rank <= self.rank
            && let Some(value) = value()
        {
            self.rank = rank;
            self.value = Some(value);
        }
    }
}

/// A key, and what stands behind its equals sign if there is one.
#[derive(Debug, PartialEq)]
struct Pair<'a> {
    key: &'a str,
    value: Option<Cow<'a, str>>,
}

/// The pairs of a line.
struct Pairs<'a>(&'a str);

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<Pair<'a>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_ascii_start();
        if text.is_empty() {
            return None;
        }
        let end = text
            .find(|c: char| c == '=' || c.is_ascii_whitespace())
            .unwrap_or(text.len());
        let (key, rest) = text.split_at_checked(end)?;
        let Some(rest) = rest.strip_prefix('=') else {
            self.0 = rest;
            return Some(Ok(Pair { key, value: None }));
        };
        let Some((value, rest)) = value(rest) else {
            self.0 = "";
            return Some(Err("quoted value that does not end"));
        };
        self.0 = rest;
        Some(Ok(Pair {
            key,
            value: Some(value),
        }))
    }
}

/// A value, quoted or not, and what follows it; `None` where the closing quote is missing.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c.is_ascii_whitespace())
            .unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end)?;
        return Some((Cow::Borrowed(value), rest));
    };
    let bytes = quoted.as_bytes();
    let mut at = 0;
    let mut has_escapes = false;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            break;
        }
        has_escapes = true;
        at += 2;
    }
    let (value, rest) = quoted.split_at_checked(at)?;
    let value = if has_escapes {
        Cow::Owned(unescaped(value))
    } else {
        Cow::Borrowed(value)
    };
    Some((value, rest.strip_prefix('"')?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(text: &str) -> (Vec<String>, Option<String>) {
        let mut seen = Vec::new();
        let rejected = read(text, Some(1_791_900_000_123), &mut |entry| {
            if let Entry::Log {
                service,
                hour,
                line,
                error,
            } = entry
            {
                seen.push(format!(
                    "{service} {hour} {:?} {} {error:?}",
                    line.level, line.bytes
                ));
            }
        });
        (seen, rejected.map(|rejected| rejected.reason))
    }

    #[test]
    fn each_line_is_an_entry_with_its_names_found() {
        let text = "ts=2026-10-13T15:00:00Z level=error service=pay msg=\"card \\\"4711\\\" declined\" err=eof\n\n\
                    logger=a.b app=cart lvl=info severity=warn flag t=1791903600.5\r\n\
                    msg=started duration=5ms\n";
        assert_eq!(
            run(text).0,
            [
                r#"pay 2026-10-13T15 Error 84 Some("card \"4711\" declined")"#,
                "cart 2026-10-13T15 Info 62 None",
                "unknown 2026-10-13T14 Other 24 None",
            ]
        );
    }

    #[test]
    fn a_bad_line_is_rejected_and_its_neighbours_count() {
        let (seen, reason) = run(
            "level=info msg=a\nlevel=info msg=\"torn\\\"\nplain text\nlevel=info msg=\nlevel=warn",
        );
        assert_eq!(seen.len(), 3);
        assert_eq!(
            reason.unwrap(),
            "line 2: quoted value that does not end (and 1 further lines)"
        );
    }

    #[test]
    fn only_what_can_hardly_be_anything_else_is_likely() {
        for line in [
            "level=info msg=x",
            "at=info ts=5 x",
            "time=\"a b\" x=\"y\\\"z\"",
        ] {
            assert!(is_likely(line), "{line}");
        }
        for line in [
            "user=4711 logged in",
            "level=info",
            "a=b c=d",
            "msg x=y",
            "msg=\"x y=1",
            "",
        ] {
            assert!(!is_likely(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(pairs in proptest::collection::vec(("[a-z.@]{1,8}", any::<String>()), 0..6)) {
            let written: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{key}={}", serde_json::to_string(value).unwrap()))
                .collect();
            let written = written.join(" ");
            let read: Vec<_> = Pairs(&written)
                .map(|pair| pair.map(|pair| (pair.key.to_owned(), pair.value.unwrap().into_owned())))
                .collect::<Result<_, _>>()
                .unwrap();
            prop_assert_eq!(read, pairs);
        }
    }
}
