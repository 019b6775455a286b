//! `resume`: goes on with what earlier calls had to leave, on a schedule, so that nobody has to call again.
//!
//! A run ends at its deadline, at a throttled API, or with its process. The journal knows where; this finds the plans that
//! are under way and calls their own action again, one after the other. One that cannot go on is named and counted, and
//! does not keep the others waiting. It refuses to begin anything: a plan that waits for its first apply stays.

use serde_json::{Value, json};
use tollkeeper::error::{Fault, chain};
use tollkeeper::plan::{PlanState, PlanSummary};
use tollkeeper::telemetry::Metrics;

use super::{apply, rollback};
use crate::app::{App, Call};
use crate::failure::Failure;
use crate::store::StoreError;

/// What came of one plan.
enum Outcome {
    /// Where it is now.
    Went(Value),
    /// A step failed for good, and what was done is undone or about to be: nobody is needed.
    GaveUp(Failure),
    /// Another run is at it, or at its VPC.
    Held,
    /// Why it cannot go on.
    Stuck(Failure),
    /// The time was over before.
    Left,
}

/// Goes on with every plan under way.
pub(crate) async fn resume(app: &App, call: &Call) -> Result<Value, Failure> {
    let place = app.place().await?;
    let plans = app.ledger(&place).under_way().await?;
    let mut resumed = Vec::new();
    let mut stuck: u64 = 0;
    for plan in &plans {
        let outcome = go_on(app, plan, call).await;
        if let Outcome::Stuck(failure) = &outcome {
            stuck += 1;
            tracing::error!(
                plan_id = plan.plan_id,
                error_type = failure.fault_type(),
                error_message = chain(failure),
                "plan cannot go on"
            );
        }
        resumed.push(outcome.to_json(&plan.plan_id));
    }
    Metrics::of("endpoint-remediator")
        .count("RemediationsUnderWay", plans.len() as u64)
        .count("RemediationsStuck", stuck)
        .emit((app.clock)());
    Ok(json!({"resumed": resumed}))
}

async fn go_on(app: &App, plan: &PlanSummary, call: &Call) -> Outcome {
    if (app.clock)() >= call.stop_at() {
        return Outcome::Left;
    }
    let result = if plan.state == PlanState::RollingBack {
        Box::pin(rollback(app, &plan.plan_id, call)).await
    } else {
        Box::pin(apply(app, &plan.plan_id, call)).await
    };
    match result {
        Ok(reply) => Outcome::Went(reply["state"].clone()),
        Err(Failure::Store(StoreError::Held { .. })) => Outcome::Held,
        Err(failure @ Failure::ApplyFailed { .. }) => Outcome::GaveUp(failure),
        Err(failure) => Outcome::Stuck(failure),
    }
}

impl Outcome {
    fn to_json(&self, plan_id: &str) -> Value {
        match self {
            Self::Went(state) => json!({"plan_id": plan_id, "state": state}),
            Self::Held => json!({"plan_id": plan_id, "note": "another run is at this VPC"}),
            Self::Left => json!({"plan_id": plan_id, "note": "left for the next resume"}),
            Self::GaveUp(failure) | Self::Stuck(failure) => json!({
                "plan_id": plan_id, "error_type": failure.fault_type(), "error": chain(failure),
            }),
        }
    }
}
