//! Values whose name says that they are secret.

use super::scan::Secret;
use super::{shapes, values};

/// Parts of names that make a value secret, with the kind of it. Case, hyphens, underscores and dots do not count.
const SECRET: [(&str, &str); 35] = [
    ("password", "password"),
    ("passwd", "password"),
    ("passphrase", "password"),
    ("passcode", "password"),
    ("pwd", "password"),
    ("secret", "secret"),
    ("token", "token"),
    ("jwt", "token"),
    ("bearer", "token"),
    ("csrf", "token"),
    ("xsrf", "token"),
    ("apikey", "key"),
    ("accesskey", "key"),
    ("privatekey", "key"),
    ("privkey", "key"),
    ("signingkey", "key"),
    ("encryptionkey", "key"),
    ("masterkey", "key"),
    ("sharedkey", "key"),
    ("accountkey", "key"),
    ("storagekey", "key"),
    ("subscriptionkey", "key"),
    ("functionskey", "key"),
    ("authkey", "key"),
    ("sshkey", "key"),
    ("authorization", AUTHORIZATION),
    ("cookie", COOKIE),
    ("credential", "credentials"),
    ("creds", "credentials"),
    ("signature", "signature"),
    ("hmac", "signature"),
    ("sessionid", "session"),
    ("sessid", "session"),
    ("jsessionid", "session"),
    ("assertion", "token"),
];

/// Whole names, too short to be looked for in others.
const WHOLE: [(&str, &str); 13] = [
    ("pass", "password"),
    ("pw", "password"),
    ("auth", "credentials"),
    ("basicauth", "credentials"),
    ("proxyauth", "credentials"),
    ("sig", "signature"),
    ("pin", "password"),
    ("otp", "password"),
    ("cvv", "card"),
    ("cvc", "card"),
    ("ssn", "ssn"),
    ("session", "session"),
    ("sid", "session"),
];

/// Ends of names that speak about a secret and do not hold it: `token_type`, `passwordLength`, `secret_arn`.
const ABOUT: [&str; 27] = [
    "type",
    "count",
    "limit",
    "name",
    "length",
    "len",
    "size",
    "expiry",
    "expires",
    "expiration",
    "expiresin",
    "expiresat",
    "ttl",
    "arn",
    "url",
    "uri",
    "endpoint",
    "path",
    "file",
    "policy",
    "required",
    "enabled",
    "status",
    "usage",
    "used",
    "algorithm",
    "index",
];

/// Kinds of headers.
pub(super) const AUTHORIZATION: &str = "authorization";
pub(super) const COOKIE: &str = "cookie";

/// Bytes of a name that count, its last.
pub(super) const NAME: usize = 64;

/// White space between a name, its separator and its value.
const SPACES: usize = 8;

pub(super) fn is_name_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

/// The secret that the name at a position announces.
pub(super) fn named(bytes: &[u8], at: usize, length: usize) -> Option<Secret> {
    let name = bytes.get(at..at + length)?;
    let kind = kind(name)?;
    let behind = bytes.get(at + length..)?;
    let is_flag = name.starts_with(b"--");
    let is_tag = at > 0 && bytes.get(at - 1) == Some(&b'<');
    let separator = separator(behind, is_flag, is_tag)?;
    let value = behind.get(separator..)?;
    let (open, hide) = values::extent(value, kind, is_tag);
    let hidden = value.get(open..open + hide)?;
    let is_number = hidden.iter().all(u8::is_ascii_digit);
    let plural = name
        .last()
        .is_some_and(|byte| byte.eq_ignore_ascii_case(&b's'));
    let is_count = plural && is_number && kind == "token";
    if values::is_empty(hidden) || is_count || shapes::marker(hidden).is_some() {
        return None;
    }
    Some(Secret::of(kind, at + length + separator + open, hide))
}

fn kind(name: &[u8]) -> Option<&'static str> {
    let mut letters = [0; NAME];
    let mut length = 0;
    let start = name.len().saturating_sub(NAME);
    for byte in name
        .get(start..)?
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
    {
        *letters.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    let name = std::str::from_utf8(letters.get(..length)?).ok()?;
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if ABOUT.iter().any(|about| name.ends_with(about)) {
        return None;
    }
    let whole = WHOLE.iter().find(|(whole, _)| name == *whole);
    let part = || SECRET.iter().find(|(part, _)| name.contains(part));
    whole.or_else(part).map(|(_, kind)| *kind)
}

/// Length of what stands between a name and its value.
fn separator(behind: &[u8], is_flag: bool, is_tag: bool) -> Option<usize> {
    if is_tag && behind.first() == Some(&b'>') {
        return Some(1);
    }
    let quotes = behind
        .iter()
        .take(8)
        .take_while(|byte| b"\\\"'`]".contains(byte))
        .count();
    let spaces = spaces(behind.get(quotes..)?);
    let at = quotes + spaces;
    let sign = match behind.get(at..)? {
        [b'=', b'>' | b'=', ..] | [b':', b'=', ..] => 2,
        [b'%', b'3', b'd' | b'D' | b'a' | b'A', ..] => 3,
        // A path in code, a URL, the next flag.
        [b':', b':', ..] | [b':', b'/', b'/', ..] | [b'-', b'-', ..] => return None,
        [b'=' | b':', ..] => 1,
        _ if is_flag && quotes == 0 && spaces > 0 => return Some(at),
        _ => return None,
    };
    let at = at + sign;
    Some(at + self::spaces(behind.get(at..)?))
}

fn spaces(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take(SPACES)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}
