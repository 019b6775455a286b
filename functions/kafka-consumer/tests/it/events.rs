//! Golden events, and what they leave in the table and answer.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::memory::{Memory, Trouble, app, deliver, invoke};

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../../../events/kafka-consumer/", $name))
    };
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// The table as JSON, sorted by key.
fn table(memory: &Memory) -> Value {
    memory
        .items()
        .into_iter()
        .map(|((pk, sk), mut item)| {
            item["pk"] = json!(pk);
            item["sk"] = json!(sk);
            item
        })
        .collect()
}

async fn leaves(event: &str, items: &str) {
    let memory = Memory::default();
    let reply = deliver(&memory, &[], event).await.unwrap();
    assert_eq!(reply, parsed(golden!("committed.reply.json")));
    assert_eq!(table(&memory), parsed(items));
    // Lambda may deliver anything twice.
    deliver(&memory, &[], event).await.unwrap();
    assert_eq!(table(&memory), parsed(items), "delivered twice");
}

#[tokio::test]
async fn flow_logs_become_traffic_by_interface_and_hour() {
    leaves(
        golden!("msk-flow-logs.json"),
        golden!("msk-flow-logs.items.json"),
    )
    .await;
}

#[tokio::test]
async fn json_logs_become_levels_by_service_and_hour() {
    leaves(
        golden!("msk-json-logs.json"),
        golden!("msk-json-logs.items.json"),
    )
    .await;
}

#[tokio::test]
async fn poison_goes_to_the_quarantine_and_its_neighbours_count() {
    leaves(golden!("poison.json"), golden!("poison.items.json")).await;
}

#[tokio::test]
async fn odd_headers_keys_and_timestamps_do_not_matter() {
    leaves(
        golden!("odd-records.json"),
        golden!("odd-records.items.json"),
    )
    .await;
}

#[tokio::test]
async fn a_self_managed_cluster_counts_as_msk_does() {
    let memory = Memory::default();
    deliver(&memory, &[], golden!("self-managed-mixed.json"))
        .await
        .unwrap();
    let apart = Memory::default();
    deliver(&apart, &[], golden!("msk-flow-logs.json"))
        .await
        .unwrap();
    let mixed = memory.items();
    for (key, item) in apart.items() {
        assert_eq!(mixed[&key], item, "{key:?}");
    }
}

#[tokio::test]
async fn the_table_of_addresses_names_service_and_region() {
    let ranges = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../events/kafka-consumer/few-ip-ranges.json"
    );
    let memory = Memory::default();
    deliver(
        &memory,
        &[("IP_RANGES", ranges)],
        golden!("msk-flow-logs.json"),
    )
    .await
    .unwrap();
    let cells: Vec<String> = memory
        .items()
        .values()
        .filter_map(|item| item["cells"].as_object())
        .flat_map(|cells| cells.keys().cloned())
        .collect();
    assert_eq!(
        cells,
        [
            "A|10.0.1.20|EC2|us-east-1",
            "D|10.0.1.11|S3|us-east-1",
            "A|10.0.1.20|EC2|us-east-1"
        ]
    );
}

#[tokio::test]
async fn a_failing_partition_is_an_error_and_leaves_the_others_committed() {
    let memory = Memory::default();
    memory.trouble(Trouble::Refuse("app-logs#1"));
    let error = deliver(&memory, &[], golden!("msk-json-logs.json"))
        .await
        .unwrap_err();
    let reply = json!({"errorType": error.error_type, "errorMessage": error.error_message});
    assert_eq!(
        reply,
        parsed(golden!("one-partition-fails.error.reply.json"))
    );
    assert!(
        memory
            .items()
            .keys()
            .any(|(_, sk)| sk.starts_with("levels#app-logs#0"))
    );

    memory.trouble(Trouble::None);
    deliver(&memory, &[], golden!("msk-json-logs.json"))
        .await
        .unwrap();
    assert_eq!(
        table(&memory),
        parsed(golden!("msk-json-logs.items.json")),
        "the next delivery makes it whole"
    );
}

#[tokio::test]
async fn a_partial_answer_is_given_only_where_configured() {
    let memory = Memory::default();
    memory.trouble(Trouble::Refuse("app-logs#1"));
    let reply = deliver(
        &memory,
        &[("PARTIAL_ANSWERS", "partial")],
        golden!("msk-json-logs.json"),
    )
    .await;
    assert_eq!(
        reply.unwrap(),
        parsed(golden!("one-partition-fails.partial.reply.json"))
    );
}

#[tokio::test]
async fn a_table_that_hangs_is_answered_before_the_deadline() {
    let memory = Memory::default();
    memory.trouble(Trouble::Hang);
    let app = app(&memory, &[]);
    let batch = invoke(&app, golden!("msk-flow-logs.json"), 200);
    let reply = tokio::time::timeout(Duration::from_secs(10), batch).await;
    let error = reply.expect("the function gives up by itself").unwrap_err();
    assert_eq!(error.error_type, "Batch.Uncommitted");
    assert_eq!(
        error.error_message,
        "1 of 1 partitions not committed: flow-logs-0 from offset 40 (time was up)"
    );
}

