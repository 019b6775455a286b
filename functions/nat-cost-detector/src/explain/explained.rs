//! Explains an observed day: reads its traffic and that of quiet days, finds the causes, advises. Read-only.

use std::collections::BTreeSet;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use tollkeeper::finding::{Advice, DataQuality};
use tollkeeper::time::Day;

use crate::App;
use crate::adapters::{flow_logs, rollups};
use crate::advise::{self, Situation};
use crate::config::ExplainSource;
use crate::detect::{Range, Verdict};
use crate::explain::attribute::{Certainty, Directory, Flows, attribute};
use crate::explain::causes::{self, Explanation};
use crate::explain::traffic::{DayTraffic, Side, Watch};
use crate::fault::DetectorError;
use crate::measure::inventory::Inventory;
use crate::measure::study::Observed;
use crate::measure::volumes;
use crate::tell::text::human_bytes;

/// Quiet days that a mean is taken of where the same weekday is not at hand.
const QUIET_DAYS: usize = 3;

/// Who was behind a day's traffic, and what to do about it.
pub struct Explained {
    /// The day's flows.
    pub flows: Flows,
    /// Causes of the excess.
    pub explanation: Explanation,
    /// Remedies.
    pub advice: Vec<Advice>,
    /// What it all rests on.
    pub quality: DataQuality,
}

/// A day's traffic as read from the configured source.
struct ReadDay {
    traffic: DayTraffic,
    unread_files: usize,
    /// Read units that it took; `None` where it did not come from the table.
    read_units: Option<f64>,
}

impl App {
    /// Explains a day whose usual range is known, and advises. A source that cannot be read becomes a note: the alarm
    /// is worth more than its causes.
    pub async fn explain_day(
        &self,
        observed: &Observed,
        inventory: &Inventory,
        verdict: &Verdict,
        weekdays: &[Range; 7],
        incident_id: Option<&str>,
    ) -> Explained {
        let day = observed.subject.day;
        let volume = observed.volume();
        let excess = volume.saturating_sub(weekdays[usize::from(day.weekday())].expected);
        let mut quality = observed.quality(verdict, self);
        let directory = Directory {
            inventory,
            mappings: &observed.mappings,
            region: &observed.subject.region,
        };
        let Some(read) = self
            .read_or_note(observed, inventory, day, &mut quality)
            .await
        else {
            "none".clone_into(&mut quality.explained_from);
            return Explained {
                flows: Flows::new(),
                explanation: causes::unexplained(excess, observed.prices),
                advice: no_flow_logs(observed, volume),
                quality,
            };
        };
        let flows = attribute(&read.traffic, directory);
        let quiet = self
            .quiet_days(observed, inventory, weekdays, &mut quality)
            .await;
        let quiet: Vec<Flows> = quiet
            .iter()
            .map(|traffic| attribute(traffic, directory))
            .collect();
        describe(&read, &flows, observed, &mut quality);
        Explained {
            explanation: causes::explain(&flows, &quiet, volume, excess, observed.prices),
            advice: advise::advise(Situation {
                flows: &flows,
                network: &observed.network,
                mappings: &observed.mappings,
                prices: observed.prices,
                incident_id,
            }),
            flows,
            quality,
        }
    }

    /// The days to compare with: the same weekday of an earlier week, else the latest quiet ones that were recorded.
    async fn quiet_days(
        &self,
        observed: &Observed,
        inventory: &Inventory,
        weekdays: &[Range; 7],
        quality: &mut DataQuality,
    ) -> Vec<DayTraffic> {
        let day = observed.subject.day;
        let is_quiet = |day: &Day| {
            let range = weekdays[usize::from(day.weekday())];
            observed
                .volumes
                .get(day)
                .is_some_and(|bytes| *bytes > 0 && *bytes <= range.high)
        };
        let mut found = Vec::new();
        let same_weekday = (1..=4).map(|week| (day.plus(-7 * week), 1));
        let latest = (1..=6).map(|back| (day.plus(-back), QUIET_DAYS));
        for (candidate, enough) in same_weekday.chain(latest).filter(|(day, _)| is_quiet(day)) {
            if let Some(read) = self
                .read_or_note(observed, inventory, candidate, quality)
                .await
            {
                found.push(read.traffic);
            }
            if found.len() >= enough {
                break;
            }
        }
        let days: Vec<String> = found
            .iter()
            .map(|traffic| traffic.day.to_string())
            .collect();
        quality.notes.push(if days.is_empty() {
            "No quiet day's flow logs to compare with: the excess is spread over the day's traffic by volume, so the \
             causes show who used the NAT gateways, not who changed"
                .to_owned()
        } else {
            format!("Compared with the traffic of {}", days.join(", "))
        });
        found
    }

