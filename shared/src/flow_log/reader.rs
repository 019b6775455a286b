//! Reads the lines of one flow-log file or message.

use std::io::BufRead;

use super::format::{Format, FormatError};
use super::record::{LineError, Record};

/// Why a log could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes could not be read, or are no text, or are no sound gzip stream.
    #[error("flow log cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The header names something unknown.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Lines without a header, and no format was configured.
    #[error("flow log has no header line and no format was given")]
    NoFormat,
}

/// A log's records, one at a time; the header line, where there is one, sets the format.
pub struct Reader<R> {
    input: R,
    format: Option<Format>,
    line: String,
}

impl<R: BufRead> Reader<R> {
    /// A reader; `format` is what lines without a header are read as.
    pub fn new(input: R, format: Option<Format>) -> Self {
        Self {
            input,
            format,
            line: String::new(),
        }
    }

    /// The next record, or why its line is none; `None` at the end. Blank lines and headers are passed over.
    ///
    /// The inner error is one bad line: go on reading. The outer one is the end of this log.
    pub fn next_record(&mut self) -> Result<Option<Result<Record<'_>, LineError>>, ReadError> {
        loop {
            self.line.clear();
            if self.input.read_line(&mut self.line)? == 0 {
                return Ok(None);
            }
            let line = self.line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if Format::is_header(line) {
                self.format = Some(Format::parse(line)?);
                continue;
            }
            break;
        }
        let format = self.format.as_ref().ok_or(ReadError::NoFormat)?;
        Ok(Some(format.read(self.line.trim_ascii())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_sets_the_format_and_one_bad_line_is_no_end() {
        let text = "bytes interface-id start\n10 eni-1 1\nx eni-1 2\n\n30 eni-1 3\n";
        let mut reader = Reader::new(text.as_bytes(), None);
        let mut seen = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            seen.push(
                record
                    .map(|record| record.bytes)
                    .map_err(|error| error.to_string()),
            );
        }
        assert_eq!(
            seen,
            [
                Ok(10),
                Err("flow-log column 1 is not a number of bytes".to_owned()),
                Ok(30)
            ]
        );
    }

    #[test]
    fn lines_without_any_format_are_refused() {
        let mut reader = Reader::new(&b"2 1 eni-1\n"[..], None);
        assert!(matches!(reader.next_record(), Err(ReadError::NoFormat)));
    }
}
