//! The event of a Kafka source, read tolerantly and in one pass.
//!
//! Headers, timestamps and fields that nobody needs are never interpreted, so an odd byte in them cannot fail anything.
//! Each record is read on its own: one that is broken is poison, not the end of its batch. Only a payload that is no
//! Kafka event at all is an error. Where a name comes twice in an object the last one counts, as in other JSON readers.
//! Records borrow from the payload and nothing is allocated for one, unless a string in it has escapes. This module
//! refuses to know what a value means.

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
mod record;
mod scanner;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use tollkeeper::error::Fault;

pub use record::Record;
pub use scanner::Quoted;
use scanner::{Broken, Scanner};

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

/// Reads an event of MSK or of a self-managed cluster, as Lambda sent it: no JSON parser has to see it before. What is
/// no JSON is no Kafka event, as far as that shows while records are looked for.
pub fn read(event: &(impl AsRef<[u8]> + ?Sized)) -> Result<Vec<Partition<'_>>, NotKafka> {
    let envelope =
        Envelope::scan(event.as_ref()).map_err(|Broken| not_kafka("it is no JSON object"))?;
    match envelope.source.as_deref() {
        Some("aws:kafka" | "SelfManagedKafka") => {}
        Some(source) => {
            let start: String = source.chars().take(40).collect();
            return Err(not_kafka(&format!("its eventSource is `{start}`")));
        }
        None => return Err(not_kafka("it has no eventSource")),
    }
    match envelope.records {
        Records::Missing => Err(not_kafka("it has no records")),
        Records::Odd => Err(not_kafka("its records are no map of arrays")),
        Records::Of(batches) => batches
            .into_iter()
            .map(|(id, batch)| partition(id, batch))
            .collect(),
    }
}

/// What matters of the event's object.
#[derive(Default)]
struct Envelope<'a> {
    source: Option<Cow<'a, str>>,
    records: Records<'a>,
}

#[derive(Default)]
enum Records<'a> {
    #[default]
    Missing,
    Odd,
    Of(BTreeMap<String, Batch<'a>>),
}

impl<'a> Envelope<'a> {
    fn scan(text: &'a [u8]) -> Result<Self, Broken> {
        let mut scanner = Scanner::new(text);
        let mut envelope = Self::default();
        scanner.each(*b"{}", |scanner| {
            match scanner.key()?.read().as_deref() {
                Some("eventSource") => envelope.source = scanner.text()?,
                Some("records") => envelope.records = Records::scan(scanner)?,
                _ => drop(scanner.skip()?),
            }
            Ok(())
        })?;
        Ok(envelope)
    }
}

impl<'a> Records<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Result<Self, Broken> {
        if scanner.peek()? != b'{' {
            return Ok(match scanner.skip()? {
                b"null" => Self::Missing,
                _ => Self::Odd,
            });
        }
        let mut batches = BTreeMap::new();
        let mut odd = false;
        scanner.each(*b"{}", |scanner| {
            let id = scanner.key()?.read();
            let batch = Batch::scan(scanner)?;
            match id {
                Some(id) => drop(batches.insert(id.into_owned(), batch)),
                None => odd = true,
            }
            Ok(())
        })?;
        let batches = batches
            .into_iter()
            .map(|(id, batch)| Some((id, batch?)))
            .collect();
        Ok(match batches {
            Some(batches) if !odd => Self::Of(batches),
            _ => Self::Odd,
        })
    }
}

/// Records that room is made for at once: twice what Lambda puts in a batch.
const MOST_LIKELY: usize = 20_000;

/// The records of a partition, in the order they came in.
struct Batch<'a> {
    records: Vec<Record<'a>>,
    /// Whether that is the order wanted, as it is in what AWS sends.
    rising: bool,
}

impl<'a> Batch<'a> {
    /// `None` for what is neither an array nor null.
    fn scan(scanner: &mut Scanner<'a>) -> Result<Option<Self>, Broken> {
        let mut batch = Self {
            records: Vec::new(),
            rising: true,
        };
        if scanner.peek()? != b'[' {
            return Ok((scanner.skip()? == b"null").then_some(batch));
        }
        let mut last = None;
        let mut start: &[u8] = b"";
        scanner.each(*b"[]", |scanner| {
            let record = Record::scan(scanner, &mut start)?;
            batch.rising &= last.is_none() || last < record.offset;
            last = record.offset;
            if batch.records.is_empty() {
                // Records of a topic are alike: room for all of them at once, in place of a list that is copied as it grows.
                let likely = scanner.left() / record.raw.len().max(1) + 1;
                batch.records.reserve(likely.min(MOST_LIKELY));
            }
            batch.records.push(record);
            Ok(())
        })?;
        Ok(Some(batch))
    }

    /// By offset, each offset once, its first record.
    fn sorted(mut self) -> Vec<Record<'a>> {
        if !self.rising {
            self.records.sort_by_key(|record| record.offset);
            self.records
                .dedup_by(|later, first| later.offset.is_some() && later.offset == first.offset);
        }
        self.records
    }
}

fn partition(id: String, batch: Batch<'_>) -> Result<Partition<'_>, NotKafka> {
    let (topic, number) = id
        .rsplit_once('-')
        .and_then(|(topic, number)| Some((topic.to_owned(), number.parse().ok()?)))
        .filter(|(topic, _)| !topic.is_empty())
        .ok_or_else(|| not_kafka("a key of its records is no topic-partition"))?;
    Ok(Partition {
        id,
        topic,
        number,
        records: batch.sorted(),
    })
}

fn not_kafka(found: &str) -> NotKafka {
    NotKafka {
        found: found.to_owned(),
    }
}
