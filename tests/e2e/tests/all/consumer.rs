//! The Kafka consumer behind a real broker and the event source mapping's semantics, writing to DynamoDB.

use std::collections::BTreeMap;

use local_cloud::world::app_logs;
use local_cloud::{Fault, Function, LocalCloud, Message, Partial};

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
    for ((pk, _), item) in items(cloud, TABLE, "logs#").await {
        let service = pk.split('#').nth(1).unwrap().to_owned();
        for (level, lines) in item["levels"].as_object().unwrap() {
            *counts.entry((service.clone(), level.clone())).or_default() +=
                lines["records"].as_u64().unwrap();
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

#[tokio::test]
async fn a_process_that_dies_in_the_middle_of_a_batch_loses_and_doubles_nothing() {
    let (cloud, truth) = cloud_with_logs("consumer-crash").await;
    let consumer = consumer(&cloud, "error").await;
    let mapping = cloud.mapping(TOPIC, &consumer).unwrap().batch_size(200);
    let killer = {
        let (consumer, front) = (consumer.clone(), cloud.front());
        async move {
            local_cloud::wait::until(std::time::Duration::from_secs(20), async || {
                (front.calls("dynamodb", "PutItem") >= 2).then_some(())
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
    assert_eq!(counted(&cloud).await, truth);
}

#[tokio::test]
async fn partial_answers_lose_nothing_under_either_reading() {
    for reading in [Partial::Named, Partial::Resume] {
        let (cloud, truth) = cloud_with_logs(&format!("consumer-{reading:?}").to_lowercase()).await;
        let consumer = consumer(&cloud, "partial").await;
        cloud
            .front()
            .fail_next("dynamodb", "PutItem", 9, Fault::ServerError);
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
