//! The remediator's part of the Ledger table: plans, summaries, journal, locks; approvals are only read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollkeeper::aws::{Put, Table, TableError, Versioned};
use tollkeeper::ledger;
use tollkeeper::plan::{PlanState, PlanSummary};
use tollkeeper::time::Day;

use crate::approval::Approval;
use crate::audit::Event;
use crate::engine::{Clock, Journal, Keep};
use crate::journal::Entry;
use crate::plan::Place;
use crate::rows::Rows;

/// Why the ledger did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("{what} was written by another run meanwhile; this run stops")]
    Overtaken { what: String },
    #[error("VPC {vpc_id} is locked by plan {plan_id} until {until}; try again afterwards")]
    Held {
        vpc_id: String,
        plan_id: String,
        until: Timestamp,
    },
    /// Another plan is half done, or half undone, in the VPC.
    #[error(
        "plan {plan_id} is under way in VPC {vpc_id}: `resume` goes on with it; if it is stuck, bring it to its end, or \
         roll it back, first"
    )]
    UnderWay { vpc_id: String, plan_id: String },
}

/// A plan as kept: the texts that were hashed, not a re-serialisation of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPlan {
    pub(crate) plan_id: String,
    pub(crate) plan_hash: String,
    /// Canonical JSON of the plan.
    pub(crate) plan_json: String,
    /// JSON of the snapshot it was made from.
    pub(crate) snapshot_json: String,
    /// JSON of what was read outside the network; absent for a plan of policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) evidence_json: Option<String>,
    /// What people read.
    pub(crate) text: String,
    /// When the alert left; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told_at: Option<Timestamp>,
    /// When it was first given out as code: from then on others may carry it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) emitted_at: Option<Timestamp>,
    /// The plan that answers its request now: this one is not to be approved any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) superseded_by: Option<String>,
}

/// The lock of a VPC: kept when released, so that its version only ever rises (the fencing counter).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LockItem {
    plan_id: String,
    /// The request that holds it.
    holder: String,
    until: Timestamp,
}

/// A lock this run holds.
#[derive(Debug)]
pub(crate) struct Lock {
    vpc_id: String,
    plan_id: String,
    holder: String,
    lease: Duration,
    /// Rises with every holder.
    pub(crate) fencing: i64,
    held: Mutex<Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    version: i64,
    until: Timestamp,
}

impl Lock {
    fn item(&self, until: Timestamp) -> LockItem {
        LockItem {
            plan_id: self.plan_id.clone(),
            holder: self.holder.clone(),
            until,
        }
    }

