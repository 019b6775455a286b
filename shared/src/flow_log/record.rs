//! One flow-log line, borrowed from its text.

use std::net::IpAddr;

use super::format::{Field, Format, FormatError};
use super::parse;
use super::reader::LONGEST_LINE;
use super::words::Words;

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

/// What a line says that places and counts its flow. A field that the format lacks, or that reads `-`, is `None` (texts:
/// empty, bytes and packets: 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Owner of the interface; AWS writes `unknown` for some requester-managed ones.
    pub account_id: &'a str,
    /// The recording interface; empty where a regional NAT gateway recorded.
    pub interface_id: &'a str,
    /// What recorded in place of an interface: the regional NAT gateway (version 9).
    pub resource_id: &'a str,
    /// The interface that the recording interface hands the traffic to (version 11): at an instance, the NAT gateway's.
    pub next_hop_interface_id: &'a str,
    /// Source of the leg.
    pub src: Option<IpAddr>,
    /// Destination of the leg.
    pub dst: Option<IpAddr>,
    /// Packets in the interval.
    pub packets: u64,
    /// Bytes in the interval, with headers.
    pub bytes: u64,
    /// First moment of the interval, Unix seconds.
    pub start: i64,
    /// `false` where a group or an ACL rejected the traffic.
    pub accepted: bool,
    /// Whether there is data at all.
    pub status: LogStatus,
    /// Source of the packet itself, across a NAT.
    pub pkt_src: Option<IpAddr>,
    /// Destination of the packet itself, across a NAT.
    pub pkt_dst: Option<IpAddr>,
    /// AWS service of the packet's source, as the log names it.
    pub pkt_src_service: Option<&'a str>,
    /// AWS service of the packet's destination, as the log names it.
    pub pkt_dst_service: Option<&'a str>,
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
    /// Interface, or regional NAT gateway, that recorded; empty where the line names neither.
    pub fn recorder(&self) -> &'a str {
        if self.interface_id.is_empty() {
            self.resource_id
        } else {
            self.interface_id
        }
    }

    pub(super) fn read(format: &Format, line: &'a [u8]) -> Result<Self, LineError> {
        let words = Words::of(line);
        if words.count() != format.columns {
            return Err(LineError::Columns {
                found: words.count(),
                expected: format.columns,
            });
        }
        let mut record = Record {
            account_id: "",
            interface_id: "",
            resource_id: "",
            next_hop_interface_id: "",
            src: None,
            dst: None,
            packets: 0,
            bytes: 0,
            start: 0,
            accepted: true,
            status: LogStatus::Ok,
            pkt_src: None,
            pkt_dst: None,
            pkt_src_service: None,
            pkt_dst_service: None,
        };
        for &(column, field) in &format.read {
            let word = words.get(column);
            if word != b"-" {
                record
                    .set(field, word)
                    .map_err(|expected| LineError::Value {
                        column: column + 1,
                        expected,
                    })?;
            }
        }
        Ok(record)
    }

    fn set(&mut self, field: Field, word: &'a [u8]) -> Result<(), &'static str> {
        match field {
            Field::AccountId => self.account_id = text(word, "an account")?,
            Field::InterfaceId => self.interface_id = text(word, "an interface")?,
            Field::ResourceId => self.resource_id = text(word, "a resource")?,
            Field::NextHopInterfaceId => self.next_hop_interface_id = text(word, "an interface")?,
            Field::SrcAddr => self.src = Some(address(word)?),
            Field::DstAddr => self.dst = Some(address(word)?),
            Field::PktSrcAddr => self.pkt_src = Some(address(word)?),
            Field::PktDstAddr => self.pkt_dst = Some(address(word)?),
            Field::Packets => self.packets = parse::unsigned(word).ok_or("a number of packets")?,
            Field::Bytes => self.bytes = parse::unsigned(word).ok_or("a number of bytes")?,
            Field::Start => self.start = parse::signed(word).ok_or("a time in Unix seconds")?,
            Field::PktSrcService => self.pkt_src_service = Some(service(word)?),
            Field::PktDstService => self.pkt_dst_service = Some(service(word)?),
            Field::Action => {
                self.accepted = match word {
                    b"ACCEPT" => true,
                    b"REJECT" => false,
                    _ => return Err("ACCEPT or REJECT"),
                }
            }
            Field::LogStatus => {
                self.status = match word {
                    b"OK" => LogStatus::Ok,
                    b"NODATA" => LogStatus::NoData,
                    b"SKIPDATA" => LogStatus::SkipData,
                    _ => return Err("OK, NODATA or SKIPDATA"),
                }
            }
        }
        Ok(())
    }
}

