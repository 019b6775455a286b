//! JSON log lines: objects one after the other, with or without line breaks between them, or in an array.
//!
//! What counts is each object on its own; an object inside another is part of it. What is broken is rejected from the
//! beginning of its object, and reading goes on at the next line that begins with a brace or bracket: what comes
//! before a torn tail counts, and so does what comes after a broken line.
//!
//! A line without a level whose message is itself an object written as a string (containers' output behind Docker or
//! Fluent Bit) is read as that object; what it does not say, the outer one does. If the message is plain text, its
//! level is looked for as in [plain text](super::plain).

mod fields;
mod names;
mod object;
#[cfg(test)]
mod oracle;
mod pointers;
mod run;
mod scan;
#[cfg(test)]
mod tests;
mod usual;

use std::borrow::Cow;

pub use self::names::Names;
use self::object::Found;
pub use self::pointers::Pointers;
use super::line::Line;
use super::{Entry, Rejected, plain};

/// Reads a value; `timestamp` is Kafka's.
pub(super) fn read(
    text: &str,
    names: &Names,
    timestamp: Option<i64>,
    sink: &mut impl FnMut(Entry<'_>),
) -> Option<Rejected> {
    if u32::try_from(text.len()).is_err() {
        return Some(Rejected::whole("value of 4 GiB or more", text.as_bytes()));
    }
    let mut lines = Lines {
        text,
        names,
        timestamp,
        sink,
        found: Found::new(text),
        rejected: Rejected::default(),
    };
    lines.read();
    lines.rejected.done()
}

/// Reads the objects of a value.
struct Lines<'t, 'r, F> {
    text: &'t str,
    names: &'r Names,
    timestamp: Option<i64>,
    sink: &'r mut F,
    found: Found<'t>,
    rejected: Rejected,
}

/// What is no JSON: where it begins to be read, and the byte that cannot be.
struct Broken {
    start: usize,
    at: usize,
}

impl<F: FnMut(Entry<'_>)> Lines<'_, '_, F> {
    fn read(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = scan::blank(bytes, 0);
        if at == bytes.len() {
            self.rejected.add_from(self.text, 0..at, "value is blank");
        }
        while at < bytes.len() {
            let end = match bytes.get(at) {
                Some(b'[') => self.array(at),
                _ => self.element(at, 0).map_err(|broken| Broken {
                    start: at,
                    at: broken,
                }),
            };
            at = match end {
                Ok(end) => end,
                Err(broken) => self.broken(broken),
            };
            at = scan::blank(bytes, at);
        }
    }

    /// An array of objects; where it breaks, those before count.
    fn array(&mut self, start: usize) -> Result<usize, Broken> {
        let bytes = self.text.as_bytes();
        let mut at = scan::blank(bytes, start + 1);
        if bytes.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        loop {
            let start = at;
            at = self.element(at, 1).map_err(|at| Broken { start, at })?;
            at = scan::blank(bytes, at);
            match bytes.get(at) {
                Some(b',') => at = scan::blank(bytes, at + 1),
                Some(b']') => return Ok(at + 1),
                _ => return Err(Broken { start: at, at }),
            }
        }
    }

    fn element(&mut self, at: usize, depth: u32) -> scan::End {
        let bytes = self.text.as_bytes();
        if bytes.get(at) == Some(&b'{') {
            let end = self.found.object(self.names, at, depth)?;
            self.count(at, end);
            Ok(end)
        } else {
            let end = scan::value(bytes, at, depth)?;
            self.rejected
                .add_from(self.text, at..end, "JSON, but no object");
            Ok(end)
        }
    }

    fn count(&mut self, start: usize, end: usize) {
        let written = self.text.get(start..end).unwrap_or_default();
        let found = &self.found;
        let level = found.level();
        let message = match level {
            // Only of a failure it is of use.
            Some(level) if !level.is_failure() => None,
            _ => found.message(),
        };
        let wrapped = message
            .as_deref()
            .filter(|_| level.is_none())
            .and_then(|message| Found::whole(message, self.names));
        let entry = match wrapped {
            Some(inner) => Line {
                level: inner.level(),
                service: inner.service().or_else(|| found.service()),
                seconds: inner.seconds().or_else(|| found.seconds()),
                message: inner.message(),
            }
            .entry(written, self.timestamp),
            None => Line {
                level: level.or_else(|| plain::level(message.as_deref()?)),
                service: found.service(),
                seconds: found.seconds(),
                message: message.as_deref().map(Cow::Borrowed),
            }
            .entry(written, self.timestamp),
        };
        match entry {
            Ok(entry) => (self.sink)(entry),
            Err(reason) => self.rejected.add_from(self.text, start..end, reason),
        }
    }

    /// Rejects up to the next line that may begin an object, and says where that is.
    fn broken(&mut self, Broken { start, at }: Broken) -> usize {
        let bytes = self.text.as_bytes();
        let rest = bytes.get(start..).unwrap_or_default();
        let next = memchr::memchr_iter(b'\n', rest)
            .map(|newline| start + newline + 1)
            .find(|&line| matches!(bytes.get(line), Some(b'{' | b'[')))
            .unwrap_or(bytes.len());
        let good = at - start;
        let reason = format_args!("not JSON after {good} bytes");
        self.rejected.add_from(self.text, start..next, reason);
        next
    }
}
