//! Where a named value begins and ends.

use super::names::{AUTHORIZATION, COOKIE, NAME, is_name_part};
use super::shapes;

/// Where in what follows a separator the value begins, and its length.
pub(super) fn extent(value: &[u8], kind: &str, is_tag: bool) -> (usize, usize) {
    let escapes = value
        .iter()
        .take(8)
        .take_while(|byte| **byte == b'\\')
        .count();
    match value.get(escapes) {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            let open = escapes + 1;
            (
                open,
                quoted(value.get(open..).unwrap_or_default(), *quote, escapes),
            )
        }
        Some(b'[' | b'{') if shapes::marker(value).is_none() => (0, nested(value)),
        Some(b'[') => (0, shapes::marker(value).unwrap_or(0)),
        _ if is_tag => (0, value.iter().take_while(|byte| **byte != b'<').count()),
        _ if kind == AUTHORIZATION || kind == COOKIE => (0, header(value)),
        _ => (0, bare(value)),
    }
}

/// Length up to the closing quote, or to the end. `escapes` backslashes stood before the opening one: JSON within
/// JSON strings doubles them at each level, and a quote that belongs to the value has more of them.
fn quoted(value: &[u8], quote: u8, escapes: usize) -> usize {
    let mut slashes: usize = 0;
    for (at, byte) in value.iter().enumerate() {
        if *byte == b'\\' {
            slashes += 1;
            continue;
        }
        let own = slashes.saturating_sub(escapes) / (escapes + 1);
        if *byte == quote && (slashes < escapes || own.is_multiple_of(2)) {
            return at - slashes.min(escapes);
        }
        slashes = 0;
    }
    value.len()
}

/// Length of an array or object, or of all that follows where it does not end.
fn nested(value: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    value.len()
}

/// Length of a header's value: to the end of the line, or to a quote that closes what the header stands in. Quotes
/// behind `=` are the header's own.
fn header(value: &[u8]) -> usize {
    let mut own = None;
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        let next = value.get(at + 1);
        let escaped = *byte == b'\\';
        match byte {
            b'\n' | b'\r' => return at,
            b'\\' if matches!(next, Some(b'n' | b'r')) => return at,
            b'\\' if next != Some(&b'"') => {}
            b'"' | b'\'' | b'\\' => {
                let quote = if escaped { b'"' } else { *byte };
                let opens = at.checked_sub(1).and_then(|before| value.get(before)) == Some(&b'=');
                own = match own {
                    Some(open) if open == quote => None,
                    Some(open) => Some(open),
                    None if opens => Some(quote),
                    None => return at,
                };
                at += usize::from(escaped);
            }
            _ => {}
        }
        at += 1;
    }
    value.len()
}

/// Length of an unquoted value. Punctuation belongs to it, unless the next pair or nothing more of it follows.
fn bare(value: &[u8]) -> usize {
    if let Some(key) = shapes::private_key(value, 0) {
        return key.end;
    }
    for (at, byte) in value.iter().enumerate() {
        let behind = value.get(at + 1..).unwrap_or_default();
        let ends = match byte {
            _ if byte.is_ascii_whitespace() => true,
            b'"' | b'\'' | b'`' => !behind.first().is_some_and(u8::is_ascii_alphanumeric),
            b'<' => behind.first() == Some(&b'/'),
            b',' | b';' | b'&' | b'|' => closes(behind) || (at > 0 && begins_pair(behind)),
            b')' | b']' | b'}' => closes(behind),
            _ => false,
        };
        if ends {
            let slashes = value
                .iter()
                .take(at)
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count();
            return if b"\"'`".contains(byte) {
                at - slashes
            } else {
                at
            };
        }
    }
    value.len()
}

/// Whether behind a little punctuation nothing of a value follows.
fn closes(behind: &[u8]) -> bool {
    let marks = behind
        .iter()
        .take(4)
        .take_while(|byte| b")]}{[,;.&|".contains(byte))
        .count();
    let next = behind.get(marks);
    next.is_none_or(|byte| byte.is_ascii_whitespace() || b"\"'`\\<".contains(byte))
}

/// Whether `x=` follows. A colon would do for JSON without quotes too, but stands in many passwords.
fn begins_pair(behind: &[u8]) -> bool {
    let behind = behind.strip_prefix(b"amp;").unwrap_or(behind);
    let name = behind
        .iter()
        .take(NAME)
        .take_while(|byte| is_name_part(**byte))
        .count();
    name > 0 && behind.get(name) == Some(&b'=')
}

/// Values that hold nothing.
pub(super) fn is_empty(value: &[u8]) -> bool {
    const NOTHING: [&[u8]; 9] = [
        b"null",
        b"none",
        b"nil",
        b"undefined",
        b"true",
        b"false",
        b"[]",
        b"{}",
        "…".as_bytes(),
    ];
    value.is_empty()
        || NOTHING
            .iter()
            .any(|nothing| value.eq_ignore_ascii_case(nothing))
}
