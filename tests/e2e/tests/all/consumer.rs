//! The Kafka consumer behind a real broker and the event source mapping's semantics, writing to DynamoDB.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use local_cloud::world::app_logs;
use local_cloud::{Fault, Function, LocalCloud, Message, Partial};

use serde_json::json;

use crate::support::{create_table, event, items, start};

const TABLE: &str = "Rollups";
const TOPIC: &str = "app-logs";
const DAY: jiff::civil::Date = jiff::civil::date(2026, 10, 13);

type Counts = BTreeMap<(String, String), u64>;

/// A cloud with the table and a topic of two hours of application logs; and what is in the topic, by service and level.
async fn cloud_with_logs(name: &str) -> (LocalCloud, Counts) {
    let cloud = LocalCloud::builder(name).kafka().start().await.unwrap();
    create_table(&cloud, TABLE).await;
    let kafka = cloud.kafka().unwrap();
    kafka.create_topic(TOPIC, 3).unwrap();
    let mut truth = Counts::new();
    for hour in [9, 10] {
        let logs = app_logs(7, DAY, hour, 120);
        for partition in 0..3 {
            let lines = logs.lines.iter().skip(partition).step_by(3);
            let messages = lines.map(|(at, line)| Message::new(line.as_str(), *at));
            kafka
                .produce(TOPIC, i32::try_from(partition).unwrap(), messages)
                .await
                .unwrap();
        }
        for ((service, level), count) in logs.counts {
            *truth
                .entry((service.to_owned(), level.to_owned()))
                .or_default() += count;
        }
    }
    (cloud, truth)
}

async fn consumer(cloud: &LocalCloud, answers: &str) -> Function {
    start(
        cloud,
        "kafka-consumer",
        &[("ROLLUPS_TABLE", TABLE), ("PARTIAL_ANSWERS", answers)],
    )
    .await
}

/// What the table says, added up over hours and shards.
async fn counted(cloud: &LocalCloud) -> Counts {
    let mut counts = Counts::new();
    for ((_, sk), item) in items(cloud, TABLE, "logs#").await {
        let cells = item["cells"].as_object().unwrap();
        for (cell, lines) in cells.iter().filter(|_| sk.starts_with("levels#")) {
            let (service, level) = cell.split_once('|').unwrap();
            let cell = (service.to_owned(), level.to_owned());
            *counts.entry(cell).or_default() += lines["records"].as_u64().unwrap();
        }
    }
    counts
}

#[tokio::test]
async fn every_record_is_counted_once_over_throttles_lost_replies_and_a_rewind() {
    let (cloud, truth) = cloud_with_logs("consumer-faults").await;
    let consumer = consumer(&cloud, "error").await;

    cloud
        .front()
        .fail_next("dynamodb", "PutItem", 7, Fault::Throttle);
    cloud
        .front()
        .fail_next("dynamodb", "PutItem", 3, Fault::LostReply);
    let report = cloud
        .mapping(TOPIC, &consumer)
        .unwrap()
        .batch_size(50)
        .drain()
        .await
        .unwrap();
    assert_eq!((report.stuck, report.lost), (None, 0));
    assert_eq!(counted(&cloud).await, truth);

    // The consumer group is rewound, and batches are cut elsewhere.
    let again = cloud
        .mapping(TOPIC, &consumer)
        .unwrap()
        .from_start()
        .batch_size(37)
        .drain()
        .await
        .unwrap();
    assert_eq!(again.records, 240);
    assert_eq!(counted(&cloud).await, truth);
}

/// Kills the consumer after a number of writes, wherever it is then, and lets the mapping go on.
async fn killed_after(writes: usize) {
    let (cloud, truth) = cloud_with_logs(&format!("consumer-crash-{writes}")).await;
    let consumer = consumer(&cloud, "error").await;
    let mapping = cloud.mapping(TOPIC, &consumer).unwrap().batch_size(200);
    let killer = {
        let (consumer, front) = (consumer.clone(), cloud.front());
        async move {
            local_cloud::wait::until(std::time::Duration::from_secs(20), async || {
                (front.calls("dynamodb", "PutItem") >= writes).then_some(())
            })
            .await
            .expect("nothing was ever written");
            consumer.kill();
        }
    };
    let (report, ()) = tokio::join!(mapping.drain(), killer);
    assert_eq!(report.unwrap().stuck, None);
    assert!(
        consumer.starts() >= 2,
        "the process was killed and started again"
    );
    assert_eq!(counted(&cloud).await, truth, "killed after {writes} writes");
}

#[tokio::test]
async fn a_process_that_dies_anywhere_in_a_batch_loses_and_doubles_nothing() {
    // Before any rule is pinned, between pins, among the items, and when partitions are being finished.
    for writes in [1, 2, 4, 7, 11, 16] {
        killed_after(writes).await;
    }
}

