//! The detector's items in the Ledger table: incidents, the interface inventory and what each night did.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use tollkeeper::aws::{Condition, Put, Table, TableError, Versioned};
use tollkeeper::ledger;
use tollkeeper::plan::PlanSummary;
use tollkeeper::time::Day;

use crate::incident::Incident;
use crate::incident::keep::Incidents;
use crate::incident::night::PlaceNight;
use crate::measure::inventory::Stay;

/// Writes in flight.
const AT_ONCE: usize = 8;

/// The Ledger of one account and region.
pub struct Ledger {
    table: Table,
    account: String,
    region: String,
}

impl Ledger {
    /// The Ledger in a table.
    pub fn new(table: Table, account: &str, region: &str) -> Self {
        Self {
            table,
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }

    /// The incidents of a series with their versions, oldest first.
    pub async fn incidents(&self, series: &str) -> Result<Vec<Versioned<Incident>>, TableError> {
        let pk = ledger::incidents_pk(&self.account, &self.region);
        self.table.query(&pk, &format!("{series}#")).await
    }

    /// Writes an incident over exactly the version it was read at (0: it must be new).
    pub async fn put_incident(&self, incident: &Incident, version: i64) -> Result<Put, TableError> {
        let key = ledger::incident(
            &self.account,
            &self.region,
            &incident.series,
            incident.opened,
        );
        self.table
            .put_versioned(&key.pk, &key.sk, incident, version)
            .await
    }

    /// The interface inventory.
    pub async fn stays(&self) -> Result<Vec<Stay>, TableError> {
        let pk = ledger::inventory_pk(&self.account, &self.region);
        self.table.query(&pk, "").await
    }

    /// Writes stays. Only the detector writes them, and a stay's key says which interface and since when.
    pub async fn put_stays(&self, stays: &[Stay]) -> Result<(), TableError> {
        stream::iter(stays)
            .map(|stay| async move {
                let first_seen = stay.first_seen.to_string();
                let key =
                    ledger::inventory(&self.account, &self.region, &stay.interface.id, &first_seen);
                self.table
                    .put(&key.pk, &key.sk, stay, &Condition::Always)
                    .await
                    .map(|_| ())
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Notes what a night did.
    pub async fn put_night(&self, night: &PlaceNight) -> Result<(), TableError> {
        let key = ledger::night(&self.account, &self.region, night.day);
        self.table
            .put(&key.pk, &key.sk, night, &Condition::Always)
            .await
            .map(|_| ())
    }

    /// What the nights of some days did; days without one are absent.
    pub async fn nights(
        &self,
        days: impl Iterator<Item = Day>,
    ) -> Result<BTreeMap<Day, PlaceNight>, TableError> {
        stream::iter(days)
            .map(|day| async move {
                let key = ledger::night(&self.account, &self.region, day);
                let night: Option<PlaceNight> = self.table.get(&key.pk, &key.sk).await?;
                Ok(night.map(|night| (day, night)))
            })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|night| async move { Ok(night) })
            .try_collect()
            .await
    }

    /// The remediator's plan summaries.
    pub async fn plans(&self) -> Result<Vec<PlanSummary>, TableError> {
        self.table
            .query(&ledger::plans_pk(&self.account, &self.region), "")
            .await
    }
}

impl Incidents for Ledger {
    async fn read(&self, series: &str) -> Result<Vec<Versioned<Incident>>, TableError> {
        self.incidents(series).await
    }

    async fn write(&self, incident: &Incident, version: i64) -> Result<Put, TableError> {
        self.put_incident(incident, version).await
    }
}
