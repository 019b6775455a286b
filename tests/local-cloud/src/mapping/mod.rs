//! An event source mapping: polls a topic and invokes a function with it, as Lambda documents it.
//!
//! Batches of a size and at most 6 MB, mixed over partitions and in order within each; an error, a crash or a timeout
//! brings the batch again; partial answers are read as [`Partial`] says. Draining ends when nothing is left; a
//! batching window lets a batch that is not full wait for what is produced meanwhile. Offsets are kept with the cloud, by
//! topic and function, and move only when a batch is done.

mod event;
mod poller;
mod verdict;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Error;
use crate::kafka::reader::Reader;
use crate::kafka::{Kafka, Record};
use crate::runtime::{Function, Reply};
use event::{Batch, Source};
pub use poller::Poller;
pub use verdict::Partial;
use verdict::verdict;

/// Next offsets by (topic, function), then by partition.
pub(crate) type Offsets = Arc<Mutex<BTreeMap<(String, String), BTreeMap<i32, i64>>>>;

/// What AWS gives a batch of a Kafka source to fill up.
const WINDOW: Duration = Duration::from_millis(500);

/// Says how to poll; made by [`crate::LocalCloud::mapping`].
#[derive(Debug)]
#[must_use = "nothing is polled until drain or run"]
pub struct MappingBuilder {
    kafka: Kafka,
    offsets: Offsets,
    topic: String,
    function: Function,
    source: Source,
    batch_size: usize,
    window: Duration,
    partial: Partial,
    max_attempts: u32,
}

/// What a drain came to, or a [`Poller`] so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingReport {
    /// Batches that were done, the retried ones once.
    pub batches: usize,
    /// Invocations beyond the first of each batch.
    pub retries: usize,
    /// Records that are behind us: taken by the function, or given away by an ignored partial answer.
    pub records: usize,
    /// Records that the function named as failed while partial answers are off: lost, as on AWS.
    pub lost: usize,
    /// Partial answers that could not be read and brought the whole batch again: why, in order.
    pub refused_answers: Vec<String>,
    /// Set when a batch failed as often as allowed: its records and all later ones are still there for the next one.
    pub stuck: Option<String>,
}

impl MappingBuilder {
    pub(crate) fn new(kafka: &Kafka, offsets: &Offsets, topic: &str, function: &Function) -> Self {
        Self {
            kafka: kafka.clone(),
            offsets: offsets.clone(),
            topic: topic.to_owned(),
            function: function.clone(),
            source: Source::msk(kafka.bootstrap_servers()),
            batch_size: 100,
            window: WINDOW,
            partial: Partial::Off,
            max_attempts: 5,
        }
    }

    /// The most records a batch takes (100 without this, as on AWS; at most 10,000).
    pub fn batch_size(mut self, records: usize) -> Self {
        self.batch_size = records.clamp(1, 10_000);
        self
    }

    /// How long a batch may fill up, from its first record on, before a running poller invokes with it (500 ms without
    /// this, as on AWS; at most 300 s, where AWS takes whole seconds only). A drain never waits.
    pub fn batching_window(mut self, window: Duration) -> Self {
        self.window = window.min(Duration::from_mins(5));
        self
    }

    /// How answers are read ([`Partial::Off`] without this, as on AWS).
    pub fn partial(mut self, partial: Partial) -> Self {
        self.partial = partial;
        self
    }

    /// Sends events of a self-managed cluster instead of MSK's.
    pub fn self_managed(mut self) -> Self {
        self.source = Source::self_managed(self.kafka.bootstrap_servers());
        self
    }

    /// How often a batch is tried before drain or poller give up (5 without this; AWS tries until the records expire).
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Reads from the start of the topic again, whatever was done before: a rewind of the consumer group.
    pub fn from_start(self) -> Self {
        self.offsets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key());
        self
    }

    /// Invokes the function with everything in the topic that it has not had, until there is nothing left or a batch
    /// fails too often.
    pub async fn drain(self) -> Result<MappingReport, Error> {
        let reader = Reader::new(self.kafka.bootstrap_servers(), &self.topic)?;
        let mut report = MappingReport::default();
        loop {
            let mut waiting = VecDeque::from(reader.read(self.next_offsets()).await?);
            if waiting.is_empty() {
                return Ok(report);
            }
            while !waiting.is_empty() {
                let mut batch = self.batch();
                batch.fill(&mut waiting)?;
                let batch = batch.into_records();
                if !self.deliver(&batch, &mut report).await? {
                    return Ok(report);
                }
                self.commit(&batch);
            }
        }
    }

    /// Polls beside whoever produces, until stopped or until a batch fails too often.
    pub fn run(self) -> Result<Poller, Error> {
        Poller::start(self)
    }

    fn batch(&self) -> Batch<'_> {
        Batch::new(&self.topic, &self.source, self.batch_size)
    }

    /// Brings one batch until it is done; `false` when it failed as often as allowed.
    async fn deliver(&self, batch: &[Record], report: &mut MappingReport) -> Result<bool, Error> {
        let mut open: Vec<&Record> = batch.iter().collect();
        for attempt in 1..=self.max_attempts {
            report.retries += usize::from(attempt > 1);
            let reply = self
                .function
                .invoke_bytes(self.source.event(&self.topic, &open))
                .await?;
            let verdict = verdict(&reply, &self.topic, &open, self.partial);
            report.lost += verdict.lost;
            report.refused_answers.extend(verdict.refused);
            open.retain(|record| verdict.again.contains(&(record.partition, record.offset)));
            report.stuck = (!open.is_empty()).then(|| stuck(&reply, &open, attempt));
            if open.is_empty() {
                report.batches += 1;
                report.records += batch.len();
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn key(&self) -> (String, String) {
        (self.topic.clone(), self.function.name().to_owned())
    }

    fn next_offsets(&self) -> BTreeMap<i32, i64> {
        self.offsets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&self.key())
            .cloned()
            .unwrap_or_default()
    }

    fn commit(&self, batch: &[Record]) {
        let mut offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        let next = offsets.entry(self.key()).or_default();
        next.extend(
            batch
                .iter()
                .map(|record| (record.partition, record.offset + 1)),
        );
    }
}

fn stuck(reply: &Reply, open: &[&Record], attempt: u32) -> String {
    let why = match reply.clone().into_result() {
        Ok(_) => "a partial answer".to_owned(),
        Err(error) => error,
    };
    format!(
        "{} records are still open after attempt {attempt}: {why}",
        open.len()
    )
}
