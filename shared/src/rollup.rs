//! Rollups: what a flow-log record counts as, and the items that hold the sums.
//!
//! The consumer writes these items from Kafka; the detector reads them, or makes the same cells itself from the
//! files in S3: one function ([`Counted::of`]) says what a record counts as, so both give the same answer.
//! What an item is called is a pure function of the record; what else was in the batch has no say.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::flow_log::{Leg, NatSide, Record};
use crate::services::{IpRanges, Label};
use crate::time::Hour;

/// Name and version of the item's shape.
pub const SCHEMA: &str = "rollup/v1";

/// Cells an item may hold before further sources are summed up as `other`: about 100 bytes each, far below
/// DynamoDB's 400 KB an item.
pub const MAX_CELLS: usize = 1_500;

/// What sums are kept by: direction, source address and far end. On the wire `A|10.0.1.5|S3|us-east-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// Direction.
    pub leg: Leg,
    /// The address behind the NAT; `None` for the sources beyond [`MAX_CELLS`].
    pub source: Option<IpAddr>,
    /// Who is at the far end.
    pub remote: Label,
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Some(source) => write!(
                f,
                "{}|{source}|{}|{}",
                self.leg, self.remote.service, self.remote.region
            ),
            None => write!(
                f,
                "{}|other|{}|{}",
                self.leg, self.remote.service, self.remote.region
            ),
        }
    }
}

/// A text that is no cell key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rollup cell: expected leg|source|service|region")]
pub struct NotACell(String);

impl FromStr for CellKey {
    type Err = NotACell;
    fn from_str(text: &str) -> Result<Self, NotACell> {
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// A counted leg.
    Cell(CellKey, Sums),
    /// Accepted traffic whose leg cannot be told (no packet addresses).
    Unclassified(Sums),
    /// AWS skipped records here.
    Skipped,
    /// Not counted on purpose: outer legs, rejected traffic, empty intervals.
    Nothing,
}

impl Counted {
    /// What a record counts as. Where a table is given its label and region win; without one (or where it does not
    /// know the address) the log's own service field is used and the region stays unknown.
    pub fn of(record: &Record<'_>, ranges: Option<&IpRanges>) -> Self {
        let sums = Sums {
            bytes: record.bytes,
            packets: record.packets,
            flows: 1,
        };
        match record.nat_side() {
            NatSide::Counted(flow) => {
                let remote = label(ranges, flow.remote, flow.remote_service);
                Self::Cell(
                    CellKey {
                        leg: flow.leg,
                        source: Some(flow.source),
                        remote,
                    },
                    sums,
                )
            }
            NatSide::NoPacketAddresses => Self::Unclassified(sums),
            NatSide::SkipData => Self::Skipped,
            NatSide::Outer | NatSide::Rejected | NatSide::NoData => Self::Nothing,
        }
    }
}

fn label(ranges: Option<&IpRanges>, remote: IpAddr, field: Option<&str>) -> Label {
    let from_field = || field.map(|service| Label::new(service, ""));
    match ranges {
        Some(ranges) => ranges
            .lookup(remote)
            .cloned()
            .or_else(from_field)
            .unwrap_or_else(Label::internet),
        None => from_field().unwrap_or_else(Label::unknown),
    }
}

/// The sums of one interface and hour (or of any range a reader adds up).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Sums by [`CellKey`], in its wire spelling.
    #[serde(default)]
    pub cells: BTreeMap<String, Sums>,
    /// Accepted traffic whose leg cannot be told.
    #[serde(default)]
    pub unclassified: Sums,
    /// SKIPDATA lines: each may hide many flows.
    #[serde(default)]
    pub skipped: u64,
}

impl Traffic {
    /// Counts one record. A cell beyond [`MAX_CELLS`] goes to its `other`, so the totals stay exact and only the
    /// source is lost; that depends on the state of this item alone.
    pub fn count(&mut self, counted: &Counted) {
        match counted {
            Counted::Cell(key, sums) => {
                let mut name = key.to_string();
                if !self.cells.contains_key(&name) && self.cells.len() >= MAX_CELLS {
                    name = CellKey {
                        source: None,
                        ..key.clone()
                    }
                    .to_string();
                }
                self.cells.entry(name).or_default().add(*sums);
            }
            Counted::Unclassified(sums) => self.unclassified.add(*sums),
            Counted::Skipped => self.skipped = self.skipped.saturating_add(1),
            Counted::Nothing => {}
        }
    }

    /// Adds another item's sums, without any bound: for readers.
    pub fn merge(&mut self, other: &Self) {
        for (key, sums) in &other.cells {
            self.cells.entry(key.clone()).or_default().add(*sums);
        }
        self.unclassified.add(other.unclassified);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

/// Which writer's shard of a key an item is: one writer a partition, one watermark an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// Kafka topic.
    pub topic: String,
    /// Kafka partition.
    pub partition: i32,
    /// Epoch of the topic: raised by hand when a topic was created anew.
    pub epoch: u32,
}

/// Key of a Rollups item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    /// What and when.
    pub pk: String,
    /// Dimension and shard.
    pub sk: String,
}

/// Partition key of an interface's hour of traffic.
pub fn traffic_pk(account: &str, interface: &str, hour: Hour) -> String {
    format!("traffic#{account}#{interface}#{hour}")
}

