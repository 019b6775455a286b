//! A series' day within a night: what it means, and the findings there are to tell. Reads; `incident::keep` writes.

use std::collections::BTreeMap;

use tollkeeper::finding::{Advice, Finding, RealisedSaving, Severity, State};
use tollkeeper::plan::EndpointKind;

use crate::adapters::cloudwatch;
use crate::adapters::ledger::Ledger;
use crate::advise::{Standing, Usage, idle_gateways};
use crate::detect::Verdict;
use crate::fault::DetectorError;
use crate::incident::judge::judge;
use crate::incident::keep::SeriesDay;
use crate::incident::saving::{self, NewPath};
use crate::incident::{self, Baseline, Evidence, Incident, Move, Pending, Turn, gateways};
use crate::measure::inventory::Inventory;
use crate::measure::network::Endpoint;
use crate::measure::study::Observed;
use crate::measure::usage_type::{Unit, UsageType};
use crate::tell::compose::{self, Decision};
use crate::{App, Clients};

/// A series' day and what it is judged with.
pub(super) struct SeriesNight<'a> {
    pub(super) app: &'a App,
    /// Clients of the place.
    pub(super) clients: &'a Clients,
    pub(super) ledger: &'a Ledger,
    pub(super) inventory: &'a Inventory,
    pub(super) observed: Observed,
}

impl SeriesDay for SeriesNight<'_> {
    fn series(&self) -> &str {
        &self.observed.subject.series
    }

    fn decide(&self, incidents: &[Incident]) -> Vec<Move> {
        let verdict = self.verdict(incidents);
        let evidence = Evidence {
            usage_type: self.observed.usage_type,
            day: self.observed.subject.day,
            verdict: &verdict,
            volumes: &self.observed.volumes,
            gates: self.app.config.gates,
            prices: self.observed.prices,
        };
        incident::decide(incidents, evidence)
    }

    fn open(&self, incidents: &[Incident]) -> Incident {
        let verdict = self.verdict(incidents);
        let volume = self.observed.volume();
        let baseline = Baseline {
            weekdays: verdict.weekdays,
            history_days: verdict.history_days as u64,
            excess: volume.saturating_sub(verdict.range.expected),
        };
        let subject = &self.observed.subject;
        let id = subject.incident_id(subject.day);
        Incident::open(id, &subject.series, subject.day, volume, baseline)
    }

    async fn after(
        &self,
        incident: Incident,
        incidents: &[Incident],
        turn: Turn,
    ) -> Result<Incident, DetectorError> {
        let day = self.observed.subject.day;
        let volume = self.observed.volume();
        let message = match turn.told_as() {
            Some(state) => {
                let verdict = self.verdict(incidents);
                let range = incident.baseline.of(day);
                Some(Pending {
                    finding: self.finding(&incident, state, &verdict).await?,
                    excess: volume.saturating_sub(range.expected),
                    claim: None,
                })
            }
            None => None,
        };
        Ok(incident.after(day, volume, turn, message))
    }
}

