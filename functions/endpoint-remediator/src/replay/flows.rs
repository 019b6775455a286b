//! A day's flows of one VPC to public addresses, folded from the records of a flow log: who, to what, on which port.
//!
//! Kept apart by recording interface, source address, far end and port, up to [`MOST_KEYS`] of them a day. Beyond that the
//! last ones in their own order are added up without a name: which ones those are depends on the records alone, never on
//! the order in which files come, so the same logs give the same sums. It refuses to know what a plan does to a flow.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use tollkeeper::flow_log::{Flow, LineError, NatSide, Record};
use tollkeeper::flow_log_files::{Fold, Sums};
use tollkeeper::time::Day;

use super::narrowed::Door;
use super::sum::Sum;
use super::watch::{Far, Watch};

/// Flows that are kept apart a day, some 200 bytes each.
pub(crate) const MOST_KEYS: usize = 50_000;

/// Hours of a day.
const HOURS: usize = 24;

/// What flows of one recorder are kept apart by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) source: IpAddr,
    pub(crate) far: Far,
    /// The far end's; `None` where the log lacks it, or where it does not matter.
    pub(crate) port: Option<u16>,
}

/// The records of one key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) sum: Sum,
    /// Records by the hour (UTC) in which they began.
    pub(crate) by_hour: [u32; HOURS],
}

/// What one interface, or regional NAT gateway, recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Recorder {
    pub(crate) flows: BTreeMap<Key, Count>,
    /// Records of a gateway that do not say whose they are.
    pub(crate) unclassified: Sum,
}

/// A day's flows of one flow log, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DayFlows {
    pub(crate) recorders: BTreeMap<Box<str>, Recorder>,
    keys: usize,
    most_keys: usize,
    /// What is not kept apart any more.
    pub(crate) over: Sum,
    /// SKIPDATA lines: each may hide many flows.
    pub(crate) skipped: u64,
    pub(crate) bad_lines: u64,
}

impl DayFlows {
    pub(crate) fn new(most_keys: usize) -> Self {
        Self {
            recorders: BTreeMap::new(),
            keys: 0,
            most_keys,
            over: Sum::default(),
            skipped: 0,
            bad_lines: 0,
        }
    }

    /// Adds records of a key. Of the sums that are kept none was ever left out in part: what comes after the last kept
    /// key goes without a name at once, and the last kept key goes when one before it comes.
    pub(crate) fn add(&mut self, recorder: &str, key: Key, count: &Count) {
        let flows = match self.recorders.get_mut(recorder) {
            Some(found) => &mut found.flows,
            None => &mut self.recorders.entry(recorder.into()).or_default().flows,
        };
        let known = flows.entry(key).or_insert_with(|| {
            self.keys += 1;
            Count::default()
        });
        known.add(count);
        while self.keys > self.most_keys {
            self.let_last_go();
        }
    }

    fn let_last_go(&mut self) {
        let mut recorders = self.recorders.iter_mut().rev();
        let last = recorders.find_map(|(name, recorder)| {
            let (_, count) = recorder.flows.pop_last()?;
            Some((name.clone(), recorder == &Recorder::default(), count))
        });
        let Some((name, is_empty, count)) = last else {
            self.keys = 0;
            return;
        };
        self.keys -= 1;
        self.over.add(count.sum);
        if is_empty {
            self.recorders.remove(&name);
        }
    }

    fn add_unclassified(&mut self, recorder: &str, sum: Sum) {
        let found = self.recorders.entry(recorder.into()).or_default();
        found.unclassified.add(sum);
    }
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.sum.add(other.sum);
        for (hour, more) in self.by_hour.iter_mut().zip(other.by_hour) {
            *hour = hour.saturating_add(more);
        }
    }
}

impl Sums for DayFlows {
    fn empty(_: Day) -> Self {
        Self::new(MOST_KEYS)
    }

