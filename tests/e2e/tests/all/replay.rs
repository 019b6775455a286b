//! A plan says what it would do to the flows of the last days: the flow logs in S3, the real function, moto's network.

use std::io::Write as _;
use std::net::Ipv4Addr;

use flate2::{Compression, write::GzEncoder};
use local_cloud::world::flow_log::{FORMAT, Recorder};
use local_cloud::world::{Direction, FarEnd, Flow, HOME, Resident, Role, Zone};
use local_cloud::{Function, Published};
use serde_json::Value;

use crate::nights::{LEAK_DAY, Story, night};
use crate::remediation::Engine;

/// The plan that the function makes of a finding.
async fn planned(story: &Story, finding: &Published, remediator: &Function) -> Value {
    let reply = story.cloud.deliver_sns(finding, remediator).await.unwrap();
    let mut reply = reply.into_result().unwrap();
    let plans = reply["plans"].as_array_mut().unwrap();
    assert_eq!(plans.len(), 1, "one plan for the VPC");
    plans.remove(0)
}

/// Flows and bytes that the story's days hold to far ends.
async fn generated(story: &Story, wanted: impl Fn(FarEnd) -> bool) -> (u64, u64) {
    let (mut flows, mut bytes) = (0, 0);
    // The finding's day and the one before: of the third there are no files.
    for day in [LEAK_DAY.yesterday().unwrap(), LEAK_DAY] {
        for routed in story.world.day(day).await.unwrap().flows {
            if wanted(routed.flow.far_end) {
                flows += 1;
                bytes += routed.flow.bytes;
            }
        }
    }
    (flows, bytes)
}

fn sum(value: &Value) -> (u64, u64) {
    (
        value["flows"].as_u64().unwrap(),
        value["bytes"].as_u64().unwrap(),
    )
}

/// Somebody who still speaks plain HTTP to STS.
const OLD_CLIENT: Resident = Resident {
    name: "old-client",
    address: Ipv4Addr::new(10, 0, 32, 200),
    zone: Zone::A,
    role: Role::App,
};

/// Gives the old client its interface; its id.
async fn settle(story: &Story) -> String {
    let ids = &story.world.ids;
    let ec2 = aws_sdk_ec2::Client::new(&story.cloud.sdk_config());
    let made = ec2
        .create_network_interface()
        .subnet_id(&ids.private_subnets[&OLD_CLIENT.zone])
        .groups(&ids.groups[&OLD_CLIENT.role])
        .private_ip_address(OLD_CLIENT.address.to_string());
    let made = made.send().await.unwrap();
    let made = made.network_interface().unwrap();
    made.network_interface_id().unwrap().to_owned()
}

/// A file with ten of its flows, each as the NAT gateway records it and again as its own interface does.
async fn publish(story: &Story, interface: &str) {
    let (world, nat) = (&story.world, &story.world.ids.nats[0]);
    let day = world.day(LEAK_DAY).await.unwrap();
    let to_sts = |flow: &&Flow| flow.far_end == FarEnd::Sts;
    let sts = day.flows.iter().map(|routed| &routed.flow).find(to_sts);
    let sts = sts.expect("the pollers call STS").remote;
    let recorder = Recorder {
        account: "123456789012".to_owned(),
        interface: nat.interface.clone(),
        address: nat.address,
        vpc: world.ids.vpc.clone(),
        subnet: nat.subnet.clone(),
        region: HOME,
    };
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    writeln!(file, "{FORMAT}").unwrap();
    for number in 0..10_u16 {
        let flow = Flow {
            start: day.flows[0].flow.start + i64::from(number) * 600,
            resident: OLD_CLIENT,
            local_port: 40_000 + number,
            far_end: FarEnd::Sts,
            remote: sts,
            remote_port: 80,
            direction: Direction::Upload,
            bytes: 1_000,
            packets: 1,
        };
        let [inner, outer] = recorder.lines(&flow);
        let gateway = format!(" {} ", nat.address);
        let own = inner
            .replacen(&nat.interface, interface, 1)
            .replacen(&gateway, &format!(" {sts} "), 1)
            .replacen("ingress -", "egress 1", 1);
        for line in [inner, outer, own] {
            writeln!(file, "{line}").unwrap();
        }
    }
    let file = file.finish().unwrap();
    world
        .publish_flow_log_file(LEAK_DAY, 77, file)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_plan_counts_every_flow_of_the_logs_and_names_the_client_that_it_would_cut_off() {
    let story = Story::up_to_the_leak("replay").await;
    let (detector, engine) = (story.detector("s3").await, Engine::of(&story).await);
    night(&detector, LEAK_DAY).await.unwrap();
    let messages = story.cloud.sns_messages(&story.world.topic_arn);
    let finding = messages.first().expect("the detector told nobody");

    let clean = planned(&story, finding, &engine.remediator).await;
    let services = clean["summary"]["services"].as_array().unwrap();
    let services: Vec<&str> = services.iter().filter_map(Value::as_str).collect();
    assert_eq!(services, ["dynamodb", "lambda", "s3", "sts"]);
    let replay = &clean["replay"]["done"];
    let planned_for = [FarEnd::DynamoDb, FarEnd::LambdaApi, FarEnd::S3, FarEnd::Sts];
    let moved = |far_end| planned_for.contains(&far_end);
    assert_eq!(sum(&replay["fine"]), generated(&story, moved).await);
    let stays = generated(&story, |far_end| !moved(far_end)).await;
    assert_eq!(sum(&replay["unaffected"]), stays);
    assert_eq!(
        replay["would_break"].as_array().unwrap().len(),
        0,
        "{replay}"
    );
    assert_eq!(replay["unknown"].as_array().unwrap().len(), 0, "{replay}");
    assert_eq!(replay["days"].as_array().unwrap().len(), 3);
    assert_eq!(
        replay["days_without_flows"],
        serde_json::json!(["2026-10-11"])
    );
    let text = clean["text"].as_str().unwrap();
    assert!(text.contains("none would break, none is unknown"), "{text}");

    let interface = settle(&story).await;
    publish(&story, &interface).await;
    let warned = planned(&story, finding, &engine.remediator).await;
    assert_ne!(
        warned["plan_id"], clean["plan_id"],
        "the flows are bound into the plan"
    );
    assert_eq!(warned["steps"], clean["steps"]);
    let codes = |plan: &Value| plan["summary"]["unknowns"].to_string();
    let code = "replay.would-break";
    assert!(codes(&warned).contains(code) && !codes(&clean).contains(code));
    let replay = &warned["replay"]["done"];
    let [broken] = replay["would_break"].as_array().unwrap().as_slice() else {
        panic!("one client breaks: {replay}");
    };
    assert_eq!(
        sum(broken),
        (10, 10_000),
        "both sides of the gateway record it, and it counts once"
    );
    assert_eq!(broken["source"], "10.0.32.200");
    assert_eq!(broken["interface"], interface.as_str());
    assert_eq!(broken["port"], 80);
    let text = warned["text"].as_str().unwrap();
    let line = format!("10 flows (under 0.1 GB) from 10.0.32.200 ({interface}, ");
    assert!(text.contains(&line), "{text}");

    let again = planned(&story, finding, &engine.remediator).await;
    assert_eq!(
        (&again["plan_id"], &again["new"]),
        (&warned["plan_id"], &Value::Bool(false))
    );
}
