//! Reads a topic from given offsets to its end, without a consumer group: who reads keeps the offsets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::{Message, Record};
use crate::Error;

const ANSWER: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(20);

/// Reads a topic from given offsets to its end.
pub(crate) struct Reader {
    consumer: Arc<BaseConsumer>,
    topic: String,
}

impl Reader {
    /// A reader of one topic of the broker at `bootstrap`.
    pub(crate) fn new(bootstrap: &str, topic: &str) -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "local-cloud")
            .set("enable.auto.commit", "false");
        // An offset the broker no longer has must not be skipped in silence.
        let consumer: BaseConsumer = config
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "10")
            .create()?;
        Ok(Self {
            consumer: Arc::new(consumer),
            topic: topic.to_owned(),
        })
    }

    /// All records from `next` (0 for a partition that is not named) to the end of each partition, in the order they
    /// came, which is in order within a partition.
    pub(crate) async fn read(&self, next: BTreeMap<i32, i64>) -> Result<Vec<Record>, Error> {
        let (consumer, topic) = (self.consumer.clone(), self.topic.clone());
        let read = tokio::task::spawn_blocking(move || read_to_end(&consumer, &topic, &next)).await;
        read.map_err(|error| {
            Error::io(format!("read {}", self.topic))(std::io::Error::other(error))
        })?
    }
}

fn read_to_end(
    consumer: &BaseConsumer,
    topic: &str,
    next: &BTreeMap<i32, i64>,
) -> Result<Vec<Record>, Error> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let partitions = metadata
        .topics()
        .iter()
        .flat_map(rdkafka::metadata::MetadataTopic::partitions);
    let mut ends = BTreeMap::new();
    let mut assignment = TopicPartitionList::new();
    for partition in partitions.map(rdkafka::metadata::MetadataPartition::id) {
        let expected = next.get(&partition).copied().unwrap_or(0);
        let (oldest, end) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
        if oldest > expected {
            return Err(Error::RecordsDropped {
                topic: topic.to_owned(),
                partition,
                expected,
                oldest,
            });
        }
        if end > expected {
            assignment.add_partition_offset(topic, partition, Offset::Offset(expected))?;
            ends.insert(partition, end);
        }
    }
    consumer.assign(&assignment)?;
    let mut records = Vec::new();
    let mut last_seen = Instant::now();
    while !ends.is_empty() {
        let Some(found) = consumer.poll(TICK) else {
            if last_seen.elapsed() > ANSWER {
                let silent = std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    format!("partitions {ends:?} were not read to their ends"),
                );
                return Err(Error::io(format!("read {topic}"))(silent));
            }
            continue;
        };
        last_seen = Instant::now();
        let record = owned(&found?);
        let reached = ends
            .get(&record.partition)
            .is_some_and(|end| record.offset + 1 >= *end);
        if reached {
            ends.remove(&record.partition);
        }
        records.push(record);
    }
    Ok(records)
}

fn owned(message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    let headers = message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    Record {
        partition: message.partition(),
        offset: message.offset(),
        message: Message {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| {
                    (
                        header.key.to_owned(),
                        header.value.unwrap_or_default().to_vec(),
                    )
                })
                .collect(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
        },
    }
}
