//! Fewer clients at an endpoint that is there, as a plan of its own: the real function against moto.

use local_cloud::Reply;
use local_cloud::world::Zone;
use serde_json::{Value, json};
use tollkeeper::plan::PlanSummary;

use crate::nights::Story;
use crate::remediation::Engine;

async fn ask(engine: &Engine, request: &Value) -> Result<Value, String> {
    let reply: Reply = engine.remediator.invoke(request).await.unwrap();
    reply.into_result()
}

fn summary(reply: &Value) -> PlanSummary {
    serde_json::from_value(reply["summary"].clone()).unwrap()
}

/// Ranges that the group of the endpoint for sts admits on 443.
async fn admitted(ec2: &aws_sdk_ec2::Client) -> Vec<String> {
    let name = aws_sdk_ec2::types::Filter::builder().name("group-name");
    let found = ec2
        .describe_security_groups()
        .filters(name.values("tollkeeper-sts").build())
        .send();
    let found = found.await.unwrap();
    let [group] = found.security_groups() else {
        panic!("one group: {found:?}");
    };
    let rules = group.ip_permissions().iter();
    let ranges = rules.flat_map(|rule| {
        assert_eq!((rule.from_port(), rule.to_port()), (Some(443), Some(443)));
        rule.ip_ranges()
    });
    let mut ranges: Vec<String> = ranges
        .filter_map(|range| range.cidr_ip().map(str::to_owned))
        .collect();
    ranges.sort();
    ranges
}

#[tokio::test]
async fn a_proved_endpoint_is_narrowed_verified_and_opened_again() {
    let story = Story::up_to_the_leak("narrowing").await;
    let engine = Engine::of(&story).await;
    let ec2 = aws_sdk_ec2::Client::new(&story.cloud.sdk_config());
    let ids = &story.world.ids;
    let asked = json!({"action": "plan", "vpc_id": ids.vpc, "services": ["sts"]});
    let endpoints = summary(&ask(&engine, &asked).await.unwrap());
    engine.approve(&endpoints, &endpoints.plan_hash).await;
    assert_eq!(engine.apply(&endpoints).await["state"], "applied");
    let whole_vpc = admitted(&ec2).await;

    let subnet = &ids.private_subnets[&Zone::A];
    let narrowing = |admit: &str| {
        json!({
            "action": "plan", "kind": "narrowing", "vpc_id": ids.vpc, "services": ["sts"], "admit": [admit]
        })
    };
    let early = ask(&engine, &narrowing(subnet)).await.unwrap_err();
    assert!(early.starts_with("Plan.WrongState"), "{early}");
    assert!(
        early.contains("narrow it once that plan is verified"),
        "{early}"
    );
    let verified = engine.act("verify", &endpoints).await.into_result();
    assert_eq!(verified.unwrap()["state"], "verified");
    let wider = ask(&engine, &narrowing("192.168.0.0/24")).await;
    let wider = wider.unwrap_err();
    assert!(wider.contains("narrowing widens nothing"), "{wider}");

    let plan = ask(&engine, &narrowing(subnet)).await.unwrap();
    let text = plan["text"].as_str().unwrap();
    assert!(text.contains("loses sts altogether"), "{text}");
    let plan = summary(&plan);
    let not_yet = engine.act("apply", &plan).await.into_result().unwrap_err();
    assert!(not_yet.starts_with("Approval.Missing"), "{not_yet}");
    assert_eq!(admitted(&ec2).await, whole_vpc);
    engine.approve(&plan, &plan.plan_hash).await;
    assert_eq!(engine.apply(&plan).await["state"], "applied");
    let narrow = admitted(&ec2).await;
    let cidr = ec2
        .describe_subnets()
        .subnet_ids(subnet)
        .send()
        .await
        .unwrap();
    assert_eq!(narrow, [cidr.subnets()[0].cidr_block().unwrap()]);
    let read_back = engine.act("verify", &plan).await.into_result().unwrap();
    assert_eq!(read_back["state"], "verified", "{read_back}");
    let again = ask(&engine, &narrowing(subnet)).await.unwrap();
    assert_eq!(again["state"], "nothing_to_do", "{again}");

    // The plan that let everybody in is not held against its successor.
    let first = engine.act("verify", &endpoints).await.into_result();
    let first = first.unwrap();
    assert_eq!(first["state"], "verified", "{first}");
    assert!(first.to_string().contains("lacks the rule"), "{first}");

    let back = engine.act("rollback", &plan).await.into_result().unwrap();
    assert_eq!(back["state"], "rolled_back");
    assert_eq!(admitted(&ec2).await, whole_vpc);
}
