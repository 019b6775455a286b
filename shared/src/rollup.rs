//! Rollups: what a flow-log record counts as, and the items that hold the sums.
//!
//! The consumer writes these items from Kafka; the detector reads them, or makes the same cells itself from the
//! files in S3: one function ([`Counted::of`]) says what a record counts as, so both give the same answer.
//! What an item is called is a pure function of the record; what else was in the batch has no say.

mod cells;
mod intern;
mod tally;
mod traffic;

use crate::time::Hour;

pub use cells::{CellKey, Counted, NotACell, Sums};
pub use intern::Cells;
pub use tally::Tally;
pub use traffic::{MAX_CELLS, Traffic};

/// Name and version of the item's shape.
pub const SCHEMA: &str = "rollup/v1";

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
}
