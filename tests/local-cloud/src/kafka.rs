//! A Kafka broker on loopback (librdkafka's mock cluster), a producer for it, and a [`reader`] that misses nothing.
//!
//! The broker lives in this process and keeps at most 5 MiB or 100,000 messages a partition; reading past what it
//! dropped is an error, never a gap. It knows nothing of Lambda.

use std::fmt;

use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use crate::Error;

pub(crate) mod reader;

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
}
