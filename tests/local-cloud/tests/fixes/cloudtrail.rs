use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use local_cloud::LocalCloud;
use serde_json::json;

use super::vpc::cloud;

fn event(source: &str, minute: usize) -> serde_json::Value {
    json!({
        "eventID": format!("{source}-{minute}"), "eventName": "Call", "eventSource": source,
        "eventTime": format!("2026-10-14T06:{minute:02}:00Z"), "sourceIPAddress": "203.0.113.7",
    })
}

async fn names(cloud: &LocalCloud, start: &str) -> Vec<String> {
    let source = LookupAttribute::builder()
        .attribute_key(LookupAttributeKey::EventSource)
        .attribute_value("lambda.amazonaws.com")
        .build()
        .unwrap();
    let start: jiff::Timestamp = start.parse().unwrap();
    let pages = Client::new(&cloud.sdk_config())
        .lookup_events()
        .lookup_attributes(source)
        .start_time(DateTime::from_secs(start.as_second()))
        .max_results(2)
        .into_paginator()
        .items()
        .send();
    let found: Vec<_> = pages.try_collect().await.unwrap();
    let texts = found.iter().map(|event| event.cloud_trail_event().unwrap());
    texts
        .map(|text| {
            let record: serde_json::Value = serde_json::from_str(text).unwrap();
            record["eventID"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn moto_does_not_look_events_up() {
    let cloud = cloud().await;
    let past_the_front = cloud
        .sdk_config()
        .to_builder()
        .endpoint_url(cloud.moto_url())
        .build();
    let asked = Client::new(&past_the_front).lookup_events().send().await;
    asked.unwrap_err();
}

#[tokio::test]
async fn events_are_found_by_source_and_time_newest_first_and_page_by_page() {
    let cloud = cloud().await;
    assert!(names(&cloud, "2026-10-14T00:00:00Z").await.is_empty());
    for minute in [10, 30, 20] {
        cloud
            .front()
            .record_event(event("lambda.amazonaws.com", minute));
    }
    cloud.front().record_event(event("sts.amazonaws.com", 15));
    let all = [
        "lambda.amazonaws.com-30",
        "lambda.amazonaws.com-20",
        "lambda.amazonaws.com-10",
    ];
    assert_eq!(names(&cloud, "2026-10-14T00:00:00Z").await, all);
    assert_eq!(names(&cloud, "2026-10-14T06:15:00Z").await, all[..2]);
}