/// Buckets that the services of an hour are spread over: names come from whoever writes logs, so their number must not
/// decide how many items there are.
pub const LOG_BUCKETS: u32 = 8;

/// Partition key of an hour of logs: of all services of one bucket.
pub fn logs_pk(bucket: u32, hour: Hour) -> String {
    format!("logs#{bucket}#{hour}")
}

/// The bucket of a service, from 0 to [`LOG_BUCKETS`]; part of stored keys, so it never changes (FNV-1a, 32 bits).
pub fn log_bucket(service: &str) -> u32 {
    let hash = service.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash % LOG_BUCKETS
}

impl Shard {
    /// The item of an interface's hour that this shard writes.
    pub fn traffic(&self, account: &str, interface: &str, hour: Hour) -> ItemKey {
        self.item(traffic_pk(account, interface, hour), "cells")
    }

    /// The item of an hour's log lines by service and level that this shard writes, of one bucket of services.
    pub fn levels(&self, bucket: u32, hour: Hour) -> ItemKey {
        self.item(logs_pk(bucket, hour), "levels")
    }

    /// The item of an hour's errors by service and fingerprint that this shard writes, of one bucket of services.
    pub fn errors(&self, bucket: u32, hour: Hour) -> ItemKey {
        self.item(logs_pk(bucket, hour), "errors")
    }

    /// The item that keeps how far a partition was read.
    pub fn state(&self) -> ItemKey {
        ItemKey {
            pk: format!("partition#{}#{}", self.topic, self.partition),
            sk: format!("state#{}", self.epoch),
        }
    }

    /// The quarantine item of one poison record; writing it again is harmless.
    pub fn quarantine(&self, offset: i64) -> ItemKey {
        ItemKey {
            pk: format!(
                "quarantine#{}#{}#{}",
                self.topic, self.partition, self.epoch
            ),
            sk: format!("{offset:020}"),
        }
    }

    fn item(&self, pk: String, dimension: &str) -> ItemKey {
        ItemKey {
            pk,
            sk: format!(
                "{dimension}#{}#{}#{}",
                self.topic, self.partition, self.epoch
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow_log::Format;
    use proptest::prelude::*;

    fn key(source: Option<&str>) -> CellKey {
        CellKey {
            leg: Leg::A,
            source: source.map(|address| address.parse().unwrap()),
            remote: Label::new("S3", "us-east-1"),
        }
    }

    #[test]
    fn cell_keys_are_read_as_they_were_written() {
        for key in [key(Some("10.0.1.5")), key(Some("2600:1f18::1")), key(None)] {
            assert_eq!(key.to_string().parse::<CellKey>().unwrap(), key);
        }
        assert_eq!(key(Some("10.0.1.5")).to_string(), "A|10.0.1.5|S3|us-east-1");
        assert!("A|10.0.1.5|S3".parse::<CellKey>().is_err());
    }

    #[test]
    fn the_tables_label_wins_over_the_logs_field() {
        let format = Format::parse(
            "interface-id srcaddr dstaddr bytes start pkt-srcaddr pkt-dstaddr pkt-dst-aws-service",
        )
        .unwrap();
        let record = format
            .read("eni-1 10.0.1.5 10.0.0.9 700 1 10.0.1.5 3.5.0.9 AMAZON")
            .unwrap();
        let file = br#"{"createDate": "x", "prefixes": [{"ip_prefix": "3.5.0.0/19", "region": "eu-west-1", "service": "S3"}]}"#;
        let table = IpRanges::from_json(file).unwrap();
        let cell = |ranges| match Counted::of(&record, ranges) {
            Counted::Cell(key, sums) => (key.to_string(), sums.bytes),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            cell(Some(&table)),
            ("A|10.0.1.5|S3|eu-west-1".to_owned(), 700)
        );
        assert_eq!(cell(None), ("A|10.0.1.5|AMAZON|".to_owned(), 700));
    }

    #[test]
    fn keys_name_what_when_and_shard() {
        let shard = Shard {
            topic: "flow".to_owned(),
            partition: 3,
            epoch: 1,
        };
        let hour = Hour::of_unix_seconds(1_791_900_000).unwrap();
        let item = shard.traffic("123456789012", "eni-9", hour);
        assert_eq!(
            (item.pk.as_str(), item.sk.as_str()),
            ("traffic#123456789012#eni-9#2026-10-13T14", "cells#flow#3#1")
        );
        assert_eq!(shard.quarantine(42).sk, "00000000000000000042");
    }

    proptest! {
        #[test]
        fn totals_stay_exact_however_many_sources_there_are(sources in proptest::collection::vec((0u32..4000, 1u64..1_000_000), 1..4000)) {
            let mut traffic = Traffic::default();
            for (source, bytes) in &sources {
                let key = CellKey { source: Some(IpAddr::V4((*source).into())), ..key(None) };
                traffic.count(&Counted::Cell(key, Sums { bytes: *bytes, packets: 1, flows: 1 }));
            }
            let total: u64 = traffic.cells.values().map(|sums| sums.bytes).sum();
            prop_assert_eq!(total, sources.iter().map(|(_, bytes)| bytes).sum::<u64>());
            prop_assert!(traffic.cells.len() <= MAX_CELLS + 1);
        }
    }
}
