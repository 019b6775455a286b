//! What a caller asks for: an action of a person, or a finding that SNS delivers.
//!
//! Strict where a person writes (an unknown field is refused), tolerant where AWS does. It refuses to act.

use serde::Deserialize;
use serde_json::Value;
use tollkeeper::finding::{self, Finding};
use tollkeeper::plan::PlanRequest;

/// A request, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Plan(PlanRequest),
    Apply {
        plan_id: String,
    },
    Verify {
        plan_id: String,
    },
    Rollback {
        plan_id: String,
    },
    Status {
        plan_id: String,
    },
    /// Findings of one SNS delivery, and why other messages in it were ignored.
    Findings {
        findings: Vec<Finding>,
        ignored: Vec<String>,
    },
}

/// A request that was not understood. Values are never repeated, only names.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("request is malformed: {detail}")]
    Malformed { detail: String },
    #[error("unknown action `{action}`: expected one of {ACTIONS}")]
    UnknownAction { action: String },
}

const ACTIONS: &str = "plan, apply, verify, rollback, status";

impl RequestError {
    pub(crate) fn fault_type(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "Request.Malformed",
            Self::UnknownAction { .. } => "Request.UnknownAction",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanRef {
    plan_id: String,
}

/// Understands an event as Lambda hands it over.
pub(crate) fn parse(event: Value) -> Result<Request, RequestError> {
    let Value::Object(mut fields) = event else {
        return Err(malformed(
            "expected an object with `action`, or an SNS event with `Records`",
        ));
    };
    if let Some(records) = fields.get("Records") {
        return from_sns(records);
    }
    let action = match fields.remove("action") {
        Some(Value::String(action)) => action,
        Some(_) => return Err(malformed("`action` is not a text")),
        None => {
            let names: Vec<&str> = fields.keys().map(String::as_str).take(8).collect();
            return Err(malformed(&format!(
                "neither `action` (one of {ACTIONS}) nor `Records`, but [{}]",
                names.join(", ")
            )));
        }
    };
    let rest = Value::Object(fields);
    if action == "plan" {
        return read(rest).map(Request::Plan);
    }
    let make = match action.as_str() {
        "apply" => |plan_id| Request::Apply { plan_id },
        "verify" => |plan_id| Request::Verify { plan_id },
        "rollback" => |plan_id| Request::Rollback { plan_id },
        "status" => |plan_id| Request::Status { plan_id },
        _ => return Err(RequestError::UnknownAction { action }),
    };
    read::<PlanRef>(rest).map(|reference| make(reference.plan_id))
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, RequestError> {
    serde_json::from_value(value).map_err(|error| malformed(&error.to_string()))
}

fn malformed(detail: &str) -> RequestError {
    RequestError::Malformed {
        detail: detail.to_owned(),
    }
}

fn from_sns(records: &Value) -> Result<Request, RequestError> {
    let records = records
        .as_array()
        .ok_or_else(|| malformed("`Records` is not a list"))?;
    let (mut findings, mut ignored) = (Vec::new(), Vec::new());
    for record in records {
        let message = record.pointer("/Sns/Message").and_then(Value::as_str);
        let message =
            message.ok_or_else(|| malformed("a record without the text `Sns.Message`"))?;
        let message: Value = serde_json::from_str(message)
            .map_err(|error| malformed(&format!("`Sns.Message` is no JSON: {error}")))?;
        match message.get("schema").and_then(Value::as_str) {
            Some(finding::SCHEMA) => findings.push(read(message)?),
            other => ignored.push(format!(
                "a message with schema `{}` is no {}",
                other.unwrap_or("(none)"),
                finding::SCHEMA
            )),
        }
    }
    Ok(Request::Findings { findings, ignored })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(event: Value) -> String {
        let error = parse(event).unwrap_err();
        format!("{}: {error}", error.fault_type())
    }

    #[test]
    fn every_golden_request_is_understood() {
        let read = |text: &str| parse(serde_json::from_str(text).unwrap()).unwrap();
        let plan_id = "plan-0123456789abcdef".to_owned();
        assert!(matches!(
            read(include_str!("../../../events/endpoint-remediator/plan-for-kafka-pollers.json")),
            Request::Plan(request) if request.kafka_pollers.len() == 1
        ));
        assert!(matches!(
            read(include_str!("../../../events/endpoint-remediator/plan-for-s3.json")),
            Request::Plan(request) if request.services == ["s3"]
        ));
        let apply = include_str!("../../../events/endpoint-remediator/apply.json");
        assert_eq!(
            read(apply),
            Request::Apply {
                plan_id: plan_id.clone()
            }
        );
        let verify = include_str!("../../../events/endpoint-remediator/verify.json");
        assert_eq!(
            read(verify),
            Request::Verify {
                plan_id: plan_id.clone()
            }
        );
        let rollback = include_str!("../../../events/endpoint-remediator/rollback.json");
        assert_eq!(
            read(rollback),
            Request::Rollback {
                plan_id: plan_id.clone()
            }
        );
        let status = include_str!("../../../events/endpoint-remediator/status.json");
        assert_eq!(read(status), Request::Status { plan_id });
        let finding = include_str!("../../../events/endpoint-remediator/finding-by-sns.json");
        assert!(matches!(
            read(finding),
            Request::Findings { findings, ignored } if findings.len() == 1 && ignored.is_empty()
        ));
    }

    #[test]
    fn what_is_not_understood_says_what_was_got_and_expected() {
        insta::assert_snapshot!(error(json!("plan")), @"Request.Malformed: request is malformed: expected an object with `action`, or an SNS event with `Records`");
        insta::assert_snapshot!(error(json!({"detail": {}, "source": "aws.events"})), @"Request.Malformed: request is malformed: neither `action` (one of plan, apply, verify, rollback, status) nor `Records`, but [detail, source]");
        insta::assert_snapshot!(error(json!({"action": "destroy"})), @"Request.UnknownAction: unknown action `destroy`: expected one of plan, apply, verify, rollback, status");
        insta::assert_snapshot!(error(json!({"action": "apply", "plan": "plan-1"})), @"Request.Malformed: request is malformed: unknown field `plan`, expected `plan_id`");
        insta::assert_snapshot!(error(json!({"Records": [{"eventSource": "aws:s3"}]})), @"Request.Malformed: request is malformed: a record without the text `Sns.Message`");
    }

    #[test]
    fn a_message_that_is_no_finding_is_ignored_and_said_so() {
        let event = json!({"Records": [{"Sns": {"Message": r#"{"schema": "plan/v1"}"#}}]});
        let Request::Findings { findings, ignored } = parse(event).unwrap() else {
            panic!("expected findings");
        };
        assert!(findings.is_empty());
        assert_eq!(
            ignored,
            ["a message with schema `plan/v1` is no finding/v1"]
        );
    }
}
