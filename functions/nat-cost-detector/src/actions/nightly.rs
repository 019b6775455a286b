//! `nightly`: judge the day, keep the incident, tell people once.
//!
//! Order of writes: inventory, incident with its pending finding, the alert, the incident as told, the night. A crash
//! anywhere is caught up by the next run of the same night; see `incident`.

use jiff::Timestamp;
use serde_json::Value;
use tollkeeper::aws::{Alerts, Put, Versioned};
use tollkeeper::finding::{Confidence, Finding, State};
use tollkeeper::telemetry::{Metrics, Unit};
use tollkeeper::time::Day;

use crate::App;
use crate::adapters::ledger::Ledger;
use crate::detect::{Verdict, detect};
use crate::fault::DetectorError;
use crate::incident::night::{NightReply, NightReport};
use crate::incident::{self, Baseline, Evidence, Incident, Turn};
use crate::measure::inventory::{self, Inventory};
use crate::measure::study::{Gaps, Observed, SERIES};
use crate::tell::compose::{self, Decision};
use crate::tell::message;

/// What a night works with.
pub(super) struct Night<'a> {
    pub(super) app: &'a App,
    pub(super) ledger: Ledger,
    alerts: Alerts,
    pub(super) observed: Observed,
    inventory: Inventory,
    pub(super) verdict: Verdict,
}

/// Runs the night of a day.
pub async fn run(app: &App, day: Day, now: Timestamp) -> Result<Value, DetectorError> {
    let table = app
        .config
        .ledger_table
        .as_deref()
        .ok_or(DetectorError::NotConfigured("LEDGER_TABLE"))?;
    let topic = app
        .config
        .alert_topic
        .as_deref()
        .ok_or(DetectorError::NotConfigured("ALERT_TOPIC_ARN"))?;
    let observed = app.observe(day, Gaps::Fail).await?;
    if !observed.volumes.contains_key(&day) {
        return Err(observed.no_figures());
    }
    let ledger = Ledger::new(
        app.table(table),
        &observed.subject.account,
        &observed.subject.region,
    );
    let inventory = keep_inventory(&ledger, &observed, now).await?;
    let incidents = ledger.incidents(SERIES).await?;
    let verdict = judge(app, &observed, &incidents);
    let night = Night {
        app,
        ledger,
        alerts: Alerts::new(app.clients.sns.clone(), topic),
        observed,
        inventory,
        verdict,
    };
    let reply = Box::pin(night.run(incidents)).await?;
    night.measure(&reply.night, now);
    Ok(reply.to_json())
}

async fn keep_inventory(
    ledger: &Ledger,
    observed: &Observed,
    now: Timestamp,
) -> Result<Inventory, DetectorError> {
    let known = ledger.stays().await?;
    let changed = inventory::observe(&known, &observed.network.interfaces, now);
    ledger.put_stays(&changed).await?;
    let stays = inventory::merge(known, changed);
    Ok(Inventory::new(&stays, &observed.network))
}

/// Judges the day by a history without the days of incidents: a leak is not what is usual.
fn judge(app: &App, observed: &Observed, incidents: &[Versioned<Incident>]) -> Verdict {
    let usual = observed
        .volumes
        .iter()
        .filter(|(day, _)| !incidents.iter().any(|incident| incident.item.covers(**day)))
        .map(|(day, bytes)| (*day, *bytes))
        .collect();
    let (day, volume) = (observed.subject.day, observed.volume());
    let mut verdict = detect(&usual, day, volume, app.config.gates, observed.prices);
    let quality = observed.quality(&verdict, app);
    // An estimate without CloudWatch beside it, or a history with a tenth of its days missing, is doubtful data.
    let doubtful = (observed.nats.is_empty() && quality.estimated)
        || quality.missing_days * 10 > quality.history_days;
    if doubtful && verdict.confidence == Confidence::High {
        verdict.confidence = Confidence::Medium;
    }
    verdict
}

