//! The calls that reach DynamoDB.

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::{
    ConditionalCheckFailedException, ProvisionedThroughputExceededException,
};
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};
use kafka_consumer::item::{Item, Logs};
use kafka_consumer::rollups::Rollups;
use kafka_consumer::state::State;
use tollkeeper::aws::{Put, Table, TableError, Versioned};
use tollkeeper::rollup::{ItemKey, Shard};
use tollkeeper::time::Hour;

/// As `mock_client!` makes it, which needs the SDK's feature `test-util`: another feature set for the whole build.
fn table(rules: &[&Rule]) -> Table {
    let mut responses = MockResponseInterceptor::new().rule_mode(RuleMode::Sequential);
    for rule in rules {
        responses = responses.with_rule(rule);
    }
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(create_mock_http_client())
        .interceptor(responses)
        .build();
    Table::new(Client::from_conf(config), "rollups")
}

fn key() -> ItemKey {
    let shard = Shard {
        topic: "app-logs".to_owned(),
        partition: 2,
        epoch: 0,
    };
    shard.levels(1, Hour::of_unix_seconds(1_791_900_000).unwrap())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn golden() -> Versioned<Item<Logs>> {
    let golden = include_str!("../../../../events/contracts/rollup-logs.json");
    serde_json::from_str(golden).unwrap()
}

#[tokio::test]
async fn items_are_read_strongly_consistent_under_their_key() {
    let rule = mock!(Client::get_item)
        .match_requests(|request| {
            let key = request.key().unwrap();
            request.table_name() == Some("rollups")
                && request.consistent_read() == Some(true)
                && key["pk"] == text("logs#1#2026-10-13T14")
                && key["sk"] == text("levels#app-logs#2#0")
        })
        .then_output(|| {
            let count = |number: &str| AttributeValue::N(number.to_owned());
            let lines = |records, bytes| {
                let fields = [("records", count(records)), ("bytes", count(bytes))];
                AttributeValue::M(fields.map(|(name, n)| (name.to_owned(), n)).into())
            };
            let cells = [
                ("checkout|error", lines("3", "1290")),
                ("checkout|info", lines("840", "201600")),
                ("other|info", lines("2", "310")),
            ];
            let cells = cells.map(|(name, lines)| (name.to_owned(), lines)).into();
            GetItemOutput::builder()
                .item("pk", text("logs#1#2026-10-13T14"))
                .item("sk", text("levels#app-logs#2#0"))
                .item("schema", text("rollup/v1"))
                .item("version", count("12"))
                .item("offsets", text("0-902"))
                .item("cells", AttributeValue::M(cells))
                .item("expires_at", count("1794927600"))
                .build()
        });
    let item: Option<Versioned<Item<Logs>>> = Rollups::get(&table(&[&rule]), &key()).await.unwrap();
    assert_eq!(item, Some(golden()));
}

#[tokio::test]
async fn a_write_depends_on_the_version_that_was_read() {
    let rule = mock!(Client::put_item)
        .match_requests(|request| {
            let item = request.item().unwrap();
            request.table_name() == Some("rollups")
                && request.condition_expression() == Some("#number = :number")
                && request.expression_attribute_names().unwrap()["#number"] == "version"
                && request.expression_attribute_values().unwrap()[":number"]
                    == AttributeValue::N("11".to_owned())
                && item["version"] == AttributeValue::N("12".to_owned())
                && item["offsets"] == text("0-902")
                && item["expires_at"] == AttributeValue::N("1794927600".to_owned())
                && item["cells"].as_m().unwrap()["checkout|info"]
                    .as_m()
                    .unwrap()["records"]
                    == AttributeValue::N("840".to_owned())
        })
        .sequence()
        .output(|| PutItemOutput::builder().build())
        .error(|| {
            PutItemError::ConditionalCheckFailedException(
                ConditionalCheckFailedException::builder().build(),
            )
        })
        .build();
    let table = table(&[&rule]);
    let put = async || {
        Rollups::replace(&table, &key(), golden().item, 11)
            .await
            .unwrap()
    };
    assert_eq!(put().await, Put::Done);
    assert_eq!(put().await, Put::Conflict);
}

#[tokio::test]
async fn throttling_is_a_failure_that_may_pass() {
    let rule = mock!(Client::get_item).then_error(|| {
        aws_sdk_dynamodb::operation::get_item::GetItemError::ProvisionedThroughputExceededException(
            ProvisionedThroughputExceededException::builder()
                .meta(
                    aws_sdk_dynamodb::error::ErrorMetadata::builder()
                        .code("ProvisionedThroughputExceededException")
                        .build(),
                )
                .build(),
        )
    });
    let read: Result<Option<Versioned<State>>, TableError> =
        Rollups::get(&table(&[&rule]), &key()).await;
    let error = read.unwrap_err();
    assert!(error.is_transient());
    assert!(
        error
            .to_string()
            .contains("ProvisionedThroughputExceededException"),
        "{error}"
    );
}
