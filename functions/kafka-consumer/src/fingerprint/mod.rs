//! What makes two error messages the same problem.
//!
//! Messages of one cause differ in numbers, ids, addresses, times and paths. Those are replaced in one pass, and what
//! is left is hashed together with the service: a stable name for the problem, small enough for a key. What is hashed
//! is exactly [`template`], so a person can see why two messages met.
//!
//! - **Which lines.** A message counts by its first line, the exception named just above the stack, and the
//!   innermost frame: the same words thrown from two places are two problems, while the frames further out differ by
//!   caller. Line numbers go, functions stay, so a release does not rename its problems. Python prints the innermost
//!   frame and the exception last, so the lines are looked for in the first 16 KiB; of what they come to, the first
//!   [`TEMPLATE`] bytes count. That bound is on the template and not on the message: a longer id earlier in the line
//!   must not move the cut.
//! - **Codes are not numbers.** `status 503` and `status 404`, errno, exit codes and SQLSTATEs are causes: up to five
//!   digits right behind a word for a code stay. All other numbers go, also those at the end of a name (`worker-7`).
//! - **Quoted words stay**, quoted texts go: the first are mostly names of columns, keys and properties, the second
//!   mostly input.
//! - **The hash** is SHA-256 over service, 0xFF (which no UTF-8 holds) and template, first eight bytes, big-endian.
//!   It has no seed and must never change: it is part of stored keys. Neither may the template of a message change
//!   without cause; a new rule renames the problems it touches.
//!
//! This module refuses to know which messages are errors, and whether a text is safe to show: names and words of a
//! message stay in its template (see [`crate::redaction`]).

mod addresses;
mod dates;
mod pass;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;

use sha2::{Digest, Sha256};

/// Bytes of a template that count: enough for an exception with its frame, and what a stored sample can afford.
pub const TEMPLATE: usize = 512;

/// Bytes of a message in which the lines that count are looked for: a deep Python traceback, whose last line names
/// the exception.
const SCAN: usize = 16 << 10;

/// Bytes of one line that are read: replaced parts are longer than what stands for them, but not endlessly.
const LINE: usize = 4 << 10;

const TRACEBACK: &str = "Traceback (most recent call last)";

/// The name of a problem, as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The problem that a service's error message tells of.
pub fn of(service: &str, message: &str) -> Fingerprint {
    let mut text = Vec::with_capacity(service.len() + 1 + TEMPLATE);
    text.extend_from_slice(service.as_bytes());
    text.push(0xff);
    normalise(message, &mut |part| text.extend_from_slice(part.as_bytes()));
    let start = Sha256::digest(&text).first_chunk().copied();
    Fingerprint(u64::from_be_bytes(start.unwrap_or_default()))
}

/// The message as its fingerprint sees it: `timeout after <n> ms calling <ip>:<n>`.
pub fn template(message: &str) -> String {
    let mut template = String::new();
    normalise(message, &mut |text| template.push_str(text));
    template
}

/// The part of a message that its fingerprint can depend on.
pub(crate) fn scanned(message: &str) -> &str {
    prefix(message, SCAN)
}

fn normalise(message: &str, sink: &mut dyn FnMut(&str)) {
    let mut pass = pass::Pass::new(sink, TEMPLATE);
    for line in essence(scanned(message)) {
        pass.line(prefix(line, LINE));
    }
}

/// The lines that count, empty where a message has none of the kind: its first, the exception above the stack, the
/// innermost frame.
fn essence(message: &str) -> [&str; 3] {
    let mut lines = message.lines().filter(|line| !line.trim_ascii().is_empty());
    let first = lines.next().unwrap_or_default();
    // The panic of a Rust thread has its message on the next line.
    if first.starts_with("thread '") && first.contains("' panicked at ") {
        return [first, lines.next().unwrap_or_default(), ""];
    }
    let mut python = first.starts_with(TRACEBACK);
    let headline = if python { "" } else { first };
    let mut exception = "";
    let mut frame = "";
    for line in lines {
        let inner = line.trim_ascii_start();
        if inner.starts_with("at ") {
            // Java, JavaScript, .NET: the innermost frame comes first.
            return [headline, exception, inner];
        }
        if inner.starts_with("File \"") {
            // Python: the last.
            frame = inner;
        } else if inner.starts_with(TRACEBACK) {
            python = true;
        } else if inner.len() == line.len() {
            exception = line;
            if python {
                return [headline, exception, frame];
            }
        }
    }
    // Without a stack these are lines of a message, or of whatever was logged with it.
    let exception = if python { exception } else { "" };
    [headline, exception, frame]
}

/// The first bytes of a text, as many whole characters as fit.
fn prefix(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}