impl SeriesNight<'_> {
    /// The verdict by what is usual besides the incidents.
    pub(super) fn verdict(&self, incidents: &[Incident]) -> Verdict {
        let observed = &self.observed;
        let mut verdict = judge(
            observed.usage_type,
            &observed.volumes,
            observed.subject.day,
            incidents,
            self.app.config.gates,
            observed.prices,
        );
        verdict.confidence = verdict.confidence.min(observed.most_confident(&verdict));
        verdict
    }

    async fn finding(
        &self,
        incident: &Incident,
        state: State,
        verdict: &Verdict,
    ) -> Result<Finding, DetectorError> {
        let finding = match (state, self.observed.usage_type.unit()) {
            (State::Resolved, _) => self.resolution(incident, verdict).await?,
            (_, Unit::Bytes) => self.explained(incident, state, verdict).await,
            (_, Unit::Hours | Unit::GbpsHours) => self.counted(incident, state, verdict),
        };
        Ok(match self.observed.usage_type.unit() {
            Unit::Bytes => finding,
            Unit::Hours | Unit::GbpsHours => self.about_gateways(finding, incident),
        })
    }

    /// What the day is compared with. A series of hours has no bytes.
    fn decision<'d>(
        &self,
        incident: &'d Incident,
        state: State,
        verdict: &'d Verdict,
    ) -> Decision<'d> {
        let bytes = self.observed.usage_type.unit() == Unit::Bytes;
        let range = incident.baseline.of(self.observed.subject.day);
        Decision {
            state,
            incident_id: &incident.incident_id,
            observed: if bytes { self.observed.volume() } else { 0 },
            range: if bytes {
                range
            } else {
                crate::detect::Range::default()
            },
            verdict,
        }
    }

    async fn explained(&self, incident: &Incident, state: State, verdict: &Verdict) -> Finding {
        let observed = &self.observed;
        let weekdays = &incident.baseline.weekdays;
        let id = Some(incident.incident_id.as_str());
        let explained = self
            .app
            .explain_day(
                observed,
                self.inventory,
                verdict,
                weekdays,
                id,
                &self.clients.ec2,
            )
            .await;
        let mut finding = compose::finding(
            &observed.subject,
            self.decision(incident, state, verdict),
            explained.explanation,
            explained.advice,
            explained.quality,
            observed.prices,
        );
        if state == State::Accepted {
            // It was asked for when the incident was told: nobody is to be asked again by a machine.
            for advice in &mut finding.advice {
                advice.plan_request = None;
            }
        }
        finding
    }

    fn counted(&self, incident: &Incident, state: State, verdict: &Verdict) -> Finding {
        let mut quality = self.observed.quality(verdict, self.app);
        "none".clone_into(&mut quality.explained_from);
        compose::finding(
            &self.observed.subject,
            self.decision(incident, state, verdict),
            crate::explain::causes::unexplained(0, self.observed.prices),
            self.idle_gateways(),
            quality,
            self.observed.prices,
        )
    }

    /// Whatever made the hours rise: gateways that nothing goes through are the first to go.
    fn idle_gateways(&self) -> Vec<Advice> {
        let day = self.observed.subject.day;
        let bytes = self.observed.nat_bytes_since(Usage::first_day(day));
        let usage = Usage::until(day, bytes, BTreeMap::new());
        idle_gateways(Standing {
            network: &self.observed.network,
            usage: &usage,
            prices: self.observed.prices,
            flows: None,
        })
    }

    fn about_gateways(&self, finding: Finding, incident: &Incident) -> Finding {
        let day = self.observed.subject.day;
        let bytes = self.observed.nat_bytes_since(day);
        let new = gateways::new(&self.observed.network, incident.opened, day, &bytes);
        gateways::about(
            finding,
            self.observed.usage_type,
            self.observed.volume(),
            incident.baseline.of(day),
            new,
            self.observed.prices,
        )
    }

    /// The finding that ends an incident: the day against the frozen baseline, and what the remedy saved.
    async fn resolution(
        &self,
        incident: &Incident,
        verdict: &Verdict,
    ) -> Result<Finding, DetectorError> {
        let mut quality = self.observed.quality(verdict, self.app);
        "none".clone_into(&mut quality.explained_from);
        let saving = self.saving(incident, &mut quality.notes).await?;
        let severity = incident
            .told
            .as_ref()
            .map_or(Severity::Low, |told| told.severity);
        Ok(compose::resolved(
            &self.observed.subject,
            self.decision(incident, State::Resolved, verdict),
            severity,
            saving,
            quality,
            self.observed.prices,
        ))
    }

    async fn saving(
        &self,
        incident: &Incident,
        notes: &mut Vec<String>,
    ) -> Result<RealisedSaving, DetectorError> {
        let plans = self.ledger.plans().await?;
        let endpoints = saving::endpoints_of(&plans, &incident.incident_id);
        let all = &self.observed.network.endpoints;
        let measured: Vec<&Endpoint> = endpoints
            .iter()
            .filter(|endpoint| endpoint.kind == EndpointKind::Interface)
            .filter_map(|endpoint| {
                all.iter()
                    .find(|known| Some(known.id.as_str()) == endpoint.endpoint_id.as_deref())
            })
            .collect();
        let day = self.observed.subject.day;
        let bytes = cloudwatch::endpoint_bytes(&self.clients.cloudwatch, &measured, day, day).await;
        let seen = bytes.unwrap_or_else(|error| {
            notes.push(format!("Bytes on the endpoints could not be read: {error}"));
            cloudwatch::DailyBytes::new()
        });
        let seen = seen
            .values()
            .filter_map(|days| days.get(&day))
            .copied()
            .reduce(u64::saturating_add);
        let billed = self
            .observed
            .bill
            .days
            .get(&day)
            .filter(|billed| !billed.estimated);
        let path = NewPath {
            endpoints: &endpoints,
            seen,
            billed_endpoints: billed.map(|billed| billed.endpoints_cost),
            billed_zone_hours: billed.map(|billed| billed.quantity(UsageType::EndpointHours)),
        };
        Ok(saving::realised(
            day,
            path,
            self.observed.usage_type,
            incident.peak,
            self.observed.volume(),
            self.observed.prices,
        ))
    }
}
