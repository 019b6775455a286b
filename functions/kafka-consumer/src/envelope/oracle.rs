//! The same reading by serde_json's own means, a value at a time: slow, and plain to see.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a record says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen<'a> {
    pub(super) offset: Option<i64>,
    pub(super) timestamp: Option<i64>,
    pub(super) value: Result<Option<Vec<u8>>, &'static str>,
    pub(super) raw: &'a [u8],
}

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// The records of each partition, or `None` where an event has no map of arrays.
pub(super) fn read(event: &str) -> Option<BTreeMap<String, Vec<Seen<'_>>>> {
    let event: Object = parse(event)?;
    let source: String = parse(event.get("eventSource")?.get())?;
    if source != "aws:kafka" && source != "SelfManagedKafka" {
        return None;
    }
    let partitions: BTreeMap<String, &RawValue> = parse(event.get("records")?.get())?;
    partitions
        .into_iter()
        .map(|(id, records)| {
            let records: Option<Vec<&RawValue>> = parse(records.get())?;
            let mut records: Vec<Seen> = records
                .unwrap_or_default()
                .into_iter()
                .map(|raw| record(raw.get()))
                .collect();
            records.sort_by_key(|record| record.offset);
            records.dedup_by(|later, first| later.offset.is_some() && later.offset == first.offset);
            Some((id, records))
        })
        .collect()
}

fn record(raw: &str) -> Seen<'_> {
    let fields: Option<Object> = parse(raw);
    let field = |name| fields.as_ref()?.get(name).map(|raw| raw.get());
    let number = |name| parse::<i64>(field(name)?).filter(|number| *number >= 0);
    let value = match field("value") {
        _ if fields.is_none() => Err("record is no JSON object"),
        _ if number("offset").is_none() => Err("record has no offset"),
        None | Some("null") => Ok(None),
        Some(json) => parse::<String>(json)
            .map(|text| Some(text.into_bytes()))
            .ok_or("value is no string"),
    };
    Seen {
        offset: number("offset"),
        timestamp: number("timestamp"),
        value,
        raw: raw.as_bytes(),
    }
}

/// A record's key, if it is a string.
pub(super) fn key(record: &[u8]) -> Option<String> {
    parse(
        parse::<Object>(std::str::from_utf8(record).ok()?)?
            .get("key")?
            .get(),
    )
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    serde_json::from_str(json).ok()
}
