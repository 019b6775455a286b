//! Adds up the Rollups table, item by item and on its own terms, to compare it with what was produced.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::failure::Failure;
use crate::story::Story;

type Item = HashMap<String, AttributeValue>;

/// Everything that the table counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Bytes of NAT traffic.
    pub(crate) bytes: u64,
    /// Counted flow-log records.
    pub(crate) flows: u64,
    /// SKIPDATA lines.
    pub(crate) skipped: u64,
    /// Log records by service and level, sorted.
    pub(crate) logs: Vec<(String, String, u64)>,
}

impl Totals {
    /// Scans the table.
    pub(crate) async fn read(story: &Story) -> Result<Self, Failure> {
        let table = aws_sdk_dynamodb::Client::new(&story.cloud.sdk_config());
        let scan = table
            .scan()
            .table_name(&story.world.rollups_table)
            .consistent_read(true);
        let mut pages = scan.into_paginator().items().send();
        let mut totals = Self::default();
        let mut logs = BTreeMap::new();
        while let Some(item) = pages.next().await {
            totals.add(&item?, &mut logs);
        }
        totals.logs = logs
            .into_iter()
            .map(|((service, level), count)| (service, level, count))
            .collect();
        Ok(totals)
    }

    fn add(&mut self, item: &Item, logs: &mut BTreeMap<(String, String), u64>) {
        let text = |name: &str| {
            item.get(name)
                .and_then(|text| text.as_s().ok())
                .map_or("", String::as_str)
        };
        match text("sk").split('#').next() {
            Some("cells") => {
                for (_, sums) in entries(item, "cells") {
                    self.bytes += number(sums, "bytes");
                    self.flows += number(sums, "flows");
                }
                self.skipped += number(item, "skipped");
            }
            Some("levels") => {
                for (cell, sums) in entries(item, "cells") {
                    let (service, level) = cell.split_once('|').unwrap_or((cell, ""));
                    *logs
                        .entry((service.to_owned(), level.to_owned()))
                        .or_default() += number(sums, "records");
                }
            }
            _ => {}
        }
    }
}

fn entries<'a>(item: &'a Item, name: &str) -> impl Iterator<Item = (&'a str, &'a Item)> {
    let map = item.get(name).and_then(|value| value.as_m().ok());
    map.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_m().ok()?)))
}

fn number(item: &Item, name: &str) -> u64 {
    item.get(name)
        .and_then(|value| value.as_n().ok()?.parse().ok())
        .unwrap_or(0)
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logs: u64 = self.logs.iter().map(|(_, _, count)| count).sum();
        write!(
            f,
            "{} bytes in {} flow records, {logs} log lines",
            self.bytes, self.flows
        )
    }
}
