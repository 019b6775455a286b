//! Policies as plans of their own, and plans that others carry out: the real function against moto.

use aws_sdk_ec2::types::VpcEndpointType;
use local_cloud::Reply;
use serde_json::{Value, json};
use tollkeeper::plan::PlanSummary;

use crate::nights::Story;
use crate::remediation::Engine;

/// What AWS, and moto, give an endpoint that nobody gave a policy.
const FULL_ACCESS: &str = r#"{"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;

async fn ask(engine: &Engine, request: &Value) -> Result<Value, String> {
    let reply: Reply = engine.remediator.invoke(request).await.unwrap();
    reply.into_result()
}

fn summary(reply: &Value) -> PlanSummary {
    serde_json::from_value(reply["summary"].clone()).unwrap()
}

/// The VPC's S3 endpoint: id and policy.
async fn s3_endpoint(ec2: &aws_sdk_ec2::Client, vpc: &str) -> Option<(String, Value)> {
    let filter = aws_sdk_ec2::types::Filter::builder();
    let filter = filter.name("vpc-id").values(vpc).build();
    let found = ec2.describe_vpc_endpoints().filters(filter).send();
    let found = found.await.unwrap();
    let live = found.vpc_endpoints().iter().find(|endpoint| {
        let state = endpoint.state().map_or("", |state| state.as_str());
        let is_s3 = endpoint
            .service_name()
            .is_some_and(|name| name.rsplit('.').next() == Some("s3"));
        is_s3 && state.eq_ignore_ascii_case("available")
    })?;
    let policy = serde_json::from_str(live.policy_document()?).unwrap();
    Some((live.vpc_endpoint_id()?.to_owned(), policy))
}

#[tokio::test]
async fn a_policy_is_planned_linted_approved_set_verified_and_taken_back() {
    let story = Story::up_to_the_leak("policies").await;
    let engine = Engine::of(&story).await;
    let ec2 = aws_sdk_ec2::Client::new(&story.cloud.sdk_config());
    let vpc = story.world.ids.vpc.clone();
    let asked = json!({"action": "plan", "vpc_id": vpc, "services": ["s3"]});
    let endpoints = summary(&ask(&engine, &asked).await.unwrap());
    engine.approve(&endpoints, &endpoints.plan_hash).await;
    assert_eq!(engine.apply(&endpoints).await["state"], "applied");
    let full: Value = serde_json::from_str(FULL_ACCESS).unwrap();
    assert_eq!(s3_endpoint(&ec2, &vpc).await.unwrap().1, full);

    let of_policy = |more: Value| {
        let mut request =
            json!({"action": "plan", "kind": "policy", "vpc_id": vpc, "services": ["s3"]});
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        request
    };
    let mut careless = full.clone();
    careless["Statement"][0]["Condition"] =
        json!({"IpAddress": {"aws:SourceIp": "203.0.113.7/32"}});
    let refused = ask(&engine, &of_policy(json!({"policy": careless}))).await;
    let refused = refused.unwrap_err();
    assert!(refused.starts_with("Policy.Refused"), "{refused}");
    assert!(refused.contains("error source-ip"), "{refused}");

    let (id, _) = s3_endpoint(&ec2, &vpc).await.unwrap();
    let now = tollkeeper::telemetry::wall_clock() - jiff::SignedDuration::from_hours(1);
    for (kind, account) in [
        ("AssumedRole", "123456789012"),
        ("AWSAccount", "210987654321"),
    ] {
        story.cloud.front().record_event(json!({
            "eventSource": "s3.amazonaws.com", "eventName": "ListBuckets", "eventTime": now.to_string(),
            "vpcEndpointId": id, "recipientAccountId": "123456789012", "sourceIPAddress": "10.0.32.9",
            "userIdentity": {"type": kind, "accountId": account, "principalId": "AROAEXAMPLE:agent"},
        }));
    }
    let planned = ask(&engine, &of_policy(json!({"accounts": ["123456789012"]}))).await;
    let planned = planned.unwrap();
    let text = planned["text"].as_str().unwrap();
    for expected in [
        "1 would pass, 1 would be denied",
        "s3:ListBuckets by AWSAccount at s3 would be denied",
    ] {
        assert!(text.contains(expected), "{expected}\n\n{text}");
    }
    let plan = summary(&planned);
    assert_eq!(plan.unknowns, ["replay.would-deny"]);
    assert_ne!(plan.plan_id, endpoints.plan_id);
    let not_yet = engine.act("apply", &plan).await.into_result().unwrap_err();
    assert!(not_yet.starts_with("Approval."), "{not_yet}");
    assert_eq!(s3_endpoint(&ec2, &vpc).await.unwrap().1, full);
    engine.approve(&plan, &plan.plan_hash).await;
    assert_eq!(engine.apply(&plan).await["state"], "applied");
    let set = s3_endpoint(&ec2, &vpc).await.unwrap().1;
    let conditions = &set["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(
        conditions["aws:PrincipalAccount"],
        json!(["123456789012"]),
        "{set}"
    );
    let verified = engine.act("verify", &plan).await.into_result().unwrap();
    assert_eq!(verified["state"], "verified", "{verified}");

    let back = engine.act_until_done("rollback", &plan, "rolling_back");
    assert_eq!(back.await["state"], "rolled_back");
    assert_eq!(s3_endpoint(&ec2, &vpc).await.unwrap().1, full);
}

#[tokio::test]
async fn what_others_made_from_the_code_of_a_plan_is_verified() {
    let story = Story::up_to_the_leak("merged").await;
    let engine = Engine::of(&story).await;
    let ec2 = aws_sdk_ec2::Client::new(&story.cloud.sdk_config());
    let vpc = story.world.ids.vpc.clone();
    let asked =
        json!({"action": "plan", "format": "cloudformation", "vpc_id": vpc, "services": ["s3"]});
    let reply = ask(&engine, &asked).await.unwrap();
    let plan = summary(&reply);
    let template: Value = serde_json::from_str(reply["emitted"]["code"].as_str().unwrap()).unwrap();
    let properties = &template["Resources"]["S3EndpointStep1"]["Properties"];

    let early = engine.act("verify", &plan).await.into_result().unwrap();
    assert_eq!(
        (&early["verified"], &early["state"]),
        (&json!(false), &json!("planned"))
    );
    // What the stack does.
    let tables = properties["RouteTableIds"].as_array().unwrap().iter();
    let tables = tables.map(|table| table.as_str().unwrap().to_owned());
    let create = ec2
        .create_vpc_endpoint()
        .vpc_endpoint_type(VpcEndpointType::Gateway)
        .vpc_id(&vpc)
        .service_name(properties["ServiceName"].as_str().unwrap())
        .set_route_table_ids(Some(tables.collect()));
    create.send().await.unwrap();

    let verified = engine.act("verify", &plan).await.into_result().unwrap();
    assert_eq!(verified["state"], "verified", "{verified}");
    assert_eq!(verified["by"], "merged code");
    let (id, _) = s3_endpoint(&ec2, &vpc).await.unwrap();
    let seen = summary(&verified);
    assert_eq!(seen.endpoints[0].endpoint_id.as_deref(), Some(id.as_str()));
    assert!(seen.applied_at.is_some());

    let back = engine.act("rollback", &plan).await.into_result().unwrap();
    assert!(
        back["note"]
            .as_str()
            .is_some_and(|note| note.contains("undo it there"))
    );
    assert!(s3_endpoint(&ec2, &vpc).await.is_some());
}
