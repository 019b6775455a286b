//! One flow-log line, borrowed from its text.

use std::net::IpAddr;

use super::format::{Field, Format};

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

/// One record; a field that the format lacks, or that reads `-`, is `None` (bytes and packets: 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Owner of the interface; AWS writes `unknown` for some requester-managed ones.
    pub account_id: &'a str,
    /// The recording interface.
    pub interface_id: &'a str,
    /// Source of the leg.
    pub src: Option<IpAddr>,
    /// Destination of the leg.
    pub dst: Option<IpAddr>,
    /// Source port.
    pub src_port: Option<u16>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// IANA protocol number.
    pub protocol: Option<u8>,
    /// Packets in the interval.
    pub packets: u64,
    /// Bytes in the interval, with headers.
    pub bytes: u64,
    /// First moment of the interval, Unix seconds.
    pub start: i64,
    /// Last moment of the interval, Unix seconds.
    pub end: Option<i64>,
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
}

impl<'a> Record<'a> {
    pub(super) fn read(format: &Format, line: &'a str) -> Result<Self, LineError> {
        let mut record = Record {
            account_id: "",
            interface_id: "",
            src: None,
            dst: None,
            src_port: None,
            dst_port: None,
            protocol: None,
            packets: 0,
            bytes: 0,
            start: 0,
            end: None,
            accepted: true,
            status: LogStatus::Ok,
            pkt_src: None,
            pkt_dst: None,
            pkt_src_service: None,
            pkt_dst_service: None,
        };
        let mut words = line.split_ascii_whitespace();
        for (index, field) in format.columns.iter().enumerate() {
            let word = words.next().ok_or_else(|| columns(format, line))?;
            if word != "-" {
                record
                    .set(*field, word)
                    .map_err(|expected| LineError::Value {
                        column: index + 1,
                        expected,
                    })?;
            }
        }
        if words.next().is_some() {
            return Err(columns(format, line));
        }
        Ok(record)
    }

    fn set(&mut self, field: Field, word: &'a str) -> Result<(), &'static str> {
        match field {
            Field::Skipped | Field::FlowDirection => {}
            Field::Version => {
                number::<u8>(word, "a version number")?;
            }
            Field::AccountId => self.account_id = word,
            Field::InterfaceId => self.interface_id = word,
            Field::SrcAddr => self.src = Some(address(word)?),
            Field::DstAddr => self.dst = Some(address(word)?),
            Field::PktSrcAddr => self.pkt_src = Some(address(word)?),
            Field::PktDstAddr => self.pkt_dst = Some(address(word)?),
            Field::SrcPort => self.src_port = Some(number(word, "a port")?),
            Field::DstPort => self.dst_port = Some(number(word, "a port")?),
            Field::Protocol => self.protocol = Some(number(word, "a protocol number")?),
            Field::Packets => self.packets = number(word, "a number of packets")?,
            Field::Bytes => self.bytes = number(word, "a number of bytes")?,
            Field::Start => self.start = number(word, "a time in Unix seconds")?,
            Field::End => self.end = Some(number(word, "a time in Unix seconds")?),
            Field::PktSrcService => self.pkt_src_service = Some(word),
            Field::PktDstService => self.pkt_dst_service = Some(word),
            Field::Action => {
                self.accepted = match word {
                    "ACCEPT" => true,
                    "REJECT" => false,
                    _ => return Err("ACCEPT or REJECT"),
                }
            }
            Field::LogStatus => {
                self.status = match word {
                    "OK" => LogStatus::Ok,
                    "NODATA" => LogStatus::NoData,
                    "SKIPDATA" => LogStatus::SkipData,
                    _ => return Err("OK, NODATA or SKIPDATA"),
                }
            }
        }
        Ok(())
    }
}

fn columns(format: &Format, line: &str) -> LineError {
    LineError::Columns {
        found: line.split_ascii_whitespace().count(),
        expected: format.columns.len(),
    }
}

fn address(word: &str) -> Result<IpAddr, &'static str> {
    word.parse().map_err(|_| "an IP address")
}

fn number<T: std::str::FromStr>(word: &str, expected: &'static str) -> Result<T, &'static str> {
    word.parse().map_err(|_| expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_documented_example_is_read() {
        let line = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
        let record = Format::version_2().read(line).unwrap();
        assert_eq!(record.account_id, "123456789010");
        assert_eq!(
            (record.src_port, record.dst_port, record.protocol),
            (Some(20641), Some(22), Some(6))
        );
        assert_eq!((record.packets, record.bytes), (20, 4249));
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
    fn an_odd_line_is_an_error_that_names_the_column_not_the_value() {
        let format = Format::parse("interface-id bytes start").unwrap();
        assert_eq!(
            format.read("eni-1 many 1").unwrap_err().to_string(),
            "flow-log column 2 is not a number of bytes"
        );
        assert_eq!(
            format.read("eni-1 5").unwrap_err().to_string(),
            "flow-log line has 2 columns, its format 3"
        );
        assert_eq!(
            format.read("eni-1 5 1 x").unwrap_err().to_string(),
            "flow-log line has 4 columns, its format 3"
        );
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in "\\PC*") {
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
