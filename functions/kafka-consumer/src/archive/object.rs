//! An object of the archive: its rows, compressed as they come, and its name.

use std::io::{self, Write};

use base64_simd::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::to_writer;
use tollkeeper::rollup::Shard;
use tollkeeper::time::Hour;

/// How hard rows are compressed: for a third more time than level 1 a third less to keep; level 6 takes three times as
/// long for a tenth less.
const LEVEL: Compression = Compression::new(2);

/// Bytes of rows that are compressed in one go.
const CHUNK: usize = 64 * 1024;

/// Rows of one partition's part of a batch, by offset; in memory they are compressed already.
#[derive(Debug)]
pub struct Rows {
    shard: Shard,
    /// What each row begins with, up to its offset.
    start: Vec<u8>,
    /// Rows that are not compressed yet.
    waiting: Vec<u8>,
    gzip: GzEncoder<Vec<u8>>,
    extent: Option<Extent>,
}

#[derive(Debug)]
struct Extent {
    name: String,
    first: i64,
    last: i64,
    records: u64,
}

/// An object to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name: `topic=<topic>/date=<day>/hour=<hour>/<partition>-<epoch>-<first offset>.ndjson.gz`, a pure function
    /// of partition, epoch and the first record.
    pub name: String,
    /// Its rows, compressed with gzip; the same rows give the same bytes.
    pub bytes: Vec<u8>,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Rows.
    pub records: u64,
}

impl Rows {
    /// No rows yet.
    pub fn of(shard: &Shard) -> io::Result<Self> {
        let mut start = b"{\"topic\":".to_vec();
        to_writer(&mut start, &shard.topic)?;
        write!(
            start,
            ",\"partition\":{},\"epoch\":{},\"offset\":",
            shard.partition, shard.epoch
        )?;
        Ok(Self {
            shard: shard.clone(),
            start,
            waiting: Vec::with_capacity(CHUNK),
            gzip: GzEncoder::new(Vec::new(), LEVEL),
            extent: None,
        })
    }

    /// Adds a record; call it by offset. `timestamp` is Kafka's in Unix milliseconds, `key` in base64 as it came,
    /// `value` as bytes: kept as text where they are UTF-8, else in base64; `None` for a tombstone.
    pub fn add(
        &mut self,
        offset: i64,
        timestamp: Option<i64>,
        key: Option<&str>,
        value: Option<&[u8]>,
    ) -> io::Result<()> {
        let rows = &mut self.waiting;
        rows.extend_from_slice(&self.start);
        to_writer(&mut *rows, &offset)?;
        rows.extend_from_slice(b",\"timestamp\":");
        to_writer(&mut *rows, &timestamp)?;
        rows.extend_from_slice(b",\"key\":");
        to_writer(&mut *rows, &key)?;
        // Text stays a string even where it is JSON: one schema, whatever the records hold.
        match value.map(|bytes| str::from_utf8(bytes).map_err(|_| bytes)) {
            None => rows.extend_from_slice(b",\"value\":null"),
            Some(Ok(text)) => {
                rows.extend_from_slice(b",\"value\":");
                to_writer(&mut *rows, text)?;
            }
            Some(Err(bytes)) => {
                rows.extend_from_slice(b",\"value_base64\":\"");
                STANDARD.encode_append(bytes, rows);
                rows.push(b'"');
            }
        }
        rows.extend_from_slice(b"}\n");
        if rows.len() >= CHUNK {
            self.compress()?;
        }
        let extent = self.extent.get_or_insert_with(|| Extent {
            name: name(&self.shard, offset, timestamp),
            first: offset,
            last: offset,
            records: 0,
        });
        extent.last = extent.last.max(offset);
        extent.records += 1;
        Ok(())
    }

    /// The object; `None` without any row.
    pub fn finish(mut self) -> io::Result<Option<Object>> {
        self.compress()?;
        let Some(extent) = self.extent else {
            return Ok(None);
        };
        Ok(Some(Object {
            name: extent.name,
            bytes: self.gzip.finish()?,
            first_offset: extent.first,
            last_offset: extent.last,
            records: extent.records,
        }))
    }

    fn compress(&mut self) -> io::Result<()> {
        self.gzip.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }
}

fn name(shard: &Shard, offset: i64, timestamp: Option<i64>) -> String {
    // A record without a time says so. Any other guess (now, a neighbour's time) would not be the same in a replay.
    let (date, hour) = timestamp
        .and_then(|milliseconds| Hour::of_unix_seconds(milliseconds.div_euclid(1000)))
        .map_or(("unknown".to_owned(), "unknown".to_owned()), |hour| {
            let of_day = hour.unix_seconds().rem_euclid(86_400) / 3600;
            (hour.day().to_string(), format!("{of_day:02}"))
        });
    let Shard {
        topic,
        partition,
        epoch,
    } = shard;
    let topic = escaped(topic);
    format!("topic={topic}/date={date}/hour={hour}/{partition}-{epoch}-{offset:020}.ndjson.gz")
}

