//! How an incident ends: the day's figures against the frozen baseline, and what the remedy saved.

use tollkeeper::finding::{Finding, RealisedSaving, Severity, State};
use tollkeeper::plan::EndpointKind;

use super::nightly::Night;
use crate::adapters::cloudwatch;
use crate::fault::DetectorError;
use crate::incident::Incident;
use crate::incident::saving;
use crate::measure::network::Endpoint;
use crate::tell::compose;

impl Night<'_> {
    /// The finding that ends the incident.
    pub(super) async fn resolution(&self, incident: &Incident) -> Result<Finding, DetectorError> {
        let mut quality = self.observed.quality(&self.verdict, self.app);
        "none".clone_into(&mut quality.explained_from);
        let saving = self.saving(incident, &mut quality.notes).await?;
        Ok(compose::resolved(
            &self.observed.subject,
            self.decision(incident, State::Resolved),
            incident
                .told
                .as_ref()
                .map_or(Severity::Low, |told| told.severity),
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
        let measured: Vec<&Endpoint> = endpoints
            .iter()
            .filter(|endpoint| endpoint.kind == EndpointKind::Interface)
            .filter_map(|endpoint| {
                let all = &self.observed.network.endpoints;
                all.iter()
                    .find(|known| Some(known.id.as_str()) == endpoint.endpoint_id.as_deref())
            })
            .collect();
        let day = self.day();
        let bytes =
            cloudwatch::endpoint_bytes(&self.app.clients.cloudwatch, &measured, day, day).await;
        let seen = match bytes {
            Ok(bytes) => bytes
                .values()
                .filter_map(|days| days.get(&day))
                .copied()
                .reduce(u64::saturating_add),
            Err(error) => {
                notes.push(format!("Bytes on the endpoints could not be read: {error}"));
                None
            }
        };
        let volume = self.observed.volume();
        Ok(saving::realised(
            day,
            &endpoints,
            seen,
            incident.peak_bytes,
            volume,
            self.observed.prices,
        ))
    }
}
