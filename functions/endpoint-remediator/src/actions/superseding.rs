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
use crate::plan::{Plan, PlanError, Sealed};
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
    fn answers(&self, draft: &Plan, now: Timestamp) -> bool {
        now.duration_since(self.summary.item.created_at) < WAITS && self.plan.says_the_same(draft)
    }

    /// The plan as it was made.
    fn into_sealed(self) -> Sealed {
        Sealed {
            plan: self.plan,
            json: self.stored.plan_json,
            hash: self.stored.plan_hash,
            id: self.stored.plan_id,
        }
    }
}

/// Plans of the same request that wait.
async fn waiting(ledger: &Ledger, draft: &Plan) -> Result<Vec<Waiting>, Failure> {
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

/// Which plan answers a request.
pub(super) struct Settled {
    pub(super) sealed: Sealed,
    /// Its summary, where it was made before.
    pub(super) known: Option<Versioned<PlanSummary>>,
    /// Others of the same request that wait and that nobody has approved.
    pub(super) waiting: Vec<Waiting>,
}

/// One that waits and says the same, or else the next attempt.
pub(super) async fn settle(
    ledger: &Ledger,
    make: impl Fn(u32) -> Result<Sealed, PlanError>,
    now: Timestamp,
) -> Result<Settled, Failure> {
    let draft = make(0)?.plan;
    let mut waiting = waiting(ledger, &draft).await?;
    let answered = waiting.iter().position(|one| one.answers(&draft, now));
    let (sealed, known) = if let Some(place) = answered {
        let one = waiting.swap_remove(place);
        let summary = one.summary.clone();
        (one.into_sealed(), Some(summary))
    } else {
        next_attempt(ledger, make).await?
    };
    let mut others = Vec::new();
    for one in waiting {
        if one.stored.plan_id != sealed.id && !is_approved(ledger, &one, now).await? {
            others.push(one);
        }
    }
    Ok(Settled {
        sealed,
        known,
        waiting: others,
    })
}

/// Whether there is an approval that counts.
async fn is_approved(ledger: &Ledger, one: &Waiting, now: Timestamp) -> Result<bool, Failure> {
    let approval = ledger.approval(&one.stored.plan_id).await?;
    Ok(approval.is_some_and(|approval| approval.expires_at > now))
}

/// A plan that was finished (undone, superseded, or applied and its effect taken away by hand) can be made again: the
/// next attempt has a hash and tokens of its own.
async fn next_attempt(
    ledger: &Ledger,
    make: impl Fn(u32) -> Result<Sealed, PlanError>,
) -> Result<(Sealed, Option<Versioned<PlanSummary>>), Failure> {
    let mut attempt = 0;
    loop {
        let sealed = make(attempt)?;
        let known = ledger.summary(&sealed.id).await?;
        let finished = known.as_ref().is_some_and(|summary| {
            matches!(
                summary.item.state,
                PlanState::RolledBack
                    | PlanState::Applied
                    | PlanState::Verified
                    | PlanState::Superseded
            )
        });
        if !finished {
            return Ok((sealed, known));
        }
        attempt += 1;
    }
}

/// Takes the place of plans that wait, but for those that were approved meanwhile. The body first: it is what an approval
/// is refused by.
pub(super) async fn supersede(
    app: &App,
    ledger: &Ledger,
    waiting: Vec<Waiting>,
    by: &str,
    call: &Call,
) -> Result<(), Failure> {
    for mut old in waiting {
        let id = old.stored.plan_id.clone();
        if is_approved(ledger, &old, (app.clock)()).await? {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::plan::summary;
    use crate::model;
    use crate::plan::{Place, make, normalise};
    use crate::replay::Replay;

    fn sealed(change: impl FnOnce(&mut crate::snapshot::Snapshot)) -> Sealed {
        let (request, _) = normalise(model::request()).unwrap();
        let place = Place {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let mut snapshot = model::snapshot();
        change(&mut snapshot);
        make(&place, &request, &snapshot, &model::evidence(), 0).unwrap()
    }

    fn made_at(sealed: Sealed, at: Timestamp) -> Waiting {
        Waiting {
            summary: Versioned {
                version: 1,
                item: summary(&sealed, at),
            },
            stored: StoredPlan {
                plan_id: sealed.id,
                plan_hash: sealed.hash,
                plan_json: sealed.json,
                snapshot_json: String::new(),
                evidence_json: None,
                text: String::new(),
                told_at: None,
                emitted_at: None,
                superseded_by: None,
            },
            plan: sealed.plan,
        }
    }

    #[test]
    fn a_plan_that_waits_answers_for_a_week_whoever_is_told_the_same() {
        let made: Timestamp = "2026-10-14T06:31:00Z".parse().unwrap();
        let none = |why: &str| Replay::NotDone(why.to_owned());
        let waits = made_at(sealed(|_| {}).with_replay(none("one day")).unwrap(), made);
        let draft = |replay| sealed(|_| {}).with_replay(replay).unwrap().plan;
        let (same, later) = (
            draft(none("another day")),
            made + SignedDuration::from_hours(167),
        );
        assert_ne!(waits.plan, same, "another replay");
        assert!(waits.answers(&same, later));
        assert!(
            !waits.answers(&same, made + WAITS),
            "older evidence is looked at anew"
        );

        let unread = draft(Replay::Unread("denied".to_owned()));
        assert!(
            !waits.answers(&unread, later),
            "something else is to be accepted"
        );
        let moved = sealed(|snapshot| snapshot.vpc.dns_hostnames = false);
        let moved = moved.with_replay(none("one day")).unwrap().plan;
        assert!(waits.plan.asks_the_same(&moved));
        assert!(!waits.answers(&moved, later), "another network");
    }
}
