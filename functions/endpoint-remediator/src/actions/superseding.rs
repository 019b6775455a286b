//! One plan waits for one request: what happens when the same is asked again.
//!
//! A finding is published night after night, and people ask twice. A plan that says the same as one that waits already is
//! not made again, though the days that it was replayed on have moved on; one that says something else takes its place.
//! Approved plans, and plans given out as code, are in somebody's hands: they are left as they are.

use jiff::{SignedDuration, Timestamp};
use tollkeeper::aws::Versioned;
use tollkeeper::canonical;
use tollkeeper::plan::{PlanState, PlanSummary};

use crate::app::{App, Call};
use crate::audit::What;
use crate::failure::Failure;
use crate::plan::{Plan, Sealed};
use crate::store::{Ledger, StoredPlan};

/// Older evidence is looked at anew.
const WAITS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A plan that nobody has taken up yet.
pub(super) struct Waiting {
    pub(super) summary: Versioned<PlanSummary>,
    stored: StoredPlan,
    plan: Plan,
}

impl Waiting {
    /// Whether it is the answer still, to whoever asks for `draft` now.
    pub(super) fn answers(&self, draft: &Plan, now: Timestamp) -> bool {
        now.duration_since(self.summary.item.created_at) < WAITS && self.plan.says_the_same(draft)
    }

    /// The plan as it was made.
    pub(super) fn into_sealed(self) -> Sealed {
        Sealed {
            plan: self.plan,
            json: self.stored.plan_json,
            hash: self.stored.plan_hash,
            id: self.stored.plan_id,
        }
    }
}

/// Plans of the same request that wait.
pub(super) async fn waiting(ledger: &Ledger, draft: &Plan) -> Result<Vec<Waiting>, Failure> {
    let all = ledger.plans().await?.into_iter();
    let may_be = all.filter(|plan| {
        plan.state == PlanState::Planned
            && plan.vpc_id == draft.request.vpc_id
            && plan.services == draft.request.services
    });
    let mut waiting = Vec::new();
    for PlanSummary { plan_id, .. } in may_be {
        let found = (
            ledger.summary(&plan_id).await?,
            ledger.plan(&plan_id).await?,
        );
        let (Some(summary), Some(stored)) = found else {
            continue;
        };
        // One that is damaged is nobody's answer; who names it is told.
        if canonical::hash_text(&stored.plan_json) != stored.plan_hash {
            continue;
        }
        let Ok(plan) = serde_json::from_str::<Plan>(&stored.plan_json) else {
            continue;
        };
        if stored.emitted_at.is_none() && plan.asks_the_same(draft) {
            waiting.push(Waiting {
                summary,
                stored,
                plan,
            });
        }
    }
    Ok(waiting)
}

/// Takes the place of plans that wait, but for those with an approval that counts. The body first: it is what an
/// approval is refused by.
pub(super) async fn supersede(
    app: &App,
    ledger: &Ledger,
    waiting: Vec<Waiting>,
    by: &str,
    call: &Call,
) -> Result<(), Failure> {
    for mut old in waiting {
        let id = old.stored.plan_id.clone();
        let approval = ledger.approval(&id).await?;
        if approval.is_some_and(|approval| approval.expires_at > (app.clock)()) {
            continue;
        }
        old.stored.superseded_by = Some(by.to_owned());
        ledger.put_plan(&old.stored).await?;
        let entered = What::Entered {
            from: old.summary.item.state,
            to: PlanState::Superseded,
            why: Some(format!("{by} answers the same request now")),
        };
        ledger.note(&app.event(call, Some(&id), entered)).await?;
        old.summary.item.state = PlanState::Superseded;
        ledger.put_summary(&mut old.summary).await?;
        tracing::info!(plan_id = id, by, "plan superseded");
    }
    Ok(())
}
