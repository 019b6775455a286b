//! Fix: LookupEvents of CloudTrail answers with the events that a test has added, newest first, by event source and
//! time, page by page.
//!
//! moto 5.2.5 does not know the call.

use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;
use super::errors;

/// What CloudTrail gives at most at once.
const PAGE: usize = 50;

/// Events in the order they were added.
#[derive(Debug, Default)]
pub(super) struct Events(Mutex<Vec<Value>>);

impl Events {
    pub(super) fn add(&self, event: Value) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
    }

    pub(super) fn answer(&self, call: &Call) -> Response {
        let Ok(asked) = serde_json::from_slice::<Value>(&call.body) else {
            return errors::reply(
                call,
                StatusCode::BAD_REQUEST,
                "SerializationException",
                "the body is no JSON",
            );
        };
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<&Value> = events.iter().filter(|event| fits(event, &asked)).collect();
        found.sort_by_key(|event| std::cmp::Reverse(time(event)));
        let number = |name: &str| asked.get(name).and_then(Value::as_u64);
        let most = number("MaxResults").map_or(PAGE, |most| {
            usize::try_from(most).unwrap_or(PAGE).clamp(1, PAGE)
        });
        let token = asked.get("NextToken").and_then(Value::as_str);
        let from: usize = token.and_then(|token| token.parse().ok()).unwrap_or(0);
        let page: Vec<Value> = found
            .iter()
            .skip(from)
            .take(most)
            .map(|event| shown(event))
            .collect();
        let mut reply = json!({"Events": page});
        if found.len() > from + most {
            reply["NextToken"] = json!((from + most).to_string());
        }
        Json(reply).into_response()
    }
}

/// Whether the event is of the source (the one attribute that is looked up) and the time that were asked for.
fn fits(event: &Value, asked: &Value) -> bool {
    let attributes = asked.get("LookupAttributes").and_then(Value::as_array);
    let is_of_source = attributes.into_iter().flatten().all(|attribute| {
        attribute["AttributeKey"] == "EventSource"
            && attribute["AttributeValue"] == event["eventSource"]
    });
    let bound = |name: &str| asked.get(name).and_then(Value::as_f64);
    let at = time(event).map(jiff::Timestamp::as_second);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "seconds of the request, which the SDK writes as a number"
    )]
    let within = |at: i64| {
        bound("StartTime").is_none_or(|start| at >= start as i64)
            && bound("EndTime").is_none_or(|end| at <= end as i64)
    };
    is_of_source && at.is_some_and(within)
}

fn time(event: &Value) -> Option<Timestamp> {
    event.get("eventTime")?.as_str()?.parse().ok()
}

/// The event as LookupEvents shows it: some fields, and the record itself as a text.
fn shown(event: &Value) -> Value {
    json!({
        "EventId": event["eventID"],
        "EventName": event["eventName"],
        "EventSource": event["eventSource"],
        "EventTime": time(event).map(jiff::Timestamp::as_second),
        "CloudTrailEvent": event.to_string(),
    })
}
