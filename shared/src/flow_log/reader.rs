//! Reads the lines of one flow-log file or message.

use std::io::{BufRead, ErrorKind};

use super::format::{Format, FormatError};
use super::record::{LineError, Record};
use super::words::Words;

/// Longest line that is read, in bytes: many times a record of all versions. What is longer is passed over without
/// being kept.
pub const LONGEST_LINE: usize = 64 * 1024 - 1;

/// Why a log could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes could not be read, or are no sound gzip stream.
    #[error("flow log cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The header line does not place the lines below it.
    #[error("header line: {0}")]
    Header(FormatError),
    /// Lines without a header, and no format was configured.
    #[error("flow log has no header line and no format was given")]
    NoFormat,
}

/// Reads lines one after the other; a header line sets the format of those below it.
#[derive(Debug)]
pub struct LineReader<'f> {
    default: Option<&'f Format>,
    header: Option<Result<Format, FormatError>>,
    words: Words,
}

impl<'f> LineReader<'f> {
    /// `default` is what lines above any header are read as.
    pub fn new(default: Option<&'f Format>) -> Self {
        Self {
            default,
            header: None,
            words: Words::new(),
        }
    }

    /// What a line (without its end) says; `None` of blank lines and headers. A bad line is no reason to stop.
    pub fn read<'a>(&'a mut self, line: &'a [u8]) -> Option<Result<Record<'a>, LineError>> {
        match self.passes_over(line) {
            Ok(true) => None,
            Ok(false) => Some(self.record(line)),
            Err(error) => Some(Err(LineError::Header(error))),
        }
    }

    /// The last header line, if it could be read.
    pub fn header(&self) -> Option<&Format> {
        self.header.as_ref()?.as_ref().ok()
    }

    fn passes_over(&mut self, line: &[u8]) -> Result<bool, FormatError> {
        if line.trim_ascii().is_empty() {
            return Ok(true);
        }
        if !Format::is_header(line) {
            return Ok(false);
        }
        let header = Format::header(line);
        self.header = Some(header.clone());
        header.map(|_| true)
    }

    fn record<'a>(&'a mut self, line: &'a [u8]) -> Result<Record<'a>, LineError> {
        let format = match &self.header {
            Some(Ok(format)) => format,
            Some(Err(_)) => return Err(LineError::BelowBadHeader),
            None => self.default.ok_or(LineError::NoFormat)?,
        };
        Record::read(format, line, &mut self.words)
    }
}

/// A log's records, one at a time, read from the input's own buffer.
#[derive(Debug)]
pub struct Reader<'f, R> {
    input: R,
    lines: LineReader<'f>,
    /// A line that the end of the input's buffer cut.
    carry: Vec<u8>,
    /// What the line read last takes in the input's buffer.
    taken: usize,
}

/// Where a line lies.
#[derive(Clone, Copy)]
enum Place {
    Buffer(usize),
    Carry,
}

impl<'f, R: BufRead> Reader<'f, R> {
    /// A reader; `default` is what lines without a header are read as. A large buffer (64 KiB) pays.
    pub fn new(input: R, default: Option<&'f Format>) -> Self {
        Self {
            input,
            lines: LineReader::new(default),
            carry: Vec::new(),
            taken: 0,
        }
    }

