//! A cursor over JSON text that hands out pieces of it and copies nothing.
//!
//! It tells where values begin and end, and believes the rest, UTF-8 included: Lambda takes nothing but JSON as an event. On anything
//! else it stops, or skips what makes no sense; it never panics, and each step moves on. It refuses to know what the values mean.

use std::borrow::Cow;

use memchr::memchr2;

/// The text is no JSON, or ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// A number of fewer digits fits into 64 bits.
const SURE_DIGITS: usize = 19;

/// A position in JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

/// A string between its quotes, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// With its escapes.
    written: &'a [u8],
    escaped: bool,
}

impl<'a> Quoted<'a> {
    /// One without escapes.
    #[inline]
    pub(super) fn plain(written: &'a [u8]) -> Self {
        Self {
            written,
            escaped: false,
        }
    }

    /// What it says; `None` where an escape stands for no character (half of a surrogate pair), and where it is no
    /// UTF-8.
    pub(super) fn read(self) -> Option<Cow<'a, str>> {
        let written = std::str::from_utf8(self.written).ok()?;
        if !self.escaped {
            return Some(Cow::Borrowed(written));
        }
        let literal = format!("\"{written}\"");
        serde_json::from_str(&literal).ok().map(Cow::Owned)
    }

    /// What it says as bytes, which need not be UTF-8 where it has no escapes.
    #[inline]
    pub fn bytes(self) -> Option<Cow<'a, [u8]>> {
        if !self.escaped {
            return Some(Cow::Borrowed(self.written));
        }
        self.read()
            .map(|text| Cow::Owned(text.into_owned().into_bytes()))
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Where it stands, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Bytes from here to the end.
    pub(super) fn left(&self) -> usize {
        self.text.len().saturating_sub(self.at)
    }

    /// The text between two positions.
    #[inline]
    pub(super) fn between(&self, start: usize, end: usize) -> Result<&'a [u8], Broken> {
        self.text.get(start..end).ok_or(Broken)
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn byte(&self) -> Result<u8, Broken> {
        self.text.get(self.at).copied().ok_or(Broken)
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

    /// Steps over exactly these bytes if they come next: few, and known when this is compiled.
    #[inline]
    pub(super) fn eat_word<const N: usize>(&mut self, word: &[u8; N]) -> bool {
        let next = self.rest().first_chunk() == Some(word);
        if next {
            self.at += N;
        }
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
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        if self.eat(byte) { Ok(()) } else { Err(Broken) }
    }

    /// Hands each entry of an object or array to `entry`, which steps over it.
    #[inline]
    pub(super) fn each(
        &mut self,
        [open, close]: [u8; 2],
        entry: impl FnMut(&mut Self) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.expect(open)?;
        if self.eat(close) {
            return Ok(());
        }
        self.rest_of(close, entry)
    }

    /// Hands the entries from here to the end of an object or array to `entry`.
    #[inline]
    pub(super) fn rest_of(
        &mut self,
        close: u8,
        mut entry: impl FnMut(&mut Self) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
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

    /// A string without escapes, as it is written; `None`, and no step, where what comes next is something else.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Option<&'a [u8]> {
        let (b'"', rest) = self.rest().split_first()? else {
            return None;
        };
        let end = memchr2(b'"', b'\\', rest)?;
        let written = rest.get(..end)?;
        let is_plain = rest.get(end) == Some(&b'"');
        if is_plain {
            self.at += end + 2;
        }
        is_plain.then_some(written)
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
                let written = self.between(start, self.at)?;
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
        if !self.eat_word(b"null") {
            self.skip()?;
        }
        Ok(None)
    }

    /// Digits that surely fit into 64 bits; `None`, and no step, where what comes next is something else, or longer.
    #[inline]
    pub(super) fn digits(&mut self) -> Option<i64> {
        let rest = self.rest();
        let (mut number, mut length) = (0_i64, 0);
        while let Some(eight) = rest.get(length..).and_then(eight_digits) {
            if length + EIGHT > SURE_DIGITS - 1 {
                return None;
            }
            number = number * 100_000_000 + eight;
            length += EIGHT;
        }
        for byte in rest.get(length..)? {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            if length == SURE_DIGITS - 1 {
                return None;
            }
            number = number * 10 + i64::from(digit);
            length += 1;
        }
        self.at += length;
        (length > 0).then_some(number)
    }

    /// A whole number that is not negative; `None` for any other value, which is stepped over.
    pub(super) fn count(&mut self) -> Result<Option<i64>, Broken> {
        self.peek()?;
        let start = *self;
        if let Some(number) = self.digits()
            && ends_scalar(self.byte()?)
        {
            return Ok(Some(number));
        }
        *self = start;
        let written = self.skip()?;
        // All digits: ASCII.
        let digits = written.iter().all(u8::is_ascii_digit).then_some(written);
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        Ok(digits.and_then(|digits| digits.parse().ok()))
    }

    /// Any value: its text.
    pub(super) fn skip(&mut self) -> Result<&'a [u8], Broken> {
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
        self.between(start, self.at)
    }

    /// An object or array, however deep.
    fn skip_nested(&mut self) -> Result<(), Broken> {
        let mut depth = 0_usize;
        loop {
            self.at += next_structural(self.rest());
            match self.byte()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                _ => depth = depth.saturating_sub(1),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

const EIGHT: usize = 8;

/// The number that the next eight bytes are, all digits; a few multiplications in place of eight.
#[inline]
fn eight_digits(bytes: &[u8]) -> Option<i64> {
    const ONES: u64 = u64::MAX / 255;
    let chunk = u64::from_le_bytes(*bytes.first_chunk()?);
    // A digit is 0x30 to 0x39: its upper half is 3, also six further on.
    let upper = chunk & (ONES * 0xf0);
    let upper_beyond = chunk.wrapping_add(ONES * 0x06) & (ONES * 0xf0);
    if upper != ONES * 0x30 || upper_beyond != ONES * 0x30 {
        return None;
    }
    // Neighbours are joined: to pairs, to fours, to eight. The first digit is the lowest byte.
    let digits = chunk & (ONES * 0x0f);
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let eight = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
    i64::try_from(eight).ok()
}

/// Whether a number or literal ends before this byte.
#[inline]
fn ends_scalar(byte: u8) -> bool {
    matches!(
        byte,
        b',' | b'}' | b']' | b':' | b' ' | b'\n' | b'\r' | b'\t'
    )
}

/// Bytes before the next one that changes how deep an object or array is, or begins a string.
#[inline]
fn next_structural(bytes: &[u8]) -> usize {
    // Headers come as arrays of numbers, with nothing to see for many bytes in a row: they are passed by in blocks.
    const BLOCK: usize = 16;
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let plain = blocks.iter().take_while(|block| {
        // Not `any`, which stops at the first and so looks at one byte after the other.
        !block
            .iter()
            .fold(false, |found, byte| found | structural(*byte))
    });
    let start = plain.count() * BLOCK;
    let rest = bytes.get(start..).unwrap_or_default();
    start
        + rest
            .iter()
            .position(|byte| structural(*byte))
            .unwrap_or(rest.len())
}

#[inline]
fn structural(byte: u8) -> bool {
    // Brackets and braces differ in one bit: `[` and `{`, `]` and `}`.
    byte == b'"' || byte | 0x20 == b'{' || byte | 0x20 == b'}'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_are_read_as_the_standard_library_reads_them(
            number in prop_oneof!["[0-9]{1,20}", "[0-9]{7,9}[^0-9]", "[!-~]{1,9}"], behind in "[,}a ]?"
        ) {
            let text = format!("{number}{behind}");
            let length = text.bytes().take_while(u8::is_ascii_digit).count();
            let expected = (1..SURE_DIGITS).contains(&length).then(|| text.get(..length).unwrap().parse::<i64>().unwrap());
            let mut scanner = Scanner::new(text.as_bytes());
            prop_assert_eq!(scanner.digits(), expected);
            prop_assert_eq!(scanner.at(), expected.map_or(0, |_| length));
        }
    }
}
