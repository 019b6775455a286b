//! `verify`: read everything back, and say what nobody measured.

use serde_json::{Value, json};
use tollkeeper::plan::PlanState;

use super::Case;
use crate::app::App;
use crate::failure::{Failure, word};
use crate::verify::{checks, holds};

/// Verifies an applied plan; a plan whose effect is gone goes back from `verified` to `applied`.
pub(crate) async fn verify(app: &App, plan_id: &str) -> Result<Value, Failure> {
    let place = app.place().await?;
    let ledger = app.ledger(&place);
    let mut case = Case::open(&ledger, plan_id).await?;
    if !matches!(case.state(), PlanState::Applied | PlanState::Verified) {
        return Err(case.wrong_state("only an applied plan can be verified"));
    }
    let snapshot = case.observe(app).await?;
    let checks = checks(&case.plan.steps, &case.journal, &snapshot);
    let verified = holds(&checks);
    let state = if verified {
        PlanState::Verified
    } else {
        PlanState::Applied
    };
    case.set_state(&ledger, state).await?;
    tracing::info!(plan_id, verified, "plan verified");
    Ok(json!({
        "plan_id": plan_id, "state": word(case.state()), "verified": verified,
        "checks": checks, "summary": case.summary.item,
    }))
}
