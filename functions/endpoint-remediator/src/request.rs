//! What a caller asks for: an action of a person, or a finding that SNS delivers.
//!
//! Strict where a person writes (an unknown field is refused), tolerant where AWS does. It refuses to act.
//!
//! What SNS delivers is read as AWS's types have it. A record that they reject, because a field that nobody here needs
//! is missing or has another shape, is read by its message alone: a finding that was sent must not be lost to that.

use aws_lambda_events::event::sns::SnsRecord;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tollkeeper::finding::{self, Finding};
use tollkeeper::plan::PlanRequest;
use tollkeeper::time::Day;

use crate::emit::Format;
use crate::plan::{NarrowingAsk, Wanted};
use crate::policy::PolicyAsk;

/// A request, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Plan {
        wanted: Wanted,
        format: Format,
        /// Who says to ask: `<account>/<unique id>`.
        requested_by: Option<String>,
    },
    Apply {
        plan_id: String,
    },
    Verify {
        plan_id: String,
    },
    Rollback {
        plan_id: String,
    },
    /// What is under way, whichever it is.
    Resume,
    /// The audit trail of a day.
    History {
        day: Day,
    },
    Status {
        plan_id: String,
        format: Format,
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

const ACTIONS: &str = "plan, apply, verify, rollback, resume, status, history";

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfDay {
    day: Day,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

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
    let format = match fields.remove("format") {
        Some(format) if matches!(action.as_str(), "plan" | "status") => read(format)?,
        Some(_) => return Err(malformed("`format` goes with plan and status only")),
        None => Format::Text,
    };
    if action == "plan" {
        let requested_by = fields.remove("requested_by").map(requester).transpose()?;
        return wanted(fields).map(|wanted| Request::Plan {
            wanted,
            format,
            requested_by,
        });
    }
    let rest = Value::Object(fields);
    if action == "resume" {
        return read::<Nothing>(rest).map(|Nothing {}| Request::Resume);
    }
    if action == "history" {
        return read::<OfDay>(rest).map(|OfDay { day }| Request::History { day });
    }
    if action == "status" {
        let make = |PlanRef { plan_id }| Request::Status { plan_id, format };
        return read::<PlanRef>(rest).map(make);
    }
    let make = match action.as_str() {
        "apply" => |plan_id| Request::Apply { plan_id },
        "verify" => |plan_id| Request::Verify { plan_id },
        "rollback" => |plan_id| Request::Rollback { plan_id },
        _ => return Err(RequestError::UnknownAction { action }),
    };
    read::<PlanRef>(rest).map(|reference| make(reference.plan_id))
}

/// As approvals name people.
fn requester(value: Value) -> Result<String, RequestError> {
    let is_identity = |text: &str| {
        text.split_once('/').is_some_and(|(account, id)| {
            let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
            let is_unique = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            is_account && !id.is_empty() && id.bytes().all(is_unique)
        })
    };
    match value {
        Value::String(text) if is_identity(&text) => Ok(text),
        _ => Err(malformed(
            "`requested_by` is no `<account>/<unique id>`: `aws sts get-caller-identity` prints Account, and UserId of which \
             the part before the colon is meant",
        )),
    }
}

/// A plan is of one kind: endpoints, unless it says policies.
fn wanted(mut fields: Map<String, Value>) -> Result<Wanted, RequestError> {
    let kind = match fields.remove("kind") {
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(malformed("`kind` is not a text")),
        None => "endpoints".to_owned(),
    };
    let rest = Value::Object(fields);
    match kind.as_str() {
        "endpoints" => read::<PlanRequest>(rest).map(Wanted::Endpoints),
        "policy" => read::<PolicyAsk>(rest).map(Wanted::Policies),
        "narrowing" => read::<NarrowingAsk>(rest).map(Wanted::Narrowing),
        _ => Err(malformed("`kind` is none of endpoints, policy, narrowing")),
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, RequestError> {
    serde_json::from_value(value).map_err(|error| malformed(&without_values(&error)))
}

/// What serde found wrong: names of fields, kinds of values and where, but none of the values that it quotes.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (text, position) = match text.rsplit_once(" at line ") {
        Some((text, position)) if error.line() > 0 => (text, format!(" at line {position}")),
        _ => (text.as_str(), String::new()),
    };
    let mut words = text.split(' ');
    let kind = [words.next(), words.next()].map(Option::unwrap_or_default);
    let found = words.next().unwrap_or_default().trim_end_matches(',');
    let expected = text.rsplit_once(", expected ");
    match (kind, expected) {
        (["missing" | "unknown" | "duplicate", "field"], _) => format!("{text}{position}"),
        (["invalid", "type:" | "value:"], Some((_, expected))) => {
            format!("expected {expected}, found {found}{position}")
        }
        (["unknown", "variant"], Some((_, expected))) => format!("expected {expected}{position}"),
        // Errors of own types may quote what they did not understand.
        _ => format!("a value is not as expected{position}"),
    }
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
        let text = message(record)?;
        let wrong = |error: serde_json::Error| {
            malformed(&format!("`Sns.Message`: {}", without_values(&error)))
        };
        let message: Value = serde_json::from_str(&text)
            .map_err(|error| malformed(&format!("`Sns.Message` is no JSON: {error}")))?;
        match message.get("schema").and_then(Value::as_str) {
            Some(finding::SCHEMA) => findings.push(serde_json::from_str(&text).map_err(wrong)?),
            other => ignored.push(format!(
                "a message with schema `{}` is no {}",
                other.unwrap_or("(none)"),
                finding::SCHEMA
            )),
        }
    }
    Ok(Request::Findings { findings, ignored })
}

