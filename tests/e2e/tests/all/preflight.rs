//! What is read beside the network before a plan is made, by the real function: what it finds is in the plan, what it may
//! not read has to be accepted.

use aws_sdk_ec2::types::{IpPermission, IpRange};
use aws_sdk_route53::types::{HostedZoneConfig, Vpc, VpcRegion};
use local_cloud::Fault;
use local_cloud::world::Role;
use serde_json::{Value, json};
use tollkeeper::plan::PlanSummary;

use crate::nights::Story;
use crate::remediation::Engine;

async fn plan(engine: &Engine, vpc: &str, services: &[&str]) -> Value {
    let asked = json!({"action": "plan", "vpc_id": vpc, "services": services});
    let reply = engine.remediator.invoke(&asked).await.unwrap();
    reply.into_result().unwrap()
}

fn summary(reply: &Value) -> PlanSummary {
    serde_json::from_value(reply["summary"].clone()).unwrap()
}

fn refusal(reply: &Value) -> Value {
    assert_ne!(reply["statusCode"], 200, "{reply}");
    serde_json::from_str(reply["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn what_may_not_be_read_has_to_be_accepted_before_the_plan_is_applied() {
    let story = Story::up_to_the_leak("unknowns").await;
    let engine = Engine::of(&story).await;
    let front = story.cloud.front();
    front.fail_next("cloudtrail", "LookupEvents", 1, Fault::Denied);
    let reply = plan(&engine, &story.world.ids.vpc, &["s3"]).await;
    let plan = summary(&reply);
    // Of the days before today the story has no flow logs.
    let unknowns = ["replay.no-flow-logs", "source-ip.cloudtrail"];
    assert_eq!(plan.unknowns, unknowns);
    let text = reply["text"].as_str().unwrap();
    assert!(text.contains("(s3: AccessDeniedException)"), "{text}");
    assert!(
        text.contains(r#""accept_unknown":["replay.no-flow-logs","source-ip.cloudtrail"]"#),
        "{text}"
    );

    for wrong in [&[][..], &["dns.custom-servers"], &unknowns[..1]] {
        let refused = engine
            .approve_accepting(&plan, &plan.plan_hash, wrong)
            .await;
        let refused = refusal(&refused);
        assert_eq!(refused["errorType"], "Approval.UnknownsNotAccepted");
        let message = refused["errorMessage"].as_str().unwrap();
        assert!(message.contains("source-ip.cloudtrail"), "{message}");
    }
    let early = engine.act("apply", &plan).await.into_result().unwrap_err();
    assert!(early.starts_with("Approval.Missing"), "{early}");
    assert_eq!(front.calls("ec2", "CreateVpcEndpoint"), 0);

    let approved = engine
        .approve_accepting(&plan, &plan.plan_hash, &unknowns)
        .await;
    assert_eq!(approved["statusCode"], 200, "{approved}");
    let applied = engine.apply(&plan).await;
    assert_eq!(applied["state"], "applied");
    assert_eq!(
        front.calls("cloudtrail", "LookupEvents"),
        1,
        "read for the plan, not again for the apply"
    );
}

#[tokio::test]
async fn whoever_asked_for_a_plan_does_not_approve_it() {
    let story = Story::up_to_the_leak("own-plan").await;
    let engine = Engine::of(&story).await;
    // The approver of these tests.
    let asked = json!({
        "action": "plan", "vpc_id": story.world.ids.vpc, "services": ["s3"],
        "requested_by": "123456789012/AROAEXAMPLEID",
    });
    let reply = engine.remediator.invoke(&asked).await.unwrap();
    let own = summary(&reply.into_result().unwrap());
    let refused = refusal(&engine.approve(&own, &own.plan_hash).await);
    assert_eq!(refused["errorType"], "Approval.OwnPlan");
    let others = summary(&plan(&engine, &story.world.ids.vpc, &["s3"]).await);
    assert_ne!(others.plan_hash, own.plan_hash, "who asked is in the hash");
    let approved = engine.approve(&others, &others.plan_hash).await;
    assert_eq!(approved["statusCode"], 200, "{approved}");
}

#[tokio::test]
async fn a_bucket_a_zone_and_callers_that_know_the_nat_gateways_are_in_the_plan() {
    let story = Story::up_to_the_leak("evidence").await;
    let engine = Engine::of(&story).await;
    let vpc = story.world.ids.vpc.clone();
    let ec2 = aws_sdk_ec2::Client::new(&story.cloud.sdk_config());
    let gateways = ec2.describe_nat_gateways().send().await.unwrap();
    let addresses = gateways.nat_gateways()[0].nat_gateway_addresses();
    let address = addresses[0].public_ip().unwrap();

    let now = tollkeeper::telemetry::wall_clock() - jiff::SignedDuration::from_hours(1);
    for (from, role) in [(address, "orders"), ("198.51.100.9", "elsewhere")] {
        story.cloud.front().record_event(json!({
            "eventSource": "sts.amazonaws.com", "eventTime": now.to_string(), "sourceIPAddress": from,
            "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"userName": role}}},
        }));
    }
    let zones = aws_sdk_route53::Client::new(&story.cloud.sdk_config());
    let own_vpc = Vpc::builder().vpc_id(&vpc).vpc_region(VpcRegion::UsEast1);
    let zone = zones
        .create_hosted_zone()
        .name("lambda.us-east-1.amazonaws.com")
        .caller_reference("central endpoints")
        .hosted_zone_config(HostedZoneConfig::builder().private_zone(true).build())
        .vpc(own_vpc.build());
    zone.send().await.unwrap();
    let s3 = aws_sdk_s3::Client::new(&story.cloud.sdk_config());
    s3.create_bucket().bucket("reports").send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::reports/*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": [format!("{address}/32")]}},
    }});
    let put = s3.put_bucket_policy().bucket("reports");
    put.policy(policy.to_string()).send().await.unwrap();

    let reply = plan(&engine, &vpc, &["s3", "lambda", "sts"]).await;
    let text = reply["text"].as_str().unwrap();
    assert_eq!(summary(&reply).unknowns, ["replay.no-flow-logs"], "{text}");
    for expected in [
        "s3: the policies of reports (statement 1) admit calls by the NAT gateway's public address",
        "lambda: the private hosted zone lambda.us-east-1.amazonaws.com",
        "will arrive from inside the VPC: role orders.",
        "switch private DNS on for sts",
    ] {
        assert!(text.contains(expected), "{expected}\n\n{text}");
    }
    assert!(!text.contains("elsewhere"), "{text}");
    let again = plan(&engine, &vpc, &["s3", "lambda", "sts"]).await;
    assert_eq!(
        again["plan_hash"], reply["plan_hash"],
        "same world, same plan"
    );
    assert_eq!(again["new"], false);

    // Somebody else calls through the NAT gateway: whoever approves should know, so the plan is another one.
    story.cloud.front().record_event(json!({
        "eventSource": "sts.amazonaws.com", "eventTime": now.to_string(), "sourceIPAddress": address,
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"userName": "billing"}}},
    }));
    let anew = plan(&engine, &vpc, &["s3", "lambda", "sts"]).await;
    let text = anew["text"].as_str().unwrap();
    let (old, new) = (summary(&reply), summary(&anew));
    let takes_place = format!("It takes the place of {}", old.plan_id);
    assert!(text.contains(&takes_place), "{text}");
    let refused = refusal(&engine.approve(&old, &old.plan_hash).await);
    assert_eq!(refused["errorType"], "Plan.Superseded");
    let status = engine.act("status", &old).await.into_result().unwrap();
    assert_eq!(
        (&status["state"], &status["superseded_by"]),
        (&json!("superseded"), &json!(new.plan_id))
    );
    assert!(status["evidence"].to_string().contains(address), "{status}");
    let apply = engine.act("apply", &old).await.into_result().unwrap_err();
    assert!(apply.starts_with("Plan.WrongState"), "{apply}");
    let approved = engine.approve(&new, &new.plan_hash).await;
    assert_eq!(approved["statusCode"], 200, "{approved}");

    // What is approved is in somebody's hands: a third caller makes a plan of its own, and takes no place.
    story.cloud.front().record_event(json!({
        "eventSource": "sts.amazonaws.com", "eventTime": now.to_string(), "sourceIPAddress": address,
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"userName": "audit"}}},
    }));
    let third = plan(&engine, &vpc, &["s3", "lambda", "sts"]).await;
    assert_ne!(summary(&third).plan_id, new.plan_id);
    let text = third["text"].as_str().unwrap();
    assert!(!text.contains("It takes the place of"), "{text}");
    let status = engine.act("status", &new).await.into_result().unwrap();
    assert_eq!(
        (&status["state"], &status["superseded_by"]),
        (&json!("planned"), &Value::Null)
    );
}

#[tokio::test]
async fn pollers_that_a_request_does_not_name_are_looked_up() {
    let story = Story::up_to_the_leak("pollers").await;
    let engine = Engine::of(&story).await;
    let vpc = story.world.ids.vpc.clone();
    let group = &story.world.ids.groups[&Role::Poller];
    // Where there is no NAT gateway, pollers are let out to the brokers and nowhere else.
    let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let https = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(443)
        .to_port(443)
        .ip_ranges(everywhere);
    let ec2 = aws_sdk_ec2::Client::new(&story.cloud.sdk_config());
    let close = ec2.revoke_security_group_egress().group_id(group);
    close.ip_permissions(https.build()).send().await.unwrap();
    let rule = format!("let {group} out on TCP 443 to what step");
    let found = plan(&engine, &vpc, &["lambda", "sts"]).await;
    let text = found["text"].as_str().unwrap();
    assert_eq!(text.matches(&rule).count(), 2, "at both endpoints: {text}");

    let front = story.cloud.front();
    front.fail_next("lambda", "ListEventSourceMappings", 1, Fault::Denied);
    let blind = plan(&engine, &vpc, &["lambda", "sts"]).await;
    let text = blind["text"]
        .as_str()
        .map_or_else(|| blind["why"].to_string(), str::to_owned);
    assert!(!text.contains(&rule), "{text}");
}
