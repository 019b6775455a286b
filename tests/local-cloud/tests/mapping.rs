//! The event source mapping from the broker to a real function.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::time::{Duration, Instant};

use local_cloud::{Function, LocalCloud, MappingReport, Message, Partial, Poller};
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

/// Longer than any test runs: the window is not what ends a batch.
const NEVER_OVER: Duration = Duration::from_mins(5);

async fn until_records(poller: &Poller, records: usize) -> MappingReport {
    let enough = poller.wait_for(|report| report.records >= records);
    tokio::time::timeout(Duration::from_secs(30), enough)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_poller_takes_what_is_produced_while_it_runs_in_order_and_once() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[]).await;
    let mapping = cloud.mapping("logs", &function).unwrap();
    let poller = mapping
        .batching_window(Duration::from_millis(50))
        .run()
        .unwrap();
    for round in 1..=20 {
        produce(&cloud, round % 2, 3).await;
        if round == 10 {
            until_records(&poller, 30).await;
        }
    }
    until_records(&poller, 60).await;
    let report = poller.stop().await.unwrap();
    assert_eq!((report.records, report.retries), (60, 0));
    assert!(report.batches >= 2, "{report:?}");
    let all: Vec<_> = (0..30).map(|offset| offset.to_string()).collect();
    assert_eq!(
        [taken(&function, 0), taken(&function, 1)],
        [all.clone(), all]
    );
}

#[tokio::test]
async fn the_window_gathers_what_comes_one_by_one_into_one_batch() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[]).await;
    let window = Duration::from_secs(2);
    let mapping = cloud.mapping("logs", &function).unwrap();
    let poller = mapping.batching_window(window).run().unwrap();
    let began = Instant::now();
    for partition in [0, 1, 0, 1] {
        produce(&cloud, partition, 1).await;
    }
    let report = until_records(&poller, 1).await;
    assert_eq!((report.records, report.batches), (4, 1));
    assert!(began.elapsed() >= window, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_full_batch_does_not_wait_for_its_window_and_a_stop_leaves_the_rest() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[]).await;
    let mapping = || cloud.mapping("logs", &function).unwrap().batch_size(2);
    let poller = mapping().batching_window(NEVER_OVER).run().unwrap();
    produce(&cloud, 0, 5).await;
    until_records(&poller, 4).await;
    let report = poller.stop().await.unwrap();
    assert_eq!((report.records, report.batches), (4, 2));
    assert_eq!(mapping().drain().await.unwrap().records, 1);
    assert_eq!(taken(&function, 0), ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn six_megabytes_do_not_wait_for_their_window() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[]).await;
    let mapping = cloud.mapping("logs", &function).unwrap();
    let poller = mapping.batching_window(NEVER_OVER).run().unwrap();
    // 900 kB are 1.2 MB in base64: five fit.
    for partition in [0, 1] {
        let large = (0..3).map(|_| Message::new(vec![b'x'; 900_000], 0));
        let kafka = cloud.kafka().unwrap();
        kafka.produce("logs", partition, large).await.unwrap();
    }
    until_records(&poller, 1).await;
    let report = poller.stop().await.unwrap();
    assert_eq!((report.records, report.batches), (5, 1));
}

#[tokio::test]
async fn a_poller_brings_a_failed_batch_again_and_ends_when_it_fails_too_often() {
    let cloud = cloud().await;
    let function = consumer(&cloud, &[("POISON", "0:1,0:4"), ("FAILURES", "2")]).await;
    let mapping = |attempts| {
        let mapping = cloud.mapping("logs", &function).unwrap();
        mapping
            .batch_size(3)
            .batching_window(NEVER_OVER)
            .max_attempts(attempts)
    };
    let poller = mapping(3).run().unwrap();
    produce(&cloud, 0, 3).await;
    assert_eq!(until_records(&poller, 3).await.retries, 2);
    poller.stop().await.unwrap();

    let poller = mapping(2).run().unwrap();
    produce(&cloud, 0, 3).await;
    // It ends by itself, so this does not wait for a sixth record.
    let report = until_records(&poller, 6).await;
    assert_eq!((report.records, report.retries), (0, 1));
    assert!(report.stuck.is_some());
    assert_eq!(poller.stop().await.unwrap(), report);
}