/// The message of one record: as AWS's types read it, else the one field that is needed.
fn message(record: &Value) -> Result<String, RequestError> {
    if let Ok(record) = SnsRecord::deserialize(record) {
        return Ok(record.sns.message);
    }
    let message = record.pointer("/Sns/Message").and_then(Value::as_str);
    let message = message.ok_or_else(|| malformed("a record without the text `Sns.Message`"))?;
    tracing::warn!("SNS record is not as AWS's types have it, read by its message alone");
    Ok(message.to_owned())
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
            Request::Plan { wanted: Wanted::Endpoints(request), format: Format::Text, requested_by: None } if request.kafka_pollers.len() == 1
        ));
        assert!(matches!(
            read(include_str!("../../../events/endpoint-remediator/plan-for-s3.json")),
            Request::Plan { wanted: Wanted::Endpoints(request), .. } if request.services == ["s3"]
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
        let resume = include_str!("../../../events/endpoint-remediator/resume.json");
        assert_eq!(read(resume), Request::Resume);
        let status = include_str!("../../../events/endpoint-remediator/status.json");
        let format = Format::Text;
        assert_eq!(read(status), Request::Status { plan_id, format });
        let history = include_str!("../../../events/endpoint-remediator/history.json");
        let day = "2026-10-15".parse().unwrap();
        assert_eq!(read(history), Request::History { day });
        let policy = include_str!("../../../events/endpoint-remediator/plan-a-policy.json");
        assert!(matches!(
            read(policy),
            Request::Plan { wanted: Wanted::Policies(ask), .. } if ask.organisation.is_some()
        ));
        let fewer = include_str!("../../../events/endpoint-remediator/plan-fewer-clients.json");
        assert!(matches!(
            read(fewer),
            Request::Plan { wanted: Wanted::Narrowing(ask), .. } if ask.admit.len() == 3
        ));
        let terraform = include_str!("../../../events/endpoint-remediator/plan-as-terraform.json");
        assert!(matches!(
            read(terraform),
            Request::Plan {
                wanted: Wanted::Endpoints(_),
                format: Format::Terraform,
                ..
            }
        ));
        let finding = include_str!("../../../events/endpoint-remediator/finding-by-sns.json");
        assert!(matches!(
            read(finding),
            Request::Findings { findings, ignored } if findings.len() == 1 && ignored.is_empty()
        ));
    }

    #[test]
    fn what_is_not_understood_says_what_was_got_and_expected() {
        insta::assert_snapshot!(error(json!("plan")), @"Request.Malformed: request is malformed: expected an object with `action`, or an SNS event with `Records`");
        insta::assert_snapshot!(error(json!({"detail": {}, "source": "aws.events"})), @"Request.Malformed: request is malformed: neither `action` (one of plan, apply, verify, rollback, resume, status, history) nor `Records`, but [detail, source]");
        insta::assert_snapshot!(error(json!({"action": "destroy"})), @"Request.UnknownAction: unknown action `destroy`: expected one of plan, apply, verify, rollback, resume, status, history");
        insta::assert_snapshot!(error(json!({"action": "apply", "plan": "plan-1"})), @"Request.Malformed: request is malformed: unknown field `plan`, expected `plan_id`");
        insta::assert_snapshot!(error(json!({"action": "plan", "kind": "route"})), @"Request.Malformed: request is malformed: `kind` is none of endpoints, policy, narrowing");
        insta::assert_snapshot!(error(json!({"action": "plan", "format": "pulumi"})), @"Request.Malformed: request is malformed: expected one of `text`, `terraform`, `cloudformation`");
        insta::assert_snapshot!(error(json!({"action": "apply", "plan_id": "plan-1", "format": "text"})), @"Request.Malformed: request is malformed: `format` goes with plan and status only");
        insta::assert_snapshot!(error(json!({"action": "plan", "kind": "policy", "vpc_id": "vpc-1", "services": ["s3"], "kafka_poller": true})), @"Request.Malformed: request is malformed: unknown field `kafka_poller`, expected one of `vpc_id`, `services`, `organisation`, `accounts`, `kafka_pollers`, `policy`");
        insta::assert_snapshot!(error(json!({"Records": [{"eventSource": "aws:s3"}]})), @"Request.Malformed: request is malformed: a record without the text `Sns.Message`");
    }

    #[test]
    fn who_asks_is_named_by_account_and_unique_id_alone() {
        let by = |who: Value| {
            parse(
                json!({"action": "plan", "vpc_id": "vpc-1", "services": ["s3"], "requested_by": who}),
            )
        };
        let golden = include_str!("../../../events/endpoint-remediator/plan-with-requester.json");
        assert!(matches!(
            parse(serde_json::from_str(golden).unwrap()).unwrap(),
            Request::Plan { requested_by: Some(who), .. } if who == "123456789012/AROAEXAMPLEREQUESTER1"
        ));
        for odd in [
            json!("kim"),
            json!("123456789012/AROAEXAMPLE01:kim"),
            json!("arn:aws:iam::123456789012:user/kim"),
            json!("123456789012/"),
            json!(1),
        ] {
            let refused = by(odd.clone()).unwrap_err().to_string();
            assert!(refused.contains("`requested_by` is no"), "{odd}: {refused}");
        }
    }

    #[test]
    fn a_record_that_awss_types_reject_is_read_by_its_message() {
        let sample = include_str!("../../../events/endpoint-remediator/finding-by-sns.json");
        let mut event: Value = serde_json::from_str(sample).unwrap();
        assert!(SnsRecord::deserialize(&event["Records"][0]).is_ok());
        event["Records"][0]["Sns"]["Timestamp"] = json!("this morning");
        event["Records"][0]["Sns"]["MessageAttributes"] = json!([]);
        assert!(SnsRecord::deserialize(&event["Records"][0]).is_err());
        assert!(matches!(
            parse(event).unwrap(),
            Request::Findings { findings, .. } if findings.len() == 1
        ));
    }

    #[test]
    fn a_refusal_says_where_and_repeats_no_value() {
        let by_sns = |finding: &str| error(json!({"Records": [{"Sns": {"Message": finding}}]}));
        let plan = |field: &str, value: Value| {
            error(json!({"action": "plan", "vpc_id": "vpc-1", "services": ["s3"], field: value}))
        };
        insta::assert_snapshot!(error(json!({"Records": [{"Sns": {"Message": 4711}}]})), @"Request.Malformed: request is malformed: a record without the text `Sns.Message`");
        insta::assert_snapshot!(by_sns("hunter2"), @"Request.Malformed: request is malformed: `Sns.Message` is no JSON: expected value at line 1 column 1");
        insta::assert_snapshot!(by_sns(r#"{"schema": "finding/v1"}"#), @"Request.Malformed: request is malformed: `Sns.Message`: missing field `incident_id` at line 1 column 24");
        insta::assert_snapshot!(by_sns(r#"{"schema": "finding/v1", "incident_id": {"hunter2": 1}}"#), @"Request.Malformed: request is malformed: `Sns.Message`: expected a string, found map at line 1 column 40");
        insta::assert_snapshot!(by_sns(r#"{"schema": "finding/v1", "state": "hunter2"}"#), @"Request.Malformed: request is malformed: `Sns.Message`: expected one of `opened`, `updated`, `accepted`, `resolved` at line 1 column 43");
        insta::assert_snapshot!(by_sns(r#"{"schema": "finding/v1", "day": "hunter2"}"#), @"Request.Malformed: request is malformed: `Sns.Message`: a value is not as expected at line 1 column 41");
        insta::assert_snapshot!(plan("services", json!("hunter2, expected hunter2")), @"Request.Malformed: request is malformed: expected a sequence, found string");
        insta::assert_snapshot!(plan("kafka_pollers", json!([{"broker_port": "hunter2"}])), @"Request.Malformed: request is malformed: expected u16, found string");
        insta::assert_snapshot!(plan("vpc_id", json!(4711)), @"Request.Malformed: request is malformed: expected a string, found integer");
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
