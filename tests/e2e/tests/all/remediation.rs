//! From the finding to the closed incident: plan, approval, apply, verify, the saving; and the way back.

use std::collections::BTreeSet;
use std::time::Duration;

use local_cloud::events::{self, Caller, Request};
use local_cloud::{Fault, Function, Reply, wait};
use serde_json::{Value, json};
use tollkeeper::finding::State;
use tollkeeper::plan::{PlanState, PlanSummary};
use tollkeeper::time::Day;

use crate::nights::{LEAK_DAY, Story, night};
use crate::support::{event, items, start};

/// Longer than a lock's lease, and than a call whose outcome is not known takes to be believed undone (20 s a run).
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Engine {
    pub(crate) remediator: Function,
    approval: Function,
}

impl Engine {
    /// What is applied may be verified at once.
    pub(crate) async fn of(story: &Story) -> Self {
        Self::watching(story, "0").await
    }

    /// What is applied is watched for so many minutes.
    async fn watching(story: &Story, minutes: &str) -> Self {
        Self::with(story, &[("LEASE_SECONDS", "5"), ("SOAK_MINUTES", minutes)]).await
    }

    pub(crate) async fn with(story: &Story, settings: &[(&str, &str)]) -> Self {
        let location = story.world.flow_logs_location();
        let mut all = vec![
            ("LEDGER_TABLE", story.world.ledger_table.as_str()),
            ("ALERT_TOPIC_ARN", &story.world.topic_arn),
            ("FLOW_LOGS_LOCATION", &location),
            ("IP_RANGES", story.ranges.to_str().unwrap()),
        ];
        all.extend_from_slice(settings);
        let settings = all;
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
        let kim = Caller {
            role: "network-approver".to_owned(),
            role_id: "AROAEXAMPLEID".to_owned(),
            session: "kim".to_owned(),
            organization: None,
        };
        let request = Request::new("POST", "abcdefghij.lambda-url.us-east-1.on.aws", "/")
            .header("content-type", "application/json")
            .body(&body.to_string());
        let event = events::function_url(&request, Some(&kim));
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

/// Subject and state of every message about a plan, in order.
fn told(story: &Story, plan: &PlanSummary) -> Vec<(String, String)> {
    let messages = story.cloud.sns_messages(&story.world.topic_arn);
    let about = messages
        .iter()
        .filter(|message| message.message("lambda").contains(&plan.plan_id));
    let parts = about.map(|message| {
        let summary: Value = serde_json::from_str(message.message("lambda")).unwrap();
        let state = summary["state"].as_str().unwrap().to_owned();
        (message.subject.clone().unwrap_or_default(), state)
    });
    parts.collect()
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
    let mut stuck = Vec::new();
    let resumed = wait::until(PATIENCE, async || {
        let event = event("endpoint-remediator/resume.json");
        let reply = engine.remediator.invoke(&event).await.unwrap();
        let reply = reply.into_result().unwrap();
        let [plan_of_reply] = reply["resumed"].as_array().unwrap().as_slice() else {
            panic!("one plan is under way: {reply}");
        };
        let refusal = plan_of_reply["error_type"].as_str().map(str::to_owned);
        stuck.extend(refusal);
        (plan_of_reply["state"] == "applied").then_some(())
    });
    resumed.await.expect("the plan was never resumed");
    assert_eq!(stuck, ["Network.Refused"]);
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
    let told: Vec<String> = told(&story, &plan)
        .into_iter()
        .map(|(_, state)| state)
        .collect();
    assert_eq!(told, ["planned", "applied", "rolled_back"]);
    assert_eq!(
        story.world.observe().await.unwrap(),
        before,
        "as it was before"
    );
}

#[tokio::test]
async fn a_step_that_is_refused_for_good_takes_the_others_back() {
    let story = Story::up_to_the_leak("remediation-refused").await;
    let (detector, engine) = (story.detector("s3").await, Engine::of(&story).await);
    let before = story.world.observe().await.unwrap();
    let plan = planned(&story, &detector, &engine).await;
    engine.approve(&plan, &plan.plan_hash).await;
    let front = story.cloud.front();
    // The first change of an endpoint, when all of them exist already.
    front.fail_next("ec2", "ModifyVpcEndpoint", 1, Fault::Denied);

    let failed = engine.act("apply", &plan).await.into_result().unwrap_err();
    assert!(failed.starts_with("Apply.Failed"), "{failed}");
    assert!(failed.contains("UnauthorizedOperation"), "{failed}");
    assert!(front.calls("ec2", "CreateVpcEndpoint") >= 1);
    // Where the call's time does not suffice for the way back, the schedule goes on with it.
    let undone = wait::until(PATIENCE, async || {
        let state = plans(&story).await.remove(0).state;
        if state != PlanState::RolledBack {
            let resume = event("endpoint-remediator/resume.json");
            engine.remediator.invoke(&resume).await.unwrap();
        }
        (state == PlanState::RolledBack).then_some(())
    });
    undone.await.expect("the way back never ended");
    assert_eq!(story.world.observe().await.unwrap(), before);
    let (subject, _) = told(&story, &plan).pop().unwrap();
    assert!(subject.starts_with("Plan went back by itself"), "{subject}");
}

#[tokio::test]
async fn an_applied_plan_that_shuts_people_out_while_it_is_watched_goes_back_by_itself() {
    let story = Story::up_to_the_leak("remediation-watched").await;
    let (detector, engine) = (
        story.detector("s3").await,
        Engine::watching(&story, "60").await,
    );
    let before = story.world.observe().await.unwrap();
    let plan = planned(&story, &detector, &engine).await;
    engine.approve(&plan, &plan.plan_hash).await;
    assert_eq!(engine.apply(&plan).await["state"], "applied");

    let watched = engine.act("verify", &plan).await.into_result().unwrap();
    assert_eq!(
        (
            &watched["state"],
            &watched["as_planned"],
            &watched["verified"]
        ),
        (&json!("applied"), &json!(true), &json!(false))
    );
    assert!(watched["watched_until"].is_string(), "{watched}");

    // Somebody takes the rule away that lets the VPC in, while its names lead there.
    let client = aws_sdk_ec2::Client::new(&story.cloud.sdk_config());
    let network = story.world.observe().await.unwrap();
    let moved = network.interface_endpoints.iter();
    let group = moved.flat_map(|endpoint| &endpoint.groups).next().unwrap();
    let rules = client.describe_security_groups().group_ids(group);
    let rules = rules.send().await.unwrap().security_groups()[0]
        .ip_permissions()
        .to_vec();
    let revoke = client.revoke_security_group_ingress().group_id(group);
    revoke.set_ip_permissions(Some(rules)).send().await.unwrap();

    let undone = wait::until(PATIENCE, async || {
        let resume = event("endpoint-remediator/resume.json");
        engine.remediator.invoke(&resume).await.unwrap();
        let plan = plans(&story).await.remove(0);
        (plan.state == PlanState::RolledBack).then_some(plan)
    });
    let plan = undone.await.expect("the plan never went back");
    let why = plan.failure.unwrap();
    assert!(why.contains(group), "{why}");
    assert_eq!(story.world.observe().await.unwrap(), before);
}

#[tokio::test]
async fn what_is_set_apart_is_left_alone_and_a_day_can_be_read_again_afterwards() {
    let today = || Day::of(tollkeeper::telemetry::wall_clock());
    let begun = today();
    let story = Story::up_to_the_leak("remediation-history").await;
    let (detector, engine) = (story.detector("s3").await, Engine::of(&story).await);
    let plan = planned(&story, &detector, &engine).await;
    let refused = engine.act("apply", &plan).await.into_result().unwrap_err();
    assert!(refused.starts_with("Approval.Missing"), "{refused}");
    engine.approve(&plan, "sha256:0000").await;
    engine.approve(&plan, &plan.plan_hash).await;

    // The owner of the network sets it apart while the plan waits.
    let client = aws_sdk_ec2::Client::new(&story.cloud.sdk_config());
    let tag = aws_sdk_ec2::types::Tag::builder()
        .key("tollkeeper:except")
        .value("net-team until 2199-12-31");
    let tags = client
        .create_tags()
        .resources(&plan.vpc_id)
        .tags(tag.clone().build());
    tags.send().await.unwrap();
    let moved = engine.act("apply", &plan).await.into_result().unwrap_err();
    assert!(
        moved.starts_with("World.Moved") && moved.contains("exception of"),
        "{moved}"
    );
    let ask = json!({"action": "plan", "vpc_id": plan.vpc_id, "services": ["s3"]});
    let reply = engine
        .remediator
        .invoke(&ask)
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(reply["state"], "nothing_to_do");
    assert_eq!(
        reply["why"],
        json!([format!(
            "s3: net-team has set {} apart until 2199-12-31",
            plan.vpc_id
        )])
    );
    let tags = client
        .delete_tags()
        .resources(&plan.vpc_id)
        .tags(tag.build());
    tags.send().await.unwrap();
    assert_eq!(engine.apply(&plan).await["state"], "applied");

    let mut lines = Vec::new();
    // Midnight may have passed.
    for day in BTreeSet::from([begun, today()]) {
        let ask = json!({"action": "history", "day": day.to_string()});
        let reply = engine.remediator.invoke(&ask).await.unwrap();
        let reply = reply.into_result().unwrap();
        let of_day = reply["lines"].as_array().unwrap().iter();
        lines.extend(of_day.map(|line| line["what"].as_str().unwrap().to_owned()));
    }
    let steps = lines.iter().filter(|line| line.contains(" done")).count();
    assert!(steps >= plan.services.len(), "{lines:#?}");
    let expected = [
        "planned, hash",
        "refused apply (Approval.Missing)",
        "refused approve to 123456789012/AROAEXAMPLEID (Approval.Mismatch)",
        "approved by 123456789012/AROAEXAMPLEID",
        "refused apply (World.Moved)",
        "went from planned to applying",
        "step 1 begun (it was not so before)",
        "step 1 done",
        "went from applying to applied",
    ];
    let mut rest = lines.iter();
    for words in expected {
        assert!(
            rest.any(|line| line.starts_with(words)),
            "{words} in order in {lines:#?}"
        );
    }
}
