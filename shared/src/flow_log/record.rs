//! One flow-log line, borrowed from its text.
//!
//! Nothing is interpreted before it is asked for: most lines are of interfaces that are no NAT gateway's, and of those
//! that are half count nowhere. So a column that no sum depends on may hold anything.

use std::net::IpAddr;

use super::field::Field;
use super::format::{Format, FormatError};
use super::parse;
use super::reader::LONGEST_LINE;
use super::words::Words;
use crate::time::Hour;

/// Longest name of an AWS service that is believed: rollups keep it in their keys.
const LONGEST_SERVICE: usize = 64;

/// Whether AWS captured the flows of the interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStatus {
    /// A flow.
    Ok,
    /// No traffic in the interval.
    NoData,
    /// AWS skipped records: one such line may hide many flows.
    SkipData,
}

/// A line of as many columns as its format has. A field that the format lacks, or that reads `-`, is absent.
#[derive(Debug)]
pub struct Record<'a> {
    format: &'a Format,
    line: &'a [u8],
    words: &'a Words,
}

/// A line that is no record of the format. Carries positions and names, never the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Too few or too many columns.
    #[error("flow-log line has {found} columns, its format {expected}")]
    Columns {
        /// Columns of the line.
        found: usize,
        /// Columns of the format.
        expected: usize,
    },
    /// A column that does not hold what its name promises.
    #[error("flow-log column {column} is not {expected}")]
    Value {
        /// Position, from 1.
        column: usize,
        /// What belongs there.
        expected: &'static str,
    },
    /// Far longer than any record.
    #[error("flow-log line is longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// A header line that does not place the lines below it.
    #[error("header line: {0}")]
    Header(FormatError),
    /// A line below such a header.
    #[error("flow-log line below a header that could not be read")]
    BelowBadHeader,
    /// A line above any header, and no format was given.
    #[error("flow-log line without a header line, and no format was given")]
    NoFormat,
}

impl<'a> Record<'a> {
    /// A line, blanks around it excepted; `words` keeps where its columns stand.
    pub(super) fn read(
        format: &'a Format,
        line: &'a [u8],
        words: &'a mut Words,
    ) -> Result<Self, LineError> {
        if line.len() > LONGEST_LINE {
            return Err(LineError::TooLong);
        }
        let line = line.trim_ascii();
        let (found, expected) = (words.find(line), format.columns());
        if found == expected {
            Ok(Self {
                format,
                line,
                words,
            })
        } else {
            Err(LineError::Columns { found, expected })
        }
    }

