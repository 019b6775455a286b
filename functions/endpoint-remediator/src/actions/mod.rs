//! The actions, each observe, decide, act; and the case they work on.

mod apply;
mod history;
mod news;
mod plan;
mod pollers;
mod replay;
mod resume;
mod rollback;
mod status;
mod superseding;
mod verify;

use tollkeeper::aws::Versioned;
use tollkeeper::canonical;
use tollkeeper::plan::{PlanState, PlanSummary};

pub(crate) use apply::apply;
pub(crate) use history::history;
pub(crate) use plan::{Ask, from_findings, plan};
pub(crate) use replay::Replaying;
pub(crate) use resume::resume;
pub(crate) use rollback::rollback;
pub(crate) use status::status;
pub(crate) use verify::verify;

use crate::app::{App, Call};
use crate::audit::What;
use crate::engine::{Engine, Journal, Pace};
use crate::failure::{Failure, word};
use crate::plan::Plan;
use crate::snapshot::Snapshot;
use crate::store::{Ledger, Lock, PlanJournal, StoredPlan};

/// All that is known of one plan.
pub(crate) struct Case {
    pub(crate) stored: StoredPlan,
    pub(crate) plan: Plan,
    pub(crate) summary: Versioned<PlanSummary>,
    pub(crate) journal: Journal,
}

impl Case {
    /// Reads a plan and proves that it is the one its hash names.
    async fn open(ledger: &Ledger, plan_id: &str) -> Result<Self, Failure> {
        let missing = || Failure::NoPlan {
            plan_id: plan_id.to_owned(),
        };
        let stored = ledger.plan(plan_id).await?.ok_or_else(missing)?;
        let summary = ledger.summary(plan_id).await?.ok_or_else(missing)?;
        if canonical::hash_text(&stored.plan_json) != stored.plan_hash {
            let plan_id = plan_id.to_owned();
            return Err(Failure::Tampered { plan_id });
        }
        let plan = serde_json::from_str(&stored.plan_json).map_err(|cause| Failure::Json {
            what: "the stored plan",
            cause,
        })?;
        Ok(Self {
            stored,
            plan,
            summary,
            journal: ledger.journal(plan_id).await?,
        })
    }

    fn plan_id(&self) -> &str {
        &self.stored.plan_id
    }

    fn state(&self) -> PlanState {
        self.summary.item.state
    }

    fn wrong_state(&self, expected: &'static str) -> Failure {
        Failure::WrongState {
            plan_id: self.plan_id().to_owned(),
            state: word(self.state()),
            expected,
        }
    }

    /// Enters a state. People are told of one that they care about before it is recorded: a crash in between tells them
    /// twice, and never leaves them in the dark.
    async fn enter(
        &mut self,
        app: &App,
        ledger: &Ledger,
        call: &Call,
        state: PlanState,
    ) -> Result<(), Failure> {
        let before = self.state();
        if before == state {
            return Ok(());
        }
        self.summary.item.state = state;
        let function_name = &app.config.function_name;
        if let Some(alert) = news::of(before, &self.summary.item, function_name)? {
            app.alerts.send(&alert).await?;
        }
        let entered = What::Entered {
            from: before,
            to: state,
            why: self.summary.item.failure.clone(),
        };
        let event = app.event(call, Some(self.plan_id()), entered);
        ledger.note(&event).await?;
        Ok(ledger.put_summary(&mut self.summary).await?)
    }

    /// The snapshot the plan was made from.
    fn snapshot(&self) -> Result<Snapshot, Failure> {
        serde_json::from_str(&self.stored.snapshot_json).map_err(|cause| Failure::Json {
            what: "the stored snapshot",
            cause,
        })
    }

    async fn observe(&self, app: &App) -> Result<Snapshot, Failure> {
        app.observe(&self.plan.scope()?).await
    }
}

/// How fast an endpoint is looked at again: most settle within a minute or two.
pub(crate) const PACE: Pace = Pace {
    first: std::time::Duration::from_millis(250),
    most: std::time::Duration::from_secs(8),
    lag: std::time::Duration::from_secs(20),
};

fn engine<'a>(
    app: &'a App,
    journal: &'a PlanJournal<'a>,
    vpc_id: &'a str,
    call: &Call,
) -> Engine<'a, crate::ec2::Ec2, PlanJournal<'a>> {
    Engine {
        network: &app.ec2,
        journal,
        plan_id: journal.plan_id,
        vpc_id,
        fencing: journal.lock.fencing,
        clock: app.clock,
        stop_at: call.stop_at(),
        pace: PACE,
    }
}

/// Runs `work` under the VPC's lock and gives the lock back whatever comes of it.
async fn locked<T>(
    app: &App,
    ledger: &Ledger,
    case: &Case,
    call: &Call,
    work: impl AsyncFnOnce(&Lock) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let vpc_id = &case.plan.request.vpc_id;
    let (holder, lease) = (&call.request_id, app.config.lease);
    let lock = ledger.lock(vpc_id, case.plan_id(), holder, lease, (app.clock)());
    let lock = lock.await?;
    let result = work(&lock).await;
    if let Err(error) = ledger.unlock(lock, (app.clock)()).await {
        // The lease ends by itself; what the run did counts more than this.
        tracing::warn!(error = %error, "lock not released");
    }
    result
}
