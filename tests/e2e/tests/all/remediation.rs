//! From the finding to the closed incident: plan, approval, apply, verify, the saving; and the way back.

use std::cell::RefCell;
use std::time::Duration;

use local_cloud::{Fault, Function, Reply, wait};
use serde_json::{Value, json};
use tollkeeper::finding::State;
use tollkeeper::plan::{PlanState, PlanSummary};

use crate::nights::{LEAK_DAY, Story, night};
use crate::support::{event, items, start};

/// Longer than a lock's lease.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Engine {
    pub(crate) remediator: Function,
    approval: Function,
}

impl Engine {
    pub(crate) async fn of(story: &Story) -> Self {
        let location = story.world.flow_logs_location();
        let settings = [
            ("LEDGER_TABLE", story.world.ledger_table.as_str()),
            ("ALERT_TOPIC_ARN", &story.world.topic_arn),
            ("LEASE_SECONDS", "5"),
            ("FLOW_LOGS_LOCATION", &location),
            ("IP_RANGES", story.ranges.to_str().unwrap()),
        ];
        Self {
            remediator: start(&story.cloud, "endpoint-remediator", &settings).await,
            approval: start(&story.cloud, "endpoint-approval", &settings).await,
        }
    }

    pub(crate) async fn act(&self, action: &str, plan: &PlanSummary) -> Reply {
        self.remediator
            .invoke(&json!({"action": action, "plan_id": plan.plan_id}))
            .await
            .unwrap()
    }

    /// What the function URL hands over when somebody approves and accepts what the plan says is unknown.
    pub(crate) async fn approve(&self, plan: &PlanSummary, hash: &str) -> Value {
        let unknowns: Vec<&str> = plan.unknowns.iter().map(String::as_str).collect();
        self.approve_accepting(plan, hash, &unknowns).await
    }

    pub(crate) async fn approve_accepting(
        &self,
        plan: &PlanSummary,
        hash: &str,
        unknowns: &[&str],
    ) -> Value {
        let expires_at = tollkeeper::telemetry::wall_clock() + jiff::SignedDuration::from_hours(4);
        let mut body = json!({"plan_id": plan.plan_id, "plan_hash": hash, "expires_at": expires_at.to_string()});
        if !unknowns.is_empty() {
            body["accept_unknown"] = json!(unknowns);
        }
        let event = json!({
            "version": "2.0", "rawPath": "/", "rawQueryString": "", "headers": {"content-type": "application/json"},
            "requestContext": {
                "accountId": "123456789012", "requestId": "r-1",
                "http": {"method": "POST", "path": "/", "sourceIp": "198.51.100.7", "protocol": "HTTP/1.1", "userAgent": "curl"},
                "authorizer": {"iam": {
                    "accessKey": "ASIAEXAMPLE", "accountId": "123456789012", "callerId": "AROAEXAMPLEID:kim",
                    "userArn": "arn:aws:sts::123456789012:assumed-role/network-approver/kim", "userId": "AROAEXAMPLEID:kim",
                }},
            },
            "body": body.to_string(), "isBase64Encoded": false,
        });
        self.approval
            .invoke(&event)
            .await
            .unwrap()
            .into_result()
            .unwrap()
    }

    /// Acts until it is done: each call does what it can in its time, and a lock outlives the process that took it.
    pub(crate) async fn act_until_done(
        &self,
        action: &str,
        plan: &PlanSummary,
        unfinished: &str,
    ) -> Value {
        let done = wait::until(PATIENCE, async || {
            match self.act(action, plan).await.into_result() {
                Ok(reply) => Some(reply).filter(|reply| reply["state"] != unfinished),
                Err(held) if held.starts_with("Lock.Held") => None,
                Err(other) => panic!("{action}: {other}"),
            }
        });
        done.await.unwrap_or_else(|| panic!("{action} never ended"))
    }

    pub(crate) async fn apply(&self, plan: &PlanSummary) -> Value {
        self.act_until_done("apply", plan, "applying").await
    }
}

async fn plans(story: &Story) -> Vec<PlanSummary> {
    let found = items(&story.cloud, &story.world.ledger_table, "plans#").await;
    found
        .into_values()
        .map(|item| serde_json::from_value(item).unwrap())
        .collect()
}

/// Runs the leak's night and hands its finding to the remediator, as SNS does.
async fn planned(story: &Story, detector: &Function, engine: &Engine) -> PlanSummary {
    night(detector, LEAK_DAY).await.unwrap();
    let messages = story.cloud.sns_messages(&story.world.topic_arn);
    let finding = messages.first().expect("the detector told nobody");
    story
        .cloud
        .deliver_sns(finding, &engine.remediator)
        .await
        .unwrap()
        .into_result()
        .unwrap();
    let mut plans = plans(story).await;
    assert_eq!(plans.len(), 1, "one plan for the VPC: {plans:?}");
    plans.remove(0)
}

