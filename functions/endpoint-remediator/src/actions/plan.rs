//! `plan`: look at the VPC, write down what would be done, tell people.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tollkeeper::aws::{Alert, Versioned};
use tollkeeper::finding::Finding;
use tollkeeper::plan::{self as contract, PlanState, PlanSummary};
use tollkeeper::telemetry::Metrics;

use super::replay::{Replaying, replay};
use super::superseding::{Settled, settle, supersede};
use super::{news, pollers};
use crate::app::{App, Call};
use crate::asked;
use crate::audit::What;
use crate::change::Change;
use crate::config::Config;
use crate::emit::{self, Emitted, Format};
use crate::failure::{Failure, word};
use crate::owner::Owner;
use crate::plan::{self, Commands, Head, Place, Plan, PlanError, Promise, Sealed, Wanted};
use crate::preflight::{Evidence, codes};
use crate::snapshot::Snapshot;
use crate::store::{Ledger, StoredPlan};

/// Suggested life of an approval, in the command the text prints.
const APPROVAL_HOURS: i64 = 24;

/// Plans what findings advise, VPC by VPC.
pub(crate) async fn from_findings(
    app: &App,
    findings: &[Finding],
    mut ignored: Vec<String>,
    call: &Call,
) -> Result<Value, Failure> {
    let place = app.place().await?;
    let mut plans = Vec::new();
    for finding in findings {
        match asked::plans(finding, &place) {
            Err(reason) => ignored.push(reason),
            Ok(wanted) => {
                for (request, promise) in wanted {
                    let ask = Ask {
                        wanted: Wanted::Endpoints(request),
                        requested_by: None,
                        promise,
                        format: Format::Text,
                        replaying: Replaying::within(call, Some(finding.day), (app.clock)()),
                    };
                    plans.push(Box::pin(plan(app, ask, call)).await?);
                }
            }
        }
    }
    for reason in &ignored {
        tracing::info!(reason, "finding asks for no plan");
    }
    Ok(json!({"plans": plans, "ignored": ignored}))
}

/// What is planned, for whom, and on which days' flows it is replayed.
pub(crate) struct Ask {
    pub(crate) wanted: Wanted,
    pub(crate) requested_by: Option<String>,
    pub(crate) promise: Promise,
    pub(crate) format: Format,
    pub(crate) replaying: Replaying,
}

/// What a plan is made from.
struct Observed {
    snapshot: Snapshot,
    /// Absent where nothing beside the network was asked.
    evidence: Option<Evidence>,
    requested_by: Option<String>,
}

impl Observed {
    fn make(&self, place: &Place, wanted: &Wanted, attempt: u32) -> Result<Sealed, PlanError> {
        let nothing_asked = Evidence::default();
        let evidence = self.evidence.as_ref().unwrap_or(&nothing_asked);
        let sealed = wanted.make(place, &self.snapshot, evidence, attempt)?;
        sealed.asked_by(self.requested_by.as_deref())
    }
}

/// Plans one request. The same request on the same world, replayed on the same days, is the same plan, told once.
pub(crate) async fn plan(app: &App, ask: Ask, call: &Call) -> Result<Value, Failure> {
    let Ask {
        wanted,
        requested_by,
        promise,
        format,
        replaying,
    } = ask;
    let (wanted, scope) = wanted.normalise()?;
    let place = app.place().await?;
    let ledger = app.ledger(&place);
    let snapshot = app.observe(&scope).await?;
    let (wanted, observed) = look_beside(app, &place, wanted, snapshot, requested_by).await?;
    let draft = observed.make(&place, &wanted, 0)?.plan;
    if draft.steps.is_empty() {
        return Ok(
            json!({"state": "nothing_to_do", "vpc_id": scope.vpc_id, "why": draft.left_alone}),
        );
    }
    refuse_too_many(&draft, &observed.snapshot, &app.config)?;
    if draft.narrowing.is_some() {
        refuse_unproved(&ledger, &draft, &observed.snapshot).await?;
    }
    let flows = replay(app, (&place, &observed.snapshot), &draft, replaying).await;
    let make = |attempt| {
        let sealed = observed.make(&place, &wanted, attempt)?;
        sealed.with_replay(flows.clone())
    };
    let settled = settle(&ledger, make, (app.clock)()).await?;
    let Settled {
        sealed,
        known,
        waiting,
    } = settled;
    let emitted = emit::emit((&sealed).into(), format)?;
    let (summary, is_new) = if let Some(known) = known {
        (known.item, false)
    } else {
        let supersedes = waiting
            .iter()
            .map(|one| one.summary.item.plan_id.clone())
            .collect();
        let head = Head {
            promise: &promise,
            supersedes,
        };
        let summary = write(app, &ledger, &sealed, &observed, &head, call).await?;
        (summary, true)
    };
    let text = tell(app, &ledger, &sealed, &summary).await?;
    supersede(app, &ledger, waiting, &sealed.id, call).await?;
    let mut reply = json!({
        "plan_id": sealed.id,
        "plan_hash": sealed.hash,
        "state": word(summary.state),
        "new": is_new,
        "steps": sealed.plan.steps.iter().map(|step| step.change.to_string()).collect::<Vec<_>>(),
        "replay": sealed.plan.replay,
        "text": text,
        "summary": summary,
    });
    if let Some(emitted) = emitted {
        give_out(app, &ledger, &sealed.id, &emitted, &mut reply).await?;
    }
    Ok(reply)
}

