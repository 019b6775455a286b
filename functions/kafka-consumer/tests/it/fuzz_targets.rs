//! What is fuzzed: each target takes any bytes, and panics where it finds a fault.
//!
//! Used by the seeded loop of `fuzz.rs`, on stable, and by the coverage-guided targets in `fuzz/`. Calls into the
//! crate are kept to one small function for each interface, at the end.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafka_consumer::reading::{Entry, Rules, TopicFormat};
use kafka_consumer::{compressed, fingerprint, redaction};
use tollkeeper::flow_log::{Format, LineReader};

/// Secrets that no surroundings may save from being redacted. No seed has them: glued to something they may survive.
const SECRETS: [&str; 3] = [
    "AKIAI44QH8DHBEXAMPLE",
    "5500 0000 0000 0004",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
];

/// An event: reads its envelope and each record's value.
pub(crate) fn envelope(data: &[u8]) {
    let Ok(event) = std::str::from_utf8(data) else {
        return;
    };
    for records in read_envelope(event) {
        let offsets: Vec<i64> = records.iter().filter_map(|(offset, _)| *offset).collect();
        assert!(
            offsets.is_sorted_by(|a, b| a < b),
            "each offset once, in order: {offsets:?}"
        );
        for (_, value) in records {
            if let Some(Ok(value)) = value.map(|value| STANDARD.decode(value)) {
                read_all_formats(&value);
            }
        }
    }
}

/// A value, in every format.
pub(crate) fn value(data: &[u8]) {
    read_all_formats(data);
}

/// A compressed value.
pub(crate) fn inflate(data: &[u8]) {
    let mut buffer = Vec::new();
    match compressed::inflate(data, &mut buffer) {
        Ok(inflated) if compressed::Format::of(data).is_none() => assert_eq!(inflated, data),
        Ok(inflated) => assert!(inflated.len() <= compressed::LIMIT),
        Err(reason) => assert!(!reason.to_string().is_empty()),
    }
    assert!(
        buffer.capacity() <= compressed::LIMIT,
        "{}",
        buffer.capacity()
    );
}

/// A text with secrets in the middle.
pub(crate) fn redact(data: &[u8]) {
    let around = String::from_utf8_lossy(data);
    for secret in SECRETS {
        let text = format!("{around} {secret} {around}");
        let max = data.len() % 700;
        for redacted in [
            redaction::redact(&text, redaction::WINDOW),
            redaction::redact(&text, max),
        ] {
            assert!(!redacted.contains(secret), "{redacted}");
            assert!(redacted.len() <= redaction::WINDOW);
        }
        assert!(redaction::redact(&text, max).chars().count() <= max);
    }
}

/// An error message.
pub(crate) fn fingerprint(data: &[u8]) {
    let message = String::from_utf8_lossy(data);
    let template = fingerprint::template(&message);
    assert!(template.len() <= fingerprint::TEMPLATE && !template.contains('\n'));
    assert_eq!(
        fingerprint::of("pay", &message),
        fingerprint::of("pay", &message)
    );
}

/// A flow-log format on the first line, records of it below.
pub(crate) fn flow_log(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (header, lines) = text.split_once('\n').unwrap_or((&text, &text));
    let format = Format::parse(header).unwrap_or_else(|_| Format::version_2().clone());
    let mut reader = LineReader::new(Some(&format));
    for line in lines.lines() {
        if let Some(Ok(record)) = reader.read(line.as_bytes()) {
            assert!(line.contains(record.interface_id()) && line.contains(record.account_id()));
            // Columns are read when they are asked for.
            let _ = (
                record.start(),
                record.bytes(),
                record.packets(),
                record.status(),
            );
            let _ = record.nat_side();
        }
    }
}

fn read_all_formats(value: &[u8]) {
    for format in [
        TopicFormat::FlowLogs,
        TopicFormat::Json,
        TopicFormat::Logfmt,
        TopicFormat::Syslog,
        TopicFormat::Plain,
        TopicFormat::Detect,
    ] {
        for timestamp in [
            None,
            Some(1_791_900_000_123),
            Some(i64::MIN),
            Some(i64::MAX),
        ] {
            let read = read_value(format, value, timestamp);
            assert!(
                read.log_bytes <= value.len() as u64,
                "a line is no longer than its value"
            );
            // Several JSON values on one line are rejected one by one, a newline between them.
            assert!(
                read.rejected <= 2 * value.len(),
                "what is rejected is in the value"
            );
            let all_fine = read.reason.is_none();
            assert!(
                !all_fine || format != TopicFormat::Json || read.entries > 0,
                "no JSON is lost in silence"
            );
        }
    }
}

// The adapters: what changes when an interface does.

/// Of each partition, the offset and the base64 of each record.
type Records = Vec<(Option<i64>, Option<String>)>;

fn read_envelope(event: &str) -> Vec<Records> {
    let partitions = kafka_consumer::envelope::read(event).unwrap_or_default();
    let records = |partition: kafka_consumer::envelope::Partition<'_>| {
        let record = |record: kafka_consumer::envelope::Record<'_>| {
            let raw = std::str::from_utf8(record.raw).unwrap();
            assert!(event.contains(raw));
            let value = record
                .value
                .ok()
                .flatten()
                .and_then(kafka_consumer::envelope::Quoted::bytes);
            let value = value.map(|value| String::from_utf8(value.into_owned()).unwrap());
            (record.offset, value)
        };
        partition.records.into_iter().map(record).collect()
    };
    partitions.into_iter().map(records).collect()
}

#[derive(Default)]
struct Read {
    entries: usize,
    log_bytes: u64,
    rejected: usize,
    reason: Option<String>,
}

fn read_value(format: TopicFormat, value: &[u8], timestamp: Option<i64>) -> Read {
    let mut read = Read::default();
    let rejected = Rules::default().read(format, value, timestamp, &mut |entry| {
        read.entries += 1;
        if let Entry::Log { line, .. } = entry {
            read.log_bytes += line.bytes;
        }
    });
    if let Some(rejected) = rejected {
        read.rejected = rejected.bytes.len();
        read.reason = Some(rejected.reason);
    }
    read
}
