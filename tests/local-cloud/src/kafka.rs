//! A Kafka broker on loopback (librdkafka's mock cluster), a producer for it, and a reader that misses nothing.
//!
//! The broker lives in this process and keeps at most 5 MiB or 100,000 messages a partition; reading past what it
//! dropped is an error, never a gap. It knows nothing of Lambda.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::Error;

const ANSWER: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(20);

/// A message to produce.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The key, if any.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in order; names may repeat.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The record's time in milliseconds since 1970 (CREATE_TIME).
    pub timestamp_ms: i64,
}

impl Message {
    /// A message without key and headers.
    pub fn new(value: impl Into<Vec<u8>>, timestamp_ms: i64) -> Self {
        Self {
            value: Some(value.into()),
            timestamp_ms,
            ..Self::default()
        }
    }
}

/// A message as it lies in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) message: Message,
}

/// The broker and a producer.
#[derive(Clone)]
pub struct Kafka {
    /// The mock cluster belongs to this client and ends with it.
    producer: FutureProducer,
    bootstrap: String,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka")
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

impl Kafka {
    pub(crate) fn start() -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        let producer: FutureProducer = config
            .set("test.mock.num.brokers", "1")
            .set("linger.ms", "0")
            .create()?;
        let cluster = producer
            .client()
            .mock_cluster()
            .ok_or(Error::NotStarted("kafka"))?;
        let bootstrap = cluster.bootstrap_servers();
        drop(cluster);
        Ok(Self {
            producer,
            bootstrap,
        })
    }

    /// `host:port` of the broker.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap
    }

    /// Creates a topic. One that is only produced to has four partitions.
    pub fn create_topic(&self, topic: &str, partitions: u16) -> Result<(), Error> {
        let cluster = self
            .producer
            .client()
            .mock_cluster()
            .ok_or(Error::NotStarted("kafka"))?;
        Ok(cluster.create_topic(topic, i32::from(partitions), 1)?)
    }

    /// Produces messages to one partition in order and waits until the broker has them. Returns the last offset.
    pub async fn produce(
        &self,
        topic: &str,
        partition: i32,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<Option<i64>, Error> {
        let mut sent = Vec::new();
        for message in messages {
            sent.push(self.send(topic, partition, &message)?);
        }
        let mut last = None;
        for delivery in sent {
            let delivery = delivery
                .await
                .map_err(|_| rdkafka::error::KafkaError::Canceled)?;
            last = Some(delivery.map_err(|(error, _)| error)?.offset);
        }
        Ok(last)
    }

    fn send(
        &self,
        topic: &str,
        partition: i32,
        message: &Message,
    ) -> Result<rdkafka::producer::DeliveryFuture, Error> {
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic)
            .partition(partition)
            .timestamp(message.timestamp_ms);
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        let headers = message
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        if !message.headers.is_empty() {
            record = record.headers(headers);
        }
        self.producer
            .send_result(record)
            .map_err(|(error, _)| error.into())
    }

    /// A reader of one topic.
    pub(crate) fn reader(&self, topic: &str) -> Result<Reader, Error> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "local-cloud")
            .set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "10")
            .create()?;
        Ok(Reader {
            consumer: Arc::new(consumer),
            topic: topic.to_owned(),
        })
    }
}

/// Reads a topic from given offsets to its end.
pub(crate) struct Reader {
    consumer: Arc<BaseConsumer>,
    topic: String,
}

impl Reader {
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
