use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

fn raw(json: &str) -> Box<RawValue> {
    serde_json::from_str(json).unwrap()
}

/// A record's decoded value, or what is wrong with it.
fn decoded(record: &Record<'_>) -> Result<Option<String>, &'static str> {
    let mut buffer = Vec::new();
    let value = record.decode_into(&mut buffer)?;
    Ok(value.map(|bytes| String::from_utf8(bytes.to_owned()).unwrap()))
}

#[test]
fn an_odd_record_fails_neither_its_batch_nor_its_neighbours() {
    let event = raw(include_str!(
        "../../../../events/kafka-consumer/odd-records.json"
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
fn escapes_in_names_keys_and_values_are_read() {
    let event = raw(
        r#"{"event\u0053ource":"SelfManaged\u004bafka","records":{"caf\u00e9\u002d7":
        [{"off\u0073et" : 1, "value":"\/\/8\/", "key":"aGk\u003d", "timest\u0061mp" :5}]}}"#,
    );
    let partitions = read(&event).unwrap();
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
    let event = raw(r#"{"eventSource":"aws:kafka","records":{"t-0":[
        {"topic":"t","value":"MQ==","offset":1,"value":"Mg=="},{"topic":"t","value":"MQ==","offset":2},
        {"topic":"t","offset":3,"value":"Mw=="},{"topic":"t","offset":4},{"topic":"t"},{}]}}"#);
    let partitions = read(&event).unwrap();
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
    let event = raw(r#"{"eventSource":"aws:kafka","records":{"t-0":[
        {"offset":1,"value":"bG9uZ2Vy"},{"offset":2,"value":"aGk="},{"offset":3,"value":null},
        {"offset":4,"value":"no base64"},{"offset":5,"value":"aGk"},{"offset":6,"value":""},{"value":"aGk="}]}}"#);
    let partitions = read(&event).unwrap();
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
    let event = raw(
        r#"{"eventSource":"aws:sqs","records":5,"eventSource":"aws:kafka","records":{
        "t-0":"odd","t-0":[{"offset":9,"offset":1,"value":{},"value":"aGk="}]}}"#,
    );
    let partitions = read(&event).unwrap();
    assert_eq!(partitions.len(), 1);
    let records = &partitions[0].records;
    assert_eq!(records[0].offset, Some(1));
    assert_eq!(decoded(&records[0]), Ok(Some("hi".to_owned())));
}

#[test]
fn a_partition_without_records_is_none_the_less_there() {
    let event = raw(r#"{"records":{"t-1":null,"t-0":[]},"eventSource":"aws:kafka"}"#);
    let partitions = read(&event).unwrap();
    let seen: Vec<_> = partitions
        .iter()
        .map(|partition| (partition.id.as_str(), partition.records.len()))
        .collect();
    assert_eq!(seen, [("t-0", 0), ("t-1", 0)]);
}

#[test]
fn a_payload_that_is_no_kafka_event_is_an_error_that_names_the_envelope_only() {
    let message = |json: &str| read(&raw(json)).unwrap_err().found;
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
    let partitions = read_text(&event).unwrap();
    assert_eq!(
        decoded(&partitions[0].records[0]),
        Ok(Some("hi".to_owned()))
    );
}

/// Any of these texts.
fn any_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(texts).prop_map(str::to_owned)
}

/// Members or elements between brackets, with blanks in odd places.
fn list(
    open: char,
    entry: impl Strategy<Value = String>,
    close: char,
    most: usize,
) -> impl Strategy<Value = String> {
    let entry = (
        any_of(&["", " ", "\n\t", "\r\n "]),
        entry,
        any_of(&["", " "]),
    );
    let entry = entry.prop_map(|(before, entry, after)| format!("{before}{entry}{after}"));
    proptest::collection::vec(entry, 0..most)
        .prop_map(move |entries| format!("{open}{}{close}", entries.join(",")))
}

/// Objects whose members have these keys and values, in any order and number.
fn object(
    keys: &'static [&'static str],
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    let member = (any_of(keys), any_of(&[":", " : "]), value)
        .prop_map(|(key, colon, value)| format!("\"{key}\"{colon}{value}"));
    list('{', member, '}', 10)
}