fn address(word: &[u8]) -> Result<IpAddr, &'static str> {
    parse::address(word).ok_or("an IP address")
}

fn text<'a>(word: &'a [u8], expected: &'static str) -> Result<&'a str, &'static str> {
    std::str::from_utf8(word).map_err(|_| expected)
}

/// A name that can stand in a rollup's key, where `|` parts the names.
fn service(word: &[u8]) -> Result<&str, &'static str> {
    const EXPECTED: &str = "the name of an AWS service";
    let fits = word.len() <= LONGEST_SERVICE
        && word
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-');
    if fits {
        text(word, EXPECTED)
    } else {
        Err(EXPECTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_documented_example_is_read() {
        let line = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
        let record = Format::version_2().read(line).unwrap();
        assert_eq!(
            (record.account_id, record.recorder()),
            ("123456789010", "eni-1235b8ca123456789")
        );
        assert_eq!(record.src, Some("172.31.16.139".parse().unwrap()));
        assert_eq!(
            (record.packets, record.bytes, record.start),
            (20, 4249, 1_418_530_010)
        );
        assert!(record.accepted);
    }

    #[test]
    fn dashes_are_absent_values_and_skipped_intervals_keep_their_status() {
        let record = Format::version_2()
            .read("2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - SKIPDATA")
            .unwrap();
        assert_eq!(record.status, LogStatus::SkipData);
        assert_eq!((record.src, record.bytes), (None, 0));
    }

    #[test]
    fn a_column_that_is_not_read_may_hold_anything_but_blanks() {
        let format = Format::parse("instance-tag interface-id bytes interface-tag start").unwrap();
        let line = b"team%3Dnet%20work eni-1 700 \xff\xfe|# 1791900000";
        assert_eq!(format.read(line).unwrap().bytes, 700);
    }

    #[test]
    fn the_next_hop_names_the_gateway_in_an_instances_own_record() {
        let format = Format::parse("interface-id next-hop-interface-id bytes start").unwrap();
        let record = format.read("eni-instance eni-nat 700 1").unwrap();
        assert_eq!(record.next_hop_interface_id, "eni-nat");
        assert_eq!(record.recorder(), "eni-instance");
    }

    #[test]
    fn an_odd_line_is_an_error_that_names_the_column_not_the_value() {
        let format = Format::parse("interface-id bytes start pkt-dst-aws-service").unwrap();
        let error = |line: &str| format.read(line).unwrap_err().to_string();
        assert_eq!(
            error("eni-1 many 1 S3"),
            "flow-log column 2 is not a number of bytes"
        );
        assert_eq!(
            error("eni-1 5 1 S3|x"),
            "flow-log column 4 is not the name of an AWS service"
        );
        assert_eq!(
            error("eni-1 5"),
            "flow-log line has 2 columns, its format 4"
        );
        assert_eq!(
            error("eni-1 5 1 S3 x"),
            "flow-log line has 5 columns, its format 4"
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Format::version_2().read(&line);
        }

        #[test]
        fn field_order_does_not_change_what_is_read(order in Just((0..14usize).collect::<Vec<_>>()).prop_shuffle()) {
            let names: Vec<_> = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status".split(' ').collect();
            let values: Vec<_> = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 REJECT OK".split(' ').collect();
            let shuffled = |words: &[&str]| order.iter().map(|&i| words[i]).collect::<Vec<_>>().join(" ");
            let header = shuffled(&names);
            let line = shuffled(&values);
            let plain = values.join(" ");
            prop_assert_eq!(
                Format::parse(&header).unwrap().read(&line).unwrap(),
                Format::version_2().read(&plain).unwrap()
            );
        }
    }
}
