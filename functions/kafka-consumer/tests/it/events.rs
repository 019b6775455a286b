//! Golden events, and what they leave in the table and answer.

use std::time::Duration;

use serde_json::{Value, json};

use crate::memory::{Memory, Trouble, deliver, deliver_within};

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
            .any(|(_, sk)| sk == "levels#app-logs#0#0")
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
    let batch = deliver_within(&memory, &[], golden!("msk-flow-logs.json"), 200);
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
