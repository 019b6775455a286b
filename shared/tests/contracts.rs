//! The golden files of `events/contracts/` are the contracts between the functions: what is written there is what
//! the types read and write.

use std::path::PathBuf;

use serde_json::Value;
use tollkeeper::finding::Finding;
use tollkeeper::plan::PlanSummary;
use tollkeeper::rollup::{CellKey, Shard, Traffic, log_bucket};
use tollkeeper::time::Hour;

fn golden(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../events/contracts")
        .join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_traffic_item_is_found_under_its_key_and_its_sums_are_read_exactly() {
    let item = golden("rollup-traffic.json");
    let shard = Shard {
        topic: "flow-logs".to_owned(),
        partition: 0,
        epoch: 0,
    };
    let hour = Hour::of_unix_seconds(1_791_900_000).unwrap();
    let key = shard.traffic("123456789012", "eni-0a1b2c3d4e5f60718", hour);
    assert_eq!(
        (item["pk"].as_str(), item["sk"].as_str()),
        (Some(key.pk.as_str()), Some(key.sk.as_str()))
    );

    let traffic: Traffic = serde_json::from_value(item.clone()).unwrap();
    let bytes: u64 = traffic.cells.values().map(|sums| sums.bytes).sum();
    assert_eq!(bytes, 6_852_793_685);
    for name in traffic.cells.keys() {
        assert_eq!(&CellKey::parse(name).unwrap().to_string(), name);
    }
    let written = serde_json::to_value(&traffic).unwrap();
    for field in ["cells", "unclassified", "skipped"] {
        assert_eq!(written[field], item[field], "{field}");
    }
}

#[test]
fn a_logs_item_is_found_under_its_key() {
    let item = golden("rollup-logs.json");
    let shard = Shard {
        topic: "app-logs".to_owned(),
        partition: 2,
        epoch: 0,
    };
    let key = shard.levels(
        log_bucket("checkout"),
        Hour::of_unix_seconds(1_791_900_000).unwrap(),
    );
    assert_eq!(
        (item["pk"].as_str(), item["sk"].as_str()),
        (Some(key.pk.as_str()), Some(key.sk.as_str()))
    );
}

#[test]
fn findings_are_read_and_written_as_the_golden_files_say() {
    for name in ["finding-opened.json", "finding-resolved.json"] {
        let file = golden(name);
        let finding: Finding =
            serde_json::from_value(file.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(finding.schema, tollkeeper::finding::SCHEMA);
        assert_eq!(serde_json::to_value(&finding).unwrap(), file, "{name}");
    }
}

#[test]
fn the_causes_of_a_golden_finding_add_up_to_its_excess() {
    let finding: Finding = serde_json::from_value(golden("finding-opened.json")).unwrap();
    let further = finding
        .further_causes
        .as_ref()
        .map_or(0, |further| further.excess.bytes);
    let causes: u64 = finding.causes.iter().map(|cause| cause.excess.bytes).sum();
    assert_eq!(
        causes + further + finding.unexplained.bytes,
        finding.excess.bytes
    );
}

#[test]
fn plan_summaries_are_read_and_written_as_the_golden_files_say() {
    for name in ["plan-planned.json", "plan-verified.json"] {
        let file = golden(name);
        let plan: PlanSummary =
            serde_json::from_value(file.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(plan.schema, tollkeeper::plan::SCHEMA);
        assert_eq!(serde_json::to_value(&plan).unwrap(), file, "{name}");
    }
}
