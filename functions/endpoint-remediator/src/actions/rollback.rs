//! `rollback`: back to what was, by the journal.

use serde_json::{Value, json};
use tollkeeper::plan::PlanState;
use tollkeeper::telemetry::Metrics;

use super::{Case, engine, locked};
use crate::app::{App, Call};
use crate::engine::{EngineError, Outcome};
use crate::failure::{Failure, word};
use crate::store::{Ledger, Lock, PlanJournal};

/// Undoes a plan, or goes on undoing it. The plan's own approval covers its way back.
pub(crate) async fn rollback(app: &App, plan_id: &str, call: &Call) -> Result<Value, Failure> {
    let place = app.place().await?;
    let ledger = app.ledger(&place);
    let case = Case::open(&ledger, plan_id).await?;
    if let Some(reply) = nothing_to_undo(&case) {
        return Ok(reply);
    }
    let work = async |lock: &Lock| {
        let case = Case::open(&ledger, plan_id).await?;
        match nothing_to_undo(&case) {
            Some(reply) => Ok(reply),
            None => under_lock(app, &ledger, case, lock, call).await,
        }
    };
    locked(app, &ledger, &case, call, work).await
}

fn nothing_to_undo(case: &Case) -> Option<Value> {
    let note = match case.state() {
        PlanState::Planned => "never applied: nothing was done",
        PlanState::RolledBack => "already rolled back: nothing was done",
        PlanState::Verified if case.journal.is_empty() => {
            "carried out by merged code: undo it there; nothing was done here"
        }
        _ => return None,
    };
    Some(json!({
        "plan_id": case.plan_id(), "state": word(case.state()), "note": note,
        "summary": case.summary.item,
    }))
}

/// The plan goes back by itself, under a lock that the caller holds. Answers whether it is undone already: else the next
/// resume goes on.
pub(super) async fn by_itself(
    app: &App,
    ledger: &Ledger,
    mut case: Case,
    lock: &Lock,
    call: &Call,
    why: String,
) -> Result<bool, Failure> {
    tracing::error!(plan_id = case.plan_id(), why, "rolling back");
    Metrics::of("endpoint-remediator")
        .count("WentBackByItself", 1)
        .property("plan_id", case.plan_id())
        .emit((app.clock)());
    case.summary.item.failure = Some(why);
    let reply = Box::pin(under_lock(app, ledger, case, lock, call)).await?;
    Ok(reply["state"] == word(PlanState::RolledBack))
}

async fn under_lock(
    app: &App,
    ledger: &Ledger,
    mut case: Case,
    lock: &Lock,
    call: &Call,
) -> Result<Value, Failure> {
    case.enter(app, ledger, call, PlanState::RollingBack)
        .await?;
    let plan_id = case.stored.plan_id.clone();
    let journal = PlanJournal {
        ledger,
        plan_id: &plan_id,
        lock,
        clock: app.clock,
    };
    let vpc_id = case.plan.request.vpc_id.clone();
    let engine = engine(app, &journal, &vpc_id, call);
    let result = engine.undo(&mut case.journal).await;
    let mut reply = json!({"plan_id": plan_id});
    match result {
        Ok(Outcome::OutOfTime { at }) => {
            reply["waiting_at"] = json!(at);
            reply["note"] = json!("out of time: call rollback again, it goes on from the journal");
        }
        Ok(Outcome::Finished) => {
            case.enter(app, ledger, call, PlanState::RolledBack).await?;
            tracing::info!(plan_id, "plan rolled back");
        }
        Err(error) => {
            let metrics = Metrics::of("endpoint-remediator").count("RollbackFailed", 1);
            metrics
                .property("plan_id", plan_id.as_str())
                .emit((app.clock)());
            // The ledger's own failure leaves the state as it is: calling again goes on.
            if !matches!(error, EngineError::Store(_)) {
                // What went wrong with the network counts more than that nobody could be told.
                if let Err(error) = case.enter(app, ledger, call, PlanState::Failed).await {
                    tracing::error!(plan_id, error = %error, "failure neither told nor recorded");
                }
            }
            return Err(error.into());
        }
    }
    reply["state"] = json!(word(case.state()));
    reply["summary"] = json!(case.summary.item);
    Ok(reply)
}
