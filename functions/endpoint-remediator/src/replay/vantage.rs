//! Counts each flow at one place, where several recorded it.
//!
//! Several flow logs may record one interface: of them the one counts that tells most of whose traffic it was. And a log
//! of a whole VPC records what a NAT gateway's interface records again at the source's own: for each source address the
//! place counts that shows more bytes, its own interface where both show the same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::flows::{Count, DayFlows, Key, Recorder};
use super::sum::Sum;

/// Flows of one key at the place where they are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The source's own interface; `None` where a NAT gateway recorded.
    pub(crate) interface: Option<Box<str>>,
    pub(crate) key: Key,
    pub(crate) count: Count,
}

/// A day's flows, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DaySeen {
    pub(crate) seen: Vec<Seen>,
    /// Records of gateways that do not say whose they are, where no other place recorded.
    pub(crate) unclassified: Sum,
    /// Records beyond those that are kept apart, counted at every place that recorded them.
    pub(crate) over: Sum,
    pub(crate) skipped: u64,
    pub(crate) bad_lines: u64,
}

/// A day's flows of all flow logs.
pub(crate) fn one_vantage(
    gateways: &BTreeSet<String>,
    logs: BTreeMap<String, DayFlows>,
) -> DaySeen {
    let mut day = DaySeen::default();
    let mut chosen: BTreeMap<Box<str>, Recorder> = BTreeMap::new();
    for log in logs.into_values() {
        day.over.add(log.over);
        day.skipped = day.skipped.saturating_add(log.skipped);
        day.bad_lines = day.bad_lines.saturating_add(log.bad_lines);
        for (name, recorder) in log.recorders {
            let best = chosen.entry(name).or_default();
            if told(&recorder) > told(best) {
                *best = recorder;
            }
        }
    }
    let is_gateway = |name: &str| gateways.contains(name);
    let own_bytes = bytes_by_source(&chosen, |name| !is_gateway(name));
    let gateway_bytes = bytes_by_source(&chosen, is_gateway);
    let any_own = !own_bytes.is_empty();
    for (name, recorder) in chosen {
        let at_gateway = is_gateway(&name);
        if at_gateway && !any_own {
            day.unclassified.add(recorder.unclassified);
        }
        let counts =
            |source: &IpAddr| (own_bytes.get(source) < gateway_bytes.get(source)) == at_gateway;
        let flows = recorder.flows.into_iter();
        let flows = flows.filter(|(key, _)| counts(&key.source));
        day.seen.extend(flows.map(|(key, count)| Seen {
            interface: (!at_gateway).then(|| name.clone()),
            key,
            count,
        }));
    }
    day
}

/// Bytes that say whose they are, then others.
fn told(recorder: &Recorder) -> (u64, u64) {
    let known: Sum = recorder.flows.values().map(|count| count.sum).sum();
    (known.bytes, recorder.unclassified.bytes)
}

fn bytes_by_source(
    recorders: &BTreeMap<Box<str>, Recorder>,
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<IpAddr, u64> {
    let mut bytes: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for (name, recorder) in recorders {
        if wanted(name) {
            for (key, count) in &recorder.flows {
                let sum = bytes.entry(key.source).or_default();
                *sum = sum.saturating_add(count.sum.bytes);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::watch::Far;
    use super::*;

    /// A log of (recorder, last byte of the source, flows of a hundred bytes each).
    fn log(rows: &[(&str, u8, u32)]) -> DayFlows {
        let mut log = DayFlows::new(1_000);
        for (recorder, source, flows) in rows {
            let key = Key {
                source: IpAddr::from([10, 0, 1, *source]),
                far: Far::SomeApi,
                port: Some(443),
            };
            for _ in 0..*flows {
                log.add(recorder, key.clone(), &Count::at(0, 100));
            }
        }
        log
    }

    fn counted<const N: usize>(logs: [DayFlows; N]) -> Vec<(Option<String>, String, u64)> {
        let gateways = BTreeSet::from(["eni-nat".to_owned()]);
        let logs = (0..).map(|number: u32| format!("fl-{number}")).zip(logs);
        let day = one_vantage(&gateways, logs.collect());
        let row = |seen: &Seen| {
            (
                seen.interface.as_deref().map(str::to_owned),
                seen.key.source.to_string(),
                seen.count.sum.flows,
            )
        };
        day.seen.iter().map(row).collect()
    }

    #[test]
    fn a_source_that_both_sides_record_is_counted_at_its_own_interface() {
        let vpc = log(&[("eni-nat", 5, 3), ("eni-web", 5, 3), ("eni-nat", 6, 2)]);
        assert_eq!(
            counted([vpc]),
            [
                (None, "10.0.1.6".to_owned(), 2),
                (Some("eni-web".to_owned()), "10.0.1.5".to_owned(), 3),
            ]
        );
    }

    #[test]
    fn of_the_two_sides_the_one_that_shows_more_counts() {
        // The instances' log was made at noon.
        let (gateway, own) = (log(&[("eni-nat", 5, 8)]), log(&[("eni-web", 5, 4)]));
        assert_eq!(counted([gateway, own]), [(None, "10.0.1.5".to_owned(), 8)]);
    }

    #[test]
    fn an_interface_in_two_logs_is_counted_from_the_one_that_tells_more() {
        let (narrow, wide) = (log(&[("eni-web", 5, 3)]), log(&[("eni-web", 5, 7)]));
        let expected = [(Some("eni-web".to_owned()), "10.0.1.5".to_owned(), 7)];
        assert_eq!(counted([narrow.clone(), wide.clone()]), expected);
        assert_eq!(counted([wide, narrow]), expected);
    }

    #[test]
    fn records_that_name_nobody_count_only_where_no_other_place_recorded() {
        let gateways = BTreeSet::from(["eni-nat".to_owned()]);
        let day = |own: &[(&str, u8, u32)]| {
            let mut log = log(own);
            let recorder = log.recorders.entry("eni-nat".into()).or_default();
            recorder.unclassified = Sum::of(700);
            one_vantage(&gateways, BTreeMap::from([("fl-0".to_owned(), log)]))
        };
        assert_eq!(day(&[]).unclassified, Sum::of(700));
        assert_eq!(day(&[("eni-web", 5, 1)]).unclassified, Sum::default());
    }
}
