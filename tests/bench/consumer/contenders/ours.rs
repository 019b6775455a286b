//! The consumer itself, from the payload's bytes to the items it would write.

use std::io;

use kafka_consumer::config::Rules;
use kafka_consumer::item::{Item, Levels};
use kafka_consumer::{envelope, plan};
use serde_json::Value;
use serde_json::value::RawValue;
use tollkeeper::flow_log::Format;
use tollkeeper::rollup::{ItemKey, Traffic};

use super::sums::{Sums, add};

/// When poison starts to age: of no matter here.
const NOW: i64 = 1_791_910_000;

/// The items, as a first delivery leaves them.
pub(super) struct Items {
    logs: Vec<(ItemKey, Item<Levels>)>,
    traffic: Vec<(ItemKey, Item<Traffic>)>,
    unreadable: usize,
}

pub(super) fn rules(flow_log_format: &str) -> io::Result<Rules> {
    let mut rules = Rules::default();
    rules.reading.flow_log_format = Some(Format::parse(flow_log_format).map_err(io::Error::other)?);
    Ok(rules)
}

pub(super) fn round(payload: &[u8], rules: &Rules) -> io::Result<Items> {
    let event: Box<RawValue> = serde_json::from_slice(payload)?;
    let mut items = Items {
        logs: Vec::new(),
        traffic: Vec::new(),
        unreadable: 0,
    };
    for partition in envelope::read(&event).map_err(io::Error::other)? {
        let plan = plan::plan(&partition, rules, NOW);
        let logs = plan.logs.into_iter();
        let traffic = plan.traffic.into_iter();
        items.logs.extend(
            logs.filter_map(|update| Some((update.key.clone(), Item::after(None, &update)?))),
        );
        items.traffic.extend(
            traffic.filter_map(|update| Some((update.key.clone(), Item::after(None, &update)?))),
        );
        items.unreadable += plan.quarantine.len();
    }
    Ok(items)
}

impl From<Items> for Sums {
    fn from(items: Items) -> Self {
        let mut sums = Self {
            unreadable: items.unreadable,
            ..Self::default()
        };
        for (key, item) in &items.logs {
            let item = serde_json::to_value(item).unwrap_or_default();
            // logs#<service>#<hour>
            let parts: Vec<&str> = key.pk.split('#').collect();
            for (level, lines) in item["levels"].as_object().into_iter().flatten() {
                let key = format!("{}|{}|{level}", part(&parts, 2), part(&parts, 1));
                let lines = ["records", "bytes"].map(|name| number(&lines[name]));
                add(sums.logs.entry(key).or_default(), lines);
            }
        }
        for (key, item) in &items.traffic {
            let item = serde_json::to_value(item).unwrap_or_default();
            // traffic#<account>#<interface>#<hour>, and in the item <leg>|<source>|<service>|<region>
            let parts: Vec<&str> = key.pk.split('#').collect();
            for (cell, flows) in item["cells"].as_object().into_iter().flatten() {
                let cell = cell.rsplit_once('|').map_or("", |(cell, _)| cell);
                let cell = cell.replace("|UNKNOWN", "|-");
                let key = format!("{}|{}|{cell}", part(&parts, 2), part(&parts, 3));
                let flows = ["bytes", "packets", "flows"].map(|name| number(&flows[name]));
                add(sums.traffic.entry(key).or_default(), flows);
            }
        }
        sums
    }
}

fn part<'a>(parts: &[&'a str], number: usize) -> &'a str {
    parts.get(number).copied().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
