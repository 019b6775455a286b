//! Situations.

use super::*;

/// A record's decoded value, or what is wrong with it.
fn decoded(record: &Record<'_>) -> Result<Option<String>, &'static str> {
    let mut buffer = Vec::new();
    let value = record.decode_into(&mut buffer)?;
    Ok(value.map(|bytes| String::from_utf8(bytes.to_owned()).unwrap()))
}

#[test]
fn an_odd_record_fails_neither_its_batch_nor_its_neighbours() {
    let event = include_str!("../../../../events/kafka-consumer/odd-records.json");
    let partitions = read(event).unwrap();
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
    let event = r#"{"eventSource":"aws:kafka","records":{"a-b-12":[{"offset":3,"value":"x"},{"offset":2},{"offset":3}]}}"#;
    let partitions = read(event).unwrap();
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
fn escapes_in_names_keys_and_values_are_read() {
    let event = r#"{"event\u0053ource":"SelfManaged\u004bafka","records":{"caf\u00e9\u002d7":
        [{"off\u0073et" : 1, "value":"\/\/8\/", "key":"aGk\u003d", "timest\u0061mp" :5}]}}"#;
    let partitions = read(event).unwrap();
    let partition = &partitions[0];
    assert_eq!((partition.topic.as_str(), partition.number), ("café", 7));
    let record = &partition.records[0];
    assert_eq!((record.offset, record.timestamp), (Some(1), Some(5)));
    assert_eq!(record.key().as_deref(), Some("aGk="));
    let mut buffer = Vec::new();
    assert_eq!(
        record.decode_into(&mut buffer),
        Ok(Some([0xff, 0xff, 0x3f].as_slice()))
    );
}

#[test]
fn records_that_begin_alike_are_told_apart() {
    let event = r#"{"eventSource":"aws:kafka","records":{"t-0":[
        {"topic":"t","value":"MQ==","offset":1,"value":"Mg=="},{"topic":"t","value":"MQ==","offset":2},
        {"topic":"t","offset":3,"value":"Mw=="},{"topic":"t","offset":4},{"topic":"t"},{}]}}"#;
    let partitions = read(event).unwrap();
    let seen: Vec<_> = partitions[0]
        .records
        .iter()
        .map(|record| (record.offset, decoded(record)))
        .collect();
    let some = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(
        seen,
        [
            (None, Err("record has no offset")),
            (None, Err("record has no offset")),
            (Some(1), some("2")),
            (Some(2), some("1")),
            (Some(3), some("3")),
            (Some(4), Ok(None)),
        ]
    );
}

#[test]
fn values_are_decoded_one_after_the_other_into_one_buffer() {
    let event = r#"{"eventSource":"aws:kafka","records":{"t-0":[
        {"offset":1,"value":"bG9uZ2Vy"},{"offset":2,"value":"aGk="},{"offset":3,"value":null},
        {"offset":4,"value":"no base64"},{"offset":5,"value":"aGk"},{"offset":6,"value":""},{"value":"aGk="}]}}"#;
    let partitions = read(event).unwrap();
    let mut buffer = Vec::new();
    let mut seen = Vec::new();
    for record in &partitions[0].records {
        let value = record.decode_into(&mut buffer);
        seen.push(
            value.map(|value| value.map(|bytes| String::from_utf8_lossy(bytes).into_owned())),
        );
    }
    let some = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(
        seen,
        [
            Err("record has no offset"),
            some("longer"),
            some("hi"),
            Ok(None),
            Err("value is not base64"),
            Err("value is not base64"),
            some(""),
        ]
    );
}

#[test]
fn of_a_name_that_comes_twice_the_last_one_counts() {
    let event = r#"{"eventSource":"aws:sqs","records":5,"eventSource":"aws:kafka","records":{
        "t-0":"odd","t-0":[{"offset":9,"offset":1,"value":{},"value":"aGk="}]}}"#;
    let partitions = read(event).unwrap();
    assert_eq!(partitions.len(), 1);
    let records = &partitions[0].records;
    assert_eq!(records[0].offset, Some(1));
    assert_eq!(decoded(&records[0]), Ok(Some("hi".to_owned())));
}

#[test]
fn a_partition_without_records_is_none_the_less_there() {
    let event = r#"{"records":{"t-1":null,"t-0":[]},"eventSource":"aws:kafka"}"#;
    let partitions = read(event).unwrap();
    let seen: Vec<_> = partitions
        .iter()
        .map(|partition| (partition.id.as_str(), partition.records.len()))
        .collect();
    assert_eq!(seen, [("t-0", 0), ("t-1", 0)]);
}

#[test]
fn a_payload_that_is_no_kafka_event_is_an_error_that_names_the_envelope_only() {
    let message = |json: &str| read(json).unwrap_err().found;
    assert_eq!(message("[]"), "it is no JSON object");
    for json in [
        "{}",
        r#"{"eventSource":null}"#,
        r#"{"Records":[{"eventSource":"aws:sqs"}]}"#,
    ] {
        assert_eq!(message(json), "it has no eventSource");
    }
    assert_eq!(
        message(r#"{"eventSource":"aws:sqs"}"#),
        "its eventSource is `aws:sqs`"
    );
    for json in [
        r#"{"eventSource":"aws:kafka"}"#,
        r#"{"eventSource":"aws:kafka","records":null}"#,
    ] {
        assert_eq!(message(json), "it has no records");
    }
    for records in [r#""secret""#, r#"{"t-0":"secret"}"#, r#"{"\ud800-0":[]}"#] {
        let json = format!(r#"{{"eventSource":"aws:kafka","records":{records}}}"#);
        assert_eq!(message(&json), "its records are no map of arrays");
    }
    assert_eq!(
        message(r#"{"eventSource":"aws:kafka","records":{"logs":[]}}"#),
        "a key of its records is no topic-partition"
    );
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let event = format!(
        r#"{{"eventSource":"aws:kafka","records":{{"t-0":[{{"offset":1,"headers":{deep},"value":"aGk="}}]}}}}"#
    );
    let partitions = read(&event).unwrap();
    assert_eq!(
        decoded(&partitions[0].records[0]),
        Ok(Some("hi".to_owned()))
    );
}
