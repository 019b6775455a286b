//! Samples of logs, made fit to be read by people: what may be a credential, an address or a card is replaced by a
//! marker that names its kind, `[redacted:email]`.
//!
//! Three kinds of evidence, in this order:
//! - **a name** that says so: `password=`, `"apiKey": "`, `Authorization:`, `--token`, `user:password@host`, in JSON
//!   (also JSON within JSON strings), logfmt, headers, URLs, XML and connection strings (`names`, `shapes`);
//! - **a shape** that is known: private keys in PEM, JWTs, AWS's access keys, tokens of well-known issuers by their
//!   prefix, bearer and basic credentials, e-mail addresses, card numbers that satisfy Luhn (`shapes`, `tokens`);
//! - **chance**: 32 and more characters of base64 or hexadecimal that no one would choose as a name (`entropy`).
//!   Trace ids and digests of that length go with them; UUIDs, AWS's resource ids, paths and names stay.
//!
//! It errs on the side of hiding: `Unexpected token: foo` loses its `foo`.
//!
//! What it cannot know: secrets that nothing announces (`the password is hunter2`, a short token, a password in a
//! path), further words of an unquoted passphrase (an unquoted value ends at white space), a password that contains
//! what ends it where it stands (a quote before punctuation, `&x=` in a query), values behind names in other
//! languages, credentials in an encoding of their own (base64 within base64, `\u0040` for `@`), names of people,
//! phone numbers and postal addresses. About one in a thousand random strings looks like a name to it. It is for
//! samples; it does not make a text public.
//!
//! Redaction happens within a window of the first [`WINDOW`] bytes, in one pass and in linear time. What may be the
//! head of a secret at the window's edge is dropped, and the text is shortened only after redaction. Redacting twice
//! changes nothing. This module refuses to know where a text comes from.

mod entropy;
mod names;
#[cfg(test)]
mod samples;
mod scan;
mod shapes;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

use std::ops::Range;

/// Bytes of a text that are looked at, and the most that is returned.
pub const WINDOW: usize = 8 << 10;

/// Stands for what was cut off.
const ELLIPSIS: char = '…';

/// How far a cut moves back so as not to split a word.
const BACK: usize = 64;

/// The text without what may be secret, at most `max_chars` characters of it.
pub fn redact(text: &str, max_chars: usize) -> String {
    let is_cut = text.len() > WINDOW;
    let window = if is_cut {
        let end = text.floor_char_boundary(WINDOW);
        start_of_run(text, 0..end)
    } else {
        text.len()
    };
    let redacted = scan::scan(text.get(..window).unwrap_or_default());
    redacted.shortened(max_chars, is_cut)
}

/// A text with markers in it.
#[derive(Debug, Default)]
struct Redacted {
    text: String,
    markers: Vec<Range<usize>>,
}

impl Redacted {
    fn literal(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn marker(&mut self, kind: &str) {
        let start = self.text.len();
        self.text.push_str("[redacted:");
        self.text.push_str(kind);
        self.text.push(']');
        self.markers.push(start..self.text.len());
    }

    /// Cut at a number of characters and at the window's bytes, never within a marker. The text is free of secrets
    /// here; whole words are kept only so that no rest of a harmless one looks like a secret the next time.
    fn shortened(mut self, max_chars: usize, is_cut: bool) -> String {
        let (chars, bytes) = if is_cut {
            (1, ELLIPSIS.len_utf8())
        } else {
            (0, 0)
        };
        let fits = self.text.len() + bytes <= WINDOW
            && self
                .text
                .chars()
                .nth(max_chars.saturating_sub(chars))
                .is_none();
        if !fits {
            let last = self.text.char_indices().nth(max_chars.saturating_sub(1));
            let end = last.map_or(self.text.len(), |(at, _)| at);
            let end = self
                .text
                .floor_char_boundary(end.min(WINDOW - ELLIPSIS.len_utf8()));
            let end = self.harmless_end(end);
            self.text.truncate(end);
        } else if !is_cut {
            return self.text;
        }
        if max_chars > 0 {
            self.text.push(ELLIPSIS);
        }
        self.text
    }

    fn harmless_end(&self, end: usize) -> usize {
        let later = self.markers.partition_point(|marker| marker.end <= end);
        if let Some(open) = self.markers.get(later).filter(|marker| marker.start < end) {
            return open.start;
        }
        let before = later.checked_sub(1).and_then(|last| self.markers.get(last));
        let from = before.map_or(0, |marker| marker.end);
        let start = start_of_run(&self.text, from..end);
        if end - start > BACK { end } else { start }
    }
}

/// Where the last word of a range begins, double quotes being white space. Numbers in groups in front of it go with
/// it, and so does the word that they are joined to.
fn start_of_run(text: &str, range: Range<usize>) -> usize {
    let in_word = |c: char| !c.is_whitespace() && c != '"';
    let in_number = |c: char| c.is_ascii_digit() || c == ' ' || c == '-';
    let mut part = text.get(range.clone()).unwrap_or_default();
    loop {
        part = part.trim_end_matches(in_word);
        let number = part.trim_end_matches(in_number);
        let has_digits = part
            .bytes()
            .skip(number.len())
            .any(|byte| byte.is_ascii_digit());
        if !has_digits {
            return range.start + part.len();
        }
        part = number;
    }
}
