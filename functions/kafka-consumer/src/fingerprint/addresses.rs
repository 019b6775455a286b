//! Addresses: of people, of hosts, and what hangs on a URL.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::pass::AHEAD;
use super::words;

/// Longest local part of an e-mail address (RFC 5321).
const LOCAL_PART: usize = 64;

/// Length of the query string of a URL.
pub(super) fn query(bytes: &[u8]) -> Option<usize> {
    let within = |byte: &u8| byte.is_ascii_alphanumeric() || b"?_-.[]%".contains(byte);
    let name = bytes
        .iter()
        .take(AHEAD)
        .take_while(|byte| within(byte))
        .count();
    if bytes.get(name) != Some(&b'=') {
        return None;
    }
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>)]".contains(byte);
    Some(bytes.iter().position(ends).unwrap_or(bytes.len()).max(name))
}

/// Length of an e-mail address.
pub(super) fn email(bytes: &[u8]) -> Option<usize> {
    let within = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let local = bytes
        .iter()
        .take(LOCAL_PART + 1)
        .take_while(|byte| within(byte))
        .count();
    if bytes.get(local) != Some(&b'@') {
        return None;
    }
    let domain = bytes.get(local + 1..)?;
    let within = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    let length = domain
        .iter()
        .take(AHEAD)
        .take_while(|byte| within(byte))
        .count();
    let domain = domain.get(..length)?.trim_ascii_end();
    let dotless = domain.strip_suffix(b".").unwrap_or(domain);
    let dot = dotless.iter().rposition(|byte| *byte == b'.')?;
    dotless
        .get(dot + 1)?
        .is_ascii_alphabetic()
        .then_some(local + 1 + dotless.len())
}

/// Length of an IPv4 address.
pub(super) fn ipv4(bytes: &[u8]) -> Option<usize> {
    let within = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let length = bytes
        .iter()
        .take(16)
        .take_while(|byte| within(byte))
        .count();
    let text = std::str::from_utf8(bytes.get(..length)?)
        .ok()?
        .trim_end_matches('.');
    let ends = bytes
        .get(text.len())
        .is_none_or(|byte| !words::is_part(*byte));
    (ends && text.parse::<Ipv4Addr>().is_ok()).then_some(text.len())
}

/// Length of an IPv6 address.
pub(super) fn ipv6(rest: &str) -> Option<usize> {
    let within = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':' || *byte == b'.';
    let length = rest.bytes().take(46).take_while(within).count();
    let text = rest.get(..length)?.trim_end_matches('.');
    // `::` alone, and scopes such as `Add::Face`, are no addresses in an error message.
    let likely = text.len() > 2 && text.bytes().any(|byte| byte.is_ascii_digit());
    let ends = rest
        .as_bytes()
        .get(text.len())
        .is_none_or(|byte| !words::is_part(*byte));
    (likely && ends && text.parse::<Ipv6Addr>().is_ok()).then_some(text.len())
}
