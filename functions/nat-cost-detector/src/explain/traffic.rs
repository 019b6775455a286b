//! One day's traffic at the NAT gateways' interfaces, by interface and hour, wherever it was read from.
//!
//! A log of a whole VPC records a gateway's traffic again at each instance. One side is counted, never both: the
//! gateways' own ([`Side::Gateways`]); the instances' only for gateways that recorded nothing of use themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use tollkeeper::flow_log::{LineError, Record};
use tollkeeper::rollup::{Counted, Sums, Tally, Traffic};
use tollkeeper::services::IpRanges;
use tollkeeper::time::{Day, Hour};

/// Where a flow is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// At the NAT gateways' own interfaces: legs A and D.
    Gateways,
    /// At the instances' interfaces: what they exchange with public addresses, whichever way it took.
    Instances,
}

/// What is counted of a log.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Interfaces of NAT gateways, and the ids of those that have none (regional ones).
    pub nats: BTreeSet<String>,
    /// Where flows are counted.
    pub side: Side,
    /// AWS's address ranges.
    pub ranges: Option<Arc<IpRanges>>,
}

impl Watch {
    /// Whether lines of a recorder are looked at.
    pub fn wants(&self, recorder: &str) -> bool {
        self.nats.contains(recorder) == (self.side == Side::Gateways)
    }
}

/// Which way an instance's traffic took, as its own record tells: the name that its sums are kept under.
///
/// On the wire `eni-web|eni-nat` (handed to that interface), `eni-web|path 1` (its traffic path), or `eni-web|` where
/// the record does not say: all downloads, and logs without these fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing<'a> {
    /// The instance's interface.
    pub interface: &'a str,
    /// Which way.
    pub way: Way<'a>,
}

/// See [`Crossing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way<'a> {
    /// Handed to this interface.
    To(&'a str),
    /// Through another resource of the VPC, as NAT gateways are (path 1).
    InVpc,
    /// Some other path: an internet gateway, a gateway endpoint, another network.
    Elsewhere,
    /// Not said.
    Unsaid,
}

impl<'a> Crossing<'a> {
    /// Reads the name of sums in [`DayTraffic::instances`].
    pub fn parse(name: &'a str) -> Self {
        let (interface, way) = name.split_once('|').unwrap_or((name, ""));
        Self {
            interface,
            way: match way {
                "" => Way::Unsaid,
                "path 1" => Way::InVpc,
                other if other.starts_with("path ") => Way::Elsewhere,
                hop => Way::To(hop),
            },
        }
    }

    fn name(record: &Record<'_>, name: &mut String) {
        name.clear();
        name.push_str(record.recorder());
        name.push('|');
        match (record.next_hop_interface_id(), record.traffic_path()) {
            ("", None) => {}
            ("", Some(path)) => {
                // Writing into a String cannot fail.
                let _ = write!(name, "path {path}");
            }
            (hop, _) => name.push_str(hop),
        }
    }
}

/// A day's traffic. The files in S3 and the Rollups table give the same one on the same records.
#[derive(Debug, Clone, PartialEq)]
pub struct DayTraffic {
    /// The day (by the start of each flow).
    pub day: Day,
    /// Sums by gateway's interface and hour.
    pub hours: BTreeMap<(String, Hour), Traffic>,
    /// Sums at the instances' side by [`Crossing`] and hour; empty unless that side was counted.
    pub instances: BTreeMap<(String, Hour), Traffic>,
    /// Lines of interfaces that are not counted: a log of more than the gateways.
    pub other_lines: u64,
    /// Lines that could not be read.
    pub bad_lines: u64,
}

impl DayTraffic {
    /// A day without any traffic yet.
    pub fn empty(day: Day) -> Self {
        Self {
            day,
            hours: BTreeMap::new(),
            instances: BTreeMap::new(),
            other_lines: 0,
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
        for (key, traffic) in &other.instances {
            self.instances
                .entry(key.clone())
                .or_default()
                .merge(traffic);
        }
        self.other_lines += other.other_lines;
        self.bad_lines += other.bad_lines;
    }

    /// Gateways' interfaces (ids of regional ones) with traffic whose source is known.
    pub fn recorders(&self) -> BTreeSet<&str> {
        let told = |traffic: &Traffic| !traffic.cells.is_empty();
        self.hours
            .iter()
            .filter(|(_, traffic)| told(traffic))
            .map(|((recorder, _), _)| recorder.as_str())
            .collect()
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
        let all = self.hours.values().chain(self.instances.values());
        all.map(|traffic| traffic.skipped).sum()
    }

    /// Whether nothing at all was recorded.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty() && self.instances.is_empty()
    }
}

/// A day's traffic while it is being counted from a log's records.
#[derive(Debug)]
pub struct DayTally {
    day: Day,
    seconds: Range<i64>,
    tally: Tally,
    instances: Tally,
    other_lines: u64,
    bad_lines: u64,
    /// Kept for its room.
    name: String,
}

impl DayTally {
    /// Nothing counted yet.
    pub fn new(day: Day) -> Self {
        Self {
            day,
            seconds: day.start().as_second()..day.end().as_second(),
            tally: Tally::new(),
            instances: Tally::new(),
            other_lines: 0,
            bad_lines: 0,
            name: String::new(),
        }
    }

    /// Counts a record if it started on this day and is looked at; an odd one as a bad line.
    pub fn count(&mut self, record: &Record<'_>, watch: &Watch) {
        self.count_sum(record, 1, watch);
    }

    /// The same of a line that stands for the sum of several records.
    pub fn count_sum(&mut self, record: &Record<'_>, records: u64, watch: &Watch) {
        if !watch.wants(record.recorder()) {
            self.other_line();
        } else if self.count_wanted(record, records, watch).is_err() {
            self.bad_line();
        }
    }

    fn count_wanted(
        &mut self,
        record: &Record<'_>,
        records: u64,
        watch: &Watch,
    ) -> Result<(), LineError> {
        if !self.seconds.contains(&record.start()?) {
            return Ok(());
        }
        let ranges = watch.ranges.as_deref();
        // Unlike an item of the Rollups table, memory needs no bound on cells: every source keeps its name.
        match (watch.side, records) {
            (Side::Gateways, 1) => self.tally.record(record, ranges)?,
            (Side::Gateways, _) => {
                let counted = Counted::of(record, ranges)?.of_records(records);
                self.tally
                    .count(record.recorder(), record.hour()?, &counted);
            }
            (Side::Instances, _) => {
                let counted = Counted::at_instance(record, ranges)?.of_records(records);
                // Most of what instances say is said within the VPC.
                if counted != Counted::Nothing {
                    Crossing::name(record, &mut self.name);
                    self.instances.count(&self.name, record.hour()?, &counted);
                }
            }
        }
        Ok(())
    }

    /// Counts a line of a recorder that is not looked at.
    pub fn other_line(&mut self) {
        self.other_lines += 1;
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
            instances: self.instances.hours(),
            other_lines: self.other_lines,
            bad_lines: self.bad_lines,
        }
    }
}
