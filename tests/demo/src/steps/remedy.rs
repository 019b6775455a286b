//! Steps: the finding becomes a plan, the plan is approved, applied in spite of a crash, and verified; later it is undone.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use local_cloud::events::{self, Caller, Request};
use local_cloud::world::Path;
use local_cloud::{Function, Published, Reply, wait};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::{Applied, LEAK_DAY, Story, answer};

/// How long a plan may take to be applied or undone, the lease of a killed run included.
const PATIENCE: Duration = Duration::from_mins(2);
/// Seconds that the lock of a killed run stands in the way of the next.
const LEASE: &str = "5";

pub(crate) async fn approved(
    paper: &mut Paper,
    story: &mut Story,
    finding: &Published,
) -> Result<(), Failure> {
    paper.step("The remedy");
    let remediator = remediator(story).await?;
    let approval = story
        .function("endpoint-approval")
        .env("LEDGER_TABLE", &story.world.ledger_table)
        .start()
        .await?;
    let network = story.world.observe().await?;
    let before = story.cloud.sns_messages(&story.world.topic_arn).len();
    let reply = story.cloud.deliver_sns(finding, &remediator).await?;
    answer("endpoint-remediator", reply)?;
    let told = story
        .cloud
        .sns_messages(&story.world.topic_arn)
        .split_off(before);
    let [plan] = told.as_slice() else {
        return Err(Failure::new(format!(
            "expected one plan from the finding, found {} messages",
            told.len()
        )));
    };
    paper.say("The finding's advice becomes a plan. What the person reads:");
    super::nights::print(paper, plan);
    let summary: Value = serde_json::from_str(plan.message("lambda"))?;
    let [id, hash] =
        ["plan_id", "plan_hash"].map(|field| find(&summary, field).unwrap_or_default());
    refused(paper, &remediator, &id).await?;
    approve(paper, &approval, &id, &hash).await?;
    crash(paper, story, &remediator, &id).await?;
    let calls = until_done(&remediator, "apply", &id, "applied").await?;
    paper.check(
        true,
        format!(
            "once the dead run's lock has run out the next call takes up the journal and finishes the plan ({calls} call(s))"
        ),
        "",
    )?;
    let verdict = answer(
        "endpoint-remediator",
        remediator
            .invoke(&json!({"action": "verify", "plan_id": id}))
            .await?,
    )?;
    paper.check(
        find(&verdict, "state").as_deref() == Some("verified"),
        "the plan is read back step by step: verified",
        &verdict,
    )?;
    moved(paper, story).await?;
    story.summary.push(format!(
        "Fixed with one approved plan ({id}), in spite of a crash in the middle of it."
    ));
    story.applied = Some(Applied { id, network });
    remediator.stop().await?;
    approval.stop().await?;
    paper.done();
    Ok(())
}

/// Nothing may change without an approval.
async fn refused(paper: &mut Paper, remediator: &Function, id: &str) -> Result<(), Failure> {
    let reply = remediator
        .invoke(&json!({"action": "apply", "plan_id": id}))
        .await?;
    let (holds, found) = match &reply {
        Reply::Error {
            error_type,
            message,
        } => (
            error_type.contains("Approv"),
            format!("{error_type}: {message}"),
        ),
        other => (false, format!("{other:?}")),
    };
    paper.check(
        holds,
        format!("without an approval it is refused ({found})"),
        &found,
    )
}

async fn approve(
    paper: &mut Paper,
    approval: &Function,
    id: &str,
    hash: &str,
) -> Result<(), Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "approvals expire by the wall clock"
    )]
    let expires = Timestamp::now() + 24.hours();
    let body = json!({"plan_id": id, "plan_hash": hash, "expires_at": expires.to_string()});
    let anna = Caller {
        role: "network-approver".to_owned(),
        role_id: "AROAEXAMPLEAPPROVER01".to_owned(),
        session: "anna".to_owned(),
        organization: None,
    };
    let request = Request::new("POST", "abcdefghij.lambda-url.us-east-1.on.aws", "/")
        .header("content-type", "application/json")
        .body(&body.to_string());
    let event = events::function_url(&request, Some(&anna));
    let reply = answer("endpoint-approval", approval.invoke(&event).await?)?;
    let granted = reply["statusCode"]
        .as_u64()
        .is_some_and(|status| (200..300).contains(&status));
    paper.check(
        granted,
        "anna approves this plan by its hash, for a day",
        &reply,
    )
}

