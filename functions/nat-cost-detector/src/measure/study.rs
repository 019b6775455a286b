//! Observes a day and its history: what all actions share. Everything here reads and nothing writes.

use std::collections::BTreeMap;

use tollkeeper::finding::DataQuality;
use tollkeeper::prices::{self, RegionPrices};
use tollkeeper::time::Day;

use crate::App;
use crate::adapters::cost_explorer::{self, Bill};
use crate::adapters::{cloudwatch, ec2, identity, lambda};
use crate::detect::Verdict;
use crate::fault::DetectorError;
use crate::measure::network::{KafkaMapping, Network};
use crate::measure::volumes;
use crate::tell::compose::Subject;

/// The series that is judged: bytes through zonal NAT gateways.
pub const SERIES: &str = "NatGateway-Bytes";
/// Days of history asked for: eight same weekdays, and room for gaps and incidents.
const HISTORY_DAYS: i64 = 77;

/// What to do about a source of facts that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// The night: without the bill and the network it fails and is run again.
    Fail,
    /// A laptop: say what is missing and go on.
    Note,
}

/// What was observed of a day and its history.
pub struct Observed {
    /// Whose day.
    pub subject: Subject,
    /// List prices of the region.
    pub prices: &'static RegionPrices,
    /// The bill, as far as it could be read.
    pub bill: Bill,
    /// CloudWatch's bytes by gateway and day.
    pub nats: cloudwatch::DailyBytes,
    /// Volume by day.
    pub volumes: BTreeMap<Day, u64>,
    /// The network as it is now.
    pub network: Network,
    /// Kafka mappings with on-demand pollers.
    pub mappings: Vec<KafkaMapping>,
    /// What could not be read.
    pub notes: Vec<String>,
}

impl App {
    /// Observes a day and the history before it.
    pub async fn observe(&self, day: Day, gaps: Gaps) -> Result<Observed, DetectorError> {
        let region = self.region.as_deref().ok_or(DetectorError::NoRegion)?;
        let prices = prices::for_region(region)?;
        let account = identity::account(&self.clients.sts).await?;
        let mut notes = Vec::new();
        let from = day.plus(-HISTORY_DAYS);
        let scope = cost_explorer::Scope {
            account: &account,
            region,
            max_pages: self.config.max_pages,
        };
        let (bill, network, mappings) = tokio::join!(
            cost_explorer::bill(&self.clients.cost_explorer, scope, from, day),
            ec2::observe(&self.clients.ec2),
            lambda::kafka_mappings(&self.clients.lambda),
        );
        let bill = needed(
            bill,
            gaps,
            "the bill: volumes are CloudWatch's alone",
            &mut notes,
        )?;
        let network = needed(
            network.map_err(DetectorError::from),
            gaps,
            "the network: sources have no names, and CloudWatch is not asked",
            &mut notes,
        )?;
        let mappings = optional(
            mappings,
            "Kafka event source mappings: pollers are not recognised",
            &mut notes,
        );
        let ids: Vec<String> = network.nats.iter().map(|nat| nat.id.clone()).collect();
        let nats = cloudwatch::nat_bytes(&self.clients.cloudwatch, &ids, from, day).await;
        let nats = optional(nats, "CloudWatch: volumes are the bill's alone", &mut notes);
        if !prices.confirmed {
            notes.push(format!("Prices of {region} rest on one source only"));
        }
        Ok(Observed {
            volumes: volumes::daily(&bill.days, &volumes::total_by_day(&nats)),
            subject: Subject {
                account,
                region: region.to_owned(),
                series: SERIES.to_owned(),
                day,
            },
            prices,
            bill,
            nats,
            network,
            mappings,
            notes,
        })
    }
}

impl Observed {
    /// Why nothing can be said about the day.
    pub fn no_figures(&self) -> DetectorError {
        DetectorError::NoFigures {
            day: self.subject.day,
            notes: self.notes.clone(),
        }
    }

    /// Volume of the day under analysis, bytes.
    pub fn volume(&self) -> u64 {
        self.volumes.get(&self.subject.day).copied().unwrap_or(0)
    }

    /// What the figures rest on, before anything was explained.
    pub fn quality(&self, verdict: &Verdict, app: &App) -> DataQuality {
        let day = self.subject.day;
        let metrics = volumes::total_by_day(&self.nats);
        let billed = self.bill.days.get(&day).copied().unwrap_or_default();
        let first = self
            .volumes
            .iter()
            .find(|(_, bytes)| **bytes > 0)
            .map_or(day, |(day, _)| *day);
        let span = usize::try_from(day.days_since(first)).unwrap_or(0);
        let known = self.volumes.range(first..day).count();
        let mut notes = self.notes.clone();
        if self
            .mappings
            .iter()
            .any(|mapping| mapping.subnets.is_empty())
        {
            notes.push(
                "MSK event source mappings exist whose pollers use the cluster's subnets and group, which this function \
                 does not read: their traffic shows under its interfaces' own names"
                    .to_owned(),
            );
        }
        DataQuality {
            history_days: verdict.history_days as u64,
            missing_days: span.saturating_sub(known) as u64,
            estimated: billed.estimated,
            explained_from: app.source_name().to_owned(),
            flow_logs_percent_of_cloudwatch: None,
            cloudwatch_percent_of_bill: metrics
                .get(&day)
                .and_then(|bytes| volumes::percent(*bytes, billed.nat_bytes)),
            skipped_lines: 0,
            ip_ranges_created: app
                .ranges
                .as_ref()
                .map(|ranges| ranges.created().to_owned()),
            cost_explorer_pages: u64::from(self.bill.pages),
            rollup_read_units: None,
            prices_as_of: prices::AS_OF.to_owned(),
            notes,
        }
    }
}

fn needed<T: Default>(
    result: Result<T, DetectorError>,
    gaps: Gaps,
    without: &str,
    notes: &mut Vec<String>,
) -> Result<T, DetectorError> {
    match (result, gaps) {
        (Ok(value), _) => Ok(value),
        (Err(error), Gaps::Fail) => Err(error),
        (Err(error), Gaps::Note) => {
            notes.push(format!("Without {without} ({error})"));
            Ok(T::default())
        }
    }
}

fn optional<T: Default>(
    result: Result<T, crate::fault::CallError>,
    without: &str,
    notes: &mut Vec<String>,
) -> T {
    result.unwrap_or_else(|error| {
        tracing::warn!(%error, "going on without");
        notes.push(format!("Without {without} ({error})"));
        T::default()
    })
}
