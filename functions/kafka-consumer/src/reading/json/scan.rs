//! JSON's tokens: where each ends, or where it breaks.
//!
//! Every function takes the bytes and a position and gives the position after the token; an error is the position of
//! the first byte that cannot be (the length where the text ends early). Nothing is built and nothing is allocated,
//! so what nobody asks for costs no more than passing over it.
//!
//! Accepted is what RFC 8259 says, as serde_json has it: `serde::de::IgnoredAny`, and 127 levels of nesting as its
//! `Value`. Numbers of any size and lone surrogates are legal here, which `Value` cannot hold. That the bytes are
//! UTF-8 is for the caller to have checked.

use super::run::run;

/// Where a token ends, or where it breaks.
pub(super) type End = Result<usize, usize>;

/// Objects and arrays that may lie in each other.
pub(super) const MAX_DEPTH: u32 = 127;

/// The first byte at or after a position that is no blank.
#[inline]
pub(super) fn blank(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Whether some bytes stand at a position: what nearly always follows, before the rest is looked into.
#[inline]
pub(super) fn follows<const N: usize>(bytes: &[u8], at: usize, wanted: &[u8; N]) -> bool {
    bytes.get(at..).and_then(<[u8]>::first_chunk) == Some(wanted)
}

/// One given byte.
#[inline]
pub(super) fn byte(bytes: &[u8], at: usize, wanted: u8) -> End {
    if bytes.get(at) == Some(&wanted) {
        Ok(at + 1)
    } else {
        Err(at)
    }
}

/// A string from behind its opening quote.
#[inline]
pub(super) fn string(bytes: &[u8], at: usize) -> End {
    let at = run(bytes, at);
    match bytes.get(at) {
        Some(b'"') => Ok(at + 1),
        _ => string_with_escapes(bytes, at),
    }
}

#[inline(never)]
fn string_with_escapes(bytes: &[u8], mut at: usize) -> End {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(bytes, at + 1)?,
            _ => return Err(at),
        }
        at = run(bytes, at);
    }
}

/// What follows a backslash.
fn escape(bytes: &[u8], at: usize) -> End {
    match bytes.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
        Some(b'u') => (at + 1..at + 5)
            .find(|&digit| !bytes.get(digit).is_some_and(u8::is_ascii_hexdigit))
            .map_or(Ok(at + 5), Err),
        _ => Err(at),
    }
}

/// A number, `true`, `false`, `null` or a string.
#[inline(never)]
pub(super) fn scalar(bytes: &[u8], at: usize) -> End {
    match bytes.get(at) {
        Some(b'"') => string(bytes, at + 1),
        Some(b'-' | b'0'..=b'9') => number(bytes, at),
        Some(b't') => word(bytes, at, b"true"),
        Some(b'f') => word(bytes, at, b"false"),
        Some(b'n') => word(bytes, at, b"null"),
        _ => Err(at),
    }
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> End {
    let rest = bytes.get(at..).unwrap_or_default();
    let same = word.iter().zip(rest).take_while(|(a, b)| a == b).count();
    if same == word.len() {
        Ok(at + same)
    } else {
        Err(at + same)
    }
}

fn number(bytes: &[u8], mut at: usize) -> End {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at) {
        Some(b'0') => at + 1,
        _ => digits(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    // `01` is no number, and no token can follow one without something between.
    match bytes.get(at) {
        Some(b'0'..=b'9') => Err(at),
        _ => Ok(at),
    }
}

/// At least one digit.
#[inline]
fn digits(bytes: &[u8], start: usize) -> End {
    let mut at = start;
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    if at > start { Ok(at) } else { Err(at) }
}

/// A key with the colon and the blanks behind it, up to where its value begins.
#[inline]
fn key(bytes: &[u8], at: usize) -> End {
    let at = byte(bytes, at, b'"')?;
    colon(bytes, string(bytes, at)?)
}

/// The colon behind a key, up to where the value begins.
#[inline]
pub(super) fn colon(bytes: &[u8], at: usize) -> End {
    if follows(bytes, at, b":\"") {
        return Ok(at + 1);
    }
    let at = byte(bytes, blank(bytes, at), b':')?;
    Ok(blank(bytes, at))
}

/// Any value, inside `depth` objects and arrays already.
#[inline]
pub(super) fn value(bytes: &[u8], at: usize, depth: u32) -> End {
    match bytes.get(at) {
        Some(b'"') => string(bytes, at + 1),
        Some(b'{' | b'[') => nested(bytes, at, depth),
        _ => scalar(bytes, at),
    }
}

/// An object or array that nobody looks into. What is open is kept as bits, the innermost lowest: 1 for an object.
#[inline(never)]
fn nested(bytes: &[u8], mut at: usize, outside: u32) -> End {
    let mut open: u128 = 0;
    let mut depth = 0;
    loop {
        // Here a value begins.
        let braces = bytes.get(at) == Some(&b'{');
        if braces || bytes.get(at) == Some(&b'[') {
            if outside + depth >= MAX_DEPTH {
                return Err(at);
            }
            let inside = blank(bytes, at + 1);
            let closing = if braces { b'}' } else { b']' };
            if bytes.get(inside) == Some(&closing) {
                at = inside + 1;
            } else {
                open = open << 1 | u128::from(braces);
                depth += 1;
                at = if braces { key(bytes, inside)? } else { inside };
                continue;
            }
        } else {
            at = match bytes.get(at) {
                Some(b'"') => string(bytes, at + 1)?,
                _ => scalar(bytes, at)?,
            };
        }
        // Here one has ended.
        loop {
            if depth == 0 {
                return Ok(at);
            }
            at = blank(bytes, at);
            let inside_object = open & 1 == 1;
            match bytes.get(at) {
                Some(b',') => {
                    at = blank(bytes, at + 1);
                    if inside_object {
                        at = key(bytes, at)?;
                    }
                    break;
                }
                Some(b'}') if inside_object => at += 1,
                Some(b']') if !inside_object => at += 1,
                _ => return Err(at),
            }
            open >>= 1;
            depth -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_that_cannot_be_is_named() {
        for (text, end) in [
            (r#"{"a":[1,{"b":"\u00e9\n"}],"c":-0.5e+7}"#, Ok(38)),
            (r#"{"a":1,}"#, Err(7)),
            ("[1,]", Err(3)),
            ("[1 2]", Err(3)),
            ("[}", Err(1)),
            ("01", Err(1)),
            ("1.", Err(2)),
            ("-", Err(1)),
            ("nul", Err(3)),
            ("\"a\tb\"", Err(2)),
            (r#""\x""#, Err(2)),
            (r#""\u12g4""#, Err(5)),
            (r#"{"a""#, Err(4)),
            ("", Err(0)),
        ] {
            assert_eq!(value(text.as_bytes(), 0, 0), end, "{text}");
        }
    }

    #[test]
    fn nesting_beyond_the_bound_breaks_where_it_is_reached() {
        let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(value(nest(127).as_bytes(), 0, 0), Ok(254));
        assert_eq!(value(nest(128).as_bytes(), 0, 0), Err(127));
        assert_eq!(value(nest(100).as_bytes(), 0, 28), Err(99));
        assert_eq!(value("[".repeat(1_000_000).as_bytes(), 0, 0), Err(127));
    }
}
