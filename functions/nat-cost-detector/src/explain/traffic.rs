//! One day's traffic at the NAT gateways' interfaces, by interface and hour, wherever it was read from.

use std::collections::BTreeMap;
use std::ops::Range;

use tollkeeper::flow_log::{LineError, Record};
use tollkeeper::rollup::{Sums, Tally, Traffic};
use tollkeeper::services::IpRanges;
use tollkeeper::time::{Day, Hour};

/// A day's traffic. The files in S3 and the Rollups table give the same one on the same records.
#[derive(Debug, Clone, PartialEq)]
pub struct DayTraffic {
    /// The day (by the start of each flow).
    pub day: Day,
    /// Sums by interface and hour.
    pub hours: BTreeMap<(String, Hour), Traffic>,
    /// Lines that could not be read.
    pub bad_lines: u64,
}

impl DayTraffic {
    /// A day without any traffic yet.
    pub fn empty(day: Day) -> Self {
        Self {
            day,
            hours: BTreeMap::new(),
            bad_lines: 0,
        }
    }

    /// Adds sums of an interface's hour.
    pub fn add(&mut self, interface: &str, hour: Hour, traffic: &Traffic) {
        self.hours
            .entry((interface.to_owned(), hour))
            .or_default()
            .merge(traffic);
    }

    /// Adds another part of the same day.
    pub fn merge(&mut self, other: &Self) {
        for ((interface, hour), traffic) in &other.hours {
            self.add(interface, *hour, traffic);
        }
        self.bad_lines += other.bad_lines;
    }

    /// Bytes of both counted legs.
    pub fn bytes(&self) -> u64 {
        let cells = self
            .hours
            .values()
            .flat_map(|traffic| traffic.cells.values());
        cells
            .fold(Sums::default(), |mut all, sums| {
                all.add(*sums);
                all
            })
            .bytes
    }

    /// Bytes whose leg the log's format does not tell.
    pub fn unclassified_bytes(&self) -> u64 {
        self.hours
            .values()
            .map(|traffic| traffic.unclassified.bytes)
            .sum()
    }

    /// SKIPDATA lines.
    pub fn skipped(&self) -> u64 {
        self.hours.values().map(|traffic| traffic.skipped).sum()
    }

    /// Whether nothing at all was recorded.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }
}

/// A day's traffic while it is being counted from a log's records.
#[derive(Debug)]
pub struct DayTally {
    day: Day,
    seconds: Range<i64>,
    tally: Tally,
    bad_lines: u64,
}

impl DayTally {
    /// Nothing counted yet.
    pub fn new(day: Day) -> Self {
        Self {
            day,
            seconds: day.start().as_second()..day.end().as_second(),
            tally: Tally::new(),
            bad_lines: 0,
        }
    }

    /// Counts a record if it started on this day at one of the interfaces; an odd one as a bad line.
    pub fn count(
        &mut self,
        record: &Record<'_>,
        is_nat: impl Fn(&str) -> bool,
        ranges: Option<&IpRanges>,
    ) {
        if is_nat(record.recorder()) && self.count_at_nat(record, ranges).is_err() {
            self.bad_line();
        }
    }

    fn count_at_nat(
        &mut self,
        record: &Record<'_>,
        ranges: Option<&IpRanges>,
    ) -> Result<(), LineError> {
        if self.seconds.contains(&record.start()?) {
            // Unlike an item of the Rollups table, memory needs no bound on cells: every source keeps its name.
            self.tally.record(record, ranges)?;
        }
        Ok(())
    }

    /// Counts a line that could not be read.
    pub fn bad_line(&mut self) {
        self.bad_lines += 1;
    }

    /// What was counted.
    pub fn traffic(&self) -> DayTraffic {
        DayTraffic {
            day: self.day,
            hours: self.tally.hours(),
            bad_lines: self.bad_lines,
        }
    }
}
