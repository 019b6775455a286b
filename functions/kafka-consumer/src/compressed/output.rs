//! The two ends of a decoder: input that remembers whether it ran out, and output that stops at the limit.

use std::io::{self, BufRead, Read};

use super::LIMIT;

/// Bytes asked of a decoder at a time: few calls, little zeroed for nothing.
const CHUNK: usize = 64 << 10;

/// What is left of a value.
#[derive(Debug)]
pub(super) struct Source<'a> {
    rest: &'a [u8],
    ran_out: bool,
}

impl<'a> Source<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self {
            rest: value,
            ran_out: false,
        }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether more was asked for than there was: decoders do not tell a short input from a corrupt one.
    pub(super) fn ran_out(&self) -> bool {
        self.ran_out
    }

    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.rest.split_at_checked(count);
        self.ran_out |= taken.is_none();
        let (taken, rest) = taken?;
        self.rest = rest;
        Some(taken)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.ran_out |= self.rest.len() < buffer.len();
        self.rest.read(buffer)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.ran_out |= self.rest.is_empty();
        Ok(self.rest)
    }

    fn consume(&mut self, amount: usize) {
        self.rest.consume(amount);
    }
}

/// An inflated value so far, never longer than the limit.
#[derive(Debug)]
pub(super) struct Output<'a>(&'a mut Vec<u8>);

impl<'a> Output<'a> {
    pub(super) fn into(buffer: &'a mut Vec<u8>) -> Self {
        buffer.clear();
        Self(buffer)
    }

    /// Bytes up to the limit.
    pub(super) fn room(&self) -> usize {
        LIMIT.saturating_sub(self.0.len())
    }

    /// Zeroed space for as many bytes more; `None` beyond the limit. Capacity grows as a vector's does, but not
    /// beyond the limit.
    pub(super) fn extend(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > self.room() {
            return None;
        }
        let length = self.0.len();
        if length + count > self.0.capacity() {
            self.0.reserve_exact(count.max(length).min(self.room()));
        }
        self.0.resize(length + count, 0);
        self.0.get_mut(length..)
    }

    /// All that a decoder has to say; whether that keeps within the limit.
    pub(super) fn drain(&mut self, mut decoder: impl Read) -> io::Result<bool> {
        loop {
            let length = self.0.len();
            let read = match self.extend(CHUNK.min(self.room())) {
                Some(space) if !space.is_empty() => decoder.read(space),
                _ => return Ok(decoder.read(&mut [0])? == 0),
            };
            self.0.truncate(length + *read.as_ref().unwrap_or(&0));
            if read? == 0 {
                return Ok(true);
            }
        }
    }
}
