//! `verify`: read everything back, and say what nobody measured.

use serde_json::{Value, json};
use tollkeeper::plan::PlanState;

use super::Case;
use crate::app::App;
use crate::failure::{Failure, word};
use crate::merged::merged;
use crate::verify::{checks, holds};

/// Verifies an applied plan; a plan whose effect is gone goes back from `verified` to `applied`.
pub(crate) async fn verify(app: &App, plan_id: &str) -> Result<Value, Failure> {
    let place = app.place().await?;
    let ledger = app.ledger(&place);
    let mut case = Case::open(&ledger, plan_id).await?;
    let by_code = is_done_by_code(&case);
    if !by_code && !matches!(case.state(), PlanState::Applied | PlanState::Verified) {
        return Err(
            case.wrong_state("only an applied plan, or one given out as code, can be verified")
        );
    }
    let snapshot = case.observe(app).await?;
    let (checks, endpoints) = if by_code {
        let found = merged(&case.plan.steps, &case.plan.endpoints, &snapshot);
        (found.checks, Some(found.endpoints))
    } else {
        (checks(&case.plan.steps, &case.journal, &snapshot), None)
    };
    let verified = holds(&checks);
    let state = match (verified, by_code) {
        (true, _) => PlanState::Verified,
        (false, true) => PlanState::Planned,
        (false, false) => PlanState::Applied,
    };
    if verified && let Some(endpoints) = endpoints {
        case.summary.item.endpoints = endpoints;
        // When it was deployed is not known: the first time it was seen.
        case.summary.item.applied_at.get_or_insert((app.clock)());
    }
    case.enter(app, &ledger, state).await?;
    tracing::info!(plan_id, verified, "plan verified");
    Ok(json!({
        "plan_id": plan_id, "state": word(case.state()), "verified": verified,
        "by": if by_code { "merged code" } else { "this function" },
        "checks": checks, "summary": case.summary.item,
    }))
}

/// Whether others carried the plan out, as far as this function knows: it did nothing itself and gave the code out.
fn is_done_by_code(case: &Case) -> bool {
    let state = matches!(case.state(), PlanState::Planned | PlanState::Verified);
    state && case.journal.is_empty() && case.stored.emitted_at.is_some()
}
