//! `apply`: an approved plan, step by step, on the world it was made for.

use jiff::Timestamp;
use serde_json::{Value, json};
use tollkeeper::plan::{EndpointKind, PlanState, PlanSummary, PlannedEndpoint};
use tollkeeper::telemetry::Metrics;

use super::{Case, engine, locked, rollback};
use crate::app::{App, Call};
use crate::approval::Approval;
use crate::change::{Change, Step};
use crate::engine::{Journal, Outcome};
use crate::failure::{Failure, word};
use crate::journal::{PreImage, Progress};
use crate::moved;
use crate::preflight::codes;
use crate::store::{Ledger, Lock, PlanJournal};

/// Applies a plan, or goes on with it.
pub(crate) async fn apply(app: &App, plan_id: &str, call: &Call) -> Result<Value, Failure> {
    let place = app.place().await?;
    let ledger = app.ledger(&place);
    let case = Case::open(&ledger, plan_id).await?;
    if let Some(reply) = already(&case)? {
        return Ok(reply);
    }
    let approval = ledger.approval(plan_id).await?;
    permit(
        &case.summary.item,
        &codes(&case.plan.unknowns),
        approval.as_ref(),
        (app.clock)(),
    )?;
    let work = async |lock: &Lock| {
        // Another run may have finished between reading and locking.
        let case = Case::open(&ledger, plan_id).await?;
        match already(&case)? {
            Some(reply) => Ok(reply),
            None => under_lock(app, &ledger, case, lock, call).await,
        }
    };
    locked(app, &ledger, &case, call, work).await
}

fn already(case: &Case) -> Result<Option<Value>, Failure> {
    match case.state() {
        PlanState::Planned | PlanState::Applying => Ok(None),
        state @ (PlanState::Applied | PlanState::Verified) => Ok(Some(json!({
            "plan_id": case.plan_id(), "state": word(state),
            "note": "already applied: nothing was done", "summary": case.summary.item,
        }))),
        PlanState::Superseded => {
            Err(case.wrong_state("a newer plan answers its request: status names it"))
        }
        PlanState::RollingBack | PlanState::RolledBack | PlanState::Failed => {
            Err(case.wrong_state("it was being undone; make a new plan"))
        }
    }
}

/// The approval must name this very plan and accept what could not be found out about it. Its expiry bounds the start:
/// what was begun in time may be finished, for half a plan serves nobody.
fn permit(
    plan: &PlanSummary,
    unknowns: &[String],
    approval: Option<&Approval>,
    now: Timestamp,
) -> Result<(), Failure> {
    let plan_id = plan.plan_id.clone();
    let Some(approval) = approval else {
        return Err(Failure::NotApproved { plan_id });
    };
    if approval.plan_hash != plan.plan_hash {
        return Err(Failure::ApprovalMismatch {
            plan_id,
            approved: approval.plan_hash.clone(),
            hash: plan.plan_hash.clone(),
        });
    }
    if approval.accept_unknown != unknowns {
        return Err(Failure::UnknownsNotAccepted {
            plan_id,
            unknowns: unknowns.join(", "),
            accepted: approval.accept_unknown.join(", "),
        });
    }
    if plan.state == PlanState::Planned && approval.expires_at <= now {
        let expired = approval.expires_at;
        return Err(Failure::ApprovalExpired { plan_id, expired });
    }
    Ok(())
}

async fn under_lock(
    app: &App,
    ledger: &Ledger,
    mut case: Case,
    lock: &Lock,
    call: &Call,
) -> Result<Value, Failure> {
    check_world(app, &case).await?;
    case.enter(app, ledger, call, PlanState::Applying).await?;
    let plan_id = case.stored.plan_id.clone();
    let journal = PlanJournal {
        ledger,
        plan_id: &plan_id,
        lock,
        clock: app.clock,
    };
    let vpc_id = case.plan.request.vpc_id.clone();
    let engine = engine(app, &journal, &vpc_id, call);
    let before = done(&case.journal);
    let result = engine.apply(&case.plan.steps, &mut case.journal).await;
    let (now, after) = ((app.clock)(), done(&case.journal));
    let fresh = u64::try_from(after.saturating_sub(before)).unwrap_or(u64::MAX);
    Metrics::of("endpoint-remediator")
        .count("StepsApplied", fresh)
        .emit(now);
    let mut reply =
        json!({"plan_id": plan_id, "steps": case.plan.steps.len(), "steps_done": after});
    match result {
        Err(error) if error.is_final() => {
            // Half a plan serves nobody.
            let why = error.to_string();
            let back = rollback::by_itself(app, ledger, case, lock, call, why);
            return Err(Failure::ApplyFailed {
                plan_id: plan_id.clone(),
                is_undone: back.await?,
                cause: Box::new(error),
            });
        }
        Err(error) => return Err(error.into()),
        Ok(Outcome::OutOfTime { at }) => {
            reply["waiting_at"] = json!(at);
            reply["note"] = json!("out of time: call apply again, it goes on from the journal");
        }
        Ok(Outcome::Finished) => {
            case.summary.item.endpoints =
                endpoints(&case.plan.steps, &case.journal, &case.plan.endpoints);
            case.summary.item.applied_at = Some(now);
            case.enter(app, ledger, call, PlanState::Applied).await?;
            tracing::info!(plan_id, "plan applied");
        }
    }
    reply["state"] = json!(word(case.state()));
    reply["summary"] = json!(case.summary.item);
    Ok(reply)
}

