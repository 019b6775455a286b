//! The DynamoDB table of overrides: one Query on one partition, page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};

use super::items::MOST_ITEMS;
use crate::aws::Aws;

/// The partition that holds all of a limiter's overrides and list entries.
pub(super) const PARTITION: &str = "limiter";

/// An item as JSON.
pub type Attributes = Map<String, Value>;

/// The table.
#[derive(Debug, Clone)]
pub struct OverridesTable {
    aws: Aws,
    name: String,
}

/// The table could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("table {table} could not be read ({code})")]
pub struct TableError {
    /// The table.
    pub table: String,
    /// DynamoDB's code, or `unreachable`.
    pub code: String,
}

impl OverridesTable {
    /// A table by its name.
    pub fn new(aws: Aws, name: String) -> Self {
        Self { aws, name }
    }

    /// All items, up to one more than count. Reads are eventually consistent: half the price, and what is written while
    /// a page is read is seen at the next refresh anyway.
    pub async fn items(&self) -> Result<Vec<Attributes>, TableError> {
        query(&Client::new(self.aws.config().await), &self.name).await
    }
}

async fn query(client: &Client, table: &str) -> Result<Vec<Attributes>, TableError> {
    let mut pages = client
        .query()
        .table_name(table)
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(PARTITION.to_owned()))
        .into_paginator()
        .send();
    let mut items = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| TableError {
            table: table.to_owned(),
            code: error.code().unwrap_or("unreachable").to_owned(),
        })?;
        items.extend(page.items.unwrap_or_default().into_iter().map(attributes));
        if items.len() > MOST_ITEMS {
            break;
        }
    }
    Ok(items)
}

fn attributes(item: HashMap<String, AttributeValue>) -> Attributes {
    item.into_iter()
        .map(|(name, value)| (name, json(value)))
        .collect()
}

/// The types that an override is made of; `null` stands for the others, which no field accepts.
fn json(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::from(text),
        AttributeValue::N(number) => number.parse().map_or(Value::Null, Value::Number),
        AttributeValue::Bool(flag) => Value::from(flag),
        AttributeValue::L(list) => list.into_iter().map(json).collect(),
        AttributeValue::Ss(set) => set.into_iter().map(Value::from).collect(),
        AttributeValue::M(map) => Value::Object(attributes(map)),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::operation::query::{QueryError, QueryOutput};
    use aws_smithy_mocks::{
        MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
    };
    use serde_json::json;

    use super::*;

    fn client(rule: &Rule) -> Client {
        let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(create_mock_http_client())
            .interceptor(answers.with_rule(rule));
        Client::from_conf(config.build())
    }

    fn page(sk: &str, last: Option<&str>) -> QueryOutput {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let item = HashMap::from([
            ("sk".to_owned(), text(sk)),
            ("limit".to_owned(), AttributeValue::N("5".to_owned())),
            (
                "key".to_owned(),
                AttributeValue::L(vec![text("a"), AttributeValue::Bool(true)]),
            ),
            ("blob".to_owned(), AttributeValue::Null(true)),
        ]);
        let last = last.map(|sk| HashMap::from([("sk".to_owned(), text(sk))]));
        QueryOutput::builder()
            .items(item)
            .set_last_evaluated_key(last)
            .build()
    }

    #[tokio::test]
    async fn every_page_of_the_partition_is_read() {
        let rule = mock!(Client::query)
            .match_requests(|input| {
                let values = input.expression_attribute_values();
                let pk = values.and_then(|values| values.get(":pk"));
                pk == Some(&AttributeValue::S("limiter".to_owned()))
            })
            .sequence()
            .output(|| page("1", Some("1")))
            .output(|| page("2", None))
            .build();
        let items = query(&client(&rule), "limits").await.unwrap();
        let first = json!({"sk": "1", "limit": 5, "key": ["a", true], "blob": null});
        assert_eq!(Value::Object(items[0].clone()), first);
        assert_eq!((items.len(), &items[1]["sk"]), (2, &json!("2")));
    }

    #[tokio::test]
    async fn a_refusal_names_table_and_code() {
        let denied = || {
            ErrorMetadata::builder()
                .code("AccessDeniedException")
                .build()
        };
        let rule = mock!(Client::query).then_error(move || QueryError::generic(denied()));
        let error = query(&client(&rule), "limits").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "table limits could not be read (AccessDeniedException)"
        );
    }
}
