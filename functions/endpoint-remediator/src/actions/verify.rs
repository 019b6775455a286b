//! `verify`: read everything back, watch the traffic for the soak, and say what nobody measured.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollkeeper::plan::{EndpointKind, PlanState};

use super::{Case, PACE, locked, rollback};
use crate::app::{App, Call};
use crate::cloudwatch::{self, Subject};
use crate::failure::{Failure, word};
use crate::merged::merged;
use crate::snapshot::Snapshot;
use crate::soak::{self, Soak};
use crate::store::{Ledger, Lock};
use crate::verify::{Check, checks, holds, unknown};

/// Verifies an applied plan. One whose effect is gone goes back from `verified` to `applied`; one that took a service
/// away is undone as long as it is watched.
pub(crate) async fn verify(app: &App, plan_id: &str, call: &Call) -> Result<Value, Failure> {
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
    let (mut checks, endpoints) = if by_code {
        let found = merged(&case.plan.steps, &case.plan.endpoints, &snapshot);
        (found.checks, Some(found.endpoints))
    } else {
        (checks(&case.plan.steps, &case.journal, &snapshot), None)
    };
    let holds = holds(&checks);
    if holds && let Some(endpoints) = endpoints {
        case.summary.item.endpoints = endpoints;
        // When it was deployed is not known: the first time it was seen.
        case.summary.item.applied_at.get_or_insert((app.clock)());
    }
    let soak = soak_of(app, &case);
    let lost = soak::lost(&case.journal, &snapshot).join("; ");
    let is_judged = soak.is_some_and(|soak| soak.is_settled(PACE.lag) && !soak.is_over());
    if !lost.is_empty() && is_judged {
        return go_back(app, &ledger, &case, call, lost).await;
    }
    if let Some(soak) = soak {
        checks.extend(evidence(app, &case, &snapshot, soak).await);
    }
    // Nobody applied merged code here: there is nothing to watch from.
    let is_watched = !by_code && soak.is_some_and(|soak| !soak.is_over());
    let state = match (holds, by_code) {
        (true, _) if !is_watched => PlanState::Verified,
        (true, _) => case.state(),
        (false, true) => PlanState::Planned,
        (false, false) => PlanState::Applied,
    };
    case.enter(app, &ledger, call, state).await?;
    let verified = case.state() == PlanState::Verified;
    tracing::info!(plan_id, holds, verified, "plan read back");
    let mut reply = json!({
        "plan_id": plan_id, "state": word(case.state()), "verified": verified, "as_planned": holds,
        "by": if by_code { "merged code" } else { "this function" },
        "checks": checks, "summary": case.summary.item,
    });
    if let Some(soak) = soak.filter(|_| is_watched) {
        reply["watched_until"] = json!(soak.until());
    }
    Ok(reply)
}

/// Whether others carried the plan out, as far as this function knows: it did nothing itself and gave the code out.
fn is_done_by_code(case: &Case) -> bool {
    let state = matches!(case.state(), PlanState::Planned | PlanState::Verified);
    state && case.journal.is_empty() && case.stored.emitted_at.is_some()
}

fn soak_of(app: &App, case: &Case) -> Option<Soak> {
    Some(Soak {
        applied_at: case.summary.item.applied_at?,
        length: app.config.soak,
        now: (app.clock)(),
    })
}

async fn go_back(
    app: &App,
    ledger: &Ledger,
    case: &Case,
    call: &Call,
    what: String,
) -> Result<Value, Failure> {
    let plan_id = case.plan_id();
    let work = async |lock: &Lock| {
        let case = Case::open(ledger, plan_id).await?;
        rollback::by_itself(app, ledger, case, lock, call, what.clone()).await
    };
    let is_undone = Box::pin(locked(app, ledger, case, call, work)).await?;
    Err(Failure::ConnectivityLost {
        plan_id: plan_id.to_owned(),
        is_undone,
        what,
    })
}

/// What CloudWatch says of the traffic since the apply; what cannot be read is unknown.
async fn evidence(app: &App, case: &Case, snapshot: &Snapshot, soak: Soak) -> Vec<Check> {
    const MOVED: &str = "traffic moved from the NAT gateways to the endpoints";
    let planned = &case.summary.item.endpoints;
    let mut out = Vec::new();
    match soak.window() {
        None => {
            let reason = "too early: CloudWatch has figures of whole five minutes";
            out.push(unknown(MOVED, reason.to_owned()));
        }
        Some(window) => {
            let subject = subject(app, case, snapshot);
            match cloudwatch::traffic(&app.cloudwatch, &subject, window).await {
                Ok(traffic) => out.extend(soak::checks(soak, &traffic)),
                Err(error) => out.push(unknown(MOVED, error.to_string())),
            }
        }
    }
    if planned
        .iter()
        .any(|endpoint| endpoint.kind == EndpointKind::Gateway)
    {
        let reason =
            "CloudWatch counts none there; the detector measures them on the following nights";
        out.push(unknown(
            "bytes through the gateway endpoints",
            reason.to_owned(),
        ));
    }
    out
}

fn subject(app: &App, case: &Case, snapshot: &Snapshot) -> Subject {
    let interface = |endpoint: &&tollkeeper::plan::PlannedEndpoint| {
        endpoint.kind == EndpointKind::Interface && endpoint.endpoint_id.is_some()
    };
    let endpoints = case.summary.item.endpoints.iter().filter(interface);
    let targets = snapshot.route_tables.iter();
    let nats: BTreeSet<&String> = targets
        .filter_map(|table| table.default_target.as_ref())
        .filter(|target| target.starts_with("nat-"))
        .collect();
    Subject {
        vpc_id: snapshot.vpc.id.clone(),
        endpoints: endpoints
            .filter_map(|endpoint| {
                let id = endpoint.endpoint_id.clone()?;
                Some((id, app.ec2.full_name(&endpoint.service)))
            })
            .collect(),
        nats: nats.into_iter().cloned().collect(),
    }
}
