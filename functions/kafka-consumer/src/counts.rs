//! Sorts what lines add into the items and cells they belong to.
//!
//! The number of items an hour can have is bounded by their keys (interfaces; a few buckets of services), the number
//! of cells in each by the item itself. Known items and cells are found without allocating.

use tollkeeper::intern::{Index, Number};
use tollkeeper::rollup::{self, Cells, ItemKey, Shard, Traffic, log_bucket};
use tollkeeper::time::Hour;

use crate::fingerprint::{self, Fingerprint};
use crate::item::{FlowPart, LogCell, Logs, Update};
use crate::plan::{Dimension, Keep};
use crate::reading::{Entry, Level, LogLine};
use crate::samples::Sample;

/// Errors of a batch of which a sample is kept.
const MOST_SAMPLES: usize = 100;

/// Updates and samples of a batch.
pub(crate) struct Counted {
    pub(crate) traffic: Dimension<Traffic>,
    pub(crate) levels: Dimension<Logs>,
    pub(crate) errors: Dimension<Logs>,
    pub(crate) samples: Vec<Sample>,
}

/// Updates under way.
pub(crate) struct Counts<'s> {
    shard: &'s Shard,
    keep: Keep,
    traffic: Vec<Update<FlowPart>>,
    interfaces: Vec<Interface>,
    by_interface: Index,
    cells: Cells,
    levels: Logged<Level>,
    errors: Logged<Fingerprint>,
    samples: Vec<Sample>,
}

/// An interface's hour; its number is its update's.
struct Interface {
    account: String,
    id: String,
    hour: Hour,
}

impl Interface {
    fn key(&self) -> (&str, &str, Hour) {
        (&self.account, &self.id, self.hour)
    }
}

/// Log lines of one dimension, by something of type `W` besides the service.
struct Logged<W> {
    updates: Vec<Update<(u32, u64)>>,
    buckets: Vec<(u32, Hour)>,
    by_bucket: Index,
    places: Vec<Place<W>>,
    by_place: Index,
}

impl<W> Default for Logged<W> {
    fn default() -> Self {
        Self {
            updates: Vec::new(),
            buckets: Vec::new(),
            by_bucket: Index::default(),
            places: Vec::new(),
            by_place: Index::default(),
        }
    }
}

/// Where lines go; its number is the cell's.
struct Place<W> {
    service: String,
    hour: Hour,
    what: W,
    update: u32,
}

impl<W: Copy> Place<W> {
    fn key(&self) -> (&str, Hour, W) {
        (&self.service, self.hour, self.what)
    }
}

impl<'s> Counts<'s> {
    pub(crate) fn new(shard: &'s Shard, keep: Keep) -> Self {
        Self {
            shard,
            keep,
            traffic: Vec::new(),
            interfaces: Vec::new(),
            by_interface: Index::default(),
            cells: Cells::default(),
            levels: Logged::default(),
            errors: Logged::default(),
            samples: Vec::new(),
        }
    }

    /// Adds what a line of the record at `offset` says.
    pub(crate) fn add(&mut self, offset: i64, entry: &Entry<'_>) {
        match entry {
            Entry::Traffic {
                account,
                interface,
                hour,
                counted,
            } => {
                let part = match counted {
                    rollup::Counted::Cell(key, sums) => FlowPart::Cell(self.cells.id(key), *sums),
                    rollup::Counted::Unclassified(sums) => FlowPart::Unclassified(*sums),
                    rollup::Counted::Skipped => FlowPart::Skipped,
                    rollup::Counted::Nothing => return,
                };
                self.interface(account, interface, *hour)
                    .parts
                    .push((offset, part));
            }
            Entry::Log {
                service,
                hour,
                line,
                error,
            } => {
                self.line(offset, service, *hour, *line);
                if let Some(message) = error {
                    self.error(offset, service, *hour, line.bytes, message);
                }
            }
        }
    }

