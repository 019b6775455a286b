//! The detector's nights: quiet ones, the one that finds the leak, and what happens when AWS fails.

use std::collections::BTreeMap;
use std::path::PathBuf;

use local_cloud::world::{AddressBook, FarEnd, World, WorldSettings};
use local_cloud::{Fault, Function, LocalCloud, Message};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tollkeeper::finding::{Finding, SourceKind, State};

use crate::support::start;

pub(crate) const FIRST_DAY: jiff::civil::Date = jiff::civil::date(2026, 8, 3);
pub(crate) const LEAK_DAY: jiff::civil::Date = jiff::civil::date(2026, 10, 13);

/// A world with its quiet history, up to and with the leak's first day; flow logs of that day and the same weekday
/// before it.
pub(crate) struct Story {
    pub(crate) cloud: LocalCloud,
    pub(crate) world: World,
    pub(crate) ranges: PathBuf,
    /// Keeps the stand-in for AWS's file, where that is used.
    _stand_in: Option<tempfile::NamedTempFile>,
}

impl Story {
    pub(crate) async fn up_to_the_leak(name: &str) -> Self {
        let cloud = LocalCloud::builder(name).kafka().start().await.unwrap();
        let published = published_ranges();
        let settings = WorldSettings {
            seed: 11,
            leak_day: LEAK_DAY,
            ip_ranges: published.clone(),
        };
        let world = World::build(&cloud, settings).await.unwrap();
        for day in world.days(FIRST_DAY, LEAK_DAY).await.unwrap() {
            world.publish_bill(cloud.cost_explorer(), &day, day.day == LEAK_DAY);
            world.publish_metrics(&day).await.unwrap();
            if [0, 1, 7].contains(&(LEAK_DAY - day.day).get_days()) {
                world.publish_flow_logs(&day).await.unwrap();
            }
        }
        let stand_in = published.is_none().then(|| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), AddressBook::documented_file()).unwrap();
            file
        });
        let ranges = published.unwrap_or_else(|| stand_in.as_ref().unwrap().path().to_owned());
        Self {
            cloud,
            world,
            ranges,
            _stand_in: stand_in,
        }
    }

    pub(crate) async fn detector(&self, explain_source: &str) -> Function {
        let location = self.world.flow_logs_location();
        let settings = [
            ("LEDGER_TABLE", self.world.ledger_table.as_str()),
            ("ROLLUPS_TABLE", &self.world.rollups_table),
            ("ALERT_TOPIC_ARN", &self.world.topic_arn),
            ("EXPLAIN_SOURCE", explain_source),
            ("FLOW_LOGS_LOCATION", &location),
            ("IP_RANGES", self.ranges.to_str().unwrap()),
        ];
        start(&self.cloud, "nat-cost-detector", &settings).await
    }

    pub(crate) async fn consumer(&self) -> Function {
        let settings = [
            ("ROLLUPS_TABLE", self.world.rollups_table.as_str()),
            ("IP_RANGES", self.ranges.to_str().unwrap()),
            ("TOPIC_FORMATS", "flow-logs=flow-logs"),
            ("FLOW_LOG_FORMAT", local_cloud::world::flow_log::FORMAT),
        ];
        start(&self.cloud, "kafka-consumer", &settings).await
    }

    /// Findings published so far.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.cloud
            .sns_messages(&self.world.topic_arn)
            .iter()
            .filter(|message| message.message("lambda").contains("finding/v1"))
            .map(|message| serde_json::from_str(message.message("lambda")).unwrap())
            .collect()
    }
}

/// AWS's published file, where the variable IP_RANGES names one; a few documented ranges stand in for it elsewhere.
#[expect(clippy::disallowed_methods, reason = "the tests' one setting")]
fn published_ranges() -> Option<PathBuf> {
    std::env::var_os("IP_RANGES")
        .map(PathBuf::from)
        .filter(|path| path.exists())
}

/// Runs the night that looks at `day`.
pub(crate) async fn night(detector: &Function, day: jiff::civil::Date) -> Result<Value, String> {
    let morning = day.tomorrow().unwrap();
    let event = json!({"action": "nightly", "time": format!("{morning}T06:30:00Z")});
    detector.invoke(&event).await.unwrap().into_result()
}

