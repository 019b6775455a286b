//! The mapping while it runs: collects a batch until it is full or its window is over, invokes, goes on.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::{MappingBuilder, MappingReport};
use crate::Error;
use crate::kafka::Record;
use crate::kafka::reader::Reader;

/// How long a poller that found nothing new leaves the broker alone.
const PAUSE: Duration = Duration::from_millis(20);

/// An event source mapping that polls in the background. Dropping it ends it at once, also in the middle of a batch,
/// which comes again then.
#[derive(Debug)]
pub struct Poller {
    report: watch::Receiver<MappingReport>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Error>>,
}

impl Poller {
    pub(super) fn start(mapping: MappingBuilder) -> Result<Self, Error> {
        let reader = Reader::new(mapping.kafka.bootstrap_servers(), &mapping.topic)?;
        let (reports, report) = watch::channel(MappingReport::default());
        let (stop, stopped) = watch::channel(false);
        let polling = Polling {
            next: mapping.next_offsets(),
            mapping,
            reader,
            waiting: VecDeque::new(),
            stopped,
        };
        Ok(Self {
            report,
            stop,
            task: tokio::spawn(polling.run(reports)),
        })
    }

    /// What it has come to so far; it changes with each batch.
    pub fn report(&self) -> MappingReport {
        self.report.borrow().clone()
    }

    /// Waits until `is_enough` says so of the report, or until the poller has ended by itself: [`Self::stop`] says why.
    /// It has no deadline of its own.
    pub async fn wait_for(&self, is_enough: impl FnMut(&MappingReport) -> bool) -> MappingReport {
        // The error is that there will be no other report.
        let _ = self.report.clone().wait_for(is_enough).await;
        self.report()
    }

    /// Stops polling: a batch that the function has is finished, one that still fills up stays for the next poller or
    /// drain. The error is what ended it before.
    pub async fn stop(mut self) -> Result<MappingReport, Error> {
        self.stop.send_replace(true);
        let ended = (&mut self.task).await;
        ended.map_err(|error| Error::io("poll a topic")(std::io::Error::other(error)))??;
        Ok(self.report())
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Polling {
    mapping: MappingBuilder,
    reader: Reader,
    /// Where to read on: behind what is waiting or collected, ahead of what is committed.
    next: BTreeMap<i32, i64>,
    waiting: VecDeque<Record>,
    stopped: watch::Receiver<bool>,
}

impl Polling {
    async fn run(mut self, reports: watch::Sender<MappingReport>) -> Result<(), Error> {
        let mut report = MappingReport::default();
        while let Some(batch) = self.collect().await? {
            let is_done = self.mapping.deliver(&batch, &mut report).await?;
            if is_done {
                self.mapping.commit(&batch);
            }
            reports.send_replace(report.clone());
            if !is_done {
                break;
            }
        }
        Ok(())
    }

    /// The next batch; `None` once stopped.
    async fn collect(&mut self) -> Result<Option<Vec<Record>>, Error> {
        let mut batch = self.mapping.batch();
        let mut window_ends = None;
        loop {
            batch.fill(&mut self.waiting)?;
            let now = Instant::now();
            if window_ends.is_none() && !batch.is_empty() {
                window_ends = Some(now + self.mapping.window);
            }
            if *self.stopped.borrow() {
                return Ok(None);
            }
            if batch.is_full() || window_ends.is_some_and(|end| end <= now) {
                return Ok(Some(batch.into_records()));
            }
            let found = self.reader.read(self.next.clone()).await?;
            if found.is_empty() {
                let pause = now + PAUSE;
                let until = window_ends.map_or(pause, |end| end.min(pause));
                tokio::select! {
                    () = sleep_until(until) => {}
                    _ = self.stopped.changed() => {}
                }
            }
            let behind = |record: &Record| (record.partition, record.offset + 1);
            self.next.extend(found.iter().map(behind));
            self.waiting.extend(found);
        }
    }
}