impl Night<'_> {
    async fn run(
        &self,
        mut incidents: Vec<Versioned<Incident>>,
    ) -> Result<NightReply, DetectorError> {
        let mut told = Vec::new();
        for slot in &mut incidents {
            if let Some(finding) = slot.item.pending.clone() {
                *slot = self.tell(slot.clone(), &finding).await?;
                told.push(finding);
            }
        }
        let latest = incidents.pop();
        let turn = incident::decide(latest.as_ref().map(|latest| &latest.item), self.evidence());
        tracing::info!(day = %self.day(), ?turn, score = %self.verdict.score, "day judged");
        let mut id = latest
            .as_ref()
            .map(|latest| latest.item.incident_id.clone());
        match (turn, latest) {
            (Turn::Opens, _) => {
                let incident = self.open();
                id = Some(incident.incident_id.clone());
                told.extend(
                    self.keep(
                        Versioned {
                            version: 0,
                            item: incident,
                        },
                        turn,
                    )
                    .await?,
                );
            }
            (Turn::Grows | Turn::GoesOn | Turn::Resolves, Some(latest)) => {
                told.extend(self.keep(latest, turn).await?);
            }
            _ => {}
        }
        let judged = NightReport::new(self.day(), self.observed.volume(), &self.verdict, turn, id);
        let reply = judged.with_findings(told);
        self.ledger.put_night(self.day(), &reply.night).await?;
        Ok(reply)
    }

    pub(super) fn day(&self) -> Day {
        self.observed.subject.day
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            day: self.day(),
            verdict: &self.verdict,
            volumes: &self.observed.volumes,
            gates: self.app.config.gates,
            prices: self.observed.prices,
        }
    }

    fn open(&self) -> Incident {
        let volume = self.observed.volume();
        let baseline = Baseline {
            weekdays: self.verdict.weekdays,
            nat_gateway_ids: self
                .observed
                .network
                .nats
                .iter()
                .map(|nat| nat.id.clone())
                .collect(),
            history_days: self.verdict.history_days as u64,
            excess_bytes: volume.saturating_sub(self.verdict.range.expected),
        };
        let id = self.observed.subject.incident_id(self.day());
        Incident::open(id, SERIES, self.day(), volume, baseline)
    }

    /// Writes the incident after this day, with the finding if there is something to tell, and tells it.
    async fn keep(
        &self,
        stored: Versioned<Incident>,
        turn: Turn,
    ) -> Result<Option<Finding>, DetectorError> {
        let finding = match turn {
            Turn::Opens => Some(self.finding(&stored.item, State::Opened).await),
            Turn::Grows => Some(self.finding(&stored.item, State::Updated).await),
            Turn::Resolves => Some(self.resolution(&stored.item).await?),
            Turn::GoesOn | Turn::Quiet | Turn::AlreadyJudged => None,
        };
        let volume = self.observed.volume();
        let item = stored.item.after(self.day(), volume, turn, finding.clone());
        let stored = self.put(stored.version, item).await?;
        if let Some(finding) = &finding {
            self.tell(stored, finding).await?;
        }
        Ok(finding)
    }

    async fn put(
        &self,
        version: i64,
        item: Incident,
    ) -> Result<Versioned<Incident>, DetectorError> {
        match self.ledger.put_incident(&item, version).await? {
            Put::Done => Ok(Versioned {
                version: version + 1,
                item,
            }),
            Put::Conflict => Err(DetectorError::Conflict(item.incident_id)),
        }
    }

    async fn tell(
        &self,
        stored: Versioned<Incident>,
        finding: &Finding,
    ) -> Result<Versioned<Incident>, DetectorError> {
        let message_id = self.alerts.send(&message::alert(finding)).await?;
        tracing::info!(
            incident_id = finding.incident_id,
            state = finding.state.as_str(),
            message_id,
            "finding told"
        );
        self.put(stored.version, stored.item.told()).await
    }

    pub(super) fn decision<'d>(&'d self, incident: &'d Incident, state: State) -> Decision<'d> {
        Decision {
            state,
            incident_id: &incident.incident_id,
            observed: self.observed.volume(),
            range: incident.baseline.of(self.day()),
            verdict: &self.verdict,
        }
    }

    async fn finding(&self, incident: &Incident, state: State) -> Finding {
        let weekdays = &incident.baseline.weekdays;
        let explained = self
            .app
            .explain_day(
                &self.observed,
                &self.inventory,
                &self.verdict,
                weekdays,
                Some(&incident.incident_id),
            )
            .await;
        compose::finding(
            &self.observed.subject,
            self.decision(incident, state),
            explained.explanation,
            explained.advice,
            explained.quality,
            self.observed.prices,
        )
    }

    fn measure(&self, night: &NightReport, now: Timestamp) {
        use rust_decimal::prelude::ToPrimitive;
        let excess = self
            .observed
            .volume()
            .saturating_sub(self.verdict.range.expected);
        let dollars = self
            .observed
            .prices
            .nat_bytes(excess)
            .to_f64()
            .unwrap_or(0.0);
        Metrics::of("nat-cost-detector")
            .count("Anomalies", u64::from(self.verdict.anomalous))
            .value(
                "ExcessDollars",
                Unit::None,
                if self.verdict.anomalous { dollars } else { 0.0 },
            )
            .count("CostExplorerPages", u64::from(self.observed.bill.pages))
            .property("day", self.day().to_string())
            .property("turn", night.turn.as_str())
            .emit(now);
    }
}

#[cfg(test)]
#[path = "nightly_tests.rs"]
mod tests;
