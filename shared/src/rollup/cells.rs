//! What a flow-log record counts as, and the key it counts under.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::flow_log::{Leg, LineError, NatSide, Record};
use crate::services::{IpRanges, Label};

/// What sums are kept by: direction, source address and far end. On the wire `A|10.0.1.5|S3|us-east-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey<'a> {
    /// Direction.
    pub leg: Leg,
    /// The address behind the NAT; `None` for the sources beyond [`MAX_CELLS`](super::MAX_CELLS).
    pub source: Option<IpAddr>,
    /// Who is at the far end.
    pub remote: Label<'a>,
}

impl fmt::Display for CellKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|", self.leg)?;
        match self.source {
            Some(source) => write!(f, "{source}")?,
            None => f.write_str("other")?,
        }
        write!(f, "|{}|{}", self.remote.service, self.remote.region)
    }
}

/// A text that is no cell key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rollup cell: expected leg|source|service|region")]
pub struct NotACell(String);

impl<'a> CellKey<'a> {
    /// Reads the wire spelling.
    pub fn parse(text: &'a str) -> Result<Self, NotACell> {
        let wrong = || NotACell(text.to_owned());
        let mut parts = text.split('|');
        let (Some(leg), Some(source), Some(service), Some(region), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(wrong());
        };
        Ok(Self {
            leg: leg.parse().map_err(|_| wrong())?,
            source: match source {
                "other" => None,
                address => Some(address.parse().map_err(|_| wrong())?),
            },
            remote: Label::new(service, region),
        })
    }

    /// The cell that further sources are summed up in.
    #[must_use]
    pub fn other(self) -> Self {
        Self {
            source: None,
            ..self
        }
    }
}

/// Sums of one cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Flow-log records.
    pub flows: u64,
}

impl Sums {
    /// Adds other sums; stays at the maximum rather than wrap.
    pub fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets = self.packets.saturating_add(other.packets);
        self.flows = self.flows.saturating_add(other.flows);
    }
}

/// What a flow-log record counts as at its interface and hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted<'a> {
    /// A counted leg.
    Cell(CellKey<'a>, Sums),
    /// Accepted traffic whose leg cannot be told (no packet addresses).
    Unclassified(Sums),
    /// AWS skipped records here.
    Skipped,
    /// Not counted on purpose: outer legs, rejected traffic, empty intervals.
    Nothing,
}

impl<'a> Counted<'a> {
    /// What a record counts as. Where a table is given its label and region win; without one (or where it does not
    /// know the address) the log's own service field is used and the region stays unknown.
    pub fn of(record: &Record<'a>, ranges: Option<&'a IpRanges>) -> Result<Self, LineError> {
        Self::of_side(record.nat_side()?, record, ranges)
    }

    /// What a record of an instance's own interface counts as: its traffic with public addresses, whichever way it
    /// took ([`Record::instance_side`]). Labels as in [`Self::of`].
    pub fn at_instance(
        record: &Record<'a>,
        ranges: Option<&'a IpRanges>,
    ) -> Result<Self, LineError> {
        Self::of_side(record.instance_side()?, record, ranges)
    }

    fn of_side(
        side: NatSide<'a>,
        record: &Record<'a>,
        ranges: Option<&'a IpRanges>,
    ) -> Result<Self, LineError> {
        Ok(match side {
            NatSide::Counted(flow) => {
                let key = CellKey {
                    leg: flow.leg,
                    source: Some(flow.source),
                    remote: label(ranges, flow.remote, flow.remote_service),
                };
                Self::Cell(key, sums(record)?)
            }
            NatSide::NoPacketAddresses => Self::Unclassified(sums(record)?),
            NatSide::SkipData => Self::Skipped,
            NatSide::Outer | NatSide::Rejected | NatSide::NoData => Self::Nothing,
        })
    }

    /// The same, of a line that stands for the sum of several records.
    #[must_use]
    pub fn of_records(self, records: u64) -> Self {
        let of = |sums| Sums {
            flows: records,
            ..sums
        };
        match self {
            Self::Cell(key, sums) => Self::Cell(key, of(sums)),
            Self::Unclassified(sums) => Self::Unclassified(of(sums)),
            other => other,
        }
    }
}

fn sums(record: &Record<'_>) -> Result<Sums, LineError> {
    Ok(Sums {
        bytes: record.bytes()?,
        packets: record.packets()?,
        flows: 1,
    })
}

fn label<'a>(ranges: Option<&'a IpRanges>, remote: IpAddr, field: Option<&'a str>) -> Label<'a> {
    let from_field = || field.map(|service| Label::new(service, ""));
    match ranges {
        Some(ranges) => ranges
            .lookup(remote)
            .or_else(from_field)
            .unwrap_or(Label::INTERNET),
        None => from_field().unwrap_or(Label::UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow_log::{Format, LineReader};

    #[test]
    fn cell_keys_are_read_as_they_were_written() {
        let key = |source: Option<&str>| CellKey {
            leg: Leg::A,
            source: source.map(|address| address.parse().unwrap()),
            remote: Label::new("S3", "us-east-1"),
        };
        for key in [key(Some("10.0.1.5")), key(Some("2600:1f18::1")), key(None)] {
            assert_eq!(CellKey::parse(&key.to_string()), Ok(key));
        }
        assert_eq!(key(Some("10.0.1.5")).to_string(), "A|10.0.1.5|S3|us-east-1");
        assert_eq!(
            key(Some("10.0.1.5")).other().to_string(),
            "A|other|S3|us-east-1"
        );
        for text in [
            "A|10.0.1.5|S3",
            "B|10.0.1.5|S3|",
            "A|10.0.1|S3|",
            "A|10.0.1.5|S3||",
        ] {
            assert!(CellKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_tables_label_wins_over_the_logs_field() {
        let format = Format::parse(
            "interface-id srcaddr dstaddr bytes start pkt-srcaddr pkt-dstaddr pkt-dst-aws-service",
        )
        .unwrap();
        let mut lines = LineReader::new(Some(&format));
        let record = lines
            .read(b"eni-1 10.0.1.5 10.0.0.9 700 1 10.0.1.5 3.5.0.9 AMAZON")
            .unwrap()
            .unwrap();
        let file = br#"{"createDate": "x", "prefixes": [{"ip_prefix": "3.5.0.0/19", "region": "eu-west-1", "service": "S3"}]}"#;
        let table = IpRanges::from_json(file).unwrap();
        let cell = |ranges| match Counted::of(&record, ranges).unwrap() {
            Counted::Cell(key, sums) => (key.to_string(), sums.bytes),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            cell(Some(&table)),
            ("A|10.0.1.5|S3|eu-west-1".to_owned(), 700)
        );
        assert_eq!(cell(None), ("A|10.0.1.5|AMAZON|".to_owned(), 700));
    }
}
