//! One day as it happened: every flow with the way it took, and the sums that bill, metrics and logs must all agree on.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::addresses::FarEnd;
use super::build::Nat;
use super::flow_log::Recorder;
use super::network::{InterfaceEndpoint, Path};
use super::traffic::{Direction, Flow, INTERVAL_SECONDS};

/// A flow and the way it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// The flow.
    pub flow: Flow,
    /// Its way.
    pub path: Path,
}

/// A day's flows under the network that was observed for it.
#[derive(Debug, Clone)]
pub struct DayTraffic {
    /// The day (UTC).
    pub day: Date,
    /// Its flows by time.
    pub flows: Vec<Routed>,
    /// The interface endpoints that existed (and are billed) on that day.
    pub endpoints: Vec<InterfaceEndpoint>,
}

/// Bytes of both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    /// From the residents.
    pub up: u64,
    /// To the residents.
    pub down: u64,
}

impl Bytes {
    /// Both together: what is billed.
    pub fn total(self) -> u64 {
        self.up + self.down
    }

    fn add(&mut self, flow: &Flow) {
        match flow.direction {
            Direction::Upload => self.up += flow.bytes,
            Direction::Download => self.down += flow.bytes,
        }
    }
}

impl DayTraffic {
    /// Bytes by the way they took.
    pub fn by_path(&self) -> BTreeMap<Path, Bytes> {
        let mut sums: BTreeMap<Path, Bytes> = BTreeMap::new();
        for Routed { flow, path } in &self.flows {
            sums.entry(path.clone()).or_default().add(flow);
        }
        sums
    }

    /// Bytes that went through the NAT gateways, by resident, far end and direction: the truth that an explanation is
    /// measured against.
    pub fn nat_truth(&self) -> BTreeMap<(&'static str, FarEnd, Direction), u64> {
        let mut sums = BTreeMap::new();
        for Routed { flow, path } in &self.flows {
            if let Path::Nat(_) = path {
                *sums
                    .entry((flow.resident.name, flow.far_end, flow.direction))
                    .or_default() += flow.bytes;
            }
        }
        sums
    }

    /// Bytes through all NAT gateways.
    pub fn nat_bytes(&self) -> u64 {
        self.nat_truth().values().sum()
    }

    /// The flow-log lines of the NAT gateways' interfaces by the hour of the day they are delivered in, without
    /// headers. NODATA and SKIPDATA lines stand at the first interval.
    pub(super) fn lines_by_hour(
        &self,
        nats: &[Nat],
        recorder: impl Fn(&Nat) -> Recorder,
    ) -> BTreeMap<i64, Vec<String>> {
        let recorders: BTreeMap<&str, Recorder> = nats
            .iter()
            .map(|nat| (nat.id.as_str(), recorder(nat)))
            .collect();
        let mut hours: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for Routed { flow, path } in &self.flows {
            let Path::Nat(id) = path else { continue };
            let Some(recorder) = recorders.get(id.as_str()) else {
                continue;
            };
            let hour = flow.start - flow.start.rem_euclid(3_600);
            hours.entry(hour).or_default().extend(recorder.lines(flow));
        }
        if let Some((first, lines)) = hours.iter_mut().next() {
            lines.extend(
                recorders
                    .values()
                    .map(|recorder| recorder.gap("NODATA", *first + INTERVAL_SECONDS)),
            );
            lines.extend(
                recorders
                    .values()
                    .take(1)
                    .map(|recorder| recorder.gap("SKIPDATA", *first)),
            );
        }
        hours
    }
}