    async fn read_or_note(
        &self,
        observed: &Observed,
        inventory: &Inventory,
        day: Day,
        quality: &mut DataQuality,
    ) -> Option<ReadDay> {
        match self.read(observed, inventory, day).await {
            Ok(read) => {
                // What was read and found empty is paid for too.
                if let Some(units) = read.as_ref().and_then(|read| read.read_units) {
                    let units = Decimal::from_f64(units).unwrap_or_default().round_dp(1);
                    *quality.rollup_read_units.get_or_insert_default() += units;
                }
                read.filter(|read| !read.traffic.is_empty())
            }
            Err(error) => {
                let note = format!("Flow logs of {day} could not be read: {error}");
                tracing::warn!(%error, %day, "flow logs could not be read");
                quality.notes.push(note);
                None
            }
        }
    }

    async fn read(
        &self,
        observed: &Observed,
        inventory: &Inventory,
        day: Day,
    ) -> Result<Option<ReadDay>, DetectorError> {
        let nat_interfaces: BTreeSet<String> =
            inventory.nat_interfaces().map(str::to_owned).collect();
        match &self.config.explain {
            ExplainSource::None => Ok(None),
            ExplainSource::S3(location) => {
                let scope = flow_logs::Scope {
                    location,
                    account: &observed.subject.account,
                    region: &observed.subject.region,
                    watch: Arc::new(Watch {
                        nats: nat_interfaces,
                        side: Side::Gateways,
                        ranges: self.ranges.clone(),
                    }),
                };
                let read = flow_logs::read_day(&self.clients.s3, &scope, day).await?;
                Ok(Some(ReadDay {
                    traffic: read.traffic,
                    unread_files: read.unread_files,
                    read_units: None,
                }))
            }
            ExplainSource::Rollups(table) => {
                let table = self.table(table);
                let interfaces: Vec<String> = nat_interfaces.into_iter().collect();
                let account = &observed.subject.account;
                let (traffic, units) = rollups::read_day(&table, account, &interfaces, day).await?;
                Ok(Some(ReadDay {
                    traffic,
                    unread_files: 0,
                    read_units: Some(units),
                }))
            }
        }
    }

    /// Where explanations come from, for reports.
    pub(crate) fn source_name(&self) -> &'static str {
        match self.config.explain {
            ExplainSource::S3(_) => "s3",
            ExplainSource::Rollups(_) => "rollups",
            ExplainSource::None => "none",
        }
    }
}

/// Notes what the reading of a day leaves open.
fn describe(read: &ReadDay, flows: &Flows, observed: &Observed, quality: &mut DataQuality) {
    let traffic = &read.traffic;
    let day = observed.subject.day;
    quality.skipped_lines = traffic.skipped();
    quality.flow_logs_percent_of_cloudwatch = volumes::total_by_day(&observed.nats)
        .get(&day)
        .and_then(|bytes| volumes::percent(traffic.bytes(), *bytes));
    let with = |certainty| -> u64 {
        flows
            .values()
            .filter(|figures| figures.certainty == certainty)
            .map(|figures| figures.bytes)
            .sum()
    };
    let volumes = [
        (
            with(Certainty::Assumed),
            "of sources whose interface was not observed at that time: the only one ever seen at the address is assumed",
        ),
        (
            with(Certainty::Ambiguous),
            "of addresses that several interfaces had at that time",
        ),
        (
            with(Certainty::Unknown),
            "of addresses that no interface is known for",
        ),
        (
            traffic.unclassified_bytes(),
            "in log lines without packet addresses (version 2 fields only), which cannot be attributed",
        ),
    ];
    let counts = [
        (
            traffic.skipped(),
            "SKIPDATA line(s): each hides an unknown number of flows",
        ),
        (traffic.bad_lines, "flow-log line(s) could not be read"),
        (
            read.unread_files as u64,
            "flow-log file(s) could not be read to their end",
        ),
    ];
    let volumes = volumes
        .into_iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|(bytes, what)| format!("{} {what}", human_bytes(bytes)));
    let counts = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"));
    quality.notes.extend(volumes.chain(counts));
}

fn no_flow_logs(observed: &Observed, volume: u64) -> Vec<Advice> {
    let vpcs: BTreeSet<&str> = observed
        .network
        .nats
        .iter()
        .map(|nat| nat.vpc_id.as_str())
        .collect();
    if volume == 0 {
        return Vec::new();
    }
    let vpcs: Vec<&str> = vpcs.into_iter().collect();
    vec![advise::flow_log(volume, &vpcs.join(","))]
}