#[tokio::test]
async fn throttling_server_errors_silence_and_lost_replies_are_waited_out_within_the_invocation() {
    let (cloud, truth) = cloud_with_logs("consumer-patience").await;
    let consumer = consumer(&cloud, "error").await;
    let front = cloud.front();
    for fault in [
        Fault::Throttle,
        Fault::ServerError,
        Fault::LostReply,
        Fault::Timeout,
        Fault::Throttle,
    ] {
        front.fail_next("dynamodb", "GetItem", 1, fault);
        front.fail_next("dynamodb", "PutItem", 2, fault);
    }
    let report = cloud
        .mapping(TOPIC, &consumer)
        .unwrap()
        .batch_size(200)
        .max_attempts(1)
        .drain()
        .await
        .unwrap();
    assert_eq!(
        (report.stuck, report.retries),
        (None, 0),
        "no batch had to come again"
    );
    assert_eq!(counted(&cloud).await, truth);
    let retries: f64 = consumer
        .metrics()
        .iter()
        .filter_map(|line| line["Retries"].as_f64())
        .sum();
    assert!(retries >= 15.0, "{retries}");
}

#[tokio::test]
async fn a_topic_created_anew_stands_still_with_an_alarm_until_its_epoch_is_set() {
    let (cloud, truth) = cloud_with_logs("consumer-old-topic").await;
    let version = consumer(&cloud, "error").await;
    cloud
        .mapping(TOPIC, &version)
        .unwrap()
        .drain()
        .await
        .unwrap();

    // The same name on a broker of its own: offsets begin at 0 again, with records of later hours.
    let anew = LocalCloud::builder("consumer-new-topic")
        .kafka()
        .start()
        .await
        .unwrap();
    anew.kafka().unwrap().create_topic(TOPIC, 3).unwrap();
    let logs = app_logs(7, DAY, 12, 60);
    let messages = logs
        .lines
        .iter()
        .map(|(at, line)| Message::new(line.as_str(), *at));
    anew.kafka()
        .unwrap()
        .produce(TOPIC, 1, messages)
        .await
        .unwrap();
    let report = anew
        .mapping(TOPIC, &version)
        .unwrap()
        .max_attempts(2)
        .drain()
        .await
        .unwrap();
    let why = report.stuck.expect("the partition stands still");
    assert!(why.contains("the topic was created anew"), "{why}");
    assert_eq!(version.metrics().last().unwrap()["Regressed"], 1.0);
    assert_eq!(counted(&cloud).await, truth, "nothing of it was counted");

    let settings = [("ROLLUPS_TABLE", TABLE), ("EPOCHS", "app-logs/1=1")];
    let next = start(&cloud, "kafka-consumer", &settings).await;
    let report = anew.mapping(TOPIC, &next).unwrap().drain().await.unwrap();
    assert_eq!((report.stuck, report.records), (None, logs.lines.len()));
    let mut both = truth;
    for ((service, level), count) in logs.counts {
        *both
            .entry((service.to_owned(), level.to_owned()))
            .or_default() += count;
    }
    assert_eq!(counted(&cloud).await, both);
}

