//! When a log line was written, in Unix seconds.

use jiff::Timestamp;

/// Numbers of seconds below this (3 March 1973) count something else: since the process started, say.
const EARLIEST: i64 = 100_000_000;

/// A time as text: RFC 3339 and what jiff takes besides, or a number. `None` for what names no moment, such as a
/// local time without its zone.
pub(super) fn of_text(text: &str) -> Option<i64> {
    if let Some(seconds) = rfc_3339(text.as_bytes()) {
        return Some(seconds);
    }
    let text = text.trim_ascii();
    match text.parse::<Timestamp>() {
        Ok(moment) => i64::try_from(moment.as_nanosecond().div_euclid(1_000_000_000)).ok(),
        Err(_) => of_number(text),
    }
}

/// A number of seconds, milliseconds, micro- or nanoseconds by its size. Numbers too large for the calendar are taken
/// for what they say.
pub(super) fn of_number(text: &str) -> Option<i64> {
    let seconds = match text.parse::<i64>() {
        Ok(whole) => whole.div_euclid(match whole.unsigned_abs() {
            size if size < 100_000_000_000 => 1,
            size if size < 100_000_000_000_000 => 1_000,
            size if size < 100_000_000_000_000_000 => 1_000_000,
            _ => 1_000_000_000,
        }),
        Err(_) => of_fraction(text.parse().ok()?)?,
    };
    (seconds >= EARLIEST).then_some(seconds)
}

fn of_fraction(number: f64) -> Option<i64> {
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

/// `2026-10-13T14:00:05.123Z` or with `+02:00`: what nearly all loggers write. `None` for other spellings, years
/// before 1970 and leap seconds: jiff knows them.
fn rfc_3339(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_first_chunk()?;
    let (day, rest) = rest.split_first_chunk()?;
    let (clock, rest) = rest.split_first_chunk()?;
    let [century, _, years, _, _, month, ..] = pairs(*date, *b"0000-00-")?;
    let [d1, d2, b'T'] = *day else {
        return None;
    };
    let day = two(d1, d2)?;
    let [hour, _, _, minute, _, _, second, _] = pairs(*clock, *b"00:00:00")?;
    let year = u32::from(century) * 100 + u32::from(years);
    let is_date = (1970..9999).contains(&year) && (1..=days_of(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_since_1970(year, u32::from(month), u32::from(day));
    let clock = u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second);
    Some(i64::from(days) * 86_400 + i64::from(clock) - offset(fraction(rest)?)?)
}

/// Eight characters as the numbers that each two of them in a row make, if they are digits where the pattern has a
/// zero and what the pattern has elsewhere.
fn pairs(text: [u8; 8], pattern: [u8; 8]) -> Option<[u8; 8]> {
    const HIGHEST: u64 = u64::MAX / 255 * 0x80;
    // A digit of 10 or more reaches the highest bit of its byte, and so does anything but what the pattern has.
    let room = pattern.map(|byte| if byte == b'0' { 0x7f - 9 } else { 0x7f });
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(pattern);
    let beyond = digits.wrapping_add(u64::from_le_bytes(room)) | digits;
    (beyond & HIGHEST == 0).then(|| (digits * 10 + (digits >> 8)).to_le_bytes())
}

/// What follows a fraction of one to nine digits, if there is one.
fn fraction(text: &[u8]) -> Option<&[u8]> {
    let Some(digits) = text.strip_prefix(b".") else {
        return Some(text);
    };
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (1..=9).contains(&count).then(|| digits.get(count..))?
}

/// Seconds that a zone is ahead of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        b"Z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let &[h1, h2, b':', m1, m2] = rest else {
        return None;
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    (hours <= 23 && minutes <= 59)
        .then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

/// Two digits.
fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

/// Days of a month; none of one that there is not.
fn days_of(year: u32, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Days of a date that exists, in years from 1970 on. Years are counted from March, so that the leap day ends them.
fn days_since_1970(year: u32, month: u32, day: u32) -> u32 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    // Months from March on have 31, 30, 31, 30, 31 days, again and again: 153 in five.
    let days_before_month = (153 * month + 2) / 5;
    // 719,469 days lie between 1 March of the year 0 and 1 January 1970, counting from day 1.
    365 * year + leap_days + days_before_month + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn jiff(text: &str) -> Option<i64> {
        let moment: Timestamp = text.parse().ok()?;
        i64::try_from(moment.as_nanosecond().div_euclid(1_000_000_000)).ok()
    }

    #[test]
    fn times_are_read_by_their_size() {
        for time in [
            "1791903600",
            "1791903600000",
            "1791903600000000",
            "1791903600000000000",
            "1791903600.25",
            "1.7919036e9",
            "1791903600999.9",
        ] {
            assert_eq!(of_number(time), Some(1_791_903_600), "{time}");
            assert_eq!(of_text(time), Some(1_791_903_600), "{time} as text");
        }
        for time in ["12.5", "0", "-1791903600", "inf", "NaN", "", "half past"] {
            assert_eq!(of_text(time), None, "{time}");
        }
    }

    #[test]
    fn the_usual_spellings_take_the_short_way() {
        for (text, seconds) in [
            ("2026-10-13T15:00:00Z", 1_791_903_600),
            ("2026-10-13T15:00:00.999999999Z", 1_791_903_600),
            ("2026-10-13T17:30:00.5+02:30", 1_791_903_600),
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59-23:59", 1_709_337_539),
        ] {
            assert_eq!(rfc_3339(text.as_bytes()), Some(seconds), "{text}");
            assert_eq!(jiff(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_spellings_take_the_long_way() {
        for text in [
            "2026-10-13 15:00:00Z",
            "2026-10-13T15:00:00,5+0000",
            " 2026-10-13T15:00:00Z ",
        ] {
            assert_eq!(rfc_3339(text.as_bytes()), None, "{text}");
            assert_eq!(of_text(text), Some(1_791_903_600), "{text}");
        }
        assert_eq!(
            of_text("2016-12-31T23:59:60Z"),
            Some(1_483_228_799),
            "a leap second"
        );
        assert_eq!(of_text("2026-10-13 15:00:00,123"), None, "no zone");
    }

    /// Texts near the spelling: each part may be out of its bounds.
    fn near_rfc_3339() -> impl Strategy<Value = String> {
        let date = (1890..10_010i32, 0..14u8, 0..33u8);
        let clock = (0..25u8, 0..61u8, 0..61u8);
        let fraction = "(\\.[0-9]{0,10})?";
        let zone = "Z|[+-][0-2][0-9]:[0-6][0-9]|";
        (date, clock, fraction, zone).prop_map(|((y, m, d), (h, i, s), fraction, zone)| {
            format!("{y:04}-{m:02}-{d:02}T{h:02}:{i:02}:{s:02}{fraction}{zone}")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_short_way_agrees_with_jiff(text in near_rfc_3339()) {
            if let Some(seconds) = rfc_3339(text.as_bytes()) {
                prop_assert_eq!(jiff(&text), Some(seconds));
            }
        }

        #[test]
        fn every_moment_that_is_written_is_read(seconds in 0..253_370_764_800i64, nanos in 0..1_000_000_000i32) {
            let moment = Timestamp::new(seconds, nanos).unwrap();
            prop_assert_eq!(rfc_3339(moment.to_string().as_bytes()), Some(seconds));
        }
    }
}
