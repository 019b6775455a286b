//! The event source mapping from the broker to a real function.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use local_cloud::{Function, LocalCloud, Message, Partial};
use serde_json::json;

async fn cloud() -> LocalCloud {
    let cloud = LocalCloud::builder("mapping")
        .kafka()
        .start()
        .await
        .unwrap();
    cloud.kafka().unwrap().create_topic("logs", 2).unwrap();
    cloud
}

async fn consumer(cloud: &LocalCloud, environment: &[(&str, &str)]) -> Function {
    let binary = local_cloud::workspace::root().join("target/debug/examples/echo-function");
    let builder = cloud.function("consumer").binary(binary);
    environment
        .iter()
        .fold(builder, |builder, (name, value)| builder.env(*name, *value))
        .start()
        .await
        .unwrap()
}

async fn produce(cloud: &LocalCloud, partition: i32, count: usize) {
    let messages =
        (0..count).map(|number| Message::new(format!("line {number}"), 1_700_000_000_000));
    cloud
        .kafka()
        .unwrap()
        .produce("logs", partition, messages)
        .await
        .unwrap();
}

/// "partition:offset" of the records taken from one partition, in order.
fn taken(function: &Function, partition: i32) -> Vec<String> {
    let prefix = format!("took {partition}:");
    function
        .log_lines()
        .iter()
        .filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn every_record_arrives_once_in_order_within_its_partition() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[]).await;
    produce(&cloud, 0, 120).await;
    produce(&cloud, 1, 50).await;
    let report = cloud
        .mapping("logs", &function)
        .unwrap()
        .batch_size(40)
        .drain()
        .await
        .unwrap();
    assert_eq!(
        (report.records, report.batches, report.retries),
        (170, 5, 0)
    );
    assert_eq!(
        taken(&function, 0),
        (0..120)
            .map(|offset| offset.to_string())
            .collect::<Vec<_>>()
    );
    assert_eq!(
        taken(&function, 1),
        (0..50).map(|offset| offset.to_string()).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_second_drain_goes_on_where_the_first_ended_and_a_rewind_starts_again() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[]).await;
    produce(&cloud, 0, 3).await;
    cloud
        .mapping("logs", &function)
        .unwrap()
        .drain()
        .await
        .unwrap();
    produce(&cloud, 0, 2).await;
    assert_eq!(
        cloud
            .mapping("logs", &function)
            .unwrap()
            .drain()
            .await
            .unwrap()
            .records,
        2
    );
    assert_eq!(
        cloud
            .mapping("logs", &function)
            .unwrap()
            .drain()
            .await
            .unwrap()
            .records,
        0
    );
    assert_eq!(
        cloud
            .mapping("logs", &function)
            .unwrap()
            .from_start()
            .drain()
            .await
            .unwrap()
            .records,
        5
    );
}

#[tokio::test]
async fn an_error_brings_the_batch_again_until_it_succeeds() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[("POISON", "0:1"), ("FAILURES", "2")]).await;
    produce(&cloud, 0, 3).await;
    let report = cloud
        .mapping("logs", &function)
        .unwrap()
        .self_managed()
        .drain()
        .await
        .unwrap();
    assert_eq!(
        (report.records, report.batches, report.retries, report.stuck),
        (3, 1, 2, None)
    );
    assert_eq!(taken(&function, 0), ["0", "2", "0", "2", "0", "1", "2"]);
}

#[tokio::test]
async fn a_batch_that_never_succeeds_stops_the_drain_and_stays() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[("POISON", "0:1"), ("FAILURES", "4")]).await;
    produce(&cloud, 0, 3).await;
    let mapping = || cloud.mapping("logs", &function).unwrap().max_attempts(3);
    let report = mapping().drain().await.unwrap();
    assert_eq!((report.records, report.retries), (0, 2));
    assert!(
        report
            .stuck
            .unwrap()
            .starts_with("3 records are still open after attempt 3: ")
    );
    assert_eq!(mapping().drain().await.unwrap().records, 3);
}

#[tokio::test]
async fn a_partial_answer_loses_records_where_it_is_not_enabled() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[("POISON", "0:1"), ("ANSWER", "partial")]).await;
    produce(&cloud, 0, 3).await;
    let report = cloud
        .mapping("logs", &function)
        .unwrap()
        .drain()
        .await
        .unwrap();
    assert_eq!((report.records, report.lost, report.retries), (3, 1, 0));
    assert_eq!(taken(&function, 0), ["0", "2"]);
}

#[tokio::test]
async fn a_partial_answer_brings_the_named_record_again_or_all_from_there() {
    for (partial, expected) in [
        (Partial::Named, vec!["0", "2", "1"]),
        (Partial::Resume, vec!["0", "2", "1", "2"]),
    ] {
        let cloud = cloud().await;
        let function = consumer(&cloud, &[("POISON", "0:1"), ("ANSWER", "partial")]).await;
        produce(&cloud, 0, 3).await;
        let report = cloud
            .mapping("logs", &function)
            .unwrap()
            .partial(partial)
            .drain()
            .await
            .unwrap();
        assert_eq!((report.records, report.retries, report.lost), (3, 1, 0));
        assert_eq!(taken(&function, 0), expected, "{partial:?}");
    }
}

#[tokio::test]
async fn an_answer_that_names_an_unknown_record_is_refused() {
    let cloud = cloud().await;
    let unknown =
        json!({"batchItemFailures": [{"itemIdentifier": {"partition": "logs-0", "offset": 99}}]})
            .to_string();
    let function = consumer(&cloud, &[("ANSWER", &unknown)]).await;
    produce(&cloud, 0, 1).await;
    let report = cloud
        .mapping("logs", &function)
        .unwrap()
        .partial(Partial::Named)
        .max_attempts(2)
        .drain()
        .await
        .unwrap();
    assert_eq!(
        report.refused_answers,
        ["logs-0 offset 99 is not in the batch"; 2]
    );
    assert_eq!(report.records, 0);
}

#[tokio::test]
async fn records_that_the_broker_dropped_are_an_error_and_not_a_gap() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[]).await;
    let large = (0..12).map(|_| Message::new(vec![b'x'; 900_000], 0));
    cloud
        .kafka()
        .unwrap()
        .produce("logs", 0, large)
        .await
        .unwrap();
    let error = cloud
        .mapping("logs", &function)
        .unwrap()
        .drain()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("logs-0: records from 0 to "), "{error}");
}
