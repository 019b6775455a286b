//! One flow-log line, borrowed from its text.
//!
//! Nothing is interpreted before it is asked for: most lines are of interfaces that are no NAT gateway's, and of those
//! that are half count nowhere. So a column that no sum depends on may hold anything.

use std::net::IpAddr;

use super::field::Field;
use super::format::{Format, FormatError};
use super::leg::Leg;
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

    /// How the traffic leaves the recording interface (version 5; egress only): 1 is through another resource of the
    /// VPC, 8 an internet gateway. `None` where the log does not say.
    pub fn traffic_path(&self) -> Option<&'a str> {
        self.word(Field::TrafficPath)
            .and_then(|word| std::str::from_utf8(word).ok())
    }

    /// The VPC of the recording interface (version 3); empty where the log does not say.
    pub fn vpc_id(&self) -> &'a str {
        self.text(Field::VpcId)
    }

    /// IANA's number of the protocol, 6 for TCP; `None` where the log does not say.
    pub fn protocol(&self) -> Result<Option<u8>, LineError> {
        self.small(Field::Protocol, "a protocol number")
    }

    /// The far end's port on a leg: what an instance sends to, or receives from. `None` where the log does not say.
    pub fn remote_port(&self, leg: Leg) -> Result<Option<u16>, LineError> {
        let field = match leg {
            Leg::A => Field::DstPort,
            Leg::D => Field::SrcPort,
        };
        self.small(field, "a port")
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

    fn small<T: TryFrom<u64>>(
        &self,
        field: Field,
        expected: &'static str,
    ) -> Result<Option<T>, LineError> {
        let Some(word) = self.word(field) else {
            return Ok(None);
        };
        let number = parse::unsigned(word).and_then(|number| T::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.wrong(field, expected))
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
#[path = "record_tests.rs"]
mod tests;
