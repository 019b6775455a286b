//! `resume`: goes on with what earlier calls had to leave, on a schedule, so that nobody has to call again.
//!
//! A run ends at its deadline, at a throttled API, or with its process. The journal knows where; this finds the plans that
//! are under way and calls their own action again, one after the other; and it reads back, for the time of the soak, those
//! that were applied. One that cannot go on is named and counted, and does not keep the others waiting. It refuses to
//! begin anything: a plan that waits for its first apply stays.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tollkeeper::error::{Fault, chain};
use tollkeeper::plan::{PlanState, PlanSummary};
use tollkeeper::telemetry::Metrics;

use super::{apply, rollback, verify};
use crate::app::{App, Call};
use crate::failure::Failure;
use crate::store::StoreError;

/// After its soak a plan that does not read back as planned is left to people.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// What a plan's state asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Apply,
    Verify,
    Rollback,
}

/// What came of one plan.
enum Outcome {
    /// Where it is now.
    Went(Value),
    /// It went back by itself: nobody is needed.
    WentBack(Failure),
    /// Another run is at it, or at its VPC.
    Held,
    /// Why it cannot go on.
    Stuck(Failure),
    /// Its soak is over, and it does not read back as planned.
    NotAsPlanned,
    /// The time was over before.
    Left,
}

/// Goes on with every plan under way.
pub(crate) async fn resume(app: &App, call: &Call) -> Result<Value, Failure> {
    let place = app.place().await?;
    let plans = app.ledger(&place).plans().await?;
    let (mut resumed, mut under_way, mut stuck) = (Vec::new(), 0, 0);
    for plan in &plans {
        let Some(next) = next(plan, app.config.soak, (app.clock)()) else {
            continue;
        };
        under_way += u64::from(next != Next::Verify);
        let outcome = go_on(app, plan, next, call).await;
        if let Outcome::Stuck(failure) = &outcome {
            tracing::error!(
                plan_id = plan.plan_id,
                error_type = failure.fault_type(),
                error_message = chain(failure),
                "plan cannot go on"
            );
        }
        stuck += u64::from(matches!(outcome, Outcome::Stuck(_) | Outcome::NotAsPlanned));
        resumed.push(outcome.to_json(&plan.plan_id));
    }
    Metrics::of("endpoint-remediator")
        .count("RemediationsUnderWay", under_way)
        .count("RemediationsStuck", stuck)
        .emit((app.clock)());
    Ok(json!({"resumed": resumed}))
}

fn next(plan: &PlanSummary, soak: SignedDuration, now: Timestamp) -> Option<Next> {
    let is_watched = |applied_at: Timestamp| {
        let until = applied_at.checked_add(soak + PATIENCE);
        until.is_ok_and(|until| now < until)
    };
    match plan.state {
        PlanState::Applying => Some(Next::Apply),
        PlanState::RollingBack => Some(Next::Rollback),
        PlanState::Applied if plan.applied_at.is_some_and(is_watched) => Some(Next::Verify),
        PlanState::Applied
        | PlanState::Planned
        | PlanState::Superseded
        | PlanState::Verified
        | PlanState::RolledBack
        | PlanState::Failed => None,
    }
}

async fn go_on(app: &App, plan: &PlanSummary, next: Next, call: &Call) -> Outcome {
    if (app.clock)() >= call.stop_at() {
        return Outcome::Left;
    }
    let id = &plan.plan_id;
    let result = match next {
        Next::Apply => Box::pin(apply(app, id, call)).await,
        Next::Verify => Box::pin(verify(app, id, call)).await,
        Next::Rollback => Box::pin(rollback(app, id, call)).await,
    };
    match result {
        Ok(reply) if reply["as_planned"] == false && reply["watched_until"].is_null() => {
            Outcome::NotAsPlanned
        }
        Ok(reply) => Outcome::Went(reply["state"].clone()),
        Err(Failure::Store(StoreError::Held { .. } | StoreError::UnderWay { .. })) => Outcome::Held,
        Err(failure @ (Failure::ApplyFailed { .. } | Failure::ConnectivityLost { .. })) => {
            Outcome::WentBack(failure)
        }
        Err(failure) => Outcome::Stuck(failure),
    }
}

impl Outcome {
    fn to_json(&self, plan_id: &str) -> Value {
        match self {
            Self::Went(state) => json!({"plan_id": plan_id, "state": state}),
            Self::Held => json!({"plan_id": plan_id, "note": "another run is at this VPC"}),
            Self::Left => json!({"plan_id": plan_id, "note": "left for the next resume"}),
            Self::NotAsPlanned => json!({
                "plan_id": plan_id, "note": "does not read back as planned: ask for verify, it names what differs",
            }),
            Self::WentBack(failure) | Self::Stuck(failure) => json!({
                "plan_id": plan_id, "error_type": failure.fault_type(), "error": chain(failure),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_under_way_go_on_and_applied_ones_are_read_back_for_their_soak_and_a_day() {
        let golden = include_str!("../../../../events/contracts/plan-planned.json");
        let golden: PlanSummary = serde_json::from_str(golden).unwrap();
        let applied_at: Timestamp = "2026-10-15T08:00:00Z".parse().unwrap();
        let asked = |state, hours| {
            let plan = PlanSummary {
                state,
                applied_at: Some(applied_at),
                ..golden.clone()
            };
            let now = applied_at + SignedDuration::from_hours(hours);
            next(&plan, SignedDuration::from_mins(60), now)
        };
        assert_eq!(asked(PlanState::Applying, 900), Some(Next::Apply));
        assert_eq!(asked(PlanState::RollingBack, 900), Some(Next::Rollback));
        assert_eq!(asked(PlanState::Applied, 0), Some(Next::Verify));
        assert_eq!(asked(PlanState::Applied, 24), Some(Next::Verify));
        assert_eq!(asked(PlanState::Applied, 25), None);
        for state in [
            PlanState::Planned,
            PlanState::Verified,
            PlanState::RolledBack,
            PlanState::Failed,
        ] {
            assert_eq!(asked(state, 0), None, "{state:?}");
        }
    }
}