    fn held(&self) -> Held {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The Ledger table of one account and region.
#[derive(Debug, Clone)]
pub(crate) struct Ledger<R = Table> {
    table: R,
    place: Place,
}

impl<R: Rows> Ledger<R> {
    pub(crate) fn new(table: R, place: Place) -> Self {
        Self { table, place }
    }

    pub(crate) async fn plan(&self, plan_id: &str) -> Result<Option<StoredPlan>, StoreError> {
        let key = ledger::plan_body(plan_id);
        Ok(self.table.get(&key.pk, &key.sk).await?)
    }

    /// Writes a plan's body: a pure function of its id but for the time it was told.
    pub(crate) async fn put_plan(&self, plan: &StoredPlan) -> Result<(), StoreError> {
        let key = ledger::plan_body(&plan.plan_id);
        self.table.put(&key.pk, &key.sk, plan).await?;
        Ok(())
    }

    pub(crate) async fn summary(
        &self,
        plan_id: &str,
    ) -> Result<Option<Versioned<PlanSummary>>, StoreError> {
        let key = ledger::plan_summary(&self.place.account, &self.place.region, plan_id);
        Ok(self.table.get(&key.pk, &key.sk).await?)
    }

    /// Every plan of the place, by id.
    pub(crate) async fn plans(&self) -> Result<Vec<PlanSummary>, StoreError> {
        let pk = ledger::plans_pk(&self.place.account, &self.place.region);
        Ok(self.table.query(&pk, "").await?)
    }

    /// Writes a summary over exactly the version it holds, and raises that.
    pub(crate) async fn put_summary(
        &self,
        summary: &mut Versioned<PlanSummary>,
    ) -> Result<(), StoreError> {
        let plan_id = &summary.item.plan_id;
        let key = ledger::plan_summary(&self.place.account, &self.place.region, plan_id);
        let (item, version) = (&summary.item, summary.version);
        match self
            .table
            .put_versioned(&key.pk, &key.sk, item, version)
            .await?
        {
            Put::Done => summary.version += 1,
            Put::Conflict => {
                let what = format!("plan {plan_id}");
                return Err(StoreError::Overtaken { what });
            }
        }
        Ok(())
    }

    pub(crate) async fn approval(&self, plan_id: &str) -> Result<Option<Approval>, StoreError> {
        let key = ledger::approval(plan_id);
        let found: Option<Versioned<Approval>> = self.table.get(&key.pk, &key.sk).await?;
        Ok(found.map(|found| found.item))
    }

    pub(crate) async fn journal(&self, plan_id: &str) -> Result<Journal, StoreError> {
        let pk = ledger::plan_pk(plan_id);
        let entries: Vec<Versioned<Entry>> = self.table.query(&pk, ledger::JOURNAL_PREFIX).await?;
        Ok(entries
            .into_iter()
            .map(|entry| (entry.item.step, entry))
            .collect())
    }

    /// Adds to the audit trail.
    pub(crate) async fn note(&self, event: &Event) -> Result<(), StoreError> {
        let Place { account, region } = &self.place;
        let key = ledger::audit(account, region, event.at, &event.request_id);
        Ok(self.table.put(&key.pk, &key.sk, event).await?)
    }

    /// The audit events of a day, in order.
    pub(crate) async fn events(&self, day: Day) -> Result<Vec<Event>, StoreError> {
        let pk = ledger::audit_pk(&self.place.account, &self.place.region, day);
        Ok(self.table.query(&pk, "").await?)
    }

    /// Takes the VPC's lock if nobody's lease runs, and no other plan was left half done; the same request may take its own
    /// again.
    pub(crate) async fn lock(
        &self,
        vpc_id: &str,
        plan_id: &str,
        holder: &str,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Lock, StoreError> {
        let key = ledger::lock(&self.place.account, &self.place.region, vpc_id);
        let found: Option<Versioned<LockItem>> = self.table.get(&key.pk, &key.sk).await?;
        let version = match &found {
            None => 0,
            Some(held) if held.item.until <= now || held.item.holder == holder => held.version,
            Some(held) => return Err(held_by(vpc_id, &held.item)),
        };
        let last = found.map(|held| held.item.plan_id);
        if let Some(other) = last.filter(|last| last != plan_id)
            && self.is_under_way(&other).await?
        {
            return Err(StoreError::UnderWay {
                vpc_id: vpc_id.to_owned(),
                plan_id: other,
            });
        }
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        let lock = Lock {
            vpc_id: vpc_id.to_owned(),
            plan_id: plan_id.to_owned(),
            holder: holder.to_owned(),
            lease,
            fencing: version + 1,
            held: Mutex::new(Held { version, until }),
        };
        self.extend(&lock, until).await?;
        Ok(lock)
    }

    async fn is_under_way(&self, plan_id: &str) -> Result<bool, StoreError> {
        let state = self.summary(plan_id).await?.map(|found| found.item.state);
        Ok(matches!(
            state,
            Some(PlanState::Applying | PlanState::RollingBack)
        ))
    }

    /// Extends the lease once half of it is over: at least that half is then left for the next call.
    async fn hold(&self, lock: &Lock, now: Timestamp) -> Result<(), StoreError> {
        let half = now.checked_add(lock.lease / 2).unwrap_or(Timestamp::MAX);
        if half < lock.held().until {
            return Ok(());
        }
        let until = now.checked_add(lock.lease).unwrap_or(Timestamp::MAX);
        self.extend(lock, until).await
    }

    /// Ends the lease. Somebody else's lock by now is left as it is.
    pub(crate) async fn unlock(&self, lock: Lock, now: Timestamp) -> Result<(), StoreError> {
        self.extend(&lock, now).await
    }

    async fn extend(&self, lock: &Lock, until: Timestamp) -> Result<(), StoreError> {
        let key = ledger::lock(&self.place.account, &self.place.region, &lock.vpc_id);
        let (item, version) = (lock.item(until), lock.held().version);
        match self
            .table
            .put_versioned(&key.pk, &key.sk, &item, version)
            .await?
        {
            Put::Done => {
                let mut held = lock.held.lock().unwrap_or_else(PoisonError::into_inner);
                *held = Held {
                    version: version + 1,
                    until,
                };
                Ok(())
            }
            Put::Conflict => Err(StoreError::Overtaken {
                what: format!("the lock of {}", lock.vpc_id),
            }),
        }
    }
}

fn held_by(vpc_id: &str, lock: &LockItem) -> StoreError {
    StoreError::Held {
        vpc_id: vpc_id.to_owned(),
        plan_id: lock.plan_id.clone(),
        until: lock.until,
    }
}

/// The journal of one plan.
pub(crate) struct PlanJournal<'a, R = Table, C = fn() -> Timestamp> {
    pub(crate) ledger: &'a Ledger<R>,
    pub(crate) plan_id: &'a str,
    pub(crate) lock: &'a Lock,
    pub(crate) clock: C,
}

impl<R: Rows, C: Clock> Keep for PlanJournal<'_, R, C> {
    async fn keep(&self, entry: &mut Versioned<Entry>) -> Result<(), StoreError> {
        let key = ledger::journal(self.plan_id, entry.item.step);
        let table = &self.ledger.table;
        match table
            .put_versioned(&key.pk, &key.sk, &entry.item, entry.version)
            .await?
        {
            Put::Done => entry.version += 1,
            Put::Conflict => {
                let what = format!("journal entry {} of {}", entry.item.step, self.plan_id);
                return Err(StoreError::Overtaken { what });
            }
        }
        Ok(())
    }

    async fn hold(&self) -> Result<(), StoreError> {
        self.ledger.hold(self.lock, self.clock.now()).await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::model::{MemoryRows, Stage};

    const LEASE: Duration = Duration::from_secs(150);

    fn ledger() -> Ledger<MemoryRows> {
        let place = Place {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        };
        Ledger::new(MemoryRows::new(&Stage::new()), place)
    }

    /// Takes and gives back the lock for a plan, a lease later each time.
    async fn turn(
        ledger: &Ledger<MemoryRows>,
        plan_id: &str,
        minutes: i64,
    ) -> Result<(), StoreError> {
        let now = Timestamp::from_second(minutes * 60).unwrap();
        let lock = ledger.lock("vpc-1", plan_id, plan_id, LEASE, now).await?;
        ledger.unlock(lock, now).await
    }

    #[test]
    fn a_vpc_waits_for_the_plan_that_was_left_half_done() {
        let work = async {
            let ledger = ledger();
            let golden = include_str!("../../../events/contracts/plan-planned.json");
            let mut item: PlanSummary = serde_json::from_str(golden).unwrap();
            item.plan_id = "plan-first".to_owned();
            let mut summary = Versioned { version: 0, item };
            turn(&ledger, "plan-first", 0).await.unwrap();
            let mut minutes = 1..;
            let mut next = || minutes.next().unwrap();
            for (state, is_free) in [
                (PlanState::Planned, true),
                (PlanState::Applying, false),
                (PlanState::RollingBack, false),
                (PlanState::RolledBack, true),
                (PlanState::Failed, true),
            ] {
                turn(&ledger, "plan-first", next()).await.unwrap();
                summary.item.state = state;
                ledger.put_summary(&mut summary).await.unwrap();
                let other = turn(&ledger, "plan-second", next()).await;
                assert_eq!(other.is_ok(), is_free, "{state:?}: {other:?}");
            }
        };
        work.now_or_never().expect("rows in memory answer at once");
    }
}
