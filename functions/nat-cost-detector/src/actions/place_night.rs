//! A place's part of a night: its inventory, its series, and the days that earlier nights left open.

use tollkeeper::finding::Finding;
use tollkeeper::time::Day;

use super::series_night::SeriesNight;
use crate::adapters::alerts::Listeners;
use crate::adapters::ledger::Ledger;
use crate::fault::DetectorError;
use crate::incident::keep::keep;
use crate::incident::night::{CATCH_UP_DAYS, PlaceNight, SeriesVerdict, days_to_judge};
use crate::incident::run::Run;
use crate::measure::inventory::{self, Inventory};
use crate::measure::series::SETTLED_DAYS;
use crate::measure::study::Observed;
use crate::{App, Clients};

/// What a place is judged with.
pub(super) struct PlaceNights<'a> {
    pub(super) app: &'a App,
    pub(super) clients: &'a Clients,
    pub(super) ledger: &'a Ledger,
    pub(super) listeners: &'a Listeners,
    pub(super) run: &'a Run,
}

/// What came of a place.
#[derive(Default)]
pub(super) struct PlaceDone {
    pub(super) series: Vec<SeriesVerdict>,
    pub(super) findings: Vec<Finding>,
    /// One series' failure does not keep the others from being judged.
    pub(super) errors: Vec<DetectorError>,
}

impl PlaceDone {
    pub(super) fn failed(error: DetectorError) -> Self {
        Self {
            errors: vec![error],
            ..Self::default()
        }
    }
}

impl PlaceNights<'_> {
    /// Judges a place's day, after the days that earlier nights left open.
    pub(super) async fn judge(&self, observed: &Observed, day: Day) -> PlaceDone {
        match self.prepare(observed, day).await {
            Ok((inventory, days)) => {
                let mut done = PlaceDone::default();
                for past in days {
                    self.judge_day(observed, &inventory, past, day, &mut done)
                        .await;
                }
                done
            }
            Err(error) => PlaceDone::failed(error),
        }
    }

    async fn prepare(
        &self,
        observed: &Observed,
        day: Day,
    ) -> Result<(Inventory, Vec<Day>), DetectorError> {
        let known = self.ledger.stays().await?;
        let changed = inventory::observe(&known, &observed.network.interfaces, self.run.now());
        self.ledger.put_stays(&changed).await?;
        let stays = inventory::merge(known, changed);
        let past = (1..=CATCH_UP_DAYS).map(|back| day.plus(-back));
        let nights = self.ledger.nights(past).await?;
        Ok((
            Inventory::new(&stays, &observed.network),
            days_to_judge(day, &nights),
        ))
    }

    async fn judge_day(
        &self,
        observed: &Observed,
        inventory: &Inventory,
        day: Day,
        tonight: Day,
        done: &mut PlaceDone,
    ) {
        let (mut series, mut findings, mut complete) = (Vec::new(), Vec::new(), true);
        for usage_type in observed.judged() {
            let night = SeriesNight {
                app: self.app,
                clients: self.clients,
                ledger: self.ledger,
                inventory,
                observed: observed.on(usage_type, day),
            };
            match self.judge_series(&night, tonight).await {
                Ok((verdict, told)) => {
                    series.push(verdict);
                    findings.extend(told);
                }
                Err(error) => {
                    complete = false;
                    done.errors.push(error);
                }
            }
        }
        if complete {
            let night = PlaceNight::new(day, series.clone(), &findings);
            if let Err(error) = self.ledger.put_night(&night).await {
                done.errors.push(error.into());
            }
        }
        let unknown = series.iter().all(|verdict| verdict.observed.is_none());
        if complete && unknown && day == tonight {
            done.errors
                .push(observed.on(observed.usage_type, day).no_figures());
        }
        done.series.extend(series);
        done.findings.extend(findings);
    }

    async fn judge_series(
        &self,
        night: &SeriesNight<'_>,
        tonight: Day,
    ) -> Result<(SeriesVerdict, Vec<Finding>), DetectorError> {
        let observed = &night.observed;
        let incidents: Vec<_> = self
            .ledger
            .incidents(&observed.subject.series)
            .await?
            .into_iter()
            .map(|stored| stored.item)
            .collect();
        let verdict = night.verdict(&incidents);
        let figure = observed.has_figure().then(|| observed.volume());
        let mut line = SeriesVerdict::new(&observed.subject, observed.usage_type, figure, &verdict);
        let age = tonight.days_since(observed.subject.day);
        line.provisional = observed.is_lower_bound() && age < SETTLED_DAYS;
        if figure.is_none() {
            line.anomalous = false;
            line.reason = observed.no_figures().to_string();
            return Ok((line, Vec::new()));
        }
        // Boxed: what is told holds the reading of flow logs.
        let kept = Box::pin(keep(self.ledger, self.listeners, night, self.run)).await?;
        tracing::info!(
            account = line.account,
            region = line.region,
            series = line.series,
            day = %line.day,
            turn = kept.turn.as_str(),
            score = line.score,
            "day judged"
        );
        kept.turn.as_str().clone_into(&mut line.turn);
        line.incident_id = kept.incident_id;
        Ok((line, kept.told))
    }
}