#[tokio::test]
async fn the_leak_is_found_the_next_morning_explained_and_told_once() {
    let story = Story::up_to_the_leak("nights-leak").await;
    let detector = story.detector("s3").await;

    night(&detector, LEAK_DAY.yesterday().unwrap())
        .await
        .unwrap();
    assert_eq!(story.findings().len(), 0, "the day before was quiet");

    night(&detector, LEAK_DAY).await.unwrap();
    let findings = story.findings();
    let [finding] = findings.as_slice() else {
        panic!("one finding, not {}", findings.len())
    };
    assert_eq!(finding.state, State::Opened);

    // Nothing of the excess is lost or invented.
    let causes: i128 = finding
        .causes
        .iter()
        .map(|cause| i128::from(cause.excess.bytes))
        .sum();
    let further = finding
        .further_causes
        .as_ref()
        .map_or(0, |further| i128::from(further.excess.bytes));
    assert_eq!(
        causes + further + i128::from(finding.unexplained.bytes),
        i128::from(finding.excess.bytes)
    );

    // The pollers are named, as a conclusion, with the share that the generator knows.
    let pollers: Vec<_> = finding
        .causes
        .iter()
        .filter(|cause| cause.source.kind == SourceKind::KafkaPollers)
        .collect();
    assert!(
        !pollers.is_empty() && pollers.iter().all(|cause| cause.inferred),
        "{:?}",
        finding.causes
    );
    let day = story.world.day(LEAK_DAY).await.unwrap();
    let truth = day.nat_truth();
    let to_lambda: u64 = truth
        .iter()
        .filter(|((_, far_end, _), _)| *far_end == FarEnd::LambdaApi)
        .map(|(_, bytes)| bytes)
        .sum();
    let share: Decimal = pollers.iter().map(|cause| cause.share_percent).sum();
    let true_share =
        Decimal::from(to_lambda) * Decimal::from(100) / Decimal::from(finding.excess.bytes);
    assert!(
        (share - true_share).abs() < Decimal::from(3),
        "{share} % found, {true_share} % true"
    );

    // The same night again, and another process: nobody is told twice.
    night(&detector, LEAK_DAY).await.unwrap();
    night(&story.detector("s3").await, LEAK_DAY).await.unwrap();
    assert_eq!(story.findings().len(), 1);
}

#[tokio::test]
async fn files_and_rollups_explain_a_day_the_same() {
    let story = Story::up_to_the_leak("nights-rollups").await;
    let kafka = story.cloud.kafka().unwrap();
    kafka.create_topic("flow-logs", 2).unwrap();
    for back in [7, 0] {
        let day = LEAK_DAY - jiff::Span::new().days(back);
        let lines = story
            .world
            .flow_log_lines(&story.world.day(day).await.unwrap());
        let at = day
            .to_zoned(jiff::tz::TimeZone::UTC)
            .unwrap()
            .timestamp()
            .as_millisecond();
        for (number, lines) in lines.chunks(200).enumerate() {
            let message = Message::new(lines.join("\n"), at);
            kafka
                .produce("flow-logs", i32::try_from(number % 2).unwrap(), [message])
                .await
                .unwrap();
        }
    }
    let consumer = story.consumer().await;
    let report = story
        .cloud
        .mapping("flow-logs", &consumer)
        .unwrap()
        .drain()
        .await
        .unwrap();
    assert_eq!(report.stuck, None);

    let ask = json!({"action": "explain", "day": LEAK_DAY.to_string()});
    let mut answers = BTreeMap::new();
    for source in ["s3", "rollups"] {
        let detector = story.detector(source).await;
        let reply = detector.invoke(&ask).await.unwrap().into_result().unwrap();
        answers.insert(source, reply);
    }
    let causes = |source: &str| {
        answers[source]
            .pointer("/finding/causes")
            .or(answers[source].get("causes"))
            .cloned()
            .unwrap()
    };
    assert!(!causes("s3").as_array().unwrap().is_empty());
    assert_eq!(causes("s3"), causes("rollups"));
}

#[tokio::test]
async fn an_alert_that_sns_refused_is_sent_the_next_time() {
    let story = Story::up_to_the_leak("nights-sns").await;
    let detector = story.detector("s3").await;
    // The SDK tries three times.
    story
        .cloud
        .front()
        .fail_next("sns", "Publish", 3, Fault::ServerError);
    let message = night(&detector, LEAK_DAY).await.unwrap_err();
    assert!(
        !message.starts_with("Runtime."),
        "an error with a stable type, not a crash: {message}"
    );
    assert_eq!(story.findings().len(), 0);
    night(&detector, LEAK_DAY).await.unwrap();
    assert_eq!(story.findings().len(), 1);
    night(&detector, LEAK_DAY).await.unwrap();
    assert_eq!(story.findings().len(), 1);
}

#[tokio::test]
async fn without_flow_logs_the_finding_says_what_it_cannot_know() {
    let story = Story::up_to_the_leak("nights-blind").await;
    let detector = story.detector("none").await;
    night(&detector, LEAK_DAY).await.unwrap();
    let findings = story.findings();
    let [finding] = findings.as_slice() else {
        panic!("one finding, not {}", findings.len())
    };
    assert_eq!(finding.data_quality.explained_from, "none");
    assert_eq!(finding.causes, []);
    assert_eq!(finding.unexplained, finding.excess);
    assert!(
        finding
            .advice
            .iter()
            .any(|advice| advice.remedy == tollkeeper::finding::Remedy::FlowLog),
        "{:?}",
        finding.advice
    );
}

#[tokio::test]
async fn a_call_that_hangs_is_tried_again_within_the_night() {
    let story = Story::up_to_the_leak("nights-slow").await;
    let detector = story.detector("none").await;
    let front = story.cloud.front();
    front.fail_next("sns", "Publish", 1, Fault::Timeout);
    night(&detector, LEAK_DAY).await.unwrap();
    assert_eq!(front.calls("sns", "Publish"), 2, "one was never answered");
    assert_eq!(story.findings().len(), 1);
}

