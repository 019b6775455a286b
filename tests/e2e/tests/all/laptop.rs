//! The detector on a laptop: no table, no topic, nothing deployed; it only reads.

use std::process::Output;

use local_cloud::{LocalCloud, workspace};
use tokio::process::Command;

use crate::nights::{LEAK_DAY, Story};

/// Runs the command with a person's environment: region, credentials, and where AWS is.
async fn run(cloud: &LocalCloud, arguments: &[&str]) -> Output {
    Command::new(workspace::binary("nat-cost-detector").unwrap())
        .args(arguments)
        .env_clear()
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "testing")
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .env("AWS_ENDPOINT_URL", cloud.endpoint_url())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn an_audit_names_the_day_its_causes_and_the_remedies_and_changes_nothing() {
    let story = Story::up_to_the_leak("laptop").await;
    let before = story.cloud.front().call_log();
    let location = story.world.flow_logs_location();
    let day = LEAK_DAY.to_string();
    let output = run(
        &story.cloud,
        &[
            "audit",
            "--day",
            &day,
            "--flow-logs",
            &location,
            "--ip-ranges",
            story.ranges.to_str().unwrap(),
        ],
    )
    .await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for expected in [
        "2026-10-13",
        "Kafka pollers",
        "image-builder",
        "gateway endpoint",
        "$",
    ] {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }
    assert!(
        !text.contains("Without "),
        "everything that is asked for can be read:\n{text}"
    );
    for ((service, action), count) in story.cloud.front().call_log() {
        let was = before
            .get(&(service.clone(), action.clone()))
            .copied()
            .unwrap_or(0);
        let reads = ["Get", "List", "Describe"]
            .iter()
            .any(|verb| action.starts_with(verb));
        assert!(count == was || reads, "an audit called {service}:{action}");
    }
}

#[tokio::test]
async fn without_flow_logs_an_explanation_says_what_is_missing_and_goes_on() {
    let story = Story::up_to_the_leak("laptop-blind").await;
    let output = run(&story.cloud, &["explain", "--day", &LEAK_DAY.to_string()]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.to_lowercase().contains("flow log"), "{text}");
}
