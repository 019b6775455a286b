//! One-table DynamoDB access: typed items under `pk` and `sk`, conditional writes, paged queries.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

type Item = HashMap<String, AttributeValue>;

/// A table of this product.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

/// Why a table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// DynamoDB refused or could not be reached.
    #[error("DynamoDB {operation} on table `{table}` failed ({code}): {detail}")]
    Call {
        /// API operation.
        operation: &'static str,
        /// Table.
        table: String,
        /// AWS error code, or `Unreachable`.
        code: String,
        /// The SDK's account of it.
        detail: String,
    },
    /// An item does not have the shape its key promises.
    #[error("item {pk} / {sk} of table `{table}` has another shape than expected: {detail}")]
    Shape {
        /// Table.
        table: String,
        /// Partition key.
        pk: String,
        /// Sort key.
        sk: String,
        /// What differs.
        detail: String,
    },
}

impl TableError {
    /// Whether trying again later may help (throttling, a server error, no answer).
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Shape { .. } => false,
            Self::Call { code, .. } => !matches!(
                code.as_str(),
                "ValidationException" | "AccessDeniedException" | "ResourceNotFoundException"
            ),
        }
    }
}

/// When a write may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Always: the item is a pure function of its key.
    Always,
    /// Only if no item has the key.
    Absent,
    /// Only if the stored number `attribute` equals `value`: optimistic versions and watermarks.
    Number {
        /// Attribute compared.
        attribute: &'static str,
        /// Its expected value.
        value: i64,
    },
}

/// Outcome of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Written.
    Done,
    /// The condition did not hold: somebody else wrote; nothing was changed.
    Conflict,
}

/// An item with the optimistic version it was read at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Versioned<T> {
    /// Raised by one with every write; compared on the next.
    pub version: i64,
    /// The item itself.
    #[serde(flatten)]
    pub item: T,
}

impl Table {
    /// A table by name.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    /// Reads one item, strongly consistent.
    pub async fn get<T: DeserializeOwned>(
        &self,
        pk: &str,
        sk: &str,
    ) -> Result<Option<T>, TableError> {
        let reply = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| self.call("GetItem", error.code(), &error))?;
        reply.item.map(|item| self.decode(item)).transpose()
    }

    /// Reads every item of a partition whose sort key starts with `sk_prefix`, in order, all pages, strongly
    /// consistent.
    pub async fn query<T: DeserializeOwned>(
        &self,
        pk: &str,
        sk_prefix: &str,
    ) -> Result<Vec<T>, TableError> {
        let (items, _) = self.query_metered(pk, sk_prefix).await?;
        Ok(items)
    }

    /// As [`Table::query`], with the read units that DynamoDB says it took.
    pub async fn query_metered<T: DeserializeOwned>(
        &self,
        pk: &str,
        sk_prefix: &str,
    ) -> Result<(Vec<T>, f64), TableError> {
        let mut items = Vec::new();
        let mut units = 0.0;
        let mut from: Option<Item> = None;
        loop {
            let mut query = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
                .set_exclusive_start_key(from.take());
            query = if sk_prefix.is_empty() {
                query.key_condition_expression("pk = :pk")
            } else {
                query
                    .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                    .expression_attribute_values(":sk", AttributeValue::S(sk_prefix.to_owned()))
            };
            let reply = query
                .send()
                .await
                .map_err(|error| self.call("Query", error.code(), &error))?;
            units += reply
                .consumed_capacity
                .and_then(|capacity| capacity.capacity_units)
                .unwrap_or(0.0);
            for item in reply.items.unwrap_or_default() {
                items.push(self.decode(item)?);
            }
            match reply.last_evaluated_key {
                Some(key) if !key.is_empty() => from = Some(key),
                _ => return Ok((items, units)),
            }
        }
    }

    /// Writes one item whole, if the condition holds.
    pub async fn put<T: Serialize>(
        &self,
        pk: &str,
        sk: &str,
        item: &T,
        condition: &Condition,
    ) -> Result<Put, TableError> {
        let mut attributes: Item =
            serde_dynamo::to_item(item).map_err(|error| self.shape(pk, sk, &error))?;
        attributes.insert("pk".to_owned(), AttributeValue::S(pk.to_owned()));
        attributes.insert("sk".to_owned(), AttributeValue::S(sk.to_owned()));
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(attributes));
        let put = match condition {
            Condition::Always => put,
            Condition::Absent => put.condition_expression("attribute_not_exists(pk)"),
            Condition::Number { attribute, value } => put
                .condition_expression("#number = :number")
                .expression_attribute_names("#number", *attribute)
                .expression_attribute_values(":number", AttributeValue::N(value.to_string())),
        };
        let put =
            put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None);
        match put.send().await {
            Ok(_) => Ok(Put::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(Put::Conflict),
                _ => Err(self.call("PutItem", error.code(), &error)),
            },
        }
    }

    /// Writes a versioned item: a new one where `version` is 0, else over exactly that version. On success the
    /// stored version is one higher.
    pub async fn put_versioned<T: Serialize>(
        &self,
        pk: &str,
        sk: &str,
        item: &T,
        version: i64,
    ) -> Result<Put, TableError> {
        let condition = match version {
            0 => Condition::Absent,
            value => Condition::Number {
                attribute: "version",
                value,
            },
        };
        self.put(
            pk,
            sk,
            &Versioned {
                version: version + 1,
                item,
            },
            &condition,
        )
        .await
    }

    fn decode<T: DeserializeOwned>(&self, item: Item) -> Result<T, TableError> {
        let key = |name: &str| match item.get(name) {
            Some(AttributeValue::S(text)) => text.clone(),
            _ => String::new(),
        };
        let (pk, sk) = (key("pk"), key("sk"));
        serde_dynamo::from_item(item).map_err(|error| self.shape(&pk, &sk, &error))
    }

    fn shape(&self, pk: &str, sk: &str, error: &serde_dynamo::Error) -> TableError {
        TableError::Shape {
            table: self.name.clone(),
            pk: pk.to_owned(),
            sk: sk.to_owned(),
            detail: error.to_string(),
        }
    }

    fn call<E>(&self, operation: &'static str, code: Option<&str>, error: &E) -> TableError
    where
        E: std::error::Error,
    {
        TableError::Call {
            operation,
            table: self.name.clone(),
            code: code.unwrap_or("Unreachable").to_owned(),
            detail: DisplayErrorContext(error).to_string(),
        }
    }
}
