//! Counts each interface from one flow log, where several record it.
//!
//! A subnet and its VPC may each have a flow log, and whoever adds a richer format seldom deletes the plain one: read
//! together they would count every byte twice. Of the logs that record an interface the one counts that tells most of
//! whose traffic it was, over the day; hours that it lacks (it was made at noon) are filled in from the others.

use std::collections::{BTreeMap, BTreeSet};

use tollkeeper::rollup::Traffic;
use tollkeeper::time::{Day, Hour};

use super::traffic::{Crossing, DayTraffic};

type Hours = BTreeMap<(String, Hour), Traffic>;

/// A day's traffic, and the interfaces that several logs recorded.
#[derive(Debug, PartialEq)]
pub struct Counted {
    /// Each interface's hours from one log.
    pub traffic: DayTraffic,
    /// Interfaces (ids of regional gateways) that more than one log had anything of.
    pub recorded_twice: BTreeSet<String>,
}

/// The traffic of a day, of which `logs` holds each flow log's part by its id.
pub fn one_log_each(day: Day, logs: BTreeMap<String, DayTraffic>) -> Counted {
    let mut counted = Counted {
        traffic: DayTraffic::empty(day),
        recorded_twice: BTreeSet::new(),
    };
    let (mut gateways, mut instances) = (Vec::new(), Vec::new());
    for log in logs.into_values() {
        counted.traffic.other_lines += log.other_lines;
        counted.traffic.bad_lines += log.bad_lines;
        gateways.push(log.hours);
        instances.push(log.instances);
    }
    counted.traffic.hours = one_each(gateways, &mut counted.recorded_twice);
    counted.traffic.instances = one_each(instances, &mut counted.recorded_twice);
    counted
}

fn one_each(logs: Vec<Hours>, twice: &mut BTreeSet<String>) -> Hours {
    let mut told: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for (number, log) in logs.iter().enumerate() {
        for ((name, _), traffic) in log {
            let of = told
                .entry(interface(name).to_owned())
                .or_insert_with(|| vec![(0, 0); logs.len()]);
            if let Some((known, unknown)) = of.get_mut(number) {
                let bytes = traffic.cells.values().map(|sums| sums.bytes);
                *known = bytes.fold(*known, u64::saturating_add);
                *unknown = unknown.saturating_add(traffic.unclassified.bytes);
            }
        }
    }
    twice.extend(
        told.iter()
            .filter(|(_, logs)| logs.iter().filter(|bytes| **bytes != (0, 0)).count() > 1)
            .map(|(interface, _)| interface.clone()),
    );
    let mut chosen: BTreeMap<(String, Hour), usize> = BTreeMap::new();
    for (number, log) in logs.iter().enumerate() {
        for (name, hour) in log.keys() {
            let interface = interface(name);
            let tells = |number: usize| told.get(interface).and_then(|logs| logs.get(number));
            let best = chosen
                .entry((interface.to_owned(), *hour))
                .or_insert(number);
            if tells(number) > tells(*best) {
                *best = number;
            }
        }
    }
    let is_chosen = |number: usize, name: &str, hour: Hour| {
        chosen.get(&(interface(name).to_owned(), hour)) == Some(&number)
    };
    let mut hours = Hours::new();
    for (number, log) in logs.into_iter().enumerate() {
        let own = log.into_iter();
        hours.extend(own.filter(|((name, hour), _)| is_chosen(number, name, *hour)));
    }
    hours
}