/// What is read beside the network; pollers that the request does not name become part of it.
async fn look_beside(
    app: &App,
    place: &Place,
    wanted: Wanted,
    mut snapshot: Snapshot,
    requested_by: Option<String>,
) -> Result<(Wanted, Observed), Failure> {
    let Wanted::Endpoints(mut request) = wanted else {
        let observed = Observed {
            snapshot,
            evidence: None,
            requested_by,
        };
        return Ok((wanted, observed));
    };
    let unread_pollers = pollers::complete(app, &mut request, &snapshot).await;
    let (request, scope) = plan::normalise(request)?;
    if scope.groups.iter().any(|id| snapshot.group(id).is_none()) {
        snapshot = app.observe(&scope).await?;
    }
    let evidence = Evidence {
        unread_pollers,
        ..app.evidence(place, &request, &snapshot).await
    };
    let observed = Observed {
        snapshot,
        evidence: Some(evidence),
        requested_by,
    };
    Ok((Wanted::Endpoints(request), observed))
}

/// The caps: changes by number, route tables by their part of the VPC's.
fn refuse_too_many(plan: &Plan, snapshot: &Snapshot, config: &Config) -> Result<(), Failure> {
    let (steps, most) = (plan.steps.len(), config.max_changes);
    if steps > most {
        return Err(Failure::TooManyChanges { steps, most });
    }
    let changed = plan.steps.iter().filter_map(|step| match &step.change {
        Change::AssociateRouteTable { route_table, .. } => Some(route_table),
        _ => None,
    });
    let tables = changed.collect::<BTreeSet<_>>().len();
    let (all, most) = (snapshot.route_tables.len(), config.max_tables_percent);
    if tables * 100 > all * most {
        return Err(Failure::TooManyTables { tables, all, most });
    }
    Ok(())
}

/// An endpoint is narrowed once it is proved: while the plan that made it is watched, nobody could tell the two apart.
async fn refuse_unproved(
    ledger: &Ledger,
    draft: &Plan,
    snapshot: &Snapshot,
) -> Result<(), Failure> {
    let changed = draft.steps.iter().filter_map(|step| step.change.changes());
    let groups: BTreeSet<String> = changed.map(ToString::to_string).collect();
    let owners = groups
        .iter()
        .filter_map(|id| match &snapshot.group(id)?.owner {
            Owner::Tollkeeper { plan_id } => Some(plan_id.as_str()),
            _ => None,
        });
    for plan_id in owners.collect::<BTreeSet<_>>() {
        // One that the ledger does not know is watched by nobody.
        let Some(summary) = ledger.summary(plan_id).await? else {
            continue;
        };
        if summary.item.state != PlanState::Verified {
            return Err(Failure::WrongState {
                plan_id: plan_id.to_owned(),
                state: word(summary.item.state),
                expected: "it made the endpoint; narrow it once that plan is verified",
            });
        }
    }
    Ok(())
}

/// Adds a plan as code to the answer, and notes that others may carry it out from now on.
pub(super) async fn give_out(
    app: &App,
    ledger: &Ledger,
    plan_id: &str,
    emitted: &Emitted,
    reply: &mut Value,
) -> Result<(), Failure> {
    let missing = || Failure::NoPlan {
        plan_id: plan_id.to_owned(),
    };
    let mut body = ledger.plan(plan_id).await?.ok_or_else(missing)?;
    if body.emitted_at.is_none() {
        body.emitted_at = Some((app.clock)());
        ledger.put_plan(&body).await?;
    }
    reply["emitted"] = serde_json::to_value(emitted).map_err(|cause| Failure::Json {
        what: "the plan as code",
        cause,
    })?;
    Ok(())
}

