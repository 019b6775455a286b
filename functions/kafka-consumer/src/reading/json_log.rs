//! JSON log lines: one object or several, with level, service and time under the names in common use.

use jiff::Timestamp;
use serde_json::{Map, Value};
use tollkeeper::time::Hour;

use super::{Entry, Level, LogLine, Rejected};

const LEVEL: [&str; 3] = ["level", "severity", "log.level"];
const SERVICE: [&str; 4] = ["service", "service.name", "app", "logger"];
const TIME: [&str; 4] = ["timestamp", "time", "@timestamp", "ts"];

/// Longest service name kept, in characters: it becomes part of a key.
const SERVICE_CHARS: usize = 100;

pub(super) fn read(
    text: &str,
    timestamp: Option<i64>,
    sink: &mut dyn FnMut(Entry<'_>),
) -> Option<Rejected> {
    let mut objects = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut rejected = Rejected::default();
    let mut number = 0;
    let mut rest = text;
    loop {
        number += 1;
        let start = objects.byte_offset();
        let Some(object) = objects.next() else {
            if number == 1 {
                rejected.add(number, "value is blank", rest);
            }
            return rejected.done();
        };
        let written = text.get(start..objects.byte_offset()).unwrap_or(rest);
        let entry = match object {
            Ok(Value::Object(fields)) => entry(&fields, written.trim_ascii().len(), timestamp),
            Ok(_) => Err("JSON, but no object"),
            Err(_) => {
                // Where the next object would begin cannot be known: the rest is rejected as one line.
                rest = text.get(start..).unwrap_or(rest);
                rejected.add(number, "not JSON", rest);
                return rejected.done();
            }
        };
        match entry {
            Ok(entry) => sink(entry),
            Err(reason) => rejected.add(number, reason, written),
        }
    }
}

fn entry(
    fields: &Map<String, Value>,
    bytes: usize,
    timestamp: Option<i64>,
) -> Result<Entry<'static>, &'static str> {
    let seconds = TIME
        .iter()
        .find_map(|name| unix_seconds(lookup(fields, name)?))
        .or(timestamp.map(|milliseconds| milliseconds.div_euclid(1000)))
        .ok_or("no time in the line or its record")?;
    let hour = Hour::of_unix_seconds(seconds).ok_or("time outside the calendar")?;
    let service = SERVICE
        .iter()
        .find_map(|name| service(lookup(fields, name)?.as_str()?))
        .unwrap_or_else(|| "unknown".to_owned());
    let level = LEVEL
        .iter()
        .find_map(|name| level(lookup(fields, name)?))
        .unwrap_or(Level::Other);
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    Ok(Entry::Log {
        service: service.into(),
        hour,
        line: LogLine { level, bytes },
        error: None,
    })
}

/// A field by its flat name, dots included, or nested.
fn lookup<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        fields.get(outer)?.get(inner)
    })
}