    fn merge(&mut self, other: &Self) {
        self.over.add(other.over);
        self.skipped = self.skipped.saturating_add(other.skipped);
        self.bad_lines = self.bad_lines.saturating_add(other.bad_lines);
        for (name, recorder) in &other.recorders {
            if recorder.unclassified != Sum::default() {
                self.add_unclassified(name, recorder.unclassified);
            }
            for (key, count) in &recorder.flows {
                self.add(name, key.clone(), count);
            }
        }
    }
}

/// The fold of a flow log's records.
#[derive(Debug)]
pub(crate) struct FlowFold {
    seconds: Range<i64>,
    flows: DayFlows,
}

impl FlowFold {
    fn take(&mut self, record: &Record<'_>, watch: &Watch) -> Result<(), LineError> {
        let start = record.start()?;
        let recorder = record.recorder();
        if !Self::wants(watch, recorder) {
            return Ok(());
        }
        let door = watch.door(recorder);
        let at_gateway = watch.gateways.contains(recorder);
        let is_elsewhere =
            || !matches!(record.vpc_id(), "" | "-") && record.vpc_id() != watch.vpc_id;
        if !self.seconds.contains(&start) || !at_gateway && is_elsewhere() {
            return Ok(());
        }
        let side = if let Some(door) = door {
            record.endpoint_side(
                |address| matches!(address, IpAddr::V4(own) if door.addresses.contains(&own)),
            )?
        } else if at_gateway {
            record.nat_side()?
        } else {
            record.interface_side(|address| watch.is_inside(address))?
        };
        match side {
            NatSide::Counted(flow) => {
                let key = key(record, &flow, watch, door)?;
                let count = Count::at(start - self.seconds.start, record.bytes()?);
                self.flows.add(recorder, key, &count);
            }
            NatSide::NoPacketAddresses => {
                let sum = Sum::of(record.bytes()?);
                self.flows.add_unclassified(recorder, sum);
            }
            NatSide::SkipData => self.flows.skipped = self.flows.skipped.saturating_add(1),
            NatSide::Outer | NatSide::Rejected | NatSide::NoData => {}
        }
        Ok(())
    }
}

fn key(
    record: &Record<'_>,
    flow: &Flow<'_>,
    watch: &Watch,
    door: Option<&Door>,
) -> Result<Key, LineError> {
    let port = record.remote_port(flow.leg)?;
    if let Some(door) = door {
        let far = Far::Endpoint(Arc::clone(&door.service));
        return Ok(Key {
            source: flow.source,
            far,
            port,
        });
    }
    let far = watch.far(flow.remote, flow.remote_service, port, record.protocol()?);
    Ok(Key {
        source: flow.source,
        port: port.filter(|_| far != Far::Elsewhere),
        far,
    })
}

impl Count {
    /// One record that began so many seconds into the day.
    pub(crate) fn at(seconds: i64, bytes: u64) -> Self {
        let mut by_hour = [0; HOURS];
        let hour = usize::try_from(seconds / 3600).ok();
        if let Some(hour) = hour.and_then(|hour| by_hour.get_mut(hour)) {
            *hour = 1;
        }
        Self {
            sum: Sum::of(bytes),
            by_hour,
        }
    }
}

