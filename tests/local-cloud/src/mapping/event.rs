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

/// Takes the next batch off `waiting`: as many records as size and payload allow, in order.
pub(super) fn cut(
    waiting: &mut VecDeque<Record>,
    topic: &str,
    batch_size: usize,
    source: &Source,
) -> Result<Vec<Record>, Error> {
    let mut batch = Vec::new();
    // An upper bound: each record may open a partition's list.
    let mut bytes = source.event(topic, &[]).len();
    while batch.len() < batch_size {
        let Some(record) = waiting.front() else { break };
        bytes += item(topic, record).to_string().len() + topic.len() + 20;
        if bytes > PAYLOAD_BYTES && batch.is_empty() {
            return Err(Error::RecordTooLarge {
                topic: topic.to_owned(),
                partition: record.partition,
                offset: record.offset,
            });
        }
        if bytes > PAYLOAD_BYTES {
            break;
        }
        batch.extend(waiting.pop_front());
    }
    Ok(batch)
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

    #[test]
    fn a_batch_ends_at_its_size_or_at_6_megabytes() {
        let source = Source::msk("b");
        let mut small: VecDeque<_> = (0..250)
            .map(|offset| record(0, offset, Message::new("x", 0)))
            .collect();
        let sizes: Vec<_> = (0..3)
            .map(|_| cut(&mut small, "logs", 100, &source).unwrap().len())
            .collect();
        assert_eq!(sizes, [100, 100, 50]);

        // 1 MiB is 1.33 MiB in base64: four fit, five do not.
        let mut large: VecDeque<_> = (0..5)
            .map(|offset| record(0, offset, Message::new(vec![0; 1024 * 1024], 0)))
            .collect();
        let batch = cut(&mut large, "logs", 100, &source).unwrap();
        assert_eq!((batch.len(), large.len()), (4, 1));
        assert!(
            source
                .event("logs", &batch.iter().collect::<Vec<_>>())
                .len()
                <= PAYLOAD_BYTES
        );
    }

    #[test]
    fn a_record_beyond_the_payload_is_an_error_that_names_it() {
        let mut waiting = VecDeque::from([record(2, 9, Message::new(vec![0; 5 * 1024 * 1024], 0))]);
        let error = cut(&mut waiting, "logs", 100, &Source::msk("b")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "logs-2 offset 9: the record alone exceeds the 6 MB of an invocation"
        );
    }
}