    /// Interface, or regional NAT gateway, that recorded; empty where the line names neither.
    pub fn recorder(&self) -> &'a str {
        match self.interface_id() {
            "" => self.resource_id(),
            interface => interface,
        }
    }

    /// Owner of the interface; AWS writes `unknown` for some requester-managed ones.
    pub fn account_id(&self) -> &'a str {
        self.text(Field::AccountId)
    }

    /// The recording interface; empty where a regional NAT gateway recorded.
    pub fn interface_id(&self) -> &'a str {
        self.text(Field::InterfaceId)
    }

    /// What recorded in place of an interface: the regional NAT gateway (version 9).
    pub fn resource_id(&self) -> &'a str {
        self.text(Field::ResourceId)
    }

    /// The interface that the recording one hands the traffic to (version 11): at an instance, the NAT gateway's.
    pub fn next_hop_interface_id(&self) -> &'a str {
        self.text(Field::NextHopInterfaceId)
    }

    /// First moment of the interval, Unix seconds; 0 where absent.
    pub fn start(&self) -> Result<i64, LineError> {
        self.number(Field::Start, "a time in Unix seconds", parse::signed)
    }

    /// The hour in which the interval starts.
    pub fn hour(&self) -> Result<Hour, LineError> {
        Hour::of_unix_seconds(self.start()?)
            .ok_or_else(|| self.wrong(Field::Start, "a time within the calendar"))
    }

    /// Bytes in the interval, with headers; 0 where absent.
    pub fn bytes(&self) -> Result<u64, LineError> {
        self.number(Field::Bytes, "a number of bytes", parse::unsigned)
    }

    /// Packets in the interval; 0 where absent.
    pub fn packets(&self) -> Result<u64, LineError> {
        self.number(Field::Packets, "a number of packets", parse::unsigned)
    }

    /// `false` where a group or an ACL rejected the traffic.
    pub fn accepted(&self) -> Result<bool, LineError> {
        match self.word(Field::Action) {
            None | Some([b'A', b'C', b'C', b'E', b'P', b'T']) => Ok(true),
            Some(b"REJECT") => Ok(false),
            Some(_) => Err(self.wrong(Field::Action, "ACCEPT or REJECT")),
        }
    }

    /// Whether there is data at all.
    pub fn status(&self) -> Result<LogStatus, LineError> {
        match self.word(Field::LogStatus) {
            None | Some([b'O', b'K']) => Ok(LogStatus::Ok),
            Some(b"NODATA") => Ok(LogStatus::NoData),
            Some(b"SKIPDATA") => Ok(LogStatus::SkipData),
            Some(_) => Err(self.wrong(Field::LogStatus, "OK, NODATA or SKIPDATA")),
        }
    }

    /// AWS service of the packet's source, as the log names it.
    pub fn pkt_src_service(&self) -> Result<Option<&'a str>, LineError> {
        self.service(Field::PktSrcService)
    }

    /// AWS service of the packet's destination, as the log names it.
    pub fn pkt_dst_service(&self) -> Result<Option<&'a str>, LineError> {
        self.service(Field::PktDstService)
    }

    /// The address in a field's word.
    pub(super) fn address(&self, field: Field, word: &[u8]) -> Result<IpAddr, LineError> {
        parse::address(word).ok_or_else(|| self.wrong(field, "an IP address"))
    }

    /// What stands in a field's column.
    pub(super) fn word(&self, field: Field) -> Option<&'a [u8]> {
        match self.words.get(self.line, self.format.column(field)) {
            [] | [b'-'] => None,
            word => Some(word),
        }
    }

    fn text(&self, field: Field) -> &'a str {
        let word = self.word(field).unwrap_or_default();
        std::str::from_utf8(word).unwrap_or_default()
    }

    fn number<T: Default>(
        &self,
        field: Field,
        expected: &'static str,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, LineError> {
        match self.word(field) {
            None => Ok(T::default()),
            Some(word) => parse(word).ok_or_else(|| self.wrong(field, expected)),
        }
    }

    /// A name that can stand in a rollup's key, where `|` parts the names.
    fn service(&self, field: Field) -> Result<Option<&'a str>, LineError> {
        let Some(word) = self.word(field) else {
            return Ok(None);
        };
        let is_name = word.len() <= LONGEST_SERVICE
            && word
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        match std::str::from_utf8(word) {
            Ok(name) if is_name => Ok(Some(name)),
            _ => Err(self.wrong(field, "the name of an AWS service")),
        }
    }

    #[cold]
    fn wrong(&self, field: Field, expected: &'static str) -> LineError {
        LineError::Value {
            column: self.format.column(field) + 1,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow_log::LineReader;
    use proptest::prelude::*;

    fn lines(format: &Format) -> LineReader<'_> {
        LineReader::new(Some(format))
    }

    #[test]
    fn the_documented_example_is_read() {
        let line = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
        let mut lines = lines(Format::version_2());
        let record = lines.read(line.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (record.account_id(), record.recorder()),
            ("123456789010", "eni-1235b8ca123456789")
        );
        assert_eq!((record.packets(), record.bytes()), (Ok(20), Ok(4249)));
        assert_eq!(record.start(), Ok(1_418_530_010));
        assert_eq!(
            (record.accepted(), record.status()),
            (Ok(true), Ok(LogStatus::Ok))
        );
    }

    #[test]
    fn dashes_and_empty_columns_are_absent_values() {
        let mut default = lines(Format::version_2());
        let record = default
            .read(b"2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - SKIPDATA")
            .unwrap()
            .unwrap();
        assert_eq!(record.status(), Ok(LogStatus::SkipData));
        assert_eq!((record.bytes(), record.accepted()), (Ok(0), Ok(true)));
        let format = Format::parse("instance-tag interface-id bytes start").unwrap();
        let mut lines = lines(&format);
        let record = lines.read(b"x  700 1791900000\r").unwrap().unwrap();
        assert_eq!((record.recorder(), record.bytes()), ("", Ok(700)));
    }

    #[test]
    fn a_column_that_is_not_asked_for_may_hold_anything_but_blanks() {
        let format = Format::parse("instance-tag interface-id bytes interface-tag start").unwrap();
        let line = b"team%3Dnet%20work eni-1 700 \xff\xfe|# 1791900000";
        let mut lines = lines(&format);
        assert_eq!(lines.read(line).unwrap().unwrap().bytes(), Ok(700));
    }

    #[test]
    fn the_next_hop_names_the_gateway_in_an_instances_own_record() {
        let format = Format::parse("interface-id next-hop-interface-id bytes start").unwrap();
        let mut lines = lines(&format);
        let record = lines.read(b"eni-instance eni-nat 700 1").unwrap().unwrap();
        assert_eq!(record.next_hop_interface_id(), "eni-nat");
        assert_eq!(record.recorder(), "eni-instance");
    }

    #[test]
    fn an_odd_line_is_an_error_that_names_the_column_not_the_value() {
        let format = Format::parse("interface-id bytes start pkt-dst-aws-service").unwrap();
        let mut lines = lines(&format);
        let bytes = lines.read(b"eni-1 many 1 S3").unwrap().unwrap().bytes();
        assert_eq!(
            bytes.unwrap_err().to_string(),
            "flow-log column 2 is not a number of bytes"
        );
        let record = lines.read(b"eni-1 5 1 S3|x").unwrap().unwrap();
        assert_eq!(
            record.pkt_dst_service().unwrap_err().to_string(),
            "flow-log column 4 is not the name of an AWS service"
        );
        for (line, found) in [("eni-1 5", 2), ("eni-1 5 1 S3 x", 5)] {
            assert_eq!(
                lines
                    .read(line.as_bytes())
                    .unwrap()
                    .unwrap_err()
                    .to_string(),
                format!("flow-log line has {found} columns, its format 4")
            );
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in proptest::collection::vec(any::<u8>(), 0..400)) {
            let format = Format::parse("interface-id start bytes srcaddr").unwrap();
            for format in [&format, Format::version_2()] {
                if let Some(Ok(record)) = lines(format).read(&line) {
                    let _ = (record.recorder(), record.start(), record.bytes(), record.nat_side());
                }
            }
        }

        #[test]
        fn field_order_does_not_change_what_is_read(order in Just((0..14usize).collect::<Vec<_>>()).prop_shuffle()) {
            let names: Vec<_> = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status".split(' ').collect();
            let values: Vec<_> = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 REJECT OK".split(' ').collect();
            let shuffled = |words: &[&str]| order.iter().map(|&i| words[i]).collect::<Vec<_>>().join(" ");
            let format = Format::parse(&shuffled(&names)).unwrap();
            let (line, mut lines) = (shuffled(&values), lines(&format));
            let record = lines.read(line.as_bytes()).unwrap().unwrap();
            prop_assert_eq!((record.account_id(), record.recorder()), ("123456789010", "eni-1"));
            prop_assert_eq!((record.packets(), record.bytes(), record.start()), (Ok(20), Ok(4249), Ok(1_418_530_010)));
            prop_assert_eq!((record.accepted(), record.status()), (Ok(false), Ok(LogStatus::Ok)));
            prop_assert_eq!(record.word(Field::DstAddr), Some(&b"10.0.0.2"[..]));
        }
    }
}