/// Kills the detector while it waits for a call to be answered.
async fn killed_in(story: &Story, detector: &Function, service: &str, action: &str) {
    let front = story.cloud.front();
    let before = front.calls(service, action);
    front.fail_next(service, action, 1, Fault::Timeout);
    let killer = async {
        local_cloud::wait::until(std::time::Duration::from_mins(1), async || {
            (front.calls(service, action) > before).then_some(())
        })
        .await
        .expect("the call was never made");
        detector.kill();
    };
    let (outcome, ()) = tokio::join!(night(detector, LEAK_DAY), killer);
    outcome.expect_err("the process was killed");
}

#[tokio::test]
async fn a_night_that_is_killed_in_the_middle_is_made_up_for_by_the_next_run() {
    let story = Story::up_to_the_leak("nights-killed").await;
    let detector = story.detector("none").await;
    killed_in(&story, &detector, "ce", "GetCostAndUsage").await;
    killed_in(&story, &detector, "dynamodb", "PutItem").await;
    assert_eq!(story.findings().len(), 0);
    night(&detector, LEAK_DAY).await.unwrap();
    assert_eq!(story.findings().len(), 1);
    night(&detector, LEAK_DAY).await.unwrap();
    assert_eq!(story.findings().len(), 1, "told once");
}

#[tokio::test]
async fn a_message_that_a_killed_night_was_sending_is_not_sent_beside_it() {
    let story = Story::up_to_the_leak("nights-killed-sending").await;
    let detector = story.detector("none").await;
    killed_in(&story, &detector, "sns", "Publish").await;
    // Nobody knows whether it left: until the dead run's claim ends, the next one says so and fails, to be run again.
    let message = night(&detector, LEAK_DAY).await.unwrap_err();
    assert!(
        message.contains("is being sent by another run until"),
        "{message}"
    );
    assert_eq!(story.findings().len(), 0);
}

#[tokio::test]
async fn two_nights_at_once_tell_once_and_the_next_lists_every_series() {
    let story = Story::up_to_the_leak("nights-cut").await;
    // As many groups as AWS puts on a page, so that the history is one.
    story.cloud.cost_explorer().set_page_size(5_000);
    let (one, other) = (story.detector("none").await, story.detector("none").await);
    // Both at once: one of them may find the other at it, and says so.
    let outcomes = tokio::join!(night(&one, LEAK_DAY), night(&other, LEAK_DAY));
    for outcome in [&outcomes.0, &outcomes.1] {
        if let Err(message) = outcome {
            assert!(
                message.contains("is being sent by another run"),
                "{message}"
            );
        }
    }
    assert!(outcomes.0.is_ok() || outcomes.1.is_ok(), "{outcomes:?}");
    assert_eq!(story.findings().len(), 1);
    // Run again, whatever was: nobody is told twice, and the night lists every series.
    let reply = night(&one, LEAK_DAY).await.unwrap();
    assert_eq!(story.findings().len(), 1);
    let series: Vec<(&str, &str)> = reply["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                line["series"].as_str().unwrap(),
                line["turn"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        series,
        [
            ("NatGateway-Bytes", "already_judged"),
            ("NatGateway-Hours", "quiet")
        ]
    );
    assert_eq!(
        reply["cost_explorer"]["cost"]["amount"], "0.01",
        "{reply:#}"
    );
}

#[tokio::test]
async fn another_account_is_looked_at_through_its_role_in_every_region() {
    const OTHER: &str = "210987654321";
    let story = Story::up_to_the_leak("nights-accounts").await;
    // As many groups as AWS puts on a page, so that the history is one.
    story.cloud.cost_explorer().set_page_size(5_000);
    let accounts = format!("own,arn:aws:iam::{OTHER}:role/tollkeeper-reader");
    let settings = [
        ("LEDGER_TABLE", story.world.ledger_table.as_str()),
        ("ALERT_TOPIC_ARN", &story.world.topic_arn),
        ("ACCOUNTS", &accounts),
        ("REGIONS", "us-east-1,eu-west-1"),
        ("IP_RANGES", story.ranges.to_str().unwrap()),
    ];
    let detector = start(&story.cloud, "nat-cost-detector", &settings).await;
    let reply = night(&detector, LEAK_DAY).await.unwrap();
    let places: std::collections::BTreeSet<(&str, &str, &str)> = reply["series"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["series"] == "NatGateway-Bytes")
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap();
            (text("account"), text("region"), text("turn"))
        })
        .collect();
    let own = local_cloud::ACCOUNT_ID;
    assert!(places.contains(&(own, "us-east-1", "opens")), "{places:?}");
    assert!(
        places.contains(&(OTHER, "us-east-1", "quiet")),
        "{places:?}"
    );
    assert!(
        places.contains(&(OTHER, "eu-west-1", "quiet")),
        "{places:?}"
    );
    assert_eq!(reply["failed"], json!([]), "{reply:#}");
    assert_eq!(reply["cost_explorer"]["pages"], 2, "each account's own");
    assert_eq!(story.findings().len(), 1);
}
