//! Figures of a batch, and the metrics they become.

use tollkeeper::telemetry::{Metrics, Unit};

/// Figures of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records committed.
    pub records: u64,
    /// Bytes of their values; of those that an earlier delivery had committed, none.
    pub bytes: u64,
    /// Records quarantined, in whole or in part.
    pub poison: u64,
    /// Records that an earlier delivery had committed already: counted once, not twice.
    pub redelivered: u64,
    /// Records of partitions that could not be committed.
    pub uncommitted: u64,
    /// Partitions that stand still because their offsets went back.
    pub regressed: u64,
    /// Calls to the table that were made again after throttling, a server error or silence.
    pub retries: u64,
    /// Writes that another writer forestalled.
    pub conflicts: u64,
    /// From the newest committed record to now, the worst of the partitions, in milliseconds.
    pub lag: Option<i64>,
}

impl Tally {
    /// A number of records.
    pub fn count(records: usize) -> u64 {
        u64::try_from(records).unwrap_or(u64::MAX)
    }

    /// Adds the figures of another partition.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.poison += other.poison;
        self.redelivered += other.redelivered;
        self.uncommitted += other.uncommitted;
        self.regressed += other.regressed;
        self.retries += other.retries;
        self.conflicts += other.conflicts;
        self.lag = self.lag.max(other.lag);
    }

    /// The batch's line of metrics.
    #[expect(
        clippy::cast_precision_loss,
        reason = "CloudWatch keeps metrics as doubles"
    )]
    pub fn metrics(&self) -> Metrics {
        let metrics = Metrics::of("kafka-consumer")
            .count("Batches", 1)
            .count("Records", self.records)
            .value("Bytes", Unit::Bytes, self.bytes as f64)
            .count("Poison", self.poison)
            .count("Redelivered", self.redelivered)
            .count("Uncommitted", self.uncommitted)
            .count("Regressed", self.regressed)
            .count("Retries", self.retries)
            .count("Conflicts", self.conflicts);
        match self.lag {
            Some(lag) => metrics.value("LagSeconds", Unit::Seconds, lag as f64 / 1e3),
            None => metrics,
        }
    }
}
