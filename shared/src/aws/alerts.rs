//! Alerts: one SNS message with a text for people and JSON for machines.

use std::collections::BTreeMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_sns::types::MessageAttributeValue;
use rust_decimal::Decimal;
use serde_json::Value;

/// SNS refuses more bytes than this, attributes included.
pub const MAX_BYTES: usize = 256 * 1024;

/// SNS subjects: printable ASCII, under 100 characters.
const MAX_SUBJECT: usize = 99;

/// What SNS compares numbers within.
const MAX_NUMBER: i64 = 1_000_000_000;

/// A message about to be sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alert {
    /// Subject of the e-mail; cut to 99 ASCII characters.
    pub subject: String,
    /// What people read.
    pub text: String,
    /// What machines read: sent to `lambda`, `sqs`, `http` and `https` subscribers.
    pub json: Value,
    /// What chat rooms read, where it is set: Amazon Q Developer subscribes over `https` and knows its own schema only,
    /// so this goes to `default` and `https` instead of the text and the JSON.
    pub chat: Option<Value>,
    /// For filter policies.
    pub attributes: BTreeMap<&'static str, String>,
    /// For filter policies that compare numbers.
    pub numbers: BTreeMap<&'static str, Decimal>,
}

/// An alert that did not leave.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// More than SNS carries.
    #[error("alert has {bytes} bytes, SNS takes {MAX_BYTES}")]
    TooLarge {
        /// Size of the message.
        bytes: usize,
    },
    /// SNS refused or could not be reached.
    #[error("SNS Publish to `{topic}` failed ({code}): {detail}")]
    Call {
        /// Topic ARN.
        topic: String,
        /// AWS error code, or `Unreachable`.
        code: String,
        /// The SDK's account of it.
        detail: String,
    },
}

/// The topic that alerts go to.
#[derive(Debug, Clone)]
pub struct Alerts {
    client: Client,
    topic: String,
}

impl Alerts {
    /// Alerts to a topic.
    pub fn new(client: Client, topic_arn: impl Into<String>) -> Self {
        Self {
            client,
            topic: topic_arn.into(),
        }
    }

    /// Sends one alert; `Ok` is SNS's message id.
    pub async fn send(&self, alert: &Alert) -> Result<String, AlertError> {
        let bytes = alert.bytes();
        if bytes > MAX_BYTES {
            return Err(AlertError::TooLarge { bytes });
        }
        let mut publish = self
            .client
            .publish()
            .topic_arn(&self.topic)
            .subject(subject(&alert.subject))
            .message_structure("json")
            .message(alert.message());
        for (name, kind, value) in alert.typed_attributes() {
            let attribute = MessageAttributeValue::builder()
                .data_type(kind)
                .string_value(value)
                .build();
            // `build` fails only without a data type, which is set above.
            if let Ok(attribute) = attribute {
                publish = publish.message_attributes(name, attribute);
            }
        }
        let reply = publish.send().await.map_err(|error| AlertError::Call {
            topic: self.topic.clone(),
            code: error.code().unwrap_or("Unreachable").to_owned(),
            detail: DisplayErrorContext(&error).to_string(),
        })?;
        Ok(reply.message_id.unwrap_or_default())
    }
}

impl Alert {
    /// Bytes that SNS counts: the message for all protocols, subject and attributes.
    pub fn bytes(&self) -> usize {
        let attributes = self.typed_attributes();
        let attributes =
            attributes.map(|(name, kind, value)| name.len() + kind.len() + value.len());
        self.message().len() + subject(&self.subject).len() + attributes.sum::<usize>()
    }

    fn typed_attributes(&self) -> impl Iterator<Item = (&'static str, &'static str, String)> {
        let words = self.attributes.iter();
        let words = words.map(|(name, value)| (*name, "String", value.clone()));
        let bound = Decimal::from(MAX_NUMBER);
        let numbers = self.numbers.iter().map(move |(name, value)| {
            let value = value.round_dp(2).clamp(-bound, bound);
            (*name, "Number", value.to_string())
        });
        words.chain(numbers)
    }

    /// The body for `MessageStructure=json`: a text for each protocol, the machine's ones all the same.
    fn message(&self) -> String {
        let json = self.json.to_string();
        let chat = self.chat.as_ref().map(Value::to_string);
        let default = chat.as_ref().unwrap_or(&self.text);
        let https = chat.as_ref().unwrap_or(&json);
        serde_json::json!({
            "default": default, "email": self.text,
            "lambda": json, "sqs": json, "http": json, "https": https,
        })
        .to_string()
    }
}

fn subject(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .take(MAX_SUBJECT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_text_and_machines_get_json() {
        let alert = Alert {
            subject: "NAT".to_owned(),
            text: "Good morning".to_owned(),
            json: serde_json::json!({"schema": "finding/v1"}),
            ..Alert::default()
        };
        let message: Value = serde_json::from_str(&alert.message()).unwrap();
        assert_eq!(message["email"], "Good morning");
        assert_eq!(message["default"], "Good morning");
        for machine in ["lambda", "sqs", "http", "https"] {
            assert_eq!(message[machine], r#"{"schema":"finding/v1"}"#, "{machine}");
        }
    }

    #[test]
    fn a_chat_room_is_served_over_https_and_machines_keep_their_json() {
        let alert = Alert {
            text: "Good morning".to_owned(),
            json: serde_json::json!({"schema": "finding/v1"}),
            chat: Some(serde_json::json!({"source": "custom"})),
            ..Alert::default()
        };
        let message: Value = serde_json::from_str(&alert.message()).unwrap();
        for chat in ["default", "https"] {
            assert_eq!(message[chat], r#"{"source":"custom"}"#, "{chat}");
        }
        assert_eq!(message["email"], "Good morning");
        assert_eq!(message["lambda"], r#"{"schema":"finding/v1"}"#);
    }

    #[test]
    fn numbers_stay_within_what_sns_compares_and_all_of_it_counts_as_size() {
        let mut alert = Alert::default();
        let bare = alert.bytes();
        alert.numbers.insert("dollars", Decimal::from(u64::MAX));
        let sent: Vec<_> = alert.typed_attributes().collect();
        assert_eq!(sent, [("dollars", "Number", "1000000000".to_owned())]);
        assert_eq!(alert.bytes() - bare, "dollarsNumber1000000000".len());
    }

    #[test]
    fn a_subject_is_short_plain_ascii() {
        assert_eq!(subject("NAT \u{2014} up\n"), "NAT ? up?");
        assert_eq!(subject(&"x".repeat(200)).len(), 99);
    }
}
