//! Counts a batch: observe (read the envelope), decide (plan each partition), act (commit each on its own).

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use tollkeeper::telemetry::{Metrics, Unit};

use crate::answer::Outcome;
use crate::commit::commit;
use crate::config::Rules;
use crate::envelope::{self, NotKafka, Partition};
use crate::plan::plan;
use crate::rollups::Rollups;

/// Partitions committed at the same time; also what bounds the plans in memory.
const AT_ONCE: usize = 4;

/// What became of a batch.
#[derive(Debug)]
pub struct Consumed {
    /// Of each partition, by name.
    pub outcomes: Vec<Outcome>,
    /// What was counted, summed over the committed partitions.
    pub tally: Tally,
}

/// Figures of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records committed.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Records quarantined, in whole or in part.
    pub poison: u64,
    /// Records that an earlier delivery had committed already: counted once, not twice.
    pub redelivered: u64,
    /// Records of partitions that could not be committed.
    pub uncommitted: u64,
    /// From the newest committed record to now, the worst of the partitions, in milliseconds.
    pub lag: Option<i64>,
}

/// Counts a batch within the time `left`. A partition that fails, or is not done in time, leaves the others alone.
pub async fn consume(
    rollups: &impl Rollups,
    rules: &Rules,
    event: &RawValue,
    now: Timestamp,
    left: Duration,
) -> Result<Consumed, NotKafka> {
    let stop = Instant::now() + left;
    let partitions = envelope::read(event)?;
    let mut done: Vec<(Outcome, Tally)> = stream::iter(&partitions)
        .map(|partition| one(rollups, rules, partition, now, stop))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    done.sort_by(|(a, _), (b, _)| a.partition.cmp(&b.partition));
    let mut consumed = Consumed {
        outcomes: Vec::with_capacity(done.len()),
        tally: Tally::default(),
    };
    for (outcome, tally) in done {
        consumed.outcomes.push(outcome);
        consumed.tally.add(tally);
    }
    Ok(consumed)
}

async fn one(
    rollups: &impl Rollups,
    rules: &Rules,
    partition: &Partition<'_>,
    now: Timestamp,
    stop: Instant,
) -> (Outcome, Tally) {
    let plan = plan(partition, rules, now.as_second());
    let committed = match timeout_at(stop, commit(rollups, &plan)).await {
        Ok(committed) => committed.map_err(|error| error.describe()),
        Err(_) => Err("time was up".to_owned()),
    };
    let offsets: Vec<Option<i64>> = partition
        .records
        .iter()
        .map(|record| record.offset)
        .collect();
    let records = count(offsets.len());
    let tally = match &committed {
        Ok(already) => Tally {
            records,
            bytes: plan.bytes,
            poison: count(plan.quarantine.len()),
            redelivered: count(
                offsets
                    .iter()
                    .filter(|offset| offset.is_some() && *offset <= already)
                    .count(),
            ),
            uncommitted: 0,
            lag: newest(partition).map(|newest| now.as_millisecond().saturating_sub(newest).max(0)),
        },
        Err(failure) => {
            let partition = &partition.id;
            tracing::error!(partition, records, failure, "partition not committed");
            Tally {
                uncommitted: records,
                ..Tally::default()
            }
        }
    };
    let outcome = Outcome {
        partition: partition.id.clone(),
        offsets,
        failure: committed.err(),
    };
    (outcome, tally)
}

fn newest(partition: &Partition<'_>) -> Option<i64> {
    partition
        .records
        .iter()
        .rev()
        .find_map(|record| record.timestamp)
}

fn count(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.poison += other.poison;
        self.redelivered += other.redelivered;
        self.uncommitted += other.uncommitted;
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
            .count("Uncommitted", self.uncommitted);
        match self.lag {
            Some(lag) => metrics.value("LagSeconds", Unit::Seconds, lag as f64 / 1e3),
            None => metrics,
        }
    }
}