/// Body first: a summary without a body would be a plan that nobody can read.
async fn write(
    app: &App,
    ledger: &Ledger,
    sealed: &Sealed,
    observed: &Observed,
    head: &Head<'_>,
    call: &Call,
) -> Result<PlanSummary, Failure> {
    let now = (app.clock)();
    let commands = Commands {
        function_name: app.config.function_name.clone(),
        approval_url: app.config.approval_url.clone(),
        expires_at: whole_seconds(now + APPROVAL_HOURS.hours()),
    };
    let text_of = |what, json: serde_json::Result<String>| {
        json.map_err(|cause| Failure::Json { what, cause })
    };
    let snapshot_json = text_of("the snapshot", serde_json::to_string(&observed.snapshot))?;
    let evidence = observed.evidence.as_ref().map(serde_json::to_string);
    let evidence_json = evidence
        .map(|json| text_of("the evidence", json))
        .transpose()?;
    let body = StoredPlan {
        plan_id: sealed.id.clone(),
        plan_hash: sealed.hash.clone(),
        plan_json: sealed.json.clone(),
        snapshot_json,
        evidence_json,
        text: plan::text(sealed, head, &commands),
        told_at: None,
        emitted_at: None,
        superseded_by: None,
    };
    ledger.put_plan(&body).await?;
    let made = What::Planned {
        plan_hash: sealed.hash.clone(),
    };
    ledger
        .note(&app.event(call, Some(&sealed.id), made))
        .await?;
    let mut summary = Versioned {
        version: 0,
        item: summary(sealed, now),
    };
    ledger.put_summary(&mut summary).await?;
    Metrics::of("endpoint-remediator")
        .count("PlansMade", 1)
        .emit(now);
    tracing::info!(
        plan_id = sealed.id,
        steps = sealed.plan.steps.len(),
        "plan made"
    );
    Ok(summary.item)
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

pub(crate) fn summary(sealed: &Sealed, now: Timestamp) -> PlanSummary {
    let plan = &sealed.plan;
    PlanSummary {
        schema: contract::SCHEMA.to_owned(),
        plan_id: sealed.id.clone(),
        plan_hash: sealed.hash.clone(),
        incident_id: plan.request.incident_id.clone(),
        account: plan.account.clone(),
        region: plan.region.clone(),
        vpc_id: plan.request.vpc_id.clone(),
        services: plan.request.services.clone(),
        state: PlanState::Planned,
        created_at: now,
        applied_at: None,
        failure: None,
        endpoints: plan.endpoints.clone(),
        monthly_cost: plan.monthly_cost.clone(),
        unknowns: codes(&plan.unknowns),
    }
}

/// Sends the plan's text unless that was done before; answers the text. A crash after sending sends it once more.
async fn tell(
    app: &App,
    ledger: &Ledger,
    sealed: &Sealed,
    summary: &PlanSummary,
) -> Result<String, Failure> {
    let missing = || Failure::NoPlan {
        plan_id: sealed.id.clone(),
    };
    let mut body = ledger.plan(&sealed.id).await?.ok_or_else(missing)?;
    if body.told_at.is_none() {
        app.alerts.send(&alert(summary, &body.text)?).await?;
        body.told_at = Some((app.clock)());
        ledger.put_plan(&body).await?;
    }
    Ok(body.text)
}

fn alert(summary: &PlanSummary, text: &str) -> Result<Alert, Failure> {
    let subject = format!(
        "Plan waits for approval: {}, {} a month ({})",
        summary.services.join(", "),
        summary.monthly_cost,
        summary.plan_id
    );
    news::alert(summary, subject, text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use crate::plan::Place;

    #[test]
    fn the_summary_of_a_new_plan_is_the_golden_one() {
        let (request, _) = plan::normalise(model::request()).unwrap();
        let place = Place {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let sealed =
            plan::make(&place, &request, &model::snapshot(), &model::evidence(), 0).unwrap();
        let summary = summary(&sealed, "2026-10-14T06:31:00Z".parse().unwrap());
        let golden = include_str!("../../../../events/contracts/plan-planned.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_value(&summary).unwrap(), golden);
        let alert = alert(&summary, "text").unwrap();
        assert_eq!(alert.json, golden);
        assert_eq!(alert.attributes["kind"], "plan");
    }
}