    fn interface(&mut self, account: &str, interface: &str, hour: Hour) -> &mut Update<FlowPart> {
        let key = (account, interface, hour);
        let number = match self
            .by_interface
            .number(key, &self.interfaces, Interface::key)
        {
            Number::Known(number) => number,
            Number::New(number) => {
                let key = self.shard.traffic(account, interface, hour);
                self.traffic.push(update(key, hour, self.keep));
                self.interfaces.push(Interface {
                    account: account.to_owned(),
                    id: interface.to_owned(),
                    hour,
                });
                number
            }
        };
        &mut self.traffic[number as usize]
    }

    fn line(&mut self, offset: i64, service: &str, hour: Hour, line: LogLine) {
        let (shard, keep) = (self.shard, self.keep);
        let key = |bucket| shard.levels(bucket, hour);
        self.levels
            .push(offset, (service, hour, line.level), line.bytes, key, keep);
    }

    fn error(&mut self, offset: i64, service: &str, hour: Hour, bytes: u64, message: &str) {
        let (shard, keep) = (self.shard, self.keep);
        let key = |bucket| shard.errors(bucket, hour);
        let fingerprint = fingerprint::of(service, message);
        let place = (service, hour, fingerprint);
        let is_new = self.errors.push(offset, place, bytes, key, keep);
        // What is not sampled now is when it comes again: nothing is counted by it.
        if is_new && self.samples.len() < MOST_SAMPLES {
            self.samples
                .push(Sample::new(fingerprint, service, message));
        }
    }

    /// All updates, in the order in which their items first came.
    pub(crate) fn done(self) -> Counted {
        Counted {
            traffic: Dimension {
                updates: self.traffic,
                cells: self.cells,
            },
            levels: self.levels.done(),
            errors: self.errors.done(),
            samples: self.samples,
        }
    }
}

impl<W: Copy + Eq + std::hash::Hash + std::fmt::Display> Logged<W> {
    /// Adds a line; whether it is the first of its cell.
    fn push(
        &mut self,
        offset: i64,
        (service, hour, what): (&str, Hour, W),
        bytes: u64,
        key: impl Fn(u32) -> ItemKey,
        keep: Keep,
    ) -> bool {
        let query = (service, hour, what);
        let (cell, is_new) = match self.by_place.number(query, &self.places, Place::key) {
            Number::Known(cell) => (cell, false),
            Number::New(cell) => {
                let update = self.update(service, hour, key, keep);
                self.places.push(Place {
                    service: service.to_owned(),
                    hour,
                    what,
                    update,
                });
                (cell, true)
            }
        };
        let update = self.places[cell as usize].update;
        self.updates[update as usize]
            .parts
            .push((offset, (cell, bytes)));
        is_new
    }

    /// The number of the update that a service's hour belongs to.
    fn update(
        &mut self,
        service: &str,
        hour: Hour,
        key: impl Fn(u32) -> ItemKey,
        keep: Keep,
    ) -> u32 {
        let bucket = (log_bucket(service), hour);
        match self
            .by_bucket
            .number(bucket, &self.buckets, |bucket| *bucket)
        {
            Number::Known(number) => number,
            Number::New(number) => {
                self.buckets.push(bucket);
                self.updates.push(update(key(bucket.0), hour, keep));
                number
            }
        }
    }

    fn done(self) -> Dimension<Logs> {
        let cell = |place: Place<W>| LogCell {
            name: format!("{}|{}", place.service, place.what),
            other: format!("other|{}", place.what),
        };
        Dimension {
            updates: self.updates,
            cells: self.places.into_iter().map(cell).collect(),
        }
    }
}

fn update<P>(key: ItemKey, hour: Hour, keep: Keep) -> Update<P> {
    Update {
        key,
        expires_at: keep.expiry(hour.unix_seconds() + 3600),
        parts: Vec::new(),
    }
}
