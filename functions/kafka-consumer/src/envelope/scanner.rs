//! A cursor over JSON text that hands out pieces of it and copies nothing.
//!
//! It tells where values begin and end, and believes the rest: what it is given was accepted by a JSON parser before
//! (Lambda's runtime hands over a `RawValue`). On anything else it stops, or skips what makes no sense; it never panics,
//! and each step moves on. It refuses to know what the values mean.

use std::borrow::Cow;

use memchr::memchr2;

/// The text is no JSON, or ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// A position in JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// A string between its quotes, as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'a> {
    /// With its escapes.
    written: &'a str,
    escaped: bool,
}

impl<'a> Quoted<'a> {
    /// What it says; `None` where an escape stands for no character (half of a surrogate pair).
    pub(super) fn read(self) -> Option<Cow<'a, str>> {
        if !self.escaped {
            return Some(Cow::Borrowed(self.written));
        }
        let literal = format!("\"{}\"", self.written);
        serde_json::from_str(&literal).ok().map(Cow::Owned)
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where it stands, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The text from a position to where it stands.
    pub(super) fn since(&self, start: usize) -> Result<&'a str, Broken> {
        self.text.get(start..self.at).ok_or(Broken)
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn byte(&self) -> Result<u8, Broken> {
        self.text.as_bytes().get(self.at).copied().ok_or(Broken)
    }

    /// The next byte that is no white space.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8, Broken> {
        loop {
            match self.byte()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }

    /// Steps over a byte, white space before it included, if it is the next one.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Ok(byte);
        self.at += usize::from(next);
        next
    }

    /// Steps over exactly these bytes if they come next.
    #[inline]
    pub(super) fn eat_text(&mut self, text: &[u8]) -> bool {
        let next = self.rest().starts_with(text);
        if next {
            self.at += text.len();
        }
        next
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        if self.eat(byte) { Ok(()) } else { Err(Broken) }
    }

    /// Hands each entry of an object or array to `entry`, which steps over it.
    #[inline]
    pub(super) fn each(
        &mut self,
        [open, close]: [u8; 2],
        mut entry: impl FnMut(&mut Self) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.expect(open)?;
        if self.eat(close) {
            return Ok(());
        }
        loop {
            entry(self)?;
            if !self.eat(b',') {
                return self.expect(close);
            }
        }
    }

    /// The key of a member, its colon stepped over.
    pub(super) fn key(&mut self) -> Result<Quoted<'a>, Broken> {
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// A string.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Quoted<'a>, Broken> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.rest();
            let found = memchr2(b'"', b'\\', rest).ok_or(Broken)?;
            if rest.get(found) == Some(&b'"') {
                self.at += found;
                let written = self.since(start)?;
                self.at += 1;
                return Ok(Quoted { written, escaped });
            }
            escaped = true;
            self.at += found + 2;
        }
    }

    /// What a string says; `None` for any other value, which is stepped over.
    pub(super) fn text(&mut self) -> Result<Option<Cow<'a, str>>, Broken> {
        if self.peek()? == b'"' {
            return Ok(self.string()?.read());
        }
        self.skip()?;
        Ok(None)
    }

    /// A whole number that is not negative; `None` for any other value, which is stepped over.
    #[inline]
    pub(super) fn count(&mut self) -> Result<Option<i64>, Broken> {
        self.peek()?;
        let start = self.at;
        let mut number = Some(0_i64);
        while let Ok(digit @ b'0'..=b'9') = self.byte() {
            number = number
                .and_then(|number| number.checked_mul(10)?.checked_add(i64::from(digit - b'0')));
            self.at += 1;
        }
        if self.at > start && ends_scalar(self.byte()?) {
            return Ok(number);
        }
        self.at = start;
        self.skip()?;
        Ok(None)
    }

    /// Any value: its text.
    pub(super) fn skip(&mut self) -> Result<&'a str, Broken> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => drop(self.string()?),
            b'{' | b'[' => self.skip_nested()?,
            _ => {
                while !ends_scalar(self.byte()?) {
                    self.at += 1;
                }
                if self.at == start {
                    return Err(Broken);
                }
            }
        }
        self.since(start)
    }

    /// An object or array, however deep.
    fn skip_nested(&mut self) -> Result<(), Broken> {
        let mut depth = 0_usize;
        loop {
            // Headers come as arrays of numbers: nothing to see for many bytes in a row. Without `any`, which would
            // stop at the first and so be compiled byte by byte.
            while let Some(chunk) = self.rest().first_chunk::<16>()
                && !chunk
                    .iter()
                    .fold(false, |found, byte| found | structural(*byte))
            {
                self.at += chunk.len();
            }
            match self.byte()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// Whether a number or literal ends before this byte.
#[inline]
fn ends_scalar(byte: u8) -> bool {
    matches!(
        byte,
        b',' | b'}' | b']' | b':' | b' ' | b'\n' | b'\r' | b'\t'
    )
}

/// Whether a byte can change how deep an object or array is.
#[inline]
fn structural(byte: u8) -> bool {
    // Brackets and braces differ in one bit: `[` and `{`, `]` and `}`.
    byte == b'"' || byte | 0x20 == b'{' || byte | 0x20 == b'}'
}