#[tokio::test]
async fn one_partition_that_stands_still_leaves_the_others_going_on() {
    let (cloud, mut truth) = cloud_with_logs("consumer-one-stands").await;
    let consumer = consumer(&cloud, "partial").await;
    let mapping = || {
        cloud
            .mapping(TOPIC, &consumer)
            .unwrap()
            .partial(Partial::Named)
            .max_attempts(2)
    };
    mapping().drain().await.unwrap();
    // Partition 0 has at its start a record of later, as only another topic can; the others go on.
    let mut records = serde_json::Map::new();
    for (partition, offset) in [(0, 0), (1, 80), (2, 80)] {
        let record = |offset: i64| {
            let timestamp = 1_791_990_000_000 + offset;
            let line = format!(r#"{{"level":"info","service":"checkout","ts":{timestamp}}}"#);
            json!({"topic": TOPIC, "partition": partition, "offset": offset, "timestamp": timestamp,
                "value": STANDARD.encode(line)})
        };
        let id = format!("{TOPIC}-{partition}");
        records.insert(id, (offset..offset + 10).map(record).collect());
    }
    let event = json!({"eventSource": "aws:kafka", "records": records});
    let reply = consumer
        .invoke(&event)
        .await
        .unwrap()
        .into_result()
        .unwrap();
    let failures = reply["batchItemFailures"].as_array().unwrap();
    assert_eq!(failures.len(), 10);
    assert!(
        failures
            .iter()
            .all(|failure| failure["itemIdentifier"]["partition"] == "app-logs-0"),
        "{failures:?}"
    );
    let cell = ("checkout".to_owned(), "info".to_owned());
    *truth.entry(cell).or_default() += 20;
    assert_eq!(counted(&cloud).await, truth);
}

#[tokio::test]
async fn one_percent_poison_costs_nothing_but_itself() {
    let (cloud, truth) = cloud_with_logs("consumer-one-percent").await;
    let messages = (0..24).map(|n| Message::new(format!("{{\"torn\": {n}"), 1_791_900_000_000));
    for (partition, message) in (0..3).cycle().zip(messages) {
        cloud
            .kafka()
            .unwrap()
            .produce(TOPIC, partition, [message])
            .await
            .unwrap();
    }
    let consumer = consumer(&cloud, "error").await;
    let report = cloud
        .mapping(TOPIC, &consumer)
        .unwrap()
        .drain()
        .await
        .unwrap();
    assert_eq!((report.stuck, report.retries), (None, 0));
    assert_eq!(counted(&cloud).await, truth);
    assert_eq!(items(&cloud, TABLE, "quarantine#").await.len(), 24);
}

#[tokio::test]
async fn partial_answers_lose_nothing_under_either_reading() {
    for reading in [Partial::Named, Partial::Resume] {
        let (cloud, truth) = cloud_with_logs(&format!("consumer-{reading:?}").to_lowercase()).await;
        let consumer = consumer(&cloud, "partial").await;
        // What waiting does not mend fails the partition.
        cloud
            .front()
            .fail_next("dynamodb", "PutItem", 3, Fault::Denied);
        let report = cloud
            .mapping(TOPIC, &consumer)
            .unwrap()
            .batch_size(60)
            .partial(reading)
            .drain()
            .await
            .unwrap();
        assert_eq!(
            (report.stuck, report.lost, report.refused_answers),
            (None, 0, vec![])
        );
        assert_eq!(counted(&cloud).await, truth, "{reading:?}");
    }
}

/// Offsets of every row in a bucket, by partition, in order.
async fn archived(s3: &aws_sdk_s3::Client, bucket: &str) -> BTreeMap<i64, Vec<i64>> {
    let mut rows: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let listed = s3.list_objects_v2().bucket(bucket).send().await.unwrap();
    for object in listed.contents() {
        let got = s3
            .get_object()
            .bucket(bucket)
            .key(object.key().unwrap())
            .send()
            .await
            .unwrap();
        let packed = got.body.collect().await.unwrap().to_vec();
        let lines = BufReader::new(MultiGzDecoder::new(packed.as_slice())).lines();
        for line in lines {
            let row: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            assert_eq!(row["topic"], TOPIC);
            rows.entry(row["partition"].as_i64().unwrap())
                .or_default()
                .push(row["offset"].as_i64().unwrap());
        }
    }
    for offsets in rows.values_mut() {
        offsets.sort_unstable();
    }
    rows
}

#[tokio::test]
async fn the_archive_has_each_record_once_though_the_process_dies_and_s3_stumbles() {
    let (cloud, truth) = cloud_with_logs("consumer-archive").await;
    let s3 = aws_sdk_s3::Client::new(&cloud.sdk_config());
    s3.create_bucket().bucket("archive-1").send().await.unwrap();
    let settings = [("ROLLUPS_TABLE", TABLE), ("ARCHIVE_BUCKET", "archive-1")];
    let consumer = start(&cloud, "kafka-consumer", &settings).await;
    cloud.front().fail_next("s3", "PutObject", 1, Fault::Denied);
    cloud
        .front()
        .fail_next("s3", "PutObject", 1, Fault::LostReply);
    let killer = {
        let (consumer, front) = (consumer.clone(), cloud.front());
        async move {
            local_cloud::wait::until(std::time::Duration::from_secs(20), async || {
                (front.calls("s3", "PutObject") >= 4).then_some(())
            })
            .await
            .expect("nothing was ever archived");
            consumer.kill();
        }
    };
    let mapping = cloud.mapping(TOPIC, &consumer).unwrap().batch_size(60);
    let (report, ()) = tokio::join!(mapping.drain(), killer);
    assert_eq!(report.unwrap().stuck, None);
    let every: Vec<i64> = (0..80).collect();
    let expected = (0..3).map(|partition| (partition, every.clone())).collect();
    assert_eq!(archived(&s3, "archive-1").await, expected);
    assert_eq!(counted(&cloud).await, truth);
}

#[tokio::test]
async fn poison_is_put_aside_and_never_fails_a_batch() {
    let cloud = LocalCloud::builder("consumer-poison")
        .start()
        .await
        .unwrap();
    create_table(&cloud, TABLE).await;
    let consumer = consumer(&cloud, "error").await;
    let reply = consumer
        .invoke(&event("kafka-consumer/poison.json"))
        .await
        .unwrap();
    assert!(reply.is_ok(), "{reply:?}");
    let quarantined = items(&cloud, TABLE, "quarantine#").await;
    assert!(!quarantined.is_empty());
    for item in quarantined.values() {
        assert!(item["reason"].is_string(), "{item}");
    }
}

#[tokio::test]
async fn a_payload_that_is_no_kafka_event_is_an_error_with_a_stable_type() {
    let cloud = LocalCloud::builder("consumer-malformed")
        .start()
        .await
        .unwrap();
    create_table(&cloud, TABLE).await;
    let consumer = consumer(&cloud, "error").await;
    let reply = consumer
        .invoke(&event("kafka-consumer/not-kafka.json"))
        .await
        .unwrap();
    let message = reply.into_result().unwrap_err();
    assert!(message.starts_with("Event.NotKafka: "), "{message}");
}
