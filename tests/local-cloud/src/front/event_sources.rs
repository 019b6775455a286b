//! Fix: Lambda event source mappings of Kafka, managed (MSK) and self-managed.
//!
//! moto 5.2.5 knows mappings of SQS, DynamoDB streams and Kinesis only and refuses these. Here they are kept and shown;
//! nothing polls for them (see [`crate::MappingBuilder`] for that), and the function need not exist.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::{Shared, errors};

/// Kafka mappings by UUID; each with the region it was made in.
#[derive(Debug, Default)]
pub(super) struct Mappings {
    by_id: Mutex<BTreeMap<String, (String, Value)>>,
    made: AtomicU64,
}

impl Mappings {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (String, Value)>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, call: &Call) -> Option<Value> {
        self.lock()
            .get(uuid(call))
            .filter(|(region, _)| *region == call.region)
            .map(|(_, mapping)| mapping.clone())
    }
}

/// Answers the five calls about mappings: its own where Kafka is meant, moto's otherwise, both in the list.
pub(super) async fn answer(shared: &Shared, call: &Call) -> Response {
    let mappings = &shared.event_sources;
    match call.action.as_str() {
        "CreateEventSourceMapping" => match kafka_request(call) {
            Some(request) => create(mappings, call, request),
            None => shared.upstream.forward(call).await,
        },
        "ListEventSourceMappings" => {
            list(mappings, call, shared.upstream.forward(call).await).await
        }
        action => match mappings.get(call) {
            None => shared.upstream.forward(call).await,
            Some(mapping) if action == "GetEventSourceMapping" => Json(mapping).into_response(),
            Some(mapping) if action == "DeleteEventSourceMapping" => {
                mappings.lock().remove(uuid(call));
                (StatusCode::ACCEPTED, Json(with_state(mapping, "Deleting"))).into_response()
            }
            Some(mapping) => update(mappings, call, mapping),
        },
    }
}

fn uuid(call: &Call) -> &str {
    call.uri
        .path()
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
}

fn kafka_request(call: &Call) -> Option<Map<String, Value>> {
    let request: Map<String, Value> = serde_json::from_slice(&call.body).ok()?;
    let arn = request
        .get("EventSourceArn")
        .and_then(Value::as_str)
        .unwrap_or_default();
    (arn.contains(":kafka:") || request.contains_key("SelfManagedEventSource")).then_some(request)
}

fn create(mappings: &Mappings, call: &Call, mut request: Map<String, Value>) -> Response {
    let refused = |message: &str| {
        errors::reply(
            call,
            StatusCode::BAD_REQUEST,
            "InvalidParameterValueException",
            message,
        )
    };
    let Some(Value::String(function)) = request.remove("FunctionName") else {
        return refused("FunctionName is missing");
    };
    let topics = request
        .get("Topics")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if topics != 1 {
        return refused(&format!("Topics: {topics} topics, exactly one is expected"));
    }
    if request.get("StartingPosition").is_none() {
        return refused("StartingPosition is missing");
    }
    let number = mappings.made.fetch_add(1, Ordering::Relaxed);
    let id = format!("6b61666b-0000-4000-8000-{number:012x}");
    let enabled = request
        .remove("Enabled")
        .is_none_or(|enabled| enabled != json!(false));
    let mut mapping = defaults(request.contains_key("SelfManagedEventSource"), &id);
    mapping.append(&mut request);
    let function_arn = if function.starts_with("arn:") {
        function
    } else {
        format!(
            "arn:aws:lambda:{}:{}:function:{function}",
            call.region,
            crate::ACCOUNT_ID
        )
    };
    let arn = format!(
        "arn:aws:lambda:{}:{}:event-source-mapping:{id}",
        call.region,
        crate::ACCOUNT_ID
    );
    mapping.extend([
        ("UUID".to_owned(), json!(id)),
        ("FunctionArn".to_owned(), json!(function_arn)),
        ("EventSourceMappingArn".to_owned(), json!(arn)),
        (
            "State".to_owned(),
            json!(if enabled { "Enabled" } else { "Disabled" }),
        ),
    ]);
    let mapping = Value::Object(mapping);
    mappings
        .lock()
        .insert(id, (call.region.clone(), mapping.clone()));
    (StatusCode::ACCEPTED, Json(with_state(mapping, "Creating"))).into_response()
}

/// What AWS fills in when the request does not say.
fn defaults(self_managed: bool, id: &str) -> Map<String, Value> {
    let config = if self_managed {
        "SelfManagedKafkaEventSourceConfig"
    } else {
        "AmazonManagedKafkaEventSourceConfig"
    };
    let mut mapping = Map::new();
    mapping.insert("BatchSize".to_owned(), json!(100));
    mapping.insert("MaximumBatchingWindowInSeconds".to_owned(), json!(0));
    mapping.insert(
        "LastModified".to_owned(),
        json!(crate::host::now().as_second()),
    );
    mapping.insert("StateTransitionReason".to_owned(), json!("USER_INITIATED"));
    mapping.insert(config.to_owned(), json!({"ConsumerGroupId": id}));
    mapping
}

fn update(mappings: &Mappings, call: &Call, mapping: Value) -> Response {
    let Ok(mut changes) = serde_json::from_slice::<Map<String, Value>>(&call.body) else {
        return errors::reply(
            call,
            StatusCode::BAD_REQUEST,
            "InvalidParameterValueException",
            "the body is not a JSON object",
        );
    };
    let enabled = changes.remove("Enabled");
    let mut mapping = mapping;
    if let Some(fields) = mapping.as_object_mut() {
        fields.append(&mut changes);
        if let Some(enabled) = enabled {
            fields.insert(
                "State".to_owned(),
                json!(if enabled == json!(true) {
                    "Enabled"
                } else {
                    "Disabled"
                }),
            );
        }
    }
    mappings.lock().insert(
        uuid(call).to_owned(),
        (call.region.clone(), mapping.clone()),
    );
    (StatusCode::ACCEPTED, Json(with_state(mapping, "Updating"))).into_response()
}

/// moto's list with the Kafka mappings that match the request's filters, on one page.
async fn list(mappings: &Mappings, call: &Call, moto: Response) -> Response {
    let (parts, body) = moto.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if !parts.status.is_success() {
        return Response::from_parts(parts, Body::from(bytes));
    }
    let others: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let mut found = others
        .get("EventSourceMappings")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let (arn, function) = (call.query("EventSourceArn"), call.query("FunctionName"));
    let matches = |mapping: &Value, field: &str, wanted: Option<&String>, by_name: bool| {
        let value = mapping
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default();
        wanted.is_none_or(|wanted| {
            value == wanted || (by_name && value.rsplit(':').next() == Some(wanted))
        })
    };
    let known = mappings.lock();
    let own = known
        .values()
        .filter(|(region, _)| *region == call.region)
        .map(|(_, mapping)| mapping);
    let own = own.filter(|mapping| matches(mapping, "EventSourceArn", arn.as_ref(), false));
    found.extend(
        own.filter(|mapping| matches(mapping, "FunctionArn", function.as_ref(), true))
            .cloned(),
    );
    Json(json!({"EventSourceMappings": found})).into_response()
}

fn with_state(mut mapping: Value, state: &str) -> Value {
    if let Some(fields) = mapping.as_object_mut() {
        fields.insert("State".to_owned(), json!(state));
    }
    mapping
}
