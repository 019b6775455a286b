//! Reads a day's traffic from wherever the settings say: files, Logs Insights, Athena or the Rollups table.
//!
//! All give the same sums on the same records. What reading cost, and what it could not do, is noted with it.

use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use tollkeeper::finding::DataQuality;
use tollkeeper::flow_log::FormatError;
use tollkeeper::time::Day;

use crate::App;
use crate::adapters::{athena, flow_logs, insights, rollups, surroundings};
use crate::config::{ExplainSource, LogGroup, S3Location};
use crate::explain::sums::Fields;
use crate::explain::traffic::{DayTraffic, Side, Watch};
use crate::fault::{CallError, DetectorError};
use crate::measure::inventory::Inventory;
use crate::measure::study::Observed;
use crate::tell::text::human_bytes;

/// Bytes that a GB has where AWS charges for scanning.
const GB: u64 = 1 << 30;
/// Mills for a GB that Logs Insights scans, and for a TB that Athena scans: us-east-1's list prices.
const INSIGHTS_MILLS: u32 = 5;
/// See [`INSIGHTS_MILLS`].
const ATHENA_MILLS: u32 = 5_000;

/// A day's traffic as read from the configured source.
pub(super) struct ReadDay {
    pub(super) traffic: DayTraffic,
    pub(super) unread_files: usize,
    /// Read units that it took; `None` where it did not come from the table.
    pub(super) read_units: Option<f64>,
    pub(super) notes: Vec<String>,
}

impl ReadDay {
    fn of(traffic: DayTraffic) -> Self {
        Self {
            traffic,
            unread_files: 0,
            read_units: None,
            notes: Vec::new(),
        }
    }
}

impl App {
    /// A day's traffic, if any was recorded; why not becomes a note.
    pub(super) async fn read_or_note(
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
                let mut read = read?;
                quality.notes.append(&mut read.notes);
                (!read.traffic.is_empty()).then_some(read)
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
        let watch = Watch {
            nats: inventory.nat_interfaces().map(str::to_owned).collect(),
            side: Side::Gateways,
            ranges: self.ranges.clone(),
        };
        match &self.config.explain {
            ExplainSource::None => Ok(None),
            ExplainSource::S3(location) => self
                .read_files(observed, inventory, location, watch, day)
                .await
                .map(Some),
            ExplainSource::Insights(group) => {
                self.read_log_group(group, &watch, day).await.map(Some)
            }
            ExplainSource::Athena(table) => {
                let read = athena::read_day(&self.clients.athena, table, &watch, day).await?;
                let note = scanned("Athena", read.scanned_bytes, day, ATHENA_MILLS, 1024 * GB);
                Ok(Some(ReadDay {
                    notes: vec![note],
                    ..ReadDay::of(read.traffic)
                }))
            }
            ExplainSource::Rollups(table) => {
                let table = self.table(table);
                let interfaces: Vec<String> = watch.nats.into_iter().collect();
                let account = &observed.subject.account;
                let (traffic, units) = rollups::read_day(&table, account, &interfaces, day).await?;
                Ok(Some(ReadDay {
                    read_units: Some(units),
                    ..ReadDay::of(traffic)
                }))
            }
        }
    }

