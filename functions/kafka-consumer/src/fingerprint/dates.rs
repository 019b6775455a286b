//! Times as logs write them: ISO dates and times, times of day, and the access log's own.

use super::words::{digits, is_part};

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// Length of the time that bytes begin with: `2026-10-13T15:00:00.123Z`, `2026/10/13 15:00`, `15:00:00,123`,
/// `13/Oct/2026:15:00:00 +0200`, `Oct 13 15:00:00`. Behind a colon two numbers are no time: `cart.js:17:31`.
pub(super) fn time(bytes: &[u8], after_colon: bool) -> Option<usize> {
    let day = iso_date(bytes).or_else(|| named_date(bytes));
    let Some(day) = day else {
        return time_of_day(bytes).filter(|length| *length > 5 || !after_colon);
    };
    let rest = bytes.get(day..)?;
    let of_day = match rest.first() {
        Some(b'T' | b't' | b' ' | b':' | b'_') => rest.get(1..).and_then(time_of_day),
        _ => None,
    };
    match of_day {
        Some(of_day) => Some(day + 1 + of_day),
        None => rest
            .first()
            .is_none_or(|byte| !is_part(*byte))
            .then_some(day),
    }
}

fn iso_date(bytes: &[u8]) -> Option<usize> {
    let [y1, y2, y3, y4, first, m1, m2, second, d1, d2, ..] = bytes else {
        return None;
    };
    let numbers = [y1, y2, y3, y4, m1, m2, d1, d2];
    let is_date = numbers.iter().all(|byte| byte.is_ascii_digit())
        && (*first == b'-' || *first == b'/')
        && first == second
        && bytes.get(10).is_none_or(|byte| !byte.is_ascii_digit());
    is_date.then_some(10)
}

/// `13/Oct/2026` or `Oct 13`, the latter only in front of a time of day.
fn named_date(bytes: &[u8]) -> Option<usize> {
    let month = |bytes: Option<&[u8]>| {
        bytes.is_some_and(|bytes| MONTHS.iter().any(|month| bytes.eq_ignore_ascii_case(month)))
    };
    if bytes.get(3) == Some(&b' ') && month(bytes.get(..3)) {
        let spaces = bytes
            .iter()
            .skip(3)
            .take(2)
            .take_while(|byte| **byte == b' ')
            .count();
        let day = digits(bytes.get(3 + spaces..)?);
        let end = 3 + spaces + day;
        let is_date = spaces > 0 && (1..=2).contains(&day) && bytes.get(end) == Some(&b' ');
        return (is_date && time_of_day(bytes.get(end + 1..)?).is_some()).then_some(end);
    }
    let is_date = digits(bytes) == 2
        && bytes.get(2) == Some(&b'/')
        && month(bytes.get(3..6))
        && bytes.get(6) == Some(&b'/')
        && digits(bytes.get(7..)?) == 4;
    is_date.then_some(11)
}

/// `15:00`, `15:00:00`, with a fraction and a zone where given.
fn time_of_day(bytes: &[u8]) -> Option<usize> {
    let two = |at: usize| digits(bytes.get(at..).unwrap_or_default()) == 2;
    let hours = digits(bytes);
    if !(1..=2).contains(&hours) || bytes.get(hours) != Some(&b':') || !two(hours + 1) {
        return None;
    }
    let mut end = hours + 3;
    if bytes.get(end) == Some(&b':') && two(end + 1) {
        end += 3;
        if matches!(bytes.get(end), Some(b'.' | b',')) {
            let fraction = digits(bytes.get(end + 1..).unwrap_or_default());
            end += if fraction > 0 { fraction + 1 } else { 0 };
        }
    }
    Some(end + zone(bytes.get(end..).unwrap_or_default()))
}

fn zone(bytes: &[u8]) -> usize {
    let space = usize::from(bytes.first() == Some(&b' '));
    match bytes.get(space..).unwrap_or_default() {
        [b'Z' | b'z', rest @ ..] if space == 0 && rest.first().is_none_or(|b| !is_part(*b)) => 1,
        [b'+' | b'-', rest @ ..] => match (digits(rest), rest.get(2)) {
            (4, _) => space + 5,
            (2, Some(b':')) if digits(rest.get(3..).unwrap_or_default()) == 2 => space + 6,
            _ => 0,
        },
        _ => 0,
    }
}
