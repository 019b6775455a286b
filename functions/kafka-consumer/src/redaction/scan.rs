//! The one pass over the window.

use super::entropy::{self, is_token_part};
use super::names::{self, is_name_part};
use super::{Redacted, shapes, tokens};

/// How far behind an access key id its secret may follow, in bytes.
const BESIDE: usize = 256;

/// A part of the text that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Secret {
    /// Its first byte.
    pub(super) start: usize,
    /// The byte behind its last.
    pub(super) end: usize,
    /// What it is.
    pub(super) kind: &'static str,
}

impl Secret {
    pub(super) fn of(kind: &'static str, start: usize, length: usize) -> Self {
        Self {
            start,
            end: start + length,
            kind,
        }
    }

    /// The same, found in what begins at a position.
    pub(super) fn from(self, at: usize) -> Self {
        Self {
            start: at + self.start,
            end: at + self.end,
            ..self
        }
    }
}

pub(super) fn scan(text: &str) -> Redacted {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
        done: 0,
        name_end: 0,
        run_end: 0,
        token_end: 0,
        url: shapes::Run::default(),
        beside_key: 0,
        named: None,
    };
    let mut out = Redacted::default();
    while let Some(byte) = scan.bytes.get(scan.at).copied() {
        let Some(found) = scan.find(byte) else {
            scan.at += scan.harmless(byte);
            continue;
        };
        out.literal(text.get(scan.done..found.start).unwrap_or_default());
        out.marker(found.kind);
        // A secret that begins in another one's name ends where both do.
        let named = scan.named.take_if(|named| named.start < found.end);
        let end = named.map_or(found.end, |named| named.end.max(found.end));
        scan.at = text.ceil_char_boundary(end);
        scan.done = scan.at;
        // Behind a marker runs and words begin anew.
        scan.name_end = scan.at;
        scan.token_end = scan.at;
    }
    out.literal(text.get(scan.done..).unwrap_or_default());
    out
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    /// What lies before is in the output already.
    done: usize,
    /// Ends of the runs that were looked at as a whole, so that no byte is looked at again and again.
    name_end: usize,
    run_end: usize,
    token_end: usize,
    url: shapes::Run,
    /// Up to here a secret access key may belong to the access key id that was seen.
    beside_key: usize,
    /// What the last name announces. Its name is looked at like any text first: it may hold a secret itself.
    named: Option<Secret>,
}

impl Scan<'_> {
    /// The secret that shows at this position. It begins earlier for an e-mail address, found by its `@`, and later
    /// where a scheme stays in front of it.
    fn find(&mut self, byte: u8) -> Option<Secret> {
        if let Some(named) = self.named.take_if(|named| named.start <= self.at) {
            self.note_access_key(named.start);
            return Some(named);
        }
        match byte {
            b'-' => {
                if let Some(key) = shapes::private_key(self.bytes, self.at) {
                    return Some(key);
                }
            }
            b':' => return shapes::user_info(self.bytes, self.at, &mut self.url),
            b'@' | b'%' => return shapes::email(self.bytes, self.done, self.at),
            _ => {}
        }
        let rest = self.bytes.get(self.at..)?;
        if is_name_part(byte) && self.at >= self.name_end {
            if self.at >= self.run_end {
                let length = rest.iter().take_while(|byte| is_name_part(**byte)).count();
                self.run_end = self.at + length;
            }
            self.name_end = self.run_end;
            if self.named.is_none() {
                self.named = names::named(self.bytes, self.at, self.run_end - self.at);
            }
        }
        if byte.is_ascii_alphanumeric() && self.starts_word() {
            self.note_access_key(self.at);
            let token = tokens::token(self.bytes, self.at);
            let found = token.or_else(|| shapes::card(self.bytes, self.at));
            if found.is_some() {
                return found;
            }
        }
        if is_token_part(byte) && self.at >= self.token_end {
            let (length, secret) = entropy::run(rest, self.at < self.beside_key);
            self.token_end = self.at + length;
            return secret.map(|secret| secret.from(self.at));
        }
        None
    }

    fn starts_word(&self) -> bool {
        self.at == self.done || starts_word(self.bytes, self.at)
    }

    fn note_access_key(&mut self, at: usize) {
        if tokens::access_key(self.bytes.get(at..).unwrap_or_default()).is_some() {
            self.beside_key = at + BESIDE;
        }
    }

    /// How many bytes can be passed at once.
    fn harmless(&self, byte: u8) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match byte {
            b'[' => shapes::marker(rest).unwrap_or(1),
            _ if byte.is_ascii_hexdigit() && self.starts_word() => shapes::uuid(rest).unwrap_or(1),
            _ => 1,
        }
    }
}

/// Whether a word may start here: behind what is no letter or digit, or behind an escape that only looks like one
/// (`\n`, `\u003d`, `%3D`).
fn starts_word(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(at.saturating_sub(6)..at).unwrap_or_default();
    match before {
        [] | [b'\\', b'u', ..] => true,
        [.., b'\\', byte] if byte.is_ascii_alphanumeric() => true,
        [.., b'%', one, two] if one.is_ascii_hexdigit() && two.is_ascii_hexdigit() => true,
        [.., byte] => !byte.is_ascii_alphanumeric(),
    }
}
