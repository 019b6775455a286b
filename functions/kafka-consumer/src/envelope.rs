//! The event of a Kafka source, read tolerantly.
//!
//! Headers, keys, timestamps and fields that nobody needs are never interpreted, so an odd byte in them cannot fail
//! anything. Each record is read on its own: one that is broken is poison, not the end of its batch. Only a payload
//! that is no Kafka event at all is an error. This module refuses to know what a value means.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollkeeper::error::Fault;

/// A payload that no Kafka event source sends. Names what is wrong with the envelope, never a record's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a Kafka event: {found}; expected eventSource `aws:kafka` or `SelfManagedKafka` and a map of records"
)]
pub struct NotKafka {
    found: String,
}

impl Fault for NotKafka {
    fn fault_type(&self) -> &'static str {
        "Event.NotKafka"
    }
}

/// The records of one partition in one event.
#[derive(Debug)]
pub struct Partition<'a> {
    /// AWS's name of it, `logs-0`: what a partial answer must repeat.
    pub id: String,
    /// Topic.
    pub topic: String,
    /// Number of the partition.
    pub number: i32,
    /// By offset, each offset once; records without a readable offset come first.
    pub records: Vec<Record<'a>>,
}

/// One record, its value still in base64.
#[derive(Debug)]
pub struct Record<'a> {
    /// Its offset; `None` where the record has no readable one.
    pub offset: Option<i64>,
    /// Kafka's timestamp in Unix milliseconds; `None` for Kafka's -1 and whatever else is no time.
    pub timestamp: Option<i64>,
    /// The value; `None` for a tombstone.
    pub value: Result<Option<Cow<'a, str>>, &'static str>,
    /// The record as it came, for the quarantine.
    pub raw: &'a str,
}

#[derive(Deserialize)]
struct RawEvent<'a> {
    #[serde(rename = "eventSource", borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    records: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawRecord<'a> {
    #[serde(borrow)]
    offset: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads an event of MSK or of a self-managed cluster.
pub fn read(event: &RawValue) -> Result<Vec<Partition<'_>>, NotKafka> {
    let envelope: RawEvent = parse(event.get()).ok_or_else(|| not_kafka("it is no JSON object"))?;
    match envelope
        .source
        .and_then(|source| parse::<Text>(source.get()))
    {
        Some(Text(source)) if source == "aws:kafka" || source == "SelfManagedKafka" => {}
        Some(Text(source)) => {
            let start: String = source.chars().take(40).collect();
            return Err(not_kafka(&format!("its eventSource is `{start}`")));
        }
        None => return Err(not_kafka("it has no eventSource")),
    }
    let records = envelope
        .records
        .ok_or_else(|| not_kafka("it has no records"))?;
    let records: BTreeMap<String, Option<Vec<&RawValue>>> =
        parse(records.get()).ok_or_else(|| not_kafka("its records are no map of arrays"))?;
    records
        .into_iter()
        .map(|(id, records)| partition(id, &records.unwrap_or_default()))
        .collect()
}

fn partition<'a>(id: String, records: &[&'a RawValue]) -> Result<Partition<'a>, NotKafka> {
    let (topic, number) = id
        .rsplit_once('-')
        .and_then(|(topic, number)| Some((topic.to_owned(), number.parse().ok()?)))
        .filter(|(topic, _)| !topic.is_empty())
        .ok_or_else(|| not_kafka("a key of its records is no topic-partition"))?;
    let mut records: Vec<Record> = records.iter().map(|raw| record(raw.get())).collect();
    records.sort_by_key(|record| record.offset);
    records.dedup_by(|later, first| later.offset.is_some() && later.offset == first.offset);
    Ok(Partition {
        id,
        topic,
        number,
        records,
    })
}