/// The interface of a gateway's or of a [`Crossing`]'s sums.
fn interface(name: &str) -> &str {
    Crossing::parse(name).interface
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollkeeper::rollup::Sums;

    fn day() -> Day {
        "2026-10-13".parse().unwrap()
    }

    fn hour_of(text: &str) -> Hour {
        let moment: jiff::Timestamp = format!("{text}:00:00Z").parse().unwrap();
        Hour::of_unix_seconds(moment.as_second()).unwrap()
    }

    fn traffic(cells: &[(&str, u64)], unclassified: u64) -> Traffic {
        let sums = |bytes| Sums {
            bytes,
            packets: 1,
            flows: 1,
        };
        Traffic {
            cells: cells
                .iter()
                .map(|(cell, bytes)| ((*cell).to_owned(), sums(*bytes)))
                .collect(),
            unclassified: sums(unclassified),
            ..Traffic::default()
        }
    }

    fn log(rows: &[(&str, &str, Traffic)]) -> DayTraffic {
        let mut log = DayTraffic::empty(day());
        for (interface, hour, traffic) in rows {
            log.add(interface, hour_of(hour), traffic);
        }
        log
    }

    fn bytes(counted: &Counted) -> Vec<(&str, String, u64, u64)> {
        counted
            .traffic
            .hours
            .iter()
            .map(|((interface, hour), traffic)| {
                let known = traffic.cells.values().map(|sums| sums.bytes).sum();
                (
                    interface.as_str(),
                    hour.to_string(),
                    known,
                    traffic.unclassified.bytes,
                )
            })
            .collect()
    }

    #[test]
    fn an_interface_in_two_logs_is_counted_from_the_one_that_tells_whose_traffic_it_was() {
        let plain = log(&[
            ("eni-1", "2026-10-13T09", traffic(&[], 100)),
            ("eni-1", "2026-10-13T12", traffic(&[], 100)),
            ("eni-2", "2026-10-13T12", traffic(&[], 7)),
        ]);
        // Made at noon.
        let rich = log(&[("eni-1", "2026-10-13T12", traffic(&[("A|x|S3|", 60)], 0))]);
        let logs = [("fl-plain", plain), ("fl-rich", rich)];
        let counted = one_log_each(day(), logs.map(|(id, log)| (id.to_owned(), log)).into());
        assert_eq!(
            bytes(&counted),
            [
                ("eni-1", "2026-10-13T09".to_owned(), 0, 100),
                ("eni-1", "2026-10-13T12".to_owned(), 60, 0),
                ("eni-2", "2026-10-13T12".to_owned(), 0, 7),
            ]
        );
        assert_eq!(counted.recorded_twice, ["eni-1".to_owned()].into());
    }

    #[test]
    fn of_two_equal_logs_one_counts_and_logs_of_different_interfaces_all_count() {
        let one = |interface| log(&[(interface, "2026-10-13T12", traffic(&[("A|x|S3|", 60)], 0))]);
        let logs = [
            ("fl-a", one("eni-1")),
            ("fl-b", one("eni-1")),
            ("fl-c", one("eni-2")),
        ];
        let counted = one_log_each(day(), logs.map(|(id, log)| (id.to_owned(), log)).into());
        assert_eq!(counted.traffic.bytes(), 120);
        assert_eq!(counted.recorded_twice, ["eni-1".to_owned()].into());
        let alone = one_log_each(day(), BTreeMap::from([("fl-a".to_owned(), one("eni-1"))]));
        assert_eq!((alone.traffic.bytes(), alone.recorded_twice.len()), (60, 0));
    }

    #[test]
    fn all_ways_of_an_instances_traffic_come_from_the_same_log() {
        let crossing = |ways: &[(&str, u64)]| {
            let mut log = DayTraffic::empty(day());
            for (way, bytes) in ways {
                let key = (format!("eni-1|{way}"), hour_of("2026-10-13T12"));
                log.instances
                    .insert(key, traffic(&[("A|x|S3|", *bytes)], 0));
            }
            log
        };
        // Of one way the first log tells more, of all the second does.
        let logs = [
            ("fl-a", crossing(&[("", 80)])),
            ("fl-b", crossing(&[("", 60), ("path 1", 60)])),
        ];
        let counted = one_log_each(day(), logs.map(|(id, log)| (id.to_owned(), log)).into());
        let bytes: Vec<u64> = counted
            .traffic
            .instances
            .values()
            .map(|traffic| traffic.cells["A|x|S3|"].bytes)
            .collect();
        assert_eq!(bytes, [60, 60]);
    }
}