/// A name fit for a key: bounded, and without the separator.
fn service(text: &str) -> Option<String> {
    let name: String = text
        .trim()
        .chars()
        .take(SERVICE_CHARS)
        .map(|c| if c == '#' || c.is_control() { '_' } else { c })
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Levels by name, or by the numbers of pino and bunyan (10 to 60).
fn level(value: &Value) -> Option<Level> {
    let named = match value {
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(match named.as_str() {
        "trace" | "verbose" | "finer" | "finest" | "10" => Level::Trace,
        "debug" | "fine" | "20" => Level::Debug,
        "info" | "information" | "informational" | "notice" | "30" => Level::Info,
        "warn" | "warning" | "40" => Level::Warn,
        "error" | "err" | "severe" | "50" => Level::Error,
        "fatal" | "critical" | "crit" | "alert" | "emerg" | "emergency" | "panic" | "60" => {
            Level::Fatal
        }
        _ => Level::Other,
    })
}

/// A time as RFC 3339 text, or as a number of seconds, milliseconds, micro- or nanoseconds by its size.
fn unix_seconds(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.trim().parse::<Timestamp>() {
            Ok(moment) => return Some(moment.as_second()),
            Err(_) => text.trim().parse().ok()?,
        },
        _ => return None,
    };
    let seconds = match number.abs() {
        size if size < 1e11 => number,
        size if size < 1e14 => number / 1e3,
        size if size < 1e17 => number / 1e6,
        _ => number / 1e9,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole seconds are wanted; the cast saturates"
    )]
    seconds.is_finite().then_some(seconds.floor() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KAFKA: Option<i64> = Some(1_791_900_000_123);

    fn run(text: &str, timestamp: Option<i64>) -> (Vec<String>, Option<String>) {
        let mut seen = Vec::new();
        let rejected = read(text, timestamp, &mut |entry| {
            if let Entry::Log {
                service,
                hour,
                line,
                ..
            } = entry
            {
                seen.push(format!("{service} {hour} {:?} {}", line.level, line.bytes));
            }
        });
        (seen, rejected.map(|rejected| rejected.reason))
    }

    fn one(text: &str) -> String {
        run(text, KAFKA).0.remove(0)
    }

    #[test]
    fn the_usual_names_flat_and_nested_are_found() {
        let line = r#"{"level":"WARN","service":"pay","timestamp":"2026-10-13T15:00:00Z"}"#;
        assert_eq!(one(line), format!("pay 2026-10-13T15 Warn {}", line.len()));
        let line = r#"{"log.level":"error","service.name":"pay","@timestamp":"2026-10-13T17:30:00+02:00"}"#;
        assert_eq!(one(line), format!("pay 2026-10-13T15 Error {}", line.len()));
        let line = r#"{"log":{"level":"critical"},"service":{"name":"pay"},"ts":1791903600.25}"#;
        assert_eq!(one(line), format!("pay 2026-10-13T15 Fatal {}", line.len()));
        let line = r#"{"severity":30,"app":"a#b","time":1791903600123}"#;
        assert_eq!(one(line), format!("a_b 2026-10-13T15 Info {}", line.len()));
    }

    #[test]
    fn without_a_time_of_its_own_a_line_has_kafkas() {
        assert_eq!(one("{}"), "unknown 2026-10-13T14 Other 2");
        assert_eq!(
            one(r#"{"time":"half past","level":"loud"}"#),
            "unknown 2026-10-13T14 Other 35"
        );
        let (seen, reason) = run("{}", None);
        assert!(seen.is_empty());
        assert_eq!(reason.unwrap(), "line 1: no time in the line or its record");
    }

    #[test]
    fn times_are_read_by_their_size() {
        for time in [
            "1791903600",
            "1791903600000",
            "1791903600000000",
            "1791903600000000000",
        ] {
            assert!(
                one(&format!(r#"{{"ts":{time}}}"#)).contains("T15"),
                "{time}"
            );
            assert!(
                one(&format!(r#"{{"ts":"{time}"}}"#)).contains("T15"),
                "{time} as text"
            );
        }
        assert_eq!(
            run(r#"{"ts":1e300}"#, KAFKA).1.unwrap(),
            "line 1: time outside the calendar"
        );
    }

    #[test]
    fn several_objects_count_one_by_one_and_a_torn_tail_is_rejected() {
        let (seen, reason) = run(
            "{\"app\":\"a\"}\n  {\n \"app\": \"b\" }\n[1]\n{\"app\":\n",
            KAFKA,
        );
        assert_eq!(
            seen,
            ["a 2026-10-13T14 Other 11", "b 2026-10-13T14 Other 15"]
        );
        assert_eq!(
            reason.unwrap(),
            "line 3: JSON, but no object (and 1 further lines)"
        );
        assert_eq!(run(" \n", KAFKA).1.unwrap(), "line 1: value is blank");
    }
}
