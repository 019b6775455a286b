//! The events that the contenders read: what a Kafka event source hands over, just under Lambda's 6 MB.
//!
//! Made from a seed, so that every run has the same bytes. Lines are written so that there is but one way to read them:
//! the comparison is of speed, not of how odd input is understood.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::lines::{self, HOUR_MS, START_MS};

/// What an event is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A topic of JSON logs.
    Json,
    /// A topic of flow logs, one to five lines a record.
    FlowLogs,
    /// Both and a topic of logfmt, besides tombstones and poison.
    Mixed,
}

const SIZE: usize = 5_900_000;
const PARTITIONS: usize = 3;

/// The event.
pub(super) fn event(kind: Kind) -> String {
    let mut random = StdRng::seed_from_u64(2026);
    let topics: &[&str] = match kind {
        Kind::Json => &["app-logs"],
        Kind::FlowLogs => &["flow-logs"],
        Kind::Mixed => &["app-logs", "flow-logs", "shop-logs"],
    };
    let most = SIZE / (topics.len() * PARTITIONS);
    let partitions: Vec<String> = topics
        .iter()
        .flat_map(|topic| (0..PARTITIONS).map(move |number| (*topic, number)))
        .map(|(topic, number)| {
            let records = records(&mut random, topic, number, most, kind == Kind::Mixed);
            format!(r#""{topic}-{number}":[{records}]"#)
        })
        .collect();
    format!(
        r#"{{"eventSource":"aws:kafka","eventSourceArn":"arn:aws:kafka:us-east-1:123456789012:cluster/logs/1","bootstrapServers":"b-1.logs.example:9098","records":{{{}}}}}"#,
        partitions.join(",")
    )
}

/// Records of a partition, of `most` bytes together.
fn records(
    random: &mut StdRng,
    topic: &str,
    partition: usize,
    most: usize,
    flawed: bool,
) -> String {
    let mut records = Vec::new();
    let mut length = 0;
    let mut offset: u64 = random.random_range(1_000_000..2_000_000);
    let mut at = START_MS;
    while length < most {
        offset += 1;
        // The event spans two hours.
        at = START_MS + (at - START_MS + random.random_range(0..3_000)) % (2 * HOUR_MS);
        let value = value(random, topic, at, flawed);
        let value = value.map_or("null".to_owned(), |value| quoted(&value));
        let key = match random.random_range(0..2) {
            0 => "null".to_owned(),
            _ => quoted(random.random::<u64>().to_string().as_bytes()),
        };
        let headers = match random.random_range(0..10) {
            0 => r#"[{"source":[118,101,99,116,111,114,45,49]}]"#,
            _ => "[]",
        };
        let record = format!(
            r#"{{"topic":"{topic}","partition":{partition},"offset":{offset},"timestamp":{at},"timestampType":"CREATE_TIME","key":{key},"value":{value},"headers":{headers}}}"#
        );
        length += record.len() + 1;
        records.push(record);
    }
    records.join(",")
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", STANDARD.encode(bytes))
}

/// `None` for a tombstone.
fn value(random: &mut StdRng, topic: &str, at: i64, flawed: bool) -> Option<Vec<u8>> {
    if flawed {
        match random.random_range(0..200) {
            0 | 1 => return None,
            2 => return Some(vec![0xff, 0xfe, 0xfd]),
            3 => return Some(br#"{"level":"info","service":"#.to_vec()),
            _ => {}
        }
    }
    Some(
        match topic {
            "flow-logs" => (0..random.random_range(1..=5))
                .map(|_| lines::flow_log(random, at))
                .collect::<Vec<_>>()
                .join("\n"),
            "shop-logs" => lines::logfmt(random, at),
            _ => lines::json(random, at),
        }
        .into_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_consumer::envelope;

    #[test]
    fn an_event_is_the_same_each_time_and_as_large_as_said() {
        let event = event(Kind::Mixed);
        assert_eq!(event, super::event(Kind::Mixed));
        assert!(
            (5_900_000..6_000_000).contains(&event.len()),
            "{}",
            event.len()
        );
        let partitions = envelope::read(&event).unwrap();
        let tombstones = partitions
            .iter()
            .flat_map(|partition| &partition.records)
            .filter(|record| record.value == Ok(None))
            .count();
        assert_eq!(partitions.len(), 9);
        assert!(tombstones > 10, "{tombstones}");
    }
}
