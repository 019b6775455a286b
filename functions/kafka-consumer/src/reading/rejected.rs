//! What could not be read of a value, and why.

use std::ops::Range;

/// Lines of a value that could not be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Why the first of them could not, and how many there are; never their content.
    pub reason: String,
    /// The lines, for the quarantine.
    pub bytes: Vec<u8>,
    lines: usize,
}

impl Rejected {
    /// Something as a whole.
    pub fn whole(reason: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            reason: reason.into(),
            bytes: bytes.to_owned(),
            lines: 1,
        }
    }

    /// One line of a value, counted from 1.
    pub(super) fn add(&mut self, line: usize, reason: impl std::fmt::Display, text: &str) {
        if self.lines == 0 {
            self.reason = format!("line {line}: {reason}");
        } else {
            self.bytes.push(b'\n');
        }
        self.bytes.extend_from_slice(text.as_bytes());
        self.lines += 1;
    }

    /// A part of a value; what its line is counted for only where it is told.
    pub(super) fn add_from(
        &mut self,
        text: &str,
        part: Range<usize>,
        reason: impl std::fmt::Display,
    ) {
        let line = if self.lines == 0 {
            let before = text.as_bytes().get(..part.start).unwrap_or_default();
            1 + memchr::memchr_iter(b'\n', before).count()
        } else {
            0
        };
        self.add(
            line,
            reason,
            text.get(part).unwrap_or_default().trim_ascii_end(),
        );
    }

    /// What there is, if anything.
    pub(super) fn done(mut self) -> Option<Self> {
        if self.lines > 1 {
            let others = self.lines - 1;
            self.reason = format!("{} (and {others} further lines)", self.reason);
        }
        (self.lines > 0).then_some(self)
    }
}
