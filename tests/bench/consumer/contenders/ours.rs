//! The consumer itself, from the payload's bytes to the items it would write.

use std::io;
use std::sync::Arc;

use kafka_consumer::envelope;
use kafka_consumer::item::{Batch, Counters, Item, Logs};
use kafka_consumer::offsets::Offsets;
use kafka_consumer::plan::{Dimension, How, Keep, plan};
use kafka_consumer::ruleset::{Pinned, Ruleset};
use serde_json::Value;
use tollkeeper::rollup::{ItemKey, Shard, Traffic};
use tollkeeper::settings::Settings;

use super::sums::{Sums, add};

/// When poison starts to age: of no matter here.
const NOW: i64 = 1_791_910_000;

/// The items, as a first delivery leaves them.
#[derive(Default)]
pub(super) struct Items {
    levels: Vec<(ItemKey, Item<Logs>)>,
    /// Beyond what the others count: errors by what they are about.
    errors: Vec<(ItemKey, Item<Logs>)>,
    traffic: Vec<(ItemKey, Item<Traffic>)>,
    unreadable: usize,
}

pub(super) fn rules(flow_log_format: &str) -> io::Result<Pinned> {
    let settings = [("FLOW_LOG_FORMAT", flow_log_format)];
    let ruleset = Ruleset::load(&Settings::from_pairs(&settings)).map_err(io::Error::other)?;
    Ok(Pinned::everywhere(Arc::new(ruleset)))
}

pub(super) fn round(payload: &[u8], rules: &Pinned) -> io::Result<Items> {
    let how = How {
        rules,
        keep: Keep { days: 35 },
        archived: false,
        now: NOW,
    };
    let done = Offsets::default();
    let mut items = Items::default();
    for partition in envelope::read(payload).map_err(io::Error::other)? {
        let shard = Shard {
            topic: partition.topic,
            partition: partition.number,
            epoch: 0,
        };
        let mut offsets = partition.records.iter().filter_map(|record| record.offset);
        let first = offsets.next().unwrap_or_default();
        let batch = Batch {
            span: (first, offsets.next_back().unwrap_or(first)),
            done: &done,
        };
        let plan = plan(&shard, &partition.records, &how).map_err(io::Error::other)?;
        items.levels.extend(written(&plan.levels, batch));
        items.errors.extend(written(&plan.errors, batch));
        items.traffic.extend(written(&plan.traffic, batch));
        items.unreadable += plan.quarantine.len();
    }
    Ok(items)
}

fn written<'a, S: Counters>(
    dimension: &'a Dimension<S>,
    batch: Batch<'a>,
) -> impl Iterator<Item = (ItemKey, Item<S>)> + 'a {
    dimension.updates.iter().filter_map(move |update| {
        let item = Item::after(None, update, &dimension.cells, batch)?;
        Some((update.key.clone(), item))
    })
}

impl From<Items> for Sums {
    fn from(items: Items) -> Self {
        let mut sums = Self {
            unreadable: items.unreadable,
            ..Self::default()
        };
        for (key, item) in &items.levels {
            let item = serde_json::to_value(item).unwrap_or_default();
            // logs#<bucket>#<hour>, and in the item <service>|<level>
            let parts: Vec<&str> = key.pk.split('#').collect();
            for (cell, lines) in item["cells"].as_object().into_iter().flatten() {
                let key = format!("{}|{cell}", part(&parts, 2));
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