#[tokio::test]
async fn an_approved_plan_closes_the_leak_and_the_incident_with_a_measured_saving() {
    let story = Story::up_to_the_leak("loop").await;
    let (detector, engine) = (story.detector("s3").await, Engine::of(&story).await);
    let plan = planned(&story, &detector, &engine).await;

    let refused = engine.act("apply", &plan).await.into_result().unwrap_err();
    assert!(refused.starts_with("Approval."), "{refused}");
    let wrong = engine.approve(&plan, "sha256:0000").await;
    assert_ne!(wrong["statusCode"], 200);
    assert!(engine.act("apply", &plan).await.into_result().is_err());
    assert!(
        story
            .world
            .observe()
            .await
            .unwrap()
            .gateway_endpoints
            .is_empty(),
        "nothing was touched"
    );

    let approved = engine.approve(&plan, &plan.plan_hash).await;
    assert_eq!(approved["statusCode"], 200, "{approved}");
    assert_eq!(engine.apply(&plan).await["state"], "applied");
    assert_eq!(
        engine.act("verify", &plan).await.into_result().unwrap()["state"],
        "verified"
    );

    let mut days = LEAK_DAY;
    for _ in 0..3 {
        days = days.tomorrow().unwrap();
        let day = story.world.day(days).await.unwrap();
        story
            .world
            .publish_bill(story.cloud.cost_explorer(), &day, true);
        story.world.publish_metrics(&day).await.unwrap();
        story.world.publish_flow_logs(&day).await.unwrap();
        night(&detector, days).await.unwrap();
    }
    let resolved: Vec<_> = story
        .findings()
        .into_iter()
        .filter(|finding| finding.state == State::Resolved)
        .collect();
    let [finding] = resolved.as_slice() else {
        panic!("one resolved finding, not {}", resolved.len())
    };
    let saving = finding
        .saving
        .as_ref()
        .expect("a resolved finding has its saving");
    let measured = saving
        .measured_a_day
        .as_ref()
        .expect("the endpoints' bytes are measured")
        .amount;
    assert!(measured > 50.into(), "{measured}");
    assert!(measured <= saving.upper_bound_a_day.amount, "{saving:?}");
}

#[tokio::test]
async fn a_process_killed_in_the_middle_of_apply_goes_on_and_can_be_undone() {
    let story = Story::up_to_the_leak("remediation-crash").await;
    let (detector, engine) = (story.detector("s3").await, Engine::of(&story).await);
    let before = story.world.observe().await.unwrap();
    let plan = planned(&story, &detector, &engine).await;
    engine.approve(&plan, &plan.plan_hash).await;

    let front = story.cloud.front();
    let killer = async {
        wait::until(PATIENCE, async || {
            (front.calls("ec2", "CreateVpcEndpoint") >= 1).then_some(())
        })
        .await
        .expect("no endpoint was ever created");
        engine.remediator.kill();
    };
    let (reply, ()) = tokio::join!(engine.act("apply", &plan), killer);
    assert!(matches!(reply, Reply::Crashed { .. }), "{reply:?}");
    // Nobody has to call again: the schedule does, and finds what was left. Once it may not look: it says so, and the
    // next one goes on.
    front.fail_next("ec2", "DescribeVpcs", 1, Fault::Denied);
    let stuck = RefCell::new(Vec::new());
    let resumed = wait::until(PATIENCE, async || {
        let event = event("endpoint-remediator/resume.json");
        let reply = engine.remediator.invoke(&event).await.unwrap();
        let reply = reply.into_result().unwrap();
        let [plan_of_reply] = reply["resumed"].as_array().unwrap().as_slice() else {
            panic!("one plan is under way: {reply}");
        };
        let refusal = plan_of_reply["error_type"].as_str().map(str::to_owned);
        stuck.borrow_mut().extend(refusal);
        (plan_of_reply["state"] == "applied").then_some(())
    });
    resumed.await.expect("the plan was never resumed");
    assert_eq!(stuck.into_inner(), ["Network.Refused"]);
    let metrics = engine.remediator.metrics();
    let counted = metrics
        .iter()
        .filter(|line| line["RemediationsStuck"].as_f64() > Some(0.0))
        .count();
    assert_eq!(counted, 1, "the alarm's metric");
    let after = plans(&story).await.remove(0);
    assert_eq!(after.state, PlanState::Applied);
    let endpoints: Vec<_> = after
        .endpoints
        .iter()
        .map(|endpoint| endpoint.service.as_str())
        .collect();
    assert_eq!(
        endpoints.len(),
        plan.services.len(),
        "each once: {endpoints:?}"
    );

    let rolled_back = engine
        .act_until_done("rollback", &plan, "rolling_back")
        .await;
    assert_eq!(rolled_back["state"], "rolled_back");
    let told: Vec<String> = story
        .cloud
        .sns_messages(&story.world.topic_arn)
        .iter()
        .filter(|message| message.message("lambda").contains(&plan.plan_id))
        .map(|message| {
            let summary: Value = serde_json::from_str(message.message("lambda")).unwrap();
            summary["state"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(told, ["planned", "applied", "rolled_back"]);
    assert_eq!(
        story.world.observe().await.unwrap(),
        before,
        "as it was before"
    );
}