fn record(raw: &str) -> Record<'_> {
    let Some(fields) = parse::<RawRecord>(raw) else {
        return Record {
            offset: None,
            timestamp: None,
            value: Err("record is no JSON object"),
            raw,
        };
    };
    let number = |field: Option<&RawValue>| {
        field
            .and_then(|field| parse::<i64>(field.get()))
            .filter(|number| *number >= 0)
    };
    let offset = number(fields.offset);
    let value = match fields.value {
        _ if offset.is_none() => Err("record has no offset"),
        None => Ok(None),
        Some(value) => match parse::<Text>(value.get()) {
            Some(Text(text)) => Ok(Some(text)),
            None => Err("value is no string"),
        },
    };
    Record {
        offset,
        timestamp: number(fields.timestamp),
        value,
        raw,
    }
}

/// The parser's own messages may quote the payload: they are dropped here.
fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    serde_json::from_str(json).ok()
}

fn not_kafka(found: &str) -> NotKafka {
    NotKafka {
        found: found.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_odd_record_fails_neither_its_batch_nor_its_neighbours() {
        let event = raw(include_str!(
            "../../../events/kafka-consumer/odd-records.json"
        ));
        let partitions = read(&event).unwrap();
        assert_eq!(partitions.len(), 1);
        let partition = &partitions[0];
        assert_eq!(
            (partition.topic.as_str(), partition.number),
            ("app-logs", 0)
        );
        let seen: Vec<_> = partition
            .records
            .iter()
            .map(|record| {
                let value = record.value.as_ref().map(Option::is_some);
                (
                    record.offset,
                    record.timestamp,
                    value.map_err(|reason| *reason),
                )
            })
            .collect();
        let at = Some(1_791_900_000_123);
        assert_eq!(
            seen,
            [
                (None, at, Err("record has no offset")),
                (None, None, Err("record is no JSON object")),
                (Some(100), at, Ok(true)),
                (Some(101), at, Ok(true)),
                (Some(102), at, Ok(true)),
                (Some(103), None, Ok(true)),
                (Some(104), at, Ok(false)),
                (Some(105), at, Ok(false)),
                (Some(106), at, Err("value is no string")),
            ]
        );
    }

    #[test]
    fn records_come_by_offset_and_each_offset_once() {
        let event = raw(
            r#"{"eventSource":"aws:kafka","records":{"a-b-12":[{"offset":3,"value":"x"},{"offset":2},{"offset":3}]}}"#,
        );
        let partitions = read(&event).unwrap();
        assert_eq!(
            (partitions[0].topic.as_str(), partitions[0].number),
            ("a-b", 12)
        );
        let offsets: Vec<_> = partitions[0].records.iter().map(|r| r.offset).collect();
        assert_eq!(offsets, [Some(2), Some(3)]);
        assert!(
            matches!(partitions[0].records[1].value, Ok(Some(_))),
            "the first one is kept"
        );
    }

    #[test]
    fn a_payload_that_is_no_kafka_event_is_an_error_that_names_the_envelope_only() {
        let message = |json: &str| read(&raw(json)).unwrap_err().found;
        assert_eq!(message("[]"), "it is no JSON object");
        assert_eq!(
            message(r#"{"Records":[{"eventSource":"aws:sqs"}]}"#),
            "it has no eventSource"
        );
        assert_eq!(
            message(r#"{"eventSource":"aws:sqs"}"#),
            "its eventSource is `aws:sqs`"
        );
        assert_eq!(
            message(r#"{"eventSource":"aws:kafka"}"#),
            "it has no records"
        );
        assert_eq!(
            message(r#"{"eventSource":"aws:kafka","records":"secret"}"#),
            "its records are no map of arrays"
        );
        assert_eq!(
            message(r#"{"eventSource":"aws:kafka","records":{"logs":[]}}"#),
            "a key of its records is no topic-partition"
        );
    }

    proptest! {
        #[test]
        fn no_payload_makes_the_reader_panic(source in "\\PC*", key in "\\PC*", record in "\\PC*") {
            let event = serde_json::json!({"eventSource": source, "records": {key: [record, {"offset": 1}]}});
            let _ = read(&raw(&event.to_string()));
        }
    }
}