fn record_text() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &[
        "offset",
        "off\\u0073et",
        "timestamp",
        "timestampType",
        "value",
        "val\\u0075e",
        "key",
        "topic",
        "partition",
        "headers",
        "valueSchemaMetadata",
        "offset\\\\",
        "",
    ];
    const VALUES: &[&str] = &[
        "null",
        "true",
        "0",
        "7",
        "8",
        "-0",
        "-1",
        "1.0",
        "1e3",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999",
        "\"aGk=\"",
        "\"\\/8\\u0041=\"",
        "\"CREATE_TIME\"",
        "\"a\\\\\"",
        "\"\\\"]}\"",
        "\"é\"",
        "[]",
        "{}",
        "[{\"h\":[104,-61,200,300]},{\"h\":null},\"odd\"]",
        "{\"schemaId\":\"7\",\"offset\":4}",
        "[[48,48,45,52,98,102,57,50,102,51,53,55,55,98,51,52,100,97,54,97,51,99,101,57,50,57,100,48,101,48,101,52,55]]",
    ];
    prop_oneof![
        9 => (object(KEYS, any_of(VALUES)), any::<bool>()).prop_map(|(object, offset)| match object.strip_prefix('{') {
            // Few would have an offset that can be read.
            Some(members) if offset && members != "}" => format!("{{\"offset\":{},{members}", members.len() % 9),
            _ => object,
        }),
        1 => any_of(VALUES),
    ]
}

fn event_text() -> impl Strategy<Value = String> {
    const IDS: &[&str] = &[
        "t-0",
        "t-1",
        "t\\u002d1",
        "a-b-12",
        "caf\\u00e9-3",
        "é\\/-4",
    ];
    let records = prop_oneof![
        20 => list('[', record_text(), ']', 8),
        1 => any_of(&["null", "null", "{}", "5"]),
    ];
    let source = prop_oneof![
        9 => any_of(&["\"aws:kafka\"", "\"SelfManagedKafka\""]),
        1 => any_of(&["\"aws:sqs\"", "null", "7"]),
    ];
    let blank = any_of(&["", " ", "\n"]);
    (source, object(IDS, records), record_text(), blank, any::<bool>()).prop_map(
        |(source, records, other, blank, twice)| {
            let first = if twice { r#""records":{"t-9":[]},"# } else { "" };
            format!(
                r#"{{{first}"eventSource"{blank}:{source},{blank}"records":{blank}{records},"x":{other}{blank}}}"#
            )
        },
    )
}

/// Whether a key says topic and partition.
fn named(id: &str) -> bool {
    let parts = id.rsplit_once('-');
    parts.is_some_and(|(topic, number)| !topic.is_empty() && number.parse::<i32>().is_ok())
}

/// What the reader says in the oracle's words.
fn seen(event: &str) -> Option<BTreeMap<String, Vec<Record<'_>>>> {
    let partitions = read_text(event).ok()?;
    Some(
        partitions
            .into_iter()
            .map(|partition| (partition.id, partition.records))
            .collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_kafka_event_is_read_as_serde_json_reads_it(event in event_text()) {
        let seen = seen(&event);
        prop_assert_eq!(&seen, &oracle::read(&event), "{}", event);
        for record in seen.into_iter().flat_map(BTreeMap::into_values).flatten() {
            prop_assert_eq!(record.key().map(Cow::into_owned), oracle::key(record.raw), "{}", record.raw);
        }
    }

    #[test]
    fn a_broken_payload_neither_panics_nor_loops_and_a_good_one_is_still_read_right(
        event in event_text(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..3, any_of(&[
            "\"", "\\", "{", "}", "[", "]", ",", ":", " ", "0", "-", "u", "\u{0}", "é", "null",
        ])), 1..6),
    ) {
        let mut characters: Vec<String> = event.chars().map(String::from).collect();
        for (place, kind, text) in edits {
            let place = place.index(characters.len());
            match kind {
                0 => characters[place] = text,
                1 => characters.insert(place, text),
                _ => characters.truncate(place.max(1)),
            }
        }
        let event = characters.concat();
        let seen = seen(&event);
        // What serde_json itself takes for good: halves of surrogate pairs, say, are beyond the oracle.
        if serde_json::from_str::<serde_json::Value>(&event).is_ok() {
            let expected = oracle::read(&event)
                .filter(|partitions| partitions.keys().all(|id| named(id)));
            prop_assert_eq!(seen, expected, "{}", event);
        }
    }

    #[test]
    fn base64_is_decoded_as_strictly_as_by_the_base64_crate(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        edit in proptest::option::of((any::<prop::sample::Index>(), "[A-Za-z0-9+/= \\-_]")),
    ) {
        let mut text = STANDARD.encode(&bytes);
        if let Some((place, with)) = edit && !text.is_empty() {
            let place = place.index(text.len());
            text.replace_range(place..=place, &with);
        }
        let record = Record { offset: Some(1), timestamp: None, value: Ok(Some(text.clone().into())), raw: "" };
        let mut buffer = b"earlier".to_vec();
        let ours = record.decode_into(&mut buffer).ok().flatten().map(<[u8]>::to_owned);
        prop_assert_eq!(ours, STANDARD.decode(&text).ok());
    }
}