#[tokio::test]
async fn another_services_event_is_refused_by_name_and_nothing_is_written() {
    let memory = Memory::default();
    let error = deliver(&memory, &[], golden!("not-kafka.json"))
        .await
        .unwrap_err();
    let reply = json!({"errorType": error.error_type, "errorMessage": error.error_message});
    assert_eq!(reply, parsed(golden!("not-kafka.reply.json")));
    assert!(memory.items().is_empty());
}

#[tokio::test]
async fn a_new_epoch_counts_beside_the_old_one() {
    let memory = Memory::default();
    deliver(&memory, &[], golden!("msk-flow-logs.json"))
        .await
        .unwrap();
    deliver(
        &memory,
        &[("EPOCHS", "flow-logs/0=1")],
        golden!("msk-flow-logs.json"),
    )
    .await
    .unwrap();
    let shards: Vec<String> = memory
        .items()
        .into_keys()
        .filter(|(pk, _)| pk.ends_with("T15"))
        .map(|(_, sk)| sk)
        .collect();
    assert_eq!(shards, ["cells#flow-logs#0#0", "cells#flow-logs#0#1"]);
}

/// A batch of app-logs-0 with one line at each offset, its time in seconds after the hour.
fn batch(lines: &[(i64, i64)]) -> String {
    let records: Vec<Value> = lines
        .iter()
        .map(|(offset, second)| {
            let time = (1_791_900_000 + second) * 1000;
            let value = STANDARD.encode(format!(r#"{{"level":"info","app":"a","ts":{time}}}"#));
            json!({"topic": "app-logs", "partition": 0, "offset": offset, "timestamp": time, "value": value})
        })
        .collect();
    json!({"eventSource": "aws:kafka", "records": {"app-logs-0": records}}).to_string()
}

fn lines(memory: &Memory) -> u64 {
    let items = memory.items();
    let cells = items
        .values()
        .filter_map(|item| item["cells"]["a|info"]["records"].as_u64());
    cells.sum()
}

#[tokio::test]
async fn a_partition_whose_offsets_went_back_stands_still_until_the_operator_says_why() {
    let memory = Memory::default();
    for first in 0..20 {
        deliver(&memory, &[], &batch(&[(first, first)]))
            .await
            .unwrap();
    }
    let before = memory.items();
    let anew = batch(&[(0, 900), (1, 901)]);
    let error = deliver(&memory, &[], &anew).await.unwrap_err();
    assert_eq!(error.error_type, "Batch.Uncommitted");
    insta::assert_snapshot!(error.error_message, @"1 of 1 partitions not committed: app-logs-0 from offset 0 (offset 0 was counted before and holds another record now: the topic was created anew; set a new epoch in EPOCHS)");
    assert_eq!(memory.items(), before, "nothing is written");

    deliver(&memory, &[("EPOCHS", "app-logs/0=1")], &anew)
        .await
        .unwrap();
    assert_eq!(lines(&memory), 22);

    let back = batch(&[(0, 0), (1, 1)]);
    assert!(deliver(&memory, &[], &back).await.is_err());
    deliver(&memory, &[("REWINDS", "app-logs/0")], &back)
        .await
        .unwrap();
    assert_eq!(
        lines(&memory),
        22,
        "known to be the same, not counted again"
    );
}

#[tokio::test]
async fn a_batch_that_lambda_gave_up_counts_when_it_is_handed_in_again() {
    let memory = Memory::default();
    let lost = batch(&[(5, 5), (6, 6)]);
    deliver(&memory, &[], &batch(&[(3, 3), (4, 4)]))
        .await
        .unwrap();
    deliver(&memory, &[], &batch(&[(7, 7)])).await.unwrap();
    let replay = format!(r#"{{"action":"replay","event":{lost}}}"#);
    for _ in 0..2 {
        deliver(&memory, &[], &replay).await.unwrap();
        assert_eq!(lines(&memory), 5);
    }
}

#[tokio::test]
async fn a_half_written_batch_is_finished_by_the_rules_it_was_begun_with() {
    let memory = Memory::default();
    let ranges = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../events/kafka-consumer/few-ip-ranges.json"
    );
    memory.trouble(Trouble::Refuse("T15"));
    assert!(
        deliver(&memory, &[], golden!("msk-flow-logs.json"))
            .await
            .is_err()
    );
    memory.trouble(Trouble::None);
    // The function was deployed with an address table meanwhile: another cell for the same line.
    deliver(
        &memory,
        &[("IP_RANGES", ranges)],
        golden!("msk-flow-logs.json"),
    )
    .await
    .unwrap();
    let undisturbed = Memory::default();
    deliver(&undisturbed, &[], golden!("msk-flow-logs.json"))
        .await
        .unwrap();
    let cells = |memory: &Memory| -> Vec<Value> {
        memory
            .items()
            .into_values()
            .map(|item| item["cells"].clone())
            .filter(|cells| !cells.is_null())
            .collect()
    };
    assert_eq!(cells(&memory), cells(&undisturbed));
}
