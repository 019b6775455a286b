//! The detector on a laptop: no table, no topic, nothing deployed; it only reads.

use std::process::Output;

use local_cloud::{Fault, LocalCloud, workspace};
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

#[tokio::test]
async fn an_audit_without_bill_and_metrics_says_what_to_allow_and_still_writes_its_page() {
    let story = Story::up_to_the_leak("laptop-denied").await;
    let front = story.cloud.front();
    front.fail_next("ce", "GetCostAndUsage", 3, Fault::Denied);
    front.fail_next("monitoring", "GetMetricData", 3, Fault::Denied);
    front.fail_next("lambda", "ListEventSourceMappings", 3, Fault::Denied);
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("audit.html");
    let day = LEAK_DAY.to_string();
    let output = run(
        &story.cloud,
        &["audit", "--day", &day, "--html", page.to_str().unwrap()],
    )
    .await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let html = std::fs::read_to_string(&page).unwrap();
    for missing in [
        "ce:GetCostAndUsage",
        "cloudwatch:GetMetricData",
        "lambda:ListEventSourceMappings",
        "flow logs",
        "2 NAT gateway(s) exist now",
    ] {
        assert!(text.contains(missing), "no `{missing}` in:\n{text}");
        assert!(html.contains(missing), "no `{missing}` in the page");
    }
    assert!(
        text.contains("allow `ce:GetCostAndUsage` to the caller"),
        "{text}"
    );
}

#[tokio::test]
async fn the_page_of_an_audit_names_the_causes_and_loads_nothing() {
    let story = Story::up_to_the_leak("laptop-page").await;
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("audit.html");
    let output = run(
        &story.cloud,
        &[
            "audit",
            "--day",
            &LEAK_DAY.to_string(),
            "--flow-logs",
            &story.world.flow_logs_location(),
            "--ip-ranges",
            story.ranges.to_str().unwrap(),
            "--html",
            page.to_str().unwrap(),
        ],
    )
    .await;
    assert!(output.status.success(), "{output:?}");
    let html = std::fs::read_to_string(&page).unwrap();
    for expected in ["Kafka pollers", "image-builder", "saves $", "<svg"] {
        assert!(html.contains(expected), "no `{expected}`");
    }
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"));
}

#[tokio::test]
async fn without_credentials_there_is_one_line_and_exit_status_2() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(workspace::binary("nat-cost-detector").unwrap())
        .args(["audit"])
        .env_clear()
        .env("HOME", home.path())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .await
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty());
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(
        error.contains("No AWS credentials") && error.contains("aws configure"),
        "{error}"
    );
}

#[tokio::test]
async fn a_month_a_dry_run_and_a_comparison_of_front_doors_only_read() {
    let story = Story::up_to_the_leak("laptop-report").await;
    let before = story.cloud.front().call_log();
    let day = LEAK_DAY.to_string();
    let location = story.world.flow_logs_location();
    let ranges = story.ranges.to_str().unwrap();
    let month = [
        "report",
        "--day",
        &day,
        "--flow-logs",
        &location,
        "--ip-ranges",
        ranges,
    ];
    let dry = [
        "backfill",
        "--from",
        "2026-10-01",
        "--to",
        &day,
        "--dry-run",
    ];
    let compare = ["compare-front-door", "--day", &day];
    for (arguments, expected) in [
        (&month[..], ["By account (bill)", "123456789012", "S3 in "]),
        (
            &dry[..],
            [
                "1 of 13 days out of the ordinary",
                "2026-10-13",
                "nobody was told",
            ],
        ),
        (
            &compare[..],
            [
                "Cheaper from so many requests a month",
                "throttling",
                "a REST API",
            ],
        ),
    ] {
        let output = run(&story.cloud, arguments).await;
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {error}");
        for expected in expected {
            assert!(text.contains(expected), "no `{expected}` in:\n{text}");
        }
    }
    for ((service, action), count) in story.cloud.front().call_log() {
        let was = before
            .get(&(service.clone(), action.clone()))
            .copied()
            .unwrap_or(0);
        let reads = ["Get", "List", "Describe"]
            .iter()
            .any(|verb| action.starts_with(verb));
        assert!(count == was || reads, "a report called {service}:{action}");
    }
}