    /// Files are read at the gateways' side; where a gateway recorded nothing of use and the files hold other
    /// interfaces' lines, once more at the instances'.
    async fn read_files(
        &self,
        observed: &Observed,
        inventory: &Inventory,
        location: &S3Location,
        watch: Watch,
        day: Day,
    ) -> Result<ReadDay, DetectorError> {
        let scope = flow_logs::Scope {
            location,
            account: &observed.subject.account,
            region: &observed.subject.region,
            watch: Arc::new(watch.clone()),
        };
        let read = flow_logs::read_day(&self.clients.s3, &scope, day).await?;
        let mut traffic = read.traffic;
        let silent = silent(&traffic, observed, inventory, day);
        let mut notes = Vec::new();
        if !read.recorded_twice.is_empty() {
            let twice: Vec<&str> = read.recorded_twice.iter().map(String::as_str).collect();
            notes.push(format!(
                "Several flow logs record {} on {day}: each interface is counted from the one that tells most",
                twice.join(", ")
            ));
        }
        if !silent.is_empty() && traffic.other_lines > 0 {
            let watch = Watch {
                side: Side::Instances,
                ..watch
            };
            let scope = flow_logs::Scope {
                watch: Arc::new(watch),
                ..scope
            };
            let beside = flow_logs::read_day(&self.clients.s3, &scope, day).await?;
            traffic.instances = beside.traffic.instances;
            notes.push(format!(
                "The flow logs of {day} have no usable records of {} itself: its traffic is counted at the instances' \
                 interfaces",
                silent.join(", ")
            ));
        }
        Ok(ReadDay {
            unread_files: read.unread_files,
            notes,
            ..ReadDay::of(traffic)
        })
    }

    async fn read_log_group(
        &self,
        group: &LogGroup,
        watch: &Watch,
        day: Day,
    ) -> Result<ReadDay, DetectorError> {
        let fields = match &group.fields {
            Some(fields) => fields.clone(),
            None => self.fields_of(&group.name).await?,
        };
        let read = insights::read_day(&self.clients.logs, &group.name, &fields, watch, day).await?;
        let what = format!("Logs Insights ({} queries)", read.queries);
        let mut notes = vec![scanned(&what, read.scanned_bytes, day, INSIGHTS_MILLS, GB)];
        if read.cut_ranges > 0 {
            notes.push(format!(
                "In {} range(s) of ten minutes on {day} Logs Insights had more than 10,000 sums to tell: the smallest \
                 are missing",
                read.cut_ranges
            ));
        }
        Ok(ReadDay {
            notes,
            ..ReadDay::of(read.traffic)
        })
    }

    async fn fields_of(&self, log_group: &str) -> Result<Fields, DetectorError> {
        let odd = |detail: String| {
            DetectorError::Call(CallError {
                operation: "ec2:DescribeFlowLogs",
                code: "Format".to_owned(),
                detail,
            })
        };
        let format = surroundings::flow_log_format(&self.clients.ec2, log_group)
            .await?
            .ok_or_else(|| {
                odd(format!(
                    "log group {log_group} has no flow log, or several of different formats: set FLOW_LOG_FORMAT"
                ))
            })?;
        Fields::parse(&format).map_err(|error: FormatError| odd(error.to_string()))
    }

    /// Where explanations come from, for reports.
    pub(crate) fn source_name(&self) -> &'static str {
        match self.config.explain {
            ExplainSource::S3(_) => "s3",
            ExplainSource::Insights(_) => "insights",
            ExplainSource::Athena(_) => "athena",
            ExplainSource::Rollups(_) => "rollups",
            ExplainSource::None => "none",
        }
    }
}

/// Gateways that had traffic, as far as CloudWatch tells, and recorded none of use.
fn silent(
    traffic: &DayTraffic,
    observed: &Observed,
    inventory: &Inventory,
    day: Day,
) -> Vec<String> {
    let recorded: Vec<&str> = traffic
        .recorders()
        .into_iter()
        .filter_map(|recorder| inventory.nat(recorder))
        .map(|nat| nat.id.as_str())
        .collect();
    let idle = |id: &str| {
        let bytes = observed.nats.get(id).and_then(|days| days.get(&day));
        bytes.is_some_and(|bytes| *bytes == 0)
    };
    let ids = observed.network.nats.iter().map(|nat| nat.id.clone());
    ids.filter(|id| !recorded.contains(&id.as_str()) && !idle(id))
        .collect()
}

fn scanned(what: &str, bytes: u64, day: Day, mills: u32, of: u64) -> String {
    let dollars = Decimal::from(bytes) / Decimal::from(of) * Decimal::new(i64::from(mills), 3);
    format!(
        "{what} scanned {} for {day}: about ${} at us-east-1's list price",
        human_bytes(bytes),
        dollars.round_dp(4).normalize()
    )
}
