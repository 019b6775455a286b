//! Syslog as RFC 5424 writes it, and the older one of RFC 3164 as far as that is sure.
//!
//! Messages stand one a line, or each behind its length in bytes (octet counting, RFC 6587), and then may have line
//! breaks inside. Of an older message only the priority is sure: its time has neither year nor zone, and what looks
//! like a program's name may be anything. So it has Kafka's time and no service.

use std::borrow::Cow;

use super::line::Line;
use super::{Entry, Level, Rejected, moment, service};

/// Digits of the largest length that is taken for one.
const COUNT_DIGITS: usize = 7;

/// Largest priority: facility 23, severity 7.
const MAX_PRIORITY: u16 = 191;

/// Reads a value; `timestamp` is Kafka's.
pub(super) fn read(
    text: &str,
    timestamp: Option<i64>,
    sink: &mut impl FnMut(Entry<'_>),
) -> Option<Rejected> {
    let mut rejected = Rejected::default();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let start = text.len() - rest.len();
        let Some((written, further)) = frame(rest) else {
            let reason = "message shorter than the length before it";
            rejected.add_from(text, start..text.len(), reason);
            break;
        };
        match line(written).and_then(|line| line.entry(written, timestamp)) {
            Ok(entry) => sink(entry),
            Err(reason) => {
                let end = text.len() - further.len();
                rejected.add_from(text, start..end, reason);
            }
        }
        rest = further.trim_ascii_start();
    }
    rejected.done()
}

/// Whether a text begins with a message.
pub(super) fn begins(text: &str) -> bool {
    let text = counted(text).map_or(text, |(_, message)| message);
    head(text).is_some()
}

/// One message and what follows it; `None` for a length that does not fit.
fn frame(text: &str) -> Option<(&str, &str)> {
    let (written, further) = match counted(text) {
        Some((length, message)) => message.split_at_checked(length)?,
        None => text.split_once('\n').unwrap_or((text, "")),
    };
    Some((written.trim_ascii_end(), further))
}

/// A length and what stands behind it, if that begins a message. Looks no further than a length can be.
fn counted(text: &str) -> Option<(usize, &str)> {
    let digits = text
        .bytes()
        .take(COUNT_DIGITS)
        .take_while(u8::is_ascii_digit)
        .count();
    let (count, rest) = text.split_at_checked(digits)?;
    let message = rest.strip_prefix(' ')?;
    message
        .starts_with('<')
        .then(|| Some((count.parse().ok()?, message)))?
}

/// What begins a message.
struct Head<'a> {
    severity: Level,
    /// Whether version 1 is named, which RFC 5424 made.
    is_5424: bool,
    rest: &'a str,
}

fn head(message: &str) -> Option<Head<'_>> {
    let (priority, rest) = message.strip_prefix('<')?.split_once('>')?;
    let is_number =
        (1..=3).contains(&priority.len()) && priority.bytes().all(|byte| byte.is_ascii_digit());
    let priority: u16 = priority
        .parse()
        .ok()
        .filter(|priority| is_number && *priority <= MAX_PRIORITY)?;
    let severity = match priority % 8 {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        5 | 6 => Level::Info,
        _ => Level::Debug,
    };
    let behind_version = rest.strip_prefix("1 ");
    Some(Head {
        severity,
        is_5424: behind_version.is_some(),
        rest: behind_version.unwrap_or(rest),
    })
}

fn line(written: &str) -> Result<Line<'_>, &'static str> {
    let head = head(written).ok_or("no priority in angle brackets")?;
    let line = Line {
        level: Some(head.severity),
        ..Line::default()
    };
    if !head.is_5424 {
        return Ok(Line {
            message: message(head.rest),
            ..line
        });
    }
    // Time, host, application, process and kind of message.
    let mut fields = head.rest.splitn(6, ' ');
    let mut field = || fields.next().ok_or("header that ends early");
    let (time, _host, application, _process, _kind) =
        (field()?, field()?, field()?, field()?, field()?);
    let data = field()?;
    let behind = behind_structured_data(data).ok_or("structured data that does not end")?;
    Ok(Line {
        seconds: moment::of_text(time),
        service: match application {
            "-" => None,
            name => service::name(Cow::Borrowed(name)),
        },
        message: message(behind),
        ..line
    })
}

