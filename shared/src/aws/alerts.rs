//! Alerts: one SNS message with a text for people and JSON for machines.

use std::collections::BTreeMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::Value;

/// SNS refuses more bytes than this, attributes included.
const MAX_BYTES: usize = 256 * 1024;

/// SNS subjects: printable ASCII, under 100 characters.
const MAX_SUBJECT: usize = 99;

/// A message about to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Subject of the e-mail; cut to 99 ASCII characters.
    pub subject: String,
    /// What people read.
    pub text: String,
    /// What machines read: sent to `lambda`, `sqs`, `http` and `https` subscribers.
    pub json: Value,
    /// For filter policies.
    pub attributes: BTreeMap<&'static str, String>,
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
        let message = alert.message();
        if message.len() > MAX_BYTES {
            return Err(AlertError::TooLarge {
                bytes: message.len(),
            });
        }
        let mut publish = self
            .client
            .publish()
            .topic_arn(&self.topic)
            .subject(subject(&alert.subject))
            .message_structure("json")
            .message(message);
        for (name, value) in &alert.attributes {
            let attribute = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build();
            // `build` fails only without a data type, which is set above.
            if let Ok(attribute) = attribute {
                publish = publish.message_attributes(*name, attribute);
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
    /// The body for `MessageStructure=json`: a text for each protocol, the machine's ones all the same.
    fn message(&self) -> String {
        let json = self.json.to_string();
        serde_json::json!({
            "default": self.text, "email": self.text,
            "lambda": json, "sqs": json, "http": json, "https": json,
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
            attributes: BTreeMap::new(),
        };
        let message: Value = serde_json::from_str(&alert.message()).unwrap();
        assert_eq!(message["email"], "Good morning");
        assert_eq!(message["lambda"], r#"{"schema":"finding/v1"}"#);
    }

    #[test]
    fn a_subject_is_short_plain_ascii() {
        assert_eq!(subject("NAT \u{2014} up\n"), "NAT ? up?");
        assert_eq!(subject(&"x".repeat(200)).len(), 99);
    }
}