impl Fold for FlowFold {
    type Watch = Watch;
    type Sums = DayFlows;
    const MORE_FIELDS: &'static [&'static str] = &["srcport", "dstport", "protocol", "vpc-id"];

    fn new(day: Day) -> Self {
        Self {
            seconds: day.start().as_second()..day.end().as_second(),
            flows: DayFlows::new(MOST_KEYS),
        }
    }

    /// An interface that is gone today may have been the VPC's: the record says.
    fn wants(watch: &Watch, recorder: &str) -> bool {
        !watch.is_at_doors() || watch.door(recorder).is_some()
    }

    fn record(&mut self, record: &Record<'_>, watch: &Watch) {
        if self.take(record, watch).is_err() {
            self.bad_line();
        }
    }

    fn other_line(&mut self) {}

    fn bad_line(&mut self) {
        self.flows.bad_lines = self.flows.bad_lines.saturating_add(1);
    }

    fn into_sums(self) -> DayFlows {
        self.flows
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use tollkeeper::flow_log::{Format, LineReader};

    use super::*;

    const FIELDS: &str = "interface-id vpc-id srcaddr dstaddr srcport dstport protocol bytes start action log-status \
                          pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service";

    fn day() -> Day {
        "2026-10-13".parse().unwrap()
    }

    fn watch() -> Watch {
        Watch::new(
            ("vpc-1", &["10.0.0.0/16".to_owned()]),
            "us-east-1",
            BTreeSet::from(["eni-nat".to_owned()]),
            (&BTreeSet::from(["s3"]), &BTreeSet::from(["sts"])),
            None,
        )
    }

    fn fold(fields: &str, lines: &[String]) -> DayFlows {
        let format = Format::parse(fields).unwrap();
        let mut reader = LineReader::new(Some(&format));
        let (watch, mut fold) = (watch(), FlowFold::new(day()));
        for line in lines {
            match reader.read(line.as_bytes()).unwrap() {
                Ok(record) => fold.record(&record, &watch),
                Err(_) => fold.bad_line(),
            }
        }
        fold.into_sums()
    }

    /// Recorder, source, far end, port, flows, bytes.
    fn rows(flows: &DayFlows) -> Vec<String> {
        let recorders = flows.recorders.iter();
        recorders
            .flat_map(|(name, recorder)| {
                recorder.flows.iter().map(move |(key, count)| {
                    let port = key.port.map_or("-".to_owned(), |port| port.to_string());
                    let (source, far, sum) = (key.source, &key.far, count.sum);
                    format!("{name} {source} {far:?} {port} {} {}", sum.flows, sum.bytes)
                })
            })
            .collect()
    }

    #[test]
    fn a_gateways_inner_legs_and_an_interfaces_own_records_name_source_far_end_and_port() {
        let at = day().start().as_second() + 3 * 3600;
        let flows = fold(
            FIELDS,
            &[
                // An upload and a download at the gateway, each with its outer leg.
                format!(
                    "eni-nat vpc-1 10.0.1.5 10.0.0.9 40000 443 6 700 {at} ACCEPT OK 10.0.1.5 52.94.0.1 - AMAZON"
                ),
                format!(
                    "eni-nat vpc-1 10.0.0.9 52.94.0.1 40000 443 6 700 {at} ACCEPT OK 10.0.0.9 52.94.0.1 - AMAZON"
                ),
                format!(
                    "eni-nat vpc-1 52.94.0.1 10.0.0.9 443 40000 6 90 {at} ACCEPT OK 52.94.0.1 10.0.0.9 AMAZON -"
                ),
                format!(
                    "eni-nat vpc-1 10.0.0.9 10.0.1.5 443 40000 6 90 {at} ACCEPT OK 52.94.0.1 10.0.1.5 AMAZON -"
                ),
                // A source of its own: S3, then the internet; within the VPC; rejected; another VPC's.
                format!(
                    "eni-web vpc-1 10.0.1.6 3.5.0.1 40000 80 6 10 {at} ACCEPT OK 10.0.1.6 3.5.0.1 - S3"
                ),
                format!(
                    "eni-web vpc-1 10.0.1.6 8.8.8.8 40000 9999 6 20 {at} ACCEPT OK 10.0.1.6 8.8.8.8 - -"
                ),
                format!(
                    "eni-web vpc-1 10.0.1.6 10.0.2.6 40000 443 6 5 {at} ACCEPT OK 10.0.1.6 10.0.2.6 - -"
                ),
                format!(
                    "eni-web vpc-1 10.0.1.6 3.5.0.1 40000 443 6 6 {at} REJECT OK 10.0.1.6 3.5.0.1 - S3"
                ),
                format!(
                    "eni-far vpc-2 10.0.1.6 3.5.0.1 40000 443 6 7 {at} ACCEPT OK 10.0.1.6 3.5.0.1 - S3"
                ),
                format!("eni-web vpc-1 - - - - - - {at} - SKIPDATA - - - -"),
                "garbage".to_owned(),
            ],
        );
        assert_eq!(
            rows(&flows),
            [
                "eni-nat 10.0.1.5 SomeApi 443 2 790",
                r#"eni-web 10.0.1.6 Service("s3") 80 1 10"#,
                "eni-web 10.0.1.6 Elsewhere - 1 20",
            ]
        );
        let count = flows.recorders["eni-nat"].flows.values().next().unwrap();
        assert_eq!((count.by_hour[3], count.by_hour.iter().sum()), (2, 2_u32));
        assert_eq!((flows.skipped, flows.bad_lines), (1, 1));
    }

    #[test]
    fn version_two_at_a_gateway_does_not_say_whose_flows_they_are() {
        let at = day().start().as_second();
        let fields = "interface-id srcaddr dstaddr srcport dstport protocol bytes start";
        let flows = fold(
            fields,
            &[
                format!("eni-nat 10.0.1.5 10.0.0.9 40000 443 6 700 {at}"),
                format!("eni-web 10.0.1.6 3.5.0.1 40000 443 6 10 {at}"),
                format!("eni-web 10.0.1.6 3.5.0.1 40000 443 6 10 {}", at - 1),
            ],
        );
        assert_eq!(flows.recorders["eni-nat"].unclassified, Sum::of(700));
        assert_eq!(rows(&flows), ["eni-web 10.0.1.6 Unlabelled 443 1 10"]);
    }

    fn some_flows() -> impl Strategy<Value = Vec<(u8, u8, u64)>> {
        proptest::collection::vec((0..4_u8, 0..12_u8, 0..1_000_u64), 0..80)
    }

    fn folded(flows: &[(u8, u8, u64)], most: usize) -> DayFlows {
        let mut day = DayFlows::new(most);
        for (recorder, source, bytes) in flows {
            let key = Key {
                source: IpAddr::from([10, 0, 1, *source]),
                far: Far::SomeApi,
                port: Some(443),
            };
            day.add(
                &format!("eni-{recorder}"),
                key,
                &Count::at(i64::from(*source), *bytes),
            );
        }
        day
    }

    fn total(day: &DayFlows) -> Sum {
        let kept = day
            .recorders
            .values()
            .flat_map(|recorder| recorder.flows.values());
        kept.map(|count| count.sum).chain([day.over]).sum()
    }

    proptest! {
        #[test]
        fn bounded_sums_do_not_depend_on_the_order_of_records_or_files_and_lose_nothing(
            flows in some_flows(), cuts in proptest::collection::vec(0..80_usize, 0..4), most in 0..30_usize,
            turn in any::<bool>(),
        ) {
            let whole = folded(&flows, most);
            prop_assert_eq!(total(&whole), flows.iter().map(|(_, _, bytes)| Sum::of(*bytes)).sum());
            let kept: usize = whole.recorders.values().map(|recorder| recorder.flows.len()).sum();
            prop_assert!(kept <= most);
            let mut at: Vec<usize> = cuts.iter().map(|cut| *cut.min(&flows.len())).collect();
            at.extend([0, flows.len()]);
            at.sort_unstable();
            let mut parts: Vec<_> = at.windows(2).map(|ends| folded(&flows[ends[0]..ends[1]], most)).collect();
            if turn {
                parts.reverse();
            }
            let mut merged = DayFlows::new(most);
            for part in &parts {
                merged.merge(part);
            }
            prop_assert_eq!(merged, whole);
        }

        #[test]
        fn what_is_kept_under_a_bound_is_what_it_is_without_one(flows in some_flows(), most in 0..30_usize) {
            let (bounded, free) = (folded(&flows, most), folded(&flows, usize::MAX));
            for (name, recorder) in &bounded.recorders {
                for (key, count) in &recorder.flows {
                    prop_assert_eq!(Some(count), free.recorders[name].flows.get(key));
                }
            }
        }
    }
}
