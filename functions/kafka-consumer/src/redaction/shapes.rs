//! Secrets with a form of their own, and what only looks like one.

use memchr::memmem;

use super::scan::Secret;

/// Digits of a card number, by ISO/IEC 7812.
const CARD: std::ops::RangeInclusive<usize> = 13..=19;

/// Longest domain.
const DOMAIN: usize = 255;

/// Length of one of our own markers.
pub(super) fn marker(rest: &[u8]) -> Option<usize> {
    const OPEN: &[u8] = b"[redacted:";
    let kind = rest.strip_prefix(OPEN)?;
    let length = kind
        .iter()
        .take(24)
        .take_while(|b| b.is_ascii_lowercase() || **b == b'-')
        .count();
    (length > 0 && kind.get(length) == Some(&b']')).then_some(OPEN.len() + length + 1)
}

/// Length of a UUID.
pub(super) fn uuid(rest: &[u8]) -> Option<usize> {
    let text = rest.get(..36)?;
    let shaped = text.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (shaped && !rest.get(36).is_some_and(u8::is_ascii_alphanumeric)).then_some(36)
}

/// A private key in PEM, up to its end mark or the end of the text. Certificates and public keys are none.
pub(super) fn private_key(bytes: &[u8], at: usize) -> Option<Secret> {
    let rest = bytes.get(at..)?;
    if !rest.starts_with(b"-----BEGIN ") {
        return None;
    }
    let head = rest.get(..rest.len().min(64))?;
    memmem::find(head, b"PRIVATE KEY")?;
    let end = memmem::find(rest, b"-----END ").and_then(|end| {
        let label = rest.get(end + 9..)?;
        let dashes = memmem::find(label.get(..label.len().min(64))?, b"-----")?;
        Some(end + 9 + dashes + 5)
    });
    Some(Secret::of("private-key", at, end.unwrap_or(rest.len())))
}

/// A run without white space and quotes, and the last `@` in it.
#[derive(Debug, Default)]
pub(super) struct Run {
    end: usize,
    last_at: Option<usize>,
}

/// User and password in front of a URL's host. A host with a port and an `@` in its path has none.
pub(super) fn user_info(bytes: &[u8], at: usize, run: &mut Run) -> Option<Secret> {
    let rest = bytes.get(at..)?;
    let open = if rest.starts_with(b"://") {
        3
    } else if rest.starts_with(br":\/\/") {
        5
    } else {
        return None;
    };
    if at >= run.end {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>".contains(byte);
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        // What was replaced may have had white space in it.
        let marked = memmem::find(rest.get(..length)?, b"[redacted:");
        let length = marked.unwrap_or(length);
        run.end = at + length;
        run.last_at = rest
            .iter()
            .take(length)
            .rposition(|byte| *byte == b'@')
            .map(|last| at + last);
    }
    let info = bytes.get(at + open..run.last_at?)?;
    let user = info.iter().position(|byte| b":/?#".contains(byte))?;
    if info.get(user) != Some(&b':') {
        return None;
    }
    let password = info.get(user + 1..)?;
    let digits = password
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let is_port = digits > 0 && matches!(password.get(digits), Some(b'/' | b'\\' | b'?' | b'#'));
    (!is_port).then(|| Secret::of("credentials", at + open, info.len()))
}

/// The e-mail address around an `@` (or `%40`); it does not begin before `from`.
pub(super) fn email(bytes: &[u8], from: usize, at: usize) -> Option<Secret> {
    let sign = match bytes.get(at..)? {
        [b'@', ..] => 1,
        [b'%', b'4', b'0', ..] => 3,
        _ => return None,
    };
    let domain = domain(bytes.get(at + sign..)?)?;
    let within = |byte: &u8| {
        byte.is_ascii_alphanumeric() || !byte.is_ascii() || b".!#$*+^_~%-".contains(byte)
    };
    let local = bytes
        .get(from..at)?
        .iter()
        .rev()
        .take_while(|byte| within(byte))
        .count();
    (local > 0).then(|| Secret::of("email", at - local, local + sign + domain))
}

/// Length of a domain: a dot in it, and no version number.
fn domain(bytes: &[u8]) -> Option<usize> {
    let within =
        |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b".-".contains(byte);
    let length = bytes
        .iter()
        .take(DOMAIN)
        .take_while(|byte| within(byte))
        .count();
    let name = bytes.get(..length)?;
    let mut labels = name.split(|byte| *byte == b'.');
    let first = labels.next().filter(|first| !first.is_empty())?;
    let mut end = first.len();
    let mut is_domain = false;
    for label in labels.take_while(|label| !label.is_empty()) {
        end += 1 + label.len();
        is_domain |= label.len() > 1 && label.first().is_some_and(|byte| !byte.is_ascii_digit());
    }
    is_domain.then_some(end)
}

/// A card number: satisfies Luhn, begins as a payment card's, and is written in one piece or in groups as on a card
/// (the first of four digits, the others of three to six, the same sign between all).
pub(super) fn card(bytes: &[u8], at: usize) -> Option<Secret> {
    let rest = bytes.get(at..)?;
    let before = bytes.get(..at)?;
    let is_decimal = matches!(before, [.., digit, b'.'] if digit.is_ascii_digit());
    if is_decimal || !matches!(rest.first(), Some(b'2'..=b'6')) {
        return None;
    }
    let mut card = None;
    let mut luhn = [0, 0];
    let mut count = 0_usize;
    let mut end = 0;
    let mut sign = None;
    loop {
        let group = rest
            .get(end..)?
            .iter()
            .take(20)
            .take_while(|b| b.is_ascii_digit())
            .count();
        let fits = match count {
            0 => true,
            _ => (1..=6).contains(&group),
        };
        if !fits || count + group > *CARD.end() {
            break;
        }
        for digit in rest.get(end..end + group)? {
            luhn = added(luhn, usize::from(digit - b'0'), count);
            count += 1;
        }
        end += group;
        if CARD.contains(&count) && luhn.get(count % 2).is_some_and(|sum| sum % 10 == 0) {
            card = Some(Secret::of("card", at, end));
        }
        let next = rest
            .get(end)
            .filter(|byte| matches!(byte, b' ' | b'-'))
            .copied();
        if next.is_none() || (sign.is_some() && sign != next) || (sign.is_none() && count != 4) {
            break;
        }
        sign = next;
        end += 1;
    }
    card
}

/// Luhn's sums for an even and an odd number of digits: which digits are doubled depends on how many follow.
fn added([even, odd]: [usize; 2], digit: usize, position: usize) -> [usize; 2] {
    let doubled = if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    if position.is_multiple_of(2) {
        [even + doubled, odd + digit]
    } else {
        [even + digit, odd + doubled]
    }
}
