//! The detector's items in the Ledger table: incidents, the interface inventory and what each night did.

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tollkeeper::aws::{Condition, Put, Table, TableError, Versioned};
use tollkeeper::ledger;
use tollkeeper::plan::PlanSummary;
use tollkeeper::time::Day;

use crate::incident::Incident;
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

    /// The incidents of a series, oldest first.
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
    pub async fn put_night(&self, day: Day, night: &impl Serialize) -> Result<(), TableError> {
        let key = ledger::night(&self.account, &self.region, day);
        self.table
            .put(&key.pk, &key.sk, night, &Condition::Always)
            .await
            .map(|_| ())
    }

    /// The remediator's plan summaries.
    pub async fn plans(&self) -> Result<Vec<PlanSummary>, TableError> {
        self.table
            .query(&ledger::plans_pk(&self.account, &self.region), "")
            .await
    }
}