    /// The next record, or why its line is none; `None` at the end. Blank lines and headers are passed over.
    ///
    /// The inner error is one bad line: go on reading. The outer one is the end of this log.
    pub fn next_record(&mut self) -> Result<Option<Result<Record<'_>, LineError>>, ReadError> {
        let place = loop {
            let Some(place) = self.locate()? else {
                return Ok(None);
            };
            let line = match place {
                Place::Buffer(length) => self.input.fill_buf()?.get(..length).unwrap_or_default(),
                Place::Carry => &self.carry,
            };
            if !self.lines.passes_over(line).map_err(ReadError::Header)? {
                break place;
            }
        };
        let line = match place {
            Place::Buffer(length) => self.input.fill_buf()?.get(..length).unwrap_or_default(),
            Place::Carry => &self.carry,
        };
        match self.lines.record(line) {
            Err(LineError::NoFormat) => Err(ReadError::NoFormat),
            record => Ok(Some(record)),
        }
    }

    /// What the lines say about themselves.
    pub fn lines(&self) -> &LineReader<'f> {
        &self.lines
    }

    fn locate(&mut self) -> Result<Option<Place>, ReadError> {
        self.input.consume(std::mem::take(&mut self.taken));
        self.carry.clear();
        let mut cut = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            if buffer.is_empty() {
                return Ok(cut.then_some(Place::Carry));
            }
            let end = memchr::memchr(b'\n', buffer);
            if let (Some(end), false) = (end, cut) {
                self.taken = end + 1;
                return Ok(Some(Place::Buffer(end)));
            }
            cut = true;
            let part = buffer
                .get(..end.unwrap_or(buffer.len()))
                .unwrap_or_default();
            // One byte more than is read tells that the line is too long.
            let room = (LONGEST_LINE + 1)
                .saturating_sub(self.carry.len())
                .min(part.len());
            self.carry.extend(part.iter().take(room));
            let taken = end.map_or(buffer.len(), |end| end + 1);
            self.input.consume(taken);
            if end.is_some() {
                return Ok(Some(Place::Carry));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::BufReader;

    use super::*;
    use proptest::prelude::*;

    /// Bytes of each record, or why there is none; and the end.
    fn read(text: &[u8], buffer: usize) -> (Vec<Result<u64, String>>, Option<String>) {
        let mut reader = Reader::new(BufReader::with_capacity(buffer, text), None);
        let mut seen = Vec::new();
        loop {
            match reader.next_record() {
                Ok(Some(record)) => seen.push(
                    record
                        .and_then(|record| record.bytes())
                        .map_err(|error| error.to_string()),
                ),
                Ok(None) => return (seen, None),
                Err(error) => return (seen, Some(error.to_string())),
            }
        }
    }

    #[test]
    fn the_header_sets_the_format_and_one_bad_line_is_no_end() {
        let text = b"bytes interface-id start\n10 eni-1 1\nx eni-1 2\n\r\n30 eni-1 3";
        let expected = vec![
            Ok(10),
            Err("flow-log column 1 is not a number of bytes".to_owned()),
            Ok(30),
        ];
        assert_eq!(read(text, 64), (expected, None));
    }

    #[test]
    fn lines_without_any_format_and_below_a_useless_header_are_refused() {
        let (seen, end) = read(b"2 1 eni-1\n", 64);
        assert_eq!(
            (seen.len(), end.unwrap().as_str()),
            (0, "flow log has no header line and no format was given")
        );
        let (_, end) = read(b"interface-id start\neni-1 1\n", 64);
        assert_eq!(
            end.unwrap(),
            "header line: flow-log format lacks the field `bytes`"
        );
    }

    #[test]
    fn a_reader_of_lines_goes_on_below_a_useless_header_and_guesses_nothing() {
        let mut lines = LineReader::new(Some(Format::version_2()));
        let mut error = |line: &[u8]| {
            lines
                .read(line)
                .map(|record| record.unwrap_err().to_string())
        };
        assert_eq!(
            error(b"interface-id start").unwrap(),
            "header line: flow-log format lacks the field `bytes`"
        );
        assert_eq!(
            error(b"eni-1 1").unwrap(),
            "flow-log line below a header that could not be read"
        );
        assert_eq!(error(b"interface-id bytes start new-field"), None);
        assert_eq!(lines.header().unwrap().unknown_fields(), ["new-field"]);
        assert_eq!(lines.read(b"eni-1 5 1 x").unwrap().unwrap().bytes(), Ok(5));
    }

    #[test]
    fn an_endless_line_is_passed_over_and_not_kept() {
        let mut text = b"interface-id bytes start\n".to_vec();
        text.extend(b"x".repeat(3 * LONGEST_LINE));
        text.extend(b"\neni-1 7 1\n");
        for buffer in [100, 8 * LONGEST_LINE] {
            let (seen, end) = read(&text, buffer);
            assert_eq!((seen.len(), &seen[1], end), (2, &Ok(7), None));
            assert!(seen[0].as_ref().unwrap_err().contains("longer than"));
        }
        let mut reader = Reader::new(BufReader::with_capacity(100, &text[..]), None);
        while reader.next_record().unwrap().is_some() {}
        assert!(reader.carry.capacity() <= 2 * LONGEST_LINE);
    }

    proptest! {
        #[test]
        fn the_size_of_the_buffer_does_not_change_what_is_read(
            bytes in proptest::collection::vec(0u64..u64::MAX, 0..40), buffer in 1usize..200, ended in any::<bool>(),
        ) {
            let mut text = "interface-id bytes start\n".to_owned();
            for bytes in &bytes {
                writeln!(text, "eni-0123456789abcdef0 {bytes} 1791900000").unwrap();
            }
            if !ended {
                text.pop();
            }
            let expected = bytes.into_iter().map(Ok).collect();
            prop_assert_eq!(read(text.as_bytes(), buffer), (expected, None));
        }
    }
}
