//! Sorts what lines add into the items and cells they belong to.
//!
//! The number of items an hour can have is bounded by their keys (interfaces; a few buckets of services), the number
//! of cells in each by the item itself. Known items and cells are found without allocating.

use tollkeeper::rollup::{self, Cells, ItemKey, Shard, Traffic, log_bucket};
use tollkeeper::time::Hour;

use crate::fingerprint::{self, Fingerprint};
use crate::intern::Interner;
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
    interfaces: Interner<Interface>,
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

/// Log lines of one dimension, by something of type `W` besides the service.
struct Logged<W> {
    updates: Vec<Update<(u32, u64)>>,
    buckets: Interner<(u32, Hour)>,
    places: Interner<Place<W>>,
}

impl<W> Default for Logged<W> {
    fn default() -> Self {
        Self {
            updates: Vec::new(),
            buckets: Interner::default(),
            places: Interner::default(),
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

impl<'s> Counts<'s> {
    pub(crate) fn new(shard: &'s Shard, keep: Keep) -> Self {
        Self {
            shard,
            keep,
            traffic: Vec::new(),
            interfaces: Interner::default(),
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
        let number = self.interfaces.number(
            &(account, interface, hour),
            |known| known.id == interface && known.hour == hour && known.account == account,
            || {
                let key = self.shard.traffic(account, interface, hour);
                self.traffic.push(update(key, hour, self.keep));
                Interface {
                    account: account.to_owned(),
                    id: interface.to_owned(),
                    hour,
                }
            },
        );
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
        let (updates, buckets) = (&mut self.updates, &mut self.buckets);
        let mut is_new = false;
        let cell = self.places.number(
            &(service, hour, what),
            |known| known.what == what && known.hour == hour && known.service == service,
            || {
                is_new = true;
                let bucket = log_bucket(service);
                let query = (bucket, hour);
                let number = buckets.number(
                    &query,
                    |known| *known == query,
                    || {
                        updates.push(update(key(bucket), hour, keep));
                        query
                    },
                );
                Place {
                    service: service.to_owned(),
                    hour,
                    what,
                    update: number,
                }
            },
        );
        if let Some(place) = self.places.get(cell) {
            self.updates[place.update as usize]
                .parts
                .push((offset, (cell, bytes)));
        }
        is_new
    }

    fn done(self) -> Dimension<Logs> {
        let cell = |place: Place<W>| LogCell {
            name: format!("{}|{}", place.service, place.what),
            other: format!("other|{}", place.what),
        };
        Dimension {
            updates: self.updates,
            cells: self.places.into_keys().into_iter().map(cell).collect(),
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
