//! One record of an event.

use std::borrow::Cow;

use base64_simd::{AsOut, STANDARD};

use super::scanner::{Broken, Quoted, Scanner};

const NO_STRING: &str = "value is no string";

/// One record, its key and value still in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset; `None` where the record has no readable one.
    pub offset: Option<i64>,
    /// Kafka's timestamp in Unix milliseconds; `None` for Kafka's -1 and whatever else is no time.
    pub timestamp: Option<i64>,
    /// The value, in base64; `None` for a tombstone. The error says what is wrong with the record, in words of our own.
    pub value: Result<Option<Quoted<'a>>, &'static str>,
    /// The record as it came, for the quarantine.
    pub raw: &'a [u8],
}

/// The fields that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Offset,
    Timestamp,
    Key,
    Value,
    Other,
}

impl Field {
    /// Reads a member's key, its colon stepped over.
    fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Broken> {
        Ok(match scanner.key()?.read().as_deref() {
            Some("offset") => Self::Offset,
            Some("timestamp") => Self::Timestamp,
            Some("key") => Self::Key,
            Some("value") => Self::Value,
            _ => Self::Other,
        })
    }
}

impl<'a> Record<'a> {
    /// Reads an entry of a partition's array.
    ///
    /// `start` is how the last one began, up to the first field that matters: topic and partition, which need no second
    /// look where they come again.
    pub(super) fn scan(scanner: &mut Scanner<'a>, start: &mut &'a [u8]) -> Result<Self, Broken> {
        match Self::usual(scanner, start) {
            Some(record) => Ok(record),
            None => Self::any(scanner, start),
        }
    }

    /// A record member for member as AWS writes nearly all of them; `None`, and no step, for any other.
    #[inline]
    fn usual(scanner: &mut Scanner<'a>, start: &[u8]) -> Option<Self> {
        // As a whole, or not at all.
        let mut ahead = *scanner;
        let word = |known: bool| known.then_some(());
        let begin = ahead.at();
        word(!start.is_empty() && ahead.eat_word(b"{") && ahead.eat_text(start))?;
        word(ahead.eat_word(b"\"offset\":"))?;
        let offset = ahead.digits()?;
        word(ahead.eat_word(b",\"timestamp\":"))?;
        let timestamp = ahead.digits()?;
        word(ahead.eat_word(b",\"timestampType\":\"CREATE_TIME\",\"key\":"))?;
        if !ahead.eat_word(b"null") {
            ahead.plain_string()?;
        }
        word(ahead.eat_word(b",\"value\":"))?;
        let value = ahead.plain_string()?;
        if !ahead.eat_word(b",\"headers\":[]}") {
            word(ahead.eat_word(b",\"headers\":"))?;
            ahead.skip().ok()?;
            word(ahead.eat_word(b"}"))?;
        }
        let raw = ahead.between(begin, ahead.at()).ok()?;
        *scanner = ahead;
        Some(Self {
            offset: Some(offset),
            timestamp: Some(timestamp),
            value: Ok(Some(Quoted::plain(value))),
            raw,
        })
    }

    /// Any record, and nearly all that is none.
    #[inline(never)]
    fn any(scanner: &mut Scanner<'a>, start: &mut &'a [u8]) -> Result<Self, Broken> {
        let mut record = Self {
            offset: None,
            timestamp: None,
            value: Ok(None),
            raw: b"",
        };
        if scanner.peek()? != b'{' {
            record.value = Err("record is no JSON object");
            record.raw = scanner.skip()?;
            return Ok(record);
        }
        let begin = scanner.at();
        scanner.expect(b'{')?;
        if !scanner.eat(b'}') {
            let mut matters = false;
            scanner.rest_of(b'}', |scanner| {
                let before = scanner.at();
                let field = Field::scan(scanner)?;
                if field != Field::Other && !matters {
                    matters = true;
                    *start = scanner.between(begin + 1, before)?;
                }
                record.fill(field, scanner)
            })?;
        }
        record.raw = scanner.between(begin, scanner.at())?;
        if record.offset.is_none() {
            record.value = Err("record has no offset");
        }
        Ok(record)
    }

    fn fill(&mut self, field: Field, scanner: &mut Scanner<'a>) -> Result<(), Broken> {
        match field {
            Field::Offset => self.offset = scanner.count()?,
            Field::Timestamp => self.timestamp = scanner.count()?,
            Field::Value => self.value = value(scanner)?,
            Field::Key | Field::Other => drop(scanner.skip()?),
        }
        Ok(())
    }

    /// The key in base64 as it came; `None` where there is none and where it is no string.
    ///
    /// Read anew from the record each time: who keeps records wants it, who counts them does not.
    pub fn key(&self) -> Option<Cow<'a, str>> {
        let mut scanner = Scanner::new(self.raw);
        let mut key = None;
        scanner
            .each(*b"{}", |scanner| {
                match Field::scan(scanner)? {
                    Field::Key => key = scanner.text()?,
                    _ => drop(scanner.skip()?),
                }
                Ok(())
            })
            .ok()?;
        key
    }

    /// The value's bytes, decoded into a buffer that is used again and again; `None` for a tombstone.
    ///
    /// The error says what is wrong with the record or its base64, never what is in it.
    pub fn decode_into<'b>(
        &self,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<&'b [u8]>, &'static str> {
        let Some(value) = self.value? else {
            return Ok(None);
        };
        let value = value.bytes().ok_or(NO_STRING)?;
        let room = STANDARD.estimated_decoded_length(value.len());
        if buffer.len() < room {
            buffer.resize(room, 0);
        }
        let bytes = STANDARD.decode(&value, buffer.as_out());
        Ok(Some(bytes.map_err(|_| "value is not base64")?))
    }
}

#[inline]
fn value<'a>(
    scanner: &mut Scanner<'a>,
) -> Result<Result<Option<Quoted<'a>>, &'static str>, Broken> {
    if let Some(written) = scanner.plain_string() {
        return Ok(Ok(Some(Quoted::plain(written))));
    }
    if scanner.peek()? == b'"' {
        return Ok(Ok(Some(scanner.string()?)));
    }
    Ok(match scanner.skip()? {
        b"null" => Ok(None),
        _ => Err(NO_STRING),
    })
}
