//! Step: the finding becomes a plan, the plan is approved, applied and verified.

use jiff::{Timestamp, ToSpan};
use local_cloud::events::{self, Caller, Request};
use local_cloud::world::Path;
use local_cloud::{Function, Published, Reply};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::{LEAK_DAY, Story, answer};

/// How often `apply` is called before something must be wrong: each call goes on where the last one stopped.
const MOST_CALLS: u32 = 10;

pub(crate) async fn approved(
    paper: &mut Paper,
    story: &mut Story,
    finding: &Published,
) -> Result<(), Failure> {
    paper.step("The remedy");
    let function = |name: &str| {
        story
            .function(name)
            .env("LEDGER_TABLE", &story.world.ledger_table)
    };
    let remediator = function("endpoint-remediator").env("ALERT_TOPIC_ARN", &story.world.topic_arn);
    let remediator = remediator
        .timeout(std::time::Duration::from_mins(2))
        .start()
        .await?;
    let approval = function("endpoint-approval").start().await?;
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
    apply(paper, &remediator, &id).await?;
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
        "Fixed with one approved plan ({id}); every step is in the journal and can be rolled back."
    ));
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

async fn apply(paper: &mut Paper, remediator: &Function, id: &str) -> Result<(), Failure> {
    let mut reply = Value::Null;
    for call in 1..=MOST_CALLS {
        reply = answer(
            "endpoint-remediator",
            remediator
                .invoke(&json!({"action": "apply", "plan_id": id}))
                .await?,
        )?;
        if find(&reply, "state").as_deref() == Some("applied") {
            return paper.check(true, format!("applied, in {call} call(s)"), "");
        }
    }
    Err(Failure::new(format!(
        "the plan is not applied after {MOST_CALLS} calls: {reply}"
    )))
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
