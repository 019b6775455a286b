//! Observes a place (an account in a region) on a day and in the history before it: what all actions share. Everything
//! here reads and nothing writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollkeeper::finding::{Confidence, DataQuality};
use tollkeeper::prices::{self, RegionPrices};
use tollkeeper::time::Day;

use crate::adapters::cost_explorer;
use crate::adapters::{cloudwatch, ec2, identity, kafka, lambda};
use crate::detect::{HISTORY_DAYS, Verdict};
use crate::fault::DetectorError;
use crate::measure::bill::Bill;
use crate::measure::network::{KafkaMapping, Network};
use crate::measure::place::Place;
use crate::measure::quality;
use crate::measure::series::{self, Metrics, Series};
use crate::measure::usage_type::UsageType;
use crate::measure::volumes;
use crate::tell::compose::Subject;
use crate::{App, Clients};

/// What to do about a source of facts that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// The night: without the bill and the network it fails and is run again.
    Fail,
    /// A laptop: say what is missing and go on.
    Note,
}

/// What was observed of a day of one series, and its history. The facts behind it are shared by all series of a place.
#[derive(Clone)]
pub struct Observed {
    /// Whose day.
    pub subject: Subject,
    /// List prices of the region.
    pub prices: &'static RegionPrices,
    /// The bill, as far as it could be read.
    pub bill: Arc<Bill>,
    /// CloudWatch's bytes by gateway and day.
    pub nats: Arc<cloudwatch::DailyBytes>,
    /// The series' quantity by day: bytes, or hours of gateways.
    pub volumes: BTreeMap<Day, u64>,
    /// The network as it is now.
    pub network: Arc<Network>,
    /// Kafka mappings.
    pub mappings: Arc<Vec<KafkaMapping>>,
    /// What could not be read.
    pub notes: Vec<String>,
    /// The series.
    pub usage_type: UsageType,
    series: Series,
    cloudwatch_read: bool,
}

impl App {
    /// Observes a day and the history before it in the caller's own account and region.
    pub async fn observe(&self, day: Day, gaps: Gaps) -> Result<Observed, DetectorError> {
        let region = self.region.as_deref().ok_or(DetectorError::NoRegion)?;
        let region = prices::for_region(region)?;
        let account = identity::account(&self.clients.sts).await?;
        let place = Place { account, region };
        let bill = async {
            let scope = cost_explorer::Scope {
                accounts: std::slice::from_ref(&place.account),
                regions: &[region],
                max_pages: self.config.max_pages,
            };
            let from = day.plus(-HISTORY_DAYS);
            let bills =
                cost_explorer::bills(&self.clients.cost_explorer, scope, from, day, &mut 0).await?;
            Ok(bills.of(&place.account, region.region).unwrap_or_default())
        };
        // Boxed: it holds the futures of half a dozen services.
        Box::pin(observe(&self.clients, &place, bill, day, gaps)).await
    }
}

/// Observes a place with its own clients; its bill may come from elsewhere.
pub async fn observe(
    clients: &Clients,
    place: &Place,
    bill: impl Future<Output = Result<Bill, DetectorError>>,
    day: Day,
    gaps: Gaps,
) -> Result<Observed, DetectorError> {
    let mut notes = Vec::new();
    let (bill, network, mappings) = tokio::join!(
        bill,
        ec2::observe(&clients.ec2),
        lambda::kafka_mappings(&clients.lambda),
    );
    let bill = needed(
        bill,
        gaps,
        "the bill: volumes are CloudWatch's alone",
        &mut notes,
    )?;
    let network_read = network.is_ok();
    let network = needed(
        network.map_err(DetectorError::from),
        gaps,
        "the network: sources have no names, and CloudWatch is not asked",
        &mut notes,
    )?;
    let network = Network {
        account: place.account.clone(),
        ..network
    };
    notes.extend(network.gaps.iter().cloned());
    let mappings = optional(
        mappings,
        "Kafka event source mappings: pollers are not recognised",
        &mut notes,
    );
    let mappings = kafka::with_clusters(&clients.kafka, mappings, &mut notes).await;
    let ids: Vec<String> = network.nats.iter().map(|nat| nat.id.clone()).collect();
    let from = day.plus(-HISTORY_DAYS);
    let nats = cloudwatch::nat_bytes(&clients.cloudwatch, &ids, from, day).await;
    let cloudwatch_read = network_read && nats.is_ok();
    let nats = optional(nats, "CloudWatch: volumes are the bill's alone", &mut notes);
    let region = place.region;
    if !region.confirmed {
        notes.push(format!(
            "Prices of {} rest on one source only",
            region.region
        ));
    }
    let usage_type = series::judged(&bill)
        .first()
        .copied()
        .unwrap_or(UsageType::NatBytes);
    let observed = Observed {
        subject: Subject {
            account: place.account.clone(),
            region: region.region.to_owned(),
            series: usage_type.suffix().to_owned(),
            day,
        },
        prices: region,
        bill: Arc::new(bill),
        nats: Arc::new(nats),
        volumes: BTreeMap::new(),
        network: Arc::new(network),
        mappings: Arc::new(mappings),
        notes,
        usage_type,
        series: Series::default(),
        cloudwatch_read,
    };
    Ok(observed.on(usage_type, day))
}

