//! `nightly`: judge the day in every account and region, keep the incidents, tell people once.
//!
//! Order of writes in a place: inventory; for each series the incident with its message, the alert, the incident as told;
//! the night. A cut-off anywhere is caught up by the next run, see `incident::keep`. A place that cannot be observed is
//! reported and the others go on; the next night judges its day too. The night fails, to be run again, where nothing could
//! be judged, where the Ledger or the topic failed, and where the time was nearly over with places left.

use futures::{StreamExt, stream};
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;
use tollkeeper::aws::Alerts;
use tollkeeper::error::{Fault, chain};
use tollkeeper::finding::Finding;
use tollkeeper::prices;
use tollkeeper::telemetry::{Metrics, Unit};
use tollkeeper::time::Day;

use super::accounts::{Accounts, Reached};
use super::clock::Clock;
use super::place_night::{self, PlaceDone};
use crate::App;
use crate::adapters::alerts::Listeners;
use crate::adapters::ledger::Ledger;
use crate::fault::DetectorError;
use crate::incident::night::{FailedPlace, NightReply, PagesAsked, SeriesVerdict};
use crate::incident::run::Run;
use crate::measure::study::{self, Gaps, Observed};
use crate::measure::usage_type::UsageType;

/// Places observed at once.
const AT_ONCE: usize = 4;

/// Runs the night of a day and tells the topic's subscribers.
pub async fn run(app: &App, day: Day, clock: Clock<'_>) -> Result<Value, DetectorError> {
    let listeners = subscribers(app)?;
    Ok(night(app, day, clock, &listeners).await?.to_json())
}

/// The topic's subscribers.
pub(super) fn subscribers(app: &App) -> Result<Listeners, DetectorError> {
    let topic = app.config.alert_topic.as_deref();
    let topic = topic.ok_or(DetectorError::NotConfigured("ALERT_TOPIC_ARN"))?;
    let alerts = Alerts::new(app.clients.sns.clone(), topic);
    Ok(Listeners::Topic(alerts, app.config.alert_format))
}

/// Runs the night of a day: the answer lists every series' verdict.
pub async fn night(
    app: &App,
    day: Day,
    clock: Clock<'_>,
    listeners: &Listeners,
) -> Result<NightReply, DetectorError> {
    let now = clock.now();
    let table = app
        .config
        .ledger_table
        .as_deref()
        .ok_or(DetectorError::NotConfigured("LEDGER_TABLE"))?;
    if now < day.end() {
        return Err(DetectorError::DayNotOver { day });
    }
    let run = Run::begin(now);
    let accounts = Accounts::reach(app, day).await?;
    let (pages, mut night) = (accounts.pages, Tally::default());
    for failed in accounts.failed {
        night.fail(failed.account, None, failed.error);
    }
    let mut places = stream::iter(accounts.reached)
        .map(|reached| observe(reached, day, clock))
        .buffered(AT_ONCE);
    while let Some((reached, observed)) = places.next().await {
        let place = &reached.place;
        let ledger = Ledger::new(app.table(table), &place.account, place.region.region);
        let done = match observed {
            Ok(_) if clock.is_short() => PlaceDone::failed(DetectorError::OutOfTime),
            Ok(observed) => {
                let night = place_night::PlaceNights {
                    app,
                    clients: &reached.clients,
                    ledger: &ledger,
                    listeners,
                    run: &run,
                };
                Box::pin(night.judge(&observed, day)).await
            }
            Err(error) => PlaceDone::failed(error),
        };
        night.add(done, &reached);
    }
    night.finish(day, PagesAsked::new(pages, app.config.max_pages), now)
}

async fn observe(
    reached: Reached,
    day: Day,
    clock: Clock<'_>,
) -> (Reached, Result<Observed, DetectorError>) {
    if clock.is_short() {
        return (reached, Err(DetectorError::OutOfTime));
    }
    let bill = reached.bill.clone();
    let bill = async { Ok(bill) };
    // Boxed: it holds the futures of half a dozen services.
    let observing = study::observe(&reached.clients, &reached.place, bill, day, Gaps::Fail);
    let observed = Box::pin(observing).await;
    (reached, observed)
}

/// What came of all places.
#[derive(Default)]
struct Tally {
    series: Vec<SeriesVerdict>,
    findings: Vec<Finding>,
    failed: Vec<FailedPlace>,
    /// The first error of a place alone, and the first that concerns all.
    of_a_place: Option<DetectorError>,
    of_all: Option<DetectorError>,
}

impl Tally {
    fn add(&mut self, done: PlaceDone, reached: &Reached) {
        self.series.extend(done.series);
        self.findings.extend(done.findings);
        for error in done.errors {
            let place = &reached.place;
            self.fail(
                place.account.clone(),
                Some(place.region.region.to_owned()),
                error,
            );
        }
    }

    fn fail(&mut self, account: String, region: Option<String>, error: DetectorError) {
        let failed = FailedPlace {
            account,
            region,
            error_type: error.fault_type().to_owned(),
            error: chain(&error),
        };
        tracing::error!(
            account = failed.account,
            region = failed.region,
            error_type = failed.error_type,
            error_message = failed.error,
            "place failed"
        );
        self.failed.push(failed);
        let first = if error.is_of_one_place() {
            &mut self.of_a_place
        } else {
            &mut self.of_all
        };
        first.get_or_insert(error);
    }

    fn finish(
        self,
        day: Day,
        pages: PagesAsked,
        now: Timestamp,
    ) -> Result<NightReply, DetectorError> {
        self.measure(day, &pages, now);
        if let Some(error) = self.of_all {
            return Err(error);
        }
        let judged = self.series.iter().any(|verdict| verdict.observed.is_some());
        match self.of_a_place {
            Some(error) if !judged => Err(error),
            _ => Ok(NightReply::new(
                day,
                self.series,
                self.failed,
                pages,
                self.findings,
            )),
        }
    }

    fn measure(&self, day: Day, pages: &PagesAsked, now: Timestamp) {
        let anomalous = || {
            self.series
                .iter()
                .filter(|verdict| verdict.anomalous && verdict.day == day)
        };
        let dollars: Decimal = anomalous().filter_map(excess_dollars).sum();
        Metrics::of("nat-cost-detector")
            .count("Anomalies", anomalous().count() as u64)
            .count("PlacesFailed", self.failed.len() as u64)
            .value(
                "ExcessDollars",
                Unit::None,
                dollars.to_f64().unwrap_or_default(),
            )
            .count("CostExplorerPages", u64::from(pages.pages))
            .property("day", day.to_string())
            .emit(now);
    }
}

fn excess_dollars(verdict: &SeriesVerdict) -> Option<Decimal> {
    let usage_type = UsageType::ALL
        .into_iter()
        .find(|usage| usage.suffix() == verdict.series)?;
    let prices = prices::for_region(&verdict.region).ok()?;
    let excess = verdict.observed?.saturating_sub(verdict.expected);
    usage_type.price(excess, prices)
}

#[cfg(test)]
#[path = "nightly_tests.rs"]
mod tests;