/// Kills the process while it changes the network.
async fn crash(
    paper: &mut Paper,
    story: &Story,
    remediator: &Function,
    id: &str,
) -> Result<(), Failure> {
    let front = story.cloud.front();
    let killer = async {
        let made = wait::until(PATIENCE, async || {
            (front.calls("ec2", "CreateVpcEndpoint") >= 2).then_some(())
        });
        made.await;
        remediator.kill();
    };
    let request = json!({"action": "apply", "plan_id": id});
    let (reply, ()) = tokio::join!(remediator.invoke(&request), killer);
    let reply = reply?;
    paper.check(
        matches!(reply, Reply::Crashed { .. }),
        "in the middle of the apply its process is killed, after it asked for a second endpoint",
        format!("{reply:?}"),
    )
}

/// Calls an action until the plan is where it leads to, past the lock that a killed run leaves; how many calls went past it.
async fn until_done(
    remediator: &Function,
    action: &str,
    id: &str,
    state: &str,
) -> Result<u32, Failure> {
    let request = json!({"action": action, "plan_id": id});
    let calls = std::cell::Cell::new(0);
    let done = wait::until(PATIENCE, async || {
        let reply = remediator.invoke(&request).await.map(Reply::into_result);
        if let Ok(Err(held)) = &reply
            && held.starts_with("Lock.Held")
        {
            return None;
        }
        calls.set(calls.get() + 1);
        match reply {
            Ok(Ok(reply)) if find(&reply, "state").as_deref() == Some(state) => Some(Ok(())),
            Ok(Ok(_)) => None,
            Ok(Err(other)) => Some(Err(Failure::new(format!("{action}: {other}")))),
            Err(error) => Some(Err(error.into())),
        }
    });
    done.await
        .unwrap_or_else(|| Err(Failure::new(format!("{action}: the plan is not {state}"))))?;
    Ok(calls.get())
}

/// Another day somebody wants it undone.
pub(crate) async fn undone(paper: &mut Paper, story: &mut Story) -> Result<(), Failure> {
    paper.step("The way back");
    let applied = story.applied.take();
    let Applied { id, network } =
        applied.ok_or_else(|| Failure::new("no plan was applied".to_owned()))?;
    let remediator = remediator(story).await?;
    until_done(&remediator, "rollback", &id, "rolled_back").await?;
    let after = story.world.observe().await?;
    paper.check(
        after == network,
        "rolled back: routes, groups and endpoints are as they were before the plan",
        format!("{after:?}"),
    )?;
    story
        .summary
        .push("Undone on request, to what was there before.".to_owned());
    remediator.stop().await?;
    paper.done();
    Ok(())
}

async fn remediator(story: &Story) -> Result<Function, Failure> {
    let function = story
        .function("endpoint-remediator")
        .env("LEDGER_TABLE", &story.world.ledger_table)
        .env("ALERT_TOPIC_ARN", &story.world.topic_arn)
        .env("LEASE_SECONDS", LEASE)
        .env("FLOW_LOGS_LOCATION", story.world.flow_logs_location())
        // A day of the story takes a second: what is applied is verified at once.
        .env("SOAK_MINUTES", "0");
    Ok(function.timeout(PATIENCE).start().await?)
}

/// The same day under the new network: the leak is off the NAT gateways, and nobody is cut off.
async fn moved(paper: &mut Paper, story: &Story) -> Result<(), Failure> {
    let day = story.world.day(LEAK_DAY).await?;
    let cut_off: Vec<_> = day
        .by_path()
        .into_keys()
        .filter(|path| matches!(path, Path::CutOff(_)))
        .collect();
    paper.check(
        cut_off.is_empty(),
        "whoever reached a service before still does",
        format!("{cut_off:?}"),
    )
}

/// A text field by name, at any depth of a reply: the first one found.
fn find(value: &Value, field: &str) -> Option<String> {
    match value {
        Value::Object(fields) => match fields.get(field) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => fields.values().find_map(|value| find(value, field)),
        },
        Value::Array(values) => values.iter().find_map(|value| find(value, field)),
        _ => None,
    }
}