impl Observed {
    /// The same place, seen on another day or through another series.
    #[must_use]
    pub fn on(&self, usage_type: UsageType, day: Day) -> Self {
        let series = series::measure(usage_type, &self.bill, &self.metrics(usage_type), day);
        Self {
            subject: Subject {
                series: usage_type.suffix().to_owned(),
                day,
                ..self.subject.clone()
            },
            volumes: series.values.clone(),
            usage_type,
            series,
            ..self.clone()
        }
    }

    /// The series of this place that are judged.
    pub fn judged(&self) -> Vec<UsageType> {
        series::judged(&self.bill)
    }

    fn metrics(&self, usage_type: UsageType) -> Metrics {
        if !self.cloudwatch_read {
            Metrics::Unknown
        } else if self.network.nats.is_empty() {
            Metrics::NoGateway
        } else if !usage_type.is_nat_bytes() || self.kinds_mixed() {
            // CloudWatch counts bytes, and shows no difference between kinds of gateways.
            Metrics::Unknown
        } else {
            Metrics::Bytes(volumes::total_by_day(&self.nats))
        }
    }

    /// Bytes of each gateway from a day on, up to the day under analysis: 0 where CloudWatch was read and has none;
    /// empty where it was not.
    pub fn nat_bytes_since(&self, from: Day) -> BTreeMap<String, u64> {
        if !self.cloudwatch_read {
            return BTreeMap::new();
        }
        let bytes = |nat: &str| {
            let days = self.nats.get(nat).into_iter();
            let window = days.flat_map(|days| days.range(from..=self.subject.day));
            window.fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes))
        };
        let nats = self.network.nats.iter();
        nats.map(|nat| (nat.id.clone(), bytes(&nat.id))).collect()
    }

    fn kinds_mixed(&self) -> bool {
        series::kinds_of_bytes(&self.bill).len() > 1
    }

    /// Why nothing can be said about the day.
    pub fn no_figures(&self) -> DetectorError {
        DetectorError::NoFigures {
            day: self.subject.day,
            notes: self.notes.clone(),
        }
    }

    /// Whether the day under analysis has a figure.
    pub fn has_figure(&self) -> bool {
        self.volumes.contains_key(&self.subject.day)
    }

    /// Whether the day's figure is an estimate alone, which may still rise.
    pub fn is_lower_bound(&self) -> bool {
        self.series.day_is_lower_bound
    }

    /// Quantity of the day under analysis: bytes, or hours.
    pub fn volume(&self) -> u64 {
        self.volumes.get(&self.subject.day).copied().unwrap_or(0)
    }

    fn facts(&self) -> quality::Facts<'_> {
        quality::Facts {
            usage_type: self.usage_type,
            series: &self.series,
            bill: &self.bill,
            kinds_mixed: self.kinds_mixed(),
            day: self.subject.day,
            prices: self.prices,
        }
    }

    /// The most that a verdict on these figures can be sure of.
    pub fn most_confident(&self, verdict: &Verdict) -> Confidence {
        quality::most_confident(self.facts(), verdict)
    }

    /// What the figures rest on, before anything was explained.
    pub fn quality(&self, verdict: &Verdict, app: &App) -> DataQuality {
        let day = self.subject.day;
        let billed = self.bill.days.get(&day).copied().unwrap_or_default();
        let mut notes = self.notes.clone();
        notes.extend(quality::notes(self.facts(), verdict));
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
            missing_days: quality::missing_days(&self.series, day) as u64,
            estimated: billed.estimated,
            explained_from: app.source_name().to_owned(),
            flow_logs_percent_of_cloudwatch: None,
            cloudwatch_percent_of_bill: volumes::total_by_day(&self.nats)
                .get(&day)
                .and_then(|bytes| volumes::percent(*bytes, billed.nat_bytes())),
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
