//! Whole nights against clients that answer from memory: what is told, how often, and what survives a failure.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use aws_sdk_costexplorer::operation::get_cost_and_usage::GetCostAndUsageOutput;
use aws_sdk_costexplorer::types::{DateInterval, Group, MetricValue, ResultByTime};
use aws_sdk_dynamodb::operation::{get_item::GetItemOutput, put_item::*, query::QueryOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_ec2::operation::{
    describe_instances::DescribeInstancesOutput, describe_nat_gateways::DescribeNatGatewaysOutput,
    describe_network_interfaces::DescribeNetworkInterfacesOutput,
    describe_subnets::DescribeSubnetsOutput, describe_vpc_endpoints::DescribeVpcEndpointsOutput,
};
use aws_sdk_lambda::operation::list_event_source_mappings::ListEventSourceMappingsOutput;
use aws_sdk_sns::operation::publish::{PublishError, PublishOutput};
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
use aws_smithy_mocks::{MockResponse, Rule, mock};
use aws_smithy_types::error::ErrorMetadata;
use tollkeeper::error::Fault;
use tollkeeper::settings::Settings;

use super::*;
use crate::Clients;
use crate::adapters::mocked;
use crate::config::Config;

type Items = Arc<Mutex<BTreeMap<(String, String), HashMap<String, AttributeValue>>>>;

fn text(value: Option<&AttributeValue>) -> String {
    value.unwrap().as_s().unwrap().clone()
}

/// A table that keeps its items, and the conditions the product uses.
fn table(items: &Items) -> aws_sdk_dynamodb::Client {
    let read = Arc::clone(items);
    let query = mock!(aws_sdk_dynamodb::Client::query).then_compute_output(move |input| {
        let values = input.expression_attribute_values().unwrap();
        let pk = text(values.get(":pk"));
        let prefix = values
            .get(":sk")
            .map_or_else(String::new, |sk| text(Some(sk)));
        let found = read
            .lock()
            .unwrap()
            .iter()
            .filter(|((p, s), _)| *p == pk && s.starts_with(&prefix))
            .map(|(_, item)| item.clone())
            .collect();
        QueryOutput::builder().set_items(Some(found)).build()
    });
    let written = Arc::clone(items);
    let put = mock!(aws_sdk_dynamodb::Client::put_item).then_compute_response(move |input| {
        let item = input.item().unwrap().clone();
        let key = (text(item.get("pk")), text(item.get("sk")));
        let mut items = written.lock().unwrap();
        let stored = items
            .get(&key)
            .and_then(|item| item.get("version"))
            .cloned();
        let expected = input
            .expression_attribute_values()
            .and_then(|values| values.get(":number"))
            .cloned();
        let holds = match input.condition_expression() {
            None => true,
            Some("attribute_not_exists(pk)") => !items.contains_key(&key),
            Some(_) => stored == expected,
        };
        if holds {
            items.insert(key, item);
            MockResponse::Output(PutItemOutput::builder().build())
        } else {
            let failed = ConditionalCheckFailedException::builder().build();
            MockResponse::Error(PutItemError::ConditionalCheckFailedException(failed))
        }
    });
    let get =
        mock!(aws_sdk_dynamodb::Client::get_item).then_output(|| GetItemOutput::builder().build());
    mocked!(aws_sdk_dynamodb, MatchAny, [&query, &put, &get])
}

/// 100 GB on every day but those named, in GB.
fn bill(days: &[(&str, u32)]) -> aws_sdk_costexplorer::Client {
    let days: HashMap<String, u32> = days
        .iter()
        .map(|(day, gb)| ((*day).to_owned(), *gb))
        .collect();
    let rule =
        mock!(aws_sdk_costexplorer::Client::get_cost_and_usage).then_compute_output(move |input| {
            let period = input.time_period().unwrap();
            let (mut day, end): (Day, Day) = (
                period.start().parse().unwrap(),
                period.end().parse().unwrap(),
            );
            let mut reply = GetCostAndUsageOutput::builder();
            while day < end {
                let gb = days.get(&day.to_string()).copied().unwrap_or(100);
                let metric = |amount: String| MetricValue::builder().amount(amount).build();
                let group = Group::builder()
                    .keys("NatGateway-Bytes")
                    .metrics("UsageQuantity", metric(gb.to_string()));
                let interval = DateInterval::builder()
                    .start(day.to_string())
                    .end(day.next().to_string())
                    .build();
                reply = reply.results_by_time(
                    ResultByTime::builder()
                        .time_period(interval.unwrap())
                        .groups(group.build())
                        .build(),
                );
                day = day.next();
            }
            reply.build()
        });
    mocked!(aws_sdk_costexplorer, MatchAny, [&rule])
}

fn topic(failures: usize) -> (aws_sdk_sns::Client, Rule) {
    let error = || PublishError::generic(ErrorMetadata::builder().code("InternalError").build());
    let rule = mock!(aws_sdk_sns::Client::publish).sequence();
    let rule = if failures > 0 {
        rule.error(error)
            .times(failures)
            .output(|| PublishOutput::builder().build())
            .repeatedly()
            .build()
    } else {
        rule.output(|| PublishOutput::builder().build())
            .repeatedly()
            .build()
    };
    (mocked!(aws_sdk_sns, MatchAny, [&rule]), rule)
}

fn app(items: &Items, days: &[(&str, u32)], sns: aws_sdk_sns::Client) -> App {
    let nats = mock!(aws_sdk_ec2::Client::describe_nat_gateways)
        .then_output(|| DescribeNatGatewaysOutput::builder().build());
    let instances = mock!(aws_sdk_ec2::Client::describe_instances)
        .then_output(|| DescribeInstancesOutput::builder().build());
    let interfaces = mock!(aws_sdk_ec2::Client::describe_network_interfaces)
        .then_output(|| DescribeNetworkInterfacesOutput::builder().build());
    let subnets = mock!(aws_sdk_ec2::Client::describe_subnets)
        .then_output(|| DescribeSubnetsOutput::builder().build());
    let endpoints = mock!(aws_sdk_ec2::Client::describe_vpc_endpoints)
        .then_output(|| DescribeVpcEndpointsOutput::builder().build());
    let mappings = mock!(aws_sdk_lambda::Client::list_event_source_mappings)
        .then_output(|| ListEventSourceMappingsOutput::builder().build());
    let identity = mock!(aws_sdk_sts::Client::get_caller_identity).then_output(|| {
        GetCallerIdentityOutput::builder()
            .account("123456789012")
            .arn("arn:aws:iam::123456789012:role/r")
            .build()
    });
    let unasked = mock!(aws_sdk_s3::Client::list_objects_v2)
        .then_output(|| unreachable!("no flow logs are configured"));
    let metrics = mock!(aws_sdk_cloudwatch::Client::get_metric_data)
        .then_output(|| unreachable!("there is no gateway"));
    let pairs = [
        ("LEDGER_TABLE", "ledger"),
        (
            "ALERT_TOPIC_ARN",
            "arn:aws:sns:us-east-1:123456789012:alerts",
        ),
    ];
    App {
        clients: Clients {
            cost_explorer: bill(days),
            cloudwatch: mocked!(aws_sdk_cloudwatch, [&metrics]),
            ec2: mocked!(
                aws_sdk_ec2,
                MatchAny,
                [&nats, &instances, &interfaces, &subnets, &endpoints]
            ),
            lambda: mocked!(aws_sdk_lambda, MatchAny, [&mappings]),
            s3: mocked!(aws_sdk_s3, [&unasked]),
            sts: mocked!(aws_sdk_sts, MatchAny, [&identity]),
            dynamodb: table(items),
            sns,
        },
        config: Config::from_settings(&Settings::from_pairs(&pairs)).unwrap(),
        region: Some("us-east-1".to_owned()),
        ranges: None,
    }
}

async fn night(app: &App, day: &str) -> Result<(String, usize), DetectorError> {
    let now = "2026-11-21T06:30:00Z".parse().unwrap();
    let reply = Box::pin(run(app, day.parse().unwrap(), now)).await?;
    Ok((
        reply["turn"].as_str().unwrap().to_owned(),
        reply["told"].as_array().unwrap().len(),
    ))
}

/// A leak on two days, grown on the third, over on the fourth.
const STORY: [(&str, u32); 3] = [
    ("2026-10-13", 1_000),
    ("2026-10-14", 1_050),
    ("2026-10-15", 2_000),
];

#[tokio::test]
async fn every_turn_is_told_once_and_a_second_run_of_a_night_tells_nothing() {
    let items = Items::default();
    let (sns, published) = topic(0);
    let app = app(&items, &STORY, sns);
    let nights = [
        ("2026-10-12", "quiet", 0),
        ("2026-10-13", "opens", 1),
        ("2026-10-14", "goes_on", 0),
        ("2026-10-15", "grows", 1),
        ("2026-10-16", "goes_on", 0),
        ("2026-10-17", "resolves", 1),
        ("2026-10-18", "quiet", 0),
    ];
    for (day, turn, told) in nights {
        assert_eq!(
            night(&app, day).await.unwrap(),
            (turn.to_owned(), told),
            "{day}"
        );
        let again = night(&app, day).await.unwrap();
        assert_eq!(again.1, 0, "second run of {day}");
    }
    assert_eq!(published.num_calls(), 3);
}

#[tokio::test]
async fn what_sns_did_not_take_is_sent_by_the_next_run_and_only_once() {
    let items = Items::default();
    let (sns, published) = topic(1);
    let app = app(&items, &STORY, sns);
    let failed = night(&app, "2026-10-13").await.unwrap_err();
    assert_eq!(failed.fault_type(), "Alert.NotSent");
    assert_eq!(
        night(&app, "2026-10-13").await.unwrap(),
        ("already_judged".to_owned(), 1)
    );
    assert_eq!(
        night(&app, "2026-10-13").await.unwrap(),
        ("already_judged".to_owned(), 0)
    );
    assert_eq!(published.num_calls(), 2);
}

#[tokio::test]
async fn a_crash_before_the_message_was_struck_out_repeats_the_same_finding_once() {
    let items = Items::default();
    let (sns, published) = topic(0);
    let app = app(&items, &STORY, sns);
    // The state a crash after Publish leaves behind: the incident as it was first written, with its message.
    night(&app, "2026-10-13").await.unwrap();
    let ledger = Ledger::new(app.table("ledger"), "123456789012", "us-east-1");
    let told = ledger.incidents(SERIES).await.unwrap().remove(0);
    let finding: Finding = serde_json::from_str(include_str!(
        "../../../../events/contracts/finding-opened.json"
    ))
    .unwrap();
    let crashed = Incident {
        told: None,
        pending: Some(finding),
        ..told.item
    };
    ledger.put_incident(&crashed, told.version).await.unwrap();
    assert_eq!(night(&app, "2026-10-13").await.unwrap().1, 1);
    assert_eq!(night(&app, "2026-10-13").await.unwrap().1, 0);
    assert_eq!(published.num_calls(), 2);
}

#[tokio::test]
async fn without_a_table_or_topic_the_night_says_what_it_needs() {
    let (sns, _) = topic(0);
    let mut app = app(&Items::default(), &STORY, sns);
    app.config.ledger_table = None;
    let error = night(&app, "2026-10-13").await.unwrap_err();
    assert_eq!(error.fault_type(), "Nightly.NotConfigured");
    app.region = Some("mars-north-1".to_owned());
    let asked = serde_json::json!({"action": "explain", "day": "2026-10-13"});
    let reply = app
        .handle(&asked, "2026-11-21T06:30:00Z".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(reply.error_type, "Prices.UnknownRegion");
    assert!(reply.error_message.contains("mars-north-1"));
}
