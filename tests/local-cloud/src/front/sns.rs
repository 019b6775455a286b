//! What was published to SNS, word for word. The messages go on to moto all the same: an unknown topic is moto's to refuse.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;
use super::errors;
use super::upstream::Upstream;
use crate::host;

const STRUCTURE: &str =
    "Invalid parameter: Message Structure - No default entry in JSON message body";

/// A message that SNS accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The topic.
    pub topic_arn: String,
    /// The id SNS gave it.
    pub message_id: String,
    /// When SNS took it.
    pub published_at: Timestamp,
    /// The subject, if any.
    pub subject: Option<String>,
    /// The text for each protocol (`MessageStructure=json`); otherwise the one text under `default`.
    pub messages: BTreeMap<String, String>,
    /// Message attributes: name to (type, value).
    pub attributes: BTreeMap<String, (String, String)>,
}

impl Published {
    /// The text a subscriber of `protocol` (`email`, `lambda`, `sqs`, `https`, ...) receives.
    pub fn message(&self, protocol: &str) -> &str {
        self.messages
            .get(protocol)
            .or_else(|| self.messages.get("default"))
            .map_or("", String::as_str)
    }

    /// The event Lambda hands to a subscribed function.
    pub fn lambda_event(&self) -> Value {
        let attributes = self
            .attributes
            .iter()
            .map(|(name, (kind, value))| (name.clone(), json!({"Type": kind, "Value": value})));
        let subscription = format!("{}:00000000-0000-4000-8000-000000000000", self.topic_arn);
        json!({"Records": [{
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription,
            "Sns": {
                "Type": "Notification",
                "MessageId": self.message_id,
                "TopicArn": self.topic_arn,
                "Subject": self.subject,
                "Message": self.message("lambda"),
                "Timestamp": format!("{:.3}", self.published_at),
                "SignatureVersion": "1",
                "Signature": "EXAMPLE",
                "SigningCertUrl": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService.pem",
                "UnsubscribeUrl": format!("https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription}"),
                "MessageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
            }
        }]})
    }
}

/// All messages accepted so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    published: Mutex<Vec<Published>>,
}

impl Recorder {
    pub(crate) fn of_topic(&self, topic_arn: &str) -> Vec<Published> {
        let published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        published
            .iter()
            .filter(|message| message.topic_arn == topic_arn)
            .cloned()
            .collect()
    }

    pub(super) async fn publish(&self, upstream: &Upstream, call: &Call) -> Response {
        let Some(messages) = messages(call) else {
            return errors::reply(call, StatusCode::BAD_REQUEST, "InvalidParameter", STRUCTURE);
        };
        let (parts, body) = upstream.forward(call).await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        if parts.status.is_success() {
            let message = Published {
                topic_arn: call
                    .field("TopicArn")
                    .or(call.field("TargetArn"))
                    .unwrap_or_default()
                    .to_owned(),
                message_id: message_id(&String::from_utf8_lossy(&bytes)),
                published_at: host::now(),
                subject: call.field("Subject").map(str::to_owned),
                messages,
                attributes: attributes(call),
            };
            self.published
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(message);
        }
        Response::from_parts(parts, Body::from(bytes))
    }
}

/// The texts by protocol; `None` when the structure says JSON and the message has no text for `default`.
fn messages(call: &Call) -> Option<BTreeMap<String, String>> {
    let message = call.field("Message").unwrap_or_default();
    if call.field("MessageStructure") != Some("json") {
        return Some(BTreeMap::from([("default".to_owned(), message.to_owned())]));
    }
    let by_protocol: BTreeMap<String, Value> = serde_json::from_str(message).ok()?;
    // Values that are no text are ignored, as SNS does.
    let texts = by_protocol
        .into_iter()
        .filter_map(|(protocol, text)| Some((protocol, text.as_str()?.to_owned())));
    let texts: BTreeMap<_, _> = texts.collect();
    texts.contains_key("default").then_some(texts)
}

fn attributes(call: &Call) -> BTreeMap<String, (String, String)> {
    let entry = |number: usize| {
        let field = |name: &str| {
            call.field(&format!("MessageAttributes.entry.{number}.{name}"))
                .map(str::to_owned)
        };
        let value = field("Value.StringValue")
            .or_else(|| field("Value.BinaryValue"))
            .unwrap_or_default();
        Some((
            field("Name")?,
            (field("Value.DataType").unwrap_or_default(), value),
        ))
    };
    (1..).map_while(entry).collect()
}

fn message_id(answer: &str) -> String {
    let inner = answer
        .split_once("<MessageId>")
        .and_then(|(_, rest)| rest.split_once("</MessageId>"));
    inner.map(|(id, _)| id.to_owned()).unwrap_or_default()
}
