//! What one writes in an hour: the typed event of `aws_lambda_events`, `base64`, a `serde_json::Value` a line.

use std::collections::HashMap;

use aws_lambda_events::event::kafka::KafkaEvent;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::sums::{Sums, add};

#[derive(Debug, Default)]
pub(super) struct Counted {
    logs: HashMap<(String, String, String), [u64; 2]>,
    traffic: HashMap<(String, String, char, String, String), [u64; 3]>,
    unreadable: usize,
}

pub(super) fn round(payload: &[u8]) -> serde_json::Result<Counted> {
    let event: KafkaEvent = serde_json::from_slice(payload)?;
    let mut counted = Counted::default();
    for record in event.records.values().flatten() {
        let Some(value) = &record.value else {
            continue;
        };
        let read = STANDARD
            .decode(value)
            .ok()
            .and_then(|value| match record.topic.as_deref() {
                Some("flow-logs") => counted.flow_logs(&value),
                Some("shop-logs") => counted.logfmt(&value),
                _ => counted.json(&value),
            });
        if read.is_none() {
            counted.unreadable += 1;
        }
    }
    Ok(counted)
}

impl Counted {
    fn json(&mut self, value: &[u8]) -> Option<()> {
        let line: Value = serde_json::from_slice(value).ok()?;
        let field = |name: &str| line[name].as_str();
        self.log(
            field("timestamp")?,
            field("service")?,
            field("level")?,
            value.len(),
        )
    }

    fn logfmt(&mut self, value: &[u8]) -> Option<()> {
        let line = std::str::from_utf8(value).ok()?;
        // What is looked for has no blanks.
        let field = |name: &str| {
            let mut words = line.split(' ');
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        };
        self.log(
            field("time")?,
            field("service")?,
            field("level")?,
            value.len(),
        )
    }

    fn log(&mut self, time: &str, service: &str, level: &str, bytes: usize) -> Option<()> {
        let key = (
            time.get(..13)?.to_owned(),
            service.to_owned(),
            level.to_owned(),
        );
        add(self.logs.entry(key).or_default(), [1, bytes as u64]);
        Some(())
    }

    fn flow_logs(&mut self, value: &[u8]) -> Option<()> {
        for line in std::str::from_utf8(value).ok()?.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let field = |column: usize| fields.get(column).copied();
            if (field(12)?, field(13)?) != ("ACCEPT", "OK") {
                continue;
            }
            let (from, to, first, last) = (field(3)?, field(4)?, field(19)?, field(20)?);
            let (leg, source, service) = match (from == first, to == last) {
                (true, false) => ('A', first, field(26)?),
                (false, true) => ('D', last, field(25)?),
                _ => continue,
            };
            let start = jiff::Timestamp::from_second(field(10)?.parse().ok()?).ok()?;
            let hour = start.to_string().get(..13)?.to_owned();
            let key = (
                field(2)?.to_owned(),
                hour,
                leg,
                source.to_owned(),
                service.to_owned(),
            );
            let bytes = field(9)?.parse().ok()?;
            let packets = field(8)?.parse().ok()?;
            add(self.traffic.entry(key).or_default(), [bytes, packets, 1]);
        }
        Some(())
    }
}

impl From<Counted> for Sums {
    fn from(counted: Counted) -> Self {
        Self {
            logs: counted
                .logs
                .into_iter()
                .map(|((hour, service, level), sums)| (format!("{hour}|{service}|{level}"), sums))
                .collect(),
            traffic: counted
                .traffic
                .into_iter()
                .map(|((interface, hour, leg, source, service), sums)| {
                    (format!("{interface}|{hour}|{leg}|{source}|{service}"), sums)
                })
                .collect(),
            unreadable: counted.unreadable,
        }
    }
}