/// A topic's name with all but the characters that Kafka allows as `%XX`, so that none can reach into another's folder.
fn escaped(topic: &str) -> String {
    use std::fmt::Write;
    topic
        .bytes()
        .fold(String::with_capacity(topic.len()), |mut text, byte| {
            if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
                text.push(char::from(byte));
            } else {
                // Writing to a string does not fail.
                let _ = write!(text, "%{byte:02X}");
            }
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use proptest::prelude::*;
    use std::io::Read;

    fn shard(topic: &str) -> Shard {
        Shard {
            topic: topic.to_owned(),
            partition: 3,
            epoch: 1,
        }
    }

    fn text(object: &Object) -> String {
        let mut text = String::new();
        GzDecoder::new(&object.bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    fn name_of(topic: &str, timestamp: Option<i64>) -> String {
        let mut rows = Rows::of(&shard(topic)).unwrap();
        rows.add(42, timestamp, None, None).unwrap();
        rows.finish().unwrap().unwrap().name
    }

    #[test]
    fn a_row_has_position_time_key_and_value_of_its_record() {
        let mut rows = Rows::of(&shard("app-logs")).unwrap();
        rows.add(
            7,
            Some(1_791_903_660_123),
            Some("a2V5"),
            Some(br#"{"level":"info"}"#),
        )
        .unwrap();
        rows.add(9, None, None, Some(b"\xff\xfe")).unwrap();
        rows.add(10, Some(1_791_903_661_000), None, None).unwrap();
        let object = rows.finish().unwrap().unwrap();
        assert_eq!(
            (object.first_offset, object.last_offset, object.records),
            (7, 10, 3)
        );
        insta::assert_snapshot!(text(&object), @r#"
        {"topic":"app-logs","partition":3,"epoch":1,"offset":7,"timestamp":1791903660123,"key":"a2V5","value":"{\"level\":\"info\"}"}
        {"topic":"app-logs","partition":3,"epoch":1,"offset":9,"timestamp":null,"key":null,"value_base64":"//4="}
        {"topic":"app-logs","partition":3,"epoch":1,"offset":10,"timestamp":1791903661000,"key":null,"value":null}
        "#);
    }

    #[test]
    fn the_first_record_names_the_object() {
        let mut rows = Rows::of(&shard("app-logs")).unwrap();
        rows.add(7, Some(1_791_903_660_123), None, None).unwrap();
        rows.add(8, Some(0), None, None).unwrap();
        let object = rows.finish().unwrap().unwrap();
        insta::assert_snapshot!(object.name, @"topic=app-logs/date=2026-10-13/hour=15/3-1-00000000000000000007.ndjson.gz");
    }

    #[test]
    fn a_first_record_without_a_time_of_the_calendar_says_so() {
        let unknown = "topic=t/date=unknown/hour=unknown/3-1-00000000000000000042.ndjson.gz";
        assert_eq!(name_of("t", None), unknown);
        assert_eq!(name_of("t", Some(i64::MAX)), unknown);
    }

    #[test]
    fn no_topic_reaches_into_anothers_folder() {
        let name = name_of("a/date=2026-01-01%2F", None);
        assert!(
            name.starts_with("topic=a%2Fdate%3D2026-01-01%252F/date=unknown/"),
            "{name}"
        );
    }

    #[test]
    fn without_a_row_there_is_no_object() {
        assert_eq!(Rows::of(&shard("t")).unwrap().finish().unwrap(), None);
    }

    proptest! {
        #[test]
        fn every_record_comes_back_from_its_row(
            topic in "\\PC{1,20}",
            records in proptest::collection::vec((any::<Option<i64>>(), any::<Option<String>>(), any::<Option<Vec<u8>>>()), 1..20),
        ) {
            let mut rows = Rows::of(&shard(&topic)).unwrap();
            for (offset, (timestamp, key, value)) in (0..).zip(&records) {
                rows.add(offset, *timestamp, key.as_deref(), value.as_deref()).unwrap();
            }
            let text = text(&rows.finish().unwrap().unwrap());
            prop_assert_eq!(text.lines().count(), records.len());
            for (line, (offset, (timestamp, key, value))) in text.lines().zip((0..).zip(&records)) {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                prop_assert_eq!(&row["topic"], &topic);
                prop_assert_eq!(row["offset"].as_i64(), Some(offset));
                prop_assert_eq!(row["timestamp"].as_i64(), *timestamp);
                prop_assert_eq!(row["key"].as_str(), key.as_deref());
                let back = match (row["value"].as_str(), row["value_base64"].as_str()) {
                    (text, None) => text.map(|text| text.as_bytes().to_vec()),
                    (_, Some(base64)) => Some(STANDARD.decode_to_vec(base64).unwrap()),
                };
                prop_assert_eq!(&back, value);
            }
        }
    }
}