/// What people read, without the mark of UTF-8 that RFC 5424 asks for.
fn message(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}

/// What follows `-` or `[id name="value" …][…]`, in whose values quotes, brackets and backslashes are escaped; `None`
/// where that is neither.
fn behind_structured_data(data: &str) -> Option<&str> {
    let mut rest = match data.strip_prefix('-') {
        Some(rest) => rest,
        None if data.starts_with('[') => data,
        None => return None,
    };
    while let Some(element) = rest.strip_prefix('[') {
        rest = behind_element(element)?;
    }
    (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
}

/// What follows the bracket that closes an element.
fn behind_element(element: &str) -> Option<&str> {
    let mut in_quotes = false;
    let mut bytes = element.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => in_quotes = !in_quotes,
            b'\\' if in_quotes => {
                bytes.next();
            }
            b']' if !in_quotes => return element.get(at + 1..),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn one(text: &str) -> String {
        let (mut seen, reason) = run(text);
        assert_eq!(reason, None, "{text}");
        seen.remove(0)
    }

    #[test]
    fn a_message_of_rfc_5424_has_time_service_and_severity() {
        for (message, expected) in [
            (
                "<34>1 2026-10-13T15:14:15.003Z host su - ID47 - \u{feff}'su root' failed",
                "su 2026-10-13T15 Fatal 67 Some(\"'su root' failed\")",
            ),
            (
                r#"<163>1 2026-10-13T17:00:00+02:00 h pay 1 - [a@1 k="v\"]\\" l="]"][b@2] broke"#,
                "pay 2026-10-13T15 Error 76 Some(\"broke\")",
            ),
            ("<190>1 - - - - - -", "unknown 2026-10-13T14 Info 18 None"),
            (
                "<132>1 soon h a#b - - -  x",
                "a_b 2026-10-13T14 Warn 26 None",
            ),
        ] {
            assert_eq!(one(message), expected, "{message}");
        }
    }

    #[test]
    fn of_an_older_message_only_the_priority_is_sure() {
        assert_eq!(
            one("<11>Oct 13 15:14:15 host su[12]: failed"),
            "unknown 2026-10-13T14 Error 39 Some(\"Oct 13 15:14:15 host su[12]: failed\")"
        );
        assert_eq!(one("<15>1"), "unknown 2026-10-13T14 Debug 5 None");
    }

    #[test]
    fn messages_stand_one_a_line_or_behind_their_length() {
        let (seen, reason) = run("<14>1 - h a - - - x\n<14>1 - h b - - - y\r\n\n");
        assert_eq!((seen.len(), reason), (2, None));
        let (seen, reason) = run("21 <14>1 - h a - - - x\nz20 <14>1 - h b - - - y\n");
        assert_eq!(
            (seen[0].as_str(), seen.len(), reason),
            ("a 2026-10-13T14 Info 21 None", 2, None)
        );
    }

    #[test]
    fn a_bad_message_is_rejected_and_its_neighbours_count() {
        let (seen, reason) = run(
            "<14>1 - h a - - - x\n<14>1 - h\nno priority\n<192>x\n<14>1 - h a - - [x y=\"z\n<14>y",
        );
        assert_eq!(seen.len(), 2);
        assert_eq!(
            reason.unwrap(),
            "line 2: header that ends early (and 3 further lines)"
        );
        let (seen, reason) = run("20 <14>1 - h a - - - x\n99 <14>1 - h a - - - torn");
        assert_eq!(seen.len(), 1);
        assert_eq!(
            reason.unwrap(),
            "line 2: message shorter than the length before it"
        );
    }
}