/// The world less this plan's own traces must be the one the plan was made for.
async fn check_world(app: &App, case: &Case) -> Result<(), Failure> {
    let changes = case
        .journal
        .values()
        .filter(|entry| entry.item.pre_image == PreImage::Absent)
        .map(|entry| &entry.item.change);
    let now = case
        .observe(app)
        .await?
        .without(case.plan_id(), changes)
        .sorted();
    if now.hash().map_err(crate::plan::PlanError::from)? == case.plan.snapshot_hash {
        return Ok(());
    }
    let changes = moved::differences(&case.snapshot()?, &now).join("; ");
    Err(Failure::WorldMoved { changes })
}

fn done(journal: &Journal) -> usize {
    let entries = journal.values();
    entries
        .filter(|entry| entry.item.progress == Progress::Done)
        .count()
}

/// The plan's endpoints with the ids they got.
fn endpoints(
    steps: &[Step],
    journal: &Journal,
    planned: &[PlannedEndpoint],
) -> Vec<PlannedEndpoint> {
    let made = |wanted: &PlannedEndpoint| {
        let step = steps.iter().find(|step| match &step.change {
            Change::CreateGatewayEndpoint { service } => {
                wanted.kind == EndpointKind::Gateway && *service == wanted.service
            }
            Change::CreateInterfaceEndpoint { service, .. } => {
                wanted.kind == EndpointKind::Interface && *service == wanted.service
            }
            _ => false,
        });
        step.and_then(|step| journal.get(&step.number)?.item.created_id.clone())
    };
    let with_id = |wanted: &PlannedEndpoint| PlannedEndpoint {
        endpoint_id: made(wanted).or_else(|| wanted.endpoint_id.clone()),
        ..wanted.clone()
    };
    planned.iter().map(with_id).collect()
}

#[cfg(test)]
mod tests {
    use tollkeeper::error::Fault;

    use super::*;

    fn plan(state: PlanState) -> PlanSummary {
        let golden = include_str!("../../../../events/contracts/plan-planned.json");
        let plan: PlanSummary = serde_json::from_str(golden).unwrap();
        PlanSummary { state, ..plan }
    }

    fn approval(hash: &str) -> Approval {
        Approval {
            plan_id: plan(PlanState::Planned).plan_id,
            plan_hash: hash.to_owned(),
            approver: "123456789012/AROAEXAMPLEAPPROVER01".to_owned(),
            arn: String::new(),
            approved_at: Timestamp::UNIX_EPOCH,
            expires_at: "2026-10-15T07:00:00Z".parse().unwrap(),
            accept_unknown: Vec::new(),
        }
    }

    fn refusal(state: PlanState, approval: Option<&Approval>, now: &str) -> Option<&'static str> {
        let result = permit(&plan(state), &[], approval, now.parse().unwrap());
        result.err().map(|failure| failure.fault_type())
    }

    #[test]
    fn only_an_approval_of_this_very_plan_in_its_time_permits() {
        let right = approval(&plan(PlanState::Planned).plan_hash);
        let (early, late) = ("2026-10-15T06:59:59Z", "2026-10-15T07:00:00Z");
        let planned = |approval, now| refusal(PlanState::Planned, approval, now);
        assert_eq!(planned(None, early), Some("Approval.Missing"));
        let other = approval("sha256:00");
        assert_eq!(planned(Some(&other), early), Some("Approval.Mismatch"));
        assert_eq!(planned(Some(&right), late), Some("Approval.Expired"));
        assert_eq!(planned(Some(&right), early), None);
    }

    #[test]
    fn an_approval_that_accepts_other_unknowns_than_the_plans_permits_nothing() {
        let plan = plan(PlanState::Planned);
        let mut approval = approval(&plan.plan_hash);
        let now = "2026-10-15T06:59:59Z".parse().unwrap();
        let unknowns = ["dns.custom-servers".to_owned()];
        let refused = permit(&plan, &unknowns, Some(&approval), now).unwrap_err();
        assert_eq!(refused.fault_type(), "Approval.UnknownsNotAccepted");
        approval.accept_unknown = unknowns.to_vec();
        assert!(permit(&plan, &unknowns, Some(&approval), now).is_ok());
        assert!(permit(&plan, &[], Some(&approval), now).is_err());
    }

    #[test]
    fn what_was_begun_in_time_may_be_finished() {
        let right = approval(&plan(PlanState::Planned).plan_hash);
        let late = "2026-10-16T00:00:00Z";
        assert_eq!(refusal(PlanState::Applying, Some(&right), late), None);
    }
}
