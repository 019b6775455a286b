//! The event of a Kafka source, and how records are cut into batches for it.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Error;
use crate::kafka::Record;

/// The most an event may weigh.
const PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// What an event says of its cluster.
#[derive(Debug, Clone)]
pub(super) struct Source {
    arn: Option<String>,
    bootstrap: String,
}

impl Source {
    pub(super) fn msk(bootstrap: &str) -> Self {
        let arn = format!(
            "arn:aws:kafka:{}:{}:cluster/local/11111111-2222-3333-4444-555555555555-1",
            crate::REGION,
            crate::ACCOUNT_ID
        );
        Self {
            arn: Some(arn),
            bootstrap: bootstrap.to_owned(),
        }
    }

    pub(super) fn self_managed(bootstrap: &str) -> Self {
        Self {
            arn: None,
            bootstrap: bootstrap.to_owned(),
        }
    }

    /// The event for `records` of `topic`.
    pub(super) fn event(&self, topic: &str, records: &[&Record]) -> Vec<u8> {
        let mut by_partition: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for record in records {
            by_partition
                .entry(format!("{topic}-{}", record.partition))
                .or_default()
                .push(item(topic, record));
        }
        let mut event = json!({"bootstrapServers": self.bootstrap, "records": by_partition});
        match &self.arn {
            Some(arn) => {
                event["eventSource"] = json!("aws:kafka");
                event["eventSourceArn"] = json!(arn);
            }
            None => event["eventSource"] = json!("SelfManagedKafka"),
        }
        event.to_string().into_bytes()
    }
}

fn item(topic: &str, record: &Record) -> Value {
    let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
    let message = &record.message;
    // The pollers write header bytes signed.
    let signed = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| byte.cast_signed())
            .collect::<Vec<_>>()
    };
    let headers: Vec<_> = message
        .headers
        .iter()
        .map(|(name, value)| json!({name: signed(value)}))
        .collect();
    json!({
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": message.timestamp_ms,
        "timestampType": "CREATE_TIME",
        "key": text(&message.key),
        "value": text(&message.value),
        "headers": headers,
    })
}

/// A batch while it is put together: at most so many records and so many bytes as an invocation takes, in order.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    topic: &'a str,
    most: usize,
    bytes: usize,
    is_full: bool,
    records: Vec<Record>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(topic: &'a str, source: &Source, most: usize) -> Self {
        Self {
            topic,
            most,
            bytes: source.event(topic, &[]).len(),
            is_full: false,
            records: Vec::new(),
        }
    }

    /// Takes from `waiting` what still fits.
    pub(super) fn fill(&mut self, waiting: &mut VecDeque<Record>) -> Result<(), Error> {
        while !self.is_full
            && let Some(record) = waiting.front()
        {
            // An upper bound: each record may open a partition's list.
            let bytes = item(self.topic, record).to_string().len() + self.topic.len() + 20;
            if self.bytes + bytes > PAYLOAD_BYTES && self.records.is_empty() {
                return Err(Error::RecordTooLarge {
                    topic: self.topic.to_owned(),
                    partition: record.partition,
                    offset: record.offset,
                });
            }
            if self.bytes + bytes > PAYLOAD_BYTES {
                self.is_full = true;
                break;
            }
            self.bytes += bytes;
            self.records.extend(waiting.pop_front());
            self.is_full = self.records.len() >= self.most;
        }
        Ok(())
    }

    /// Whether nothing more may be added: the size is met, or the next record went beyond the payload.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn into_records(self) -> Vec<Record> {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Message;

    fn record(partition: i32, offset: i64, message: Message) -> Record {
        Record {
            partition,
            offset,
            message,
        }
    }

    #[test]
    fn an_event_of_msk_has_the_documented_shape() {
        let message = Message {
            key: Some(b"k".to_vec()),
            value: Some(b"hi".to_vec()),
            headers: vec![("h".to_owned(), vec![104, 195])],
            timestamp_ms: 1_545_084_650_987,
        };
        let records = [
            record(0, 15, message),
            record(
                1,
                3,
                Message {
                    timestamp_ms: 7,
                    ..Message::default()
                },
            ),
        ];
        let event = Source::msk("b-1:9098").event("logs", &records.iter().collect::<Vec<_>>());
        let expected = json!({
            "eventSource": "aws:kafka",
            "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/local/11111111-2222-3333-4444-555555555555-1",
            "bootstrapServers": "b-1:9098",
            "records": {
                "logs-0": [{"topic": "logs", "partition": 0, "offset": 15, "timestamp": 1_545_084_650_987_i64, "timestampType": "CREATE_TIME",
                    "key": "aw==", "value": "aGk=", "headers": [{"h": [104, -61]}]}],
                "logs-1": [{"topic": "logs", "partition": 1, "offset": 3, "timestamp": 7, "timestampType": "CREATE_TIME",
                    "key": null, "value": null, "headers": []}],
            }
        });
        assert_eq!(serde_json::from_slice::<Value>(&event).unwrap(), expected);
    }

    #[test]
    fn an_event_of_a_self_managed_cluster_has_no_arn() {
        let event: Value =
            serde_json::from_slice(&Source::self_managed("b:9092").event("logs", &[])).unwrap();
        assert_eq!(
            event,
            json!({"eventSource": "SelfManagedKafka", "bootstrapServers": "b:9092", "records": {}})
        );
    }

    /// The next batch off `waiting`, and whether it is full.
    fn cut(waiting: &mut VecDeque<Record>) -> Result<(Vec<Record>, bool), Error> {
        let source = Source::msk("b");
        let mut batch = Batch::new("logs", &source, 100);
        batch.fill(waiting)?;
        let is_full = batch.is_full();
        Ok((batch.into_records(), is_full))
    }

    #[test]
    fn a_batch_ends_at_its_size_or_at_6_megabytes() {
        let mut small: VecDeque<_> = (0..250)
            .map(|offset| record(0, offset, Message::new("x", 0)))
            .collect();
        let sizes: Vec<_> = (0..3)
            .map(|_| cut(&mut small).unwrap())
            .map(|(batch, is_full)| (batch.len(), is_full))
            .collect();
        assert_eq!(sizes, [(100, true), (100, true), (50, false)]);

        // 1 MiB is 1.33 MiB in base64: four fit, five do not.
        let mut large: VecDeque<_> = (0..5)
            .map(|offset| record(0, offset, Message::new(vec![0; 1024 * 1024], 0)))
            .collect();
        let (batch, is_full) = cut(&mut large).unwrap();
        assert_eq!((batch.len(), large.len(), is_full), (4, 1, true));
        assert!(
            Source::msk("b")
                .event("logs", &batch.iter().collect::<Vec<_>>())
                .len()
                <= PAYLOAD_BYTES
        );
    }

    #[test]
    fn a_record_beyond_the_payload_is_an_error_that_names_it() {
        let mut waiting = VecDeque::from([record(2, 9, Message::new(vec![0; 5 * 1024 * 1024], 0))]);
        let error = cut(&mut waiting).unwrap_err();
        assert_eq!(
            error.to_string(),
            "logs-2 offset 9: the record alone exceeds the 6 MB of an invocation"
        );
    }
}
