//! How the tests start clouds and functions, and read the tables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use local_cloud::{Function, LocalCloud};
use serde_json::Value;

/// A sample event of `events/`, the same file that `sam local invoke` takes.
pub(crate) fn event(path: &str) -> Value {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../events")
        .join(path);
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Starts a function with settings.
pub(crate) async fn start(cloud: &LocalCloud, name: &str, settings: &[(&str, &str)]) -> Function {
    let mut builder = cloud.function(name);
    for (variable, value) in settings {
        builder = builder.env(*variable, *value);
    }
    builder.start().await.unwrap()
}

/// A table with `pk` and `sk`, as template.yaml makes them.
pub(crate) async fn create_table(cloud: &LocalCloud, name: &str) {
    let mut create = aws_sdk_dynamodb::Client::new(&cloud.sdk_config())
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder()
            .attribute_name(key)
            .attribute_type(ScalarAttributeType::S);
        let schema = KeySchemaElement::builder()
            .attribute_name(key)
            .key_type(kind);
        create = create
            .attribute_definitions(attribute.build().unwrap())
            .key_schema(schema.build().unwrap());
    }
    create.send().await.unwrap();
}

/// Every item of a table under a key that starts so, as JSON, by (pk, sk).
pub(crate) async fn items(
    cloud: &LocalCloud,
    table: &str,
    pk_prefix: &str,
) -> BTreeMap<(String, String), Value> {
    let client = aws_sdk_dynamodb::Client::new(&cloud.sdk_config());
    let mut found = BTreeMap::new();
    let mut pages = client.scan().table_name(table).into_paginator().send();
    while let Some(page) = pages.next().await {
        for item in page.unwrap().items.unwrap_or_default() {
            let text = |name: &str| {
                item.get(name)
                    .and_then(|value| value.as_s().ok())
                    .cloned()
                    .unwrap_or_default()
            };
            let key = (text("pk"), text("sk"));
            if key.0.starts_with(pk_prefix) {
                found.insert(key, json(&AttributeValue::M(item)));
            }
        }
    }
    found
}

fn json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::from(text.as_str()),
        AttributeValue::N(number) => number.parse().map_or(Value::Null, Value::Number),
        AttributeValue::Bool(flag) => Value::from(*flag),
        AttributeValue::L(list) => list.iter().map(json).collect(),
        AttributeValue::M(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), json(value)))
            .collect(),
        _ => Value::Null,
    }
}
