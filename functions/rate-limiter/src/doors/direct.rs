//! An application asks directly: `{"action": "check", "key": "...", "cost": 1, "rule": "...", "method", "path"}`.
//!
//! `check` decides and charges, `peek` only looks, `refund` gives units back, `reset` forgets all use, `release` ends a
//! lease. The last three are for operators and applications: no event that came over HTTP reaches them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::problem;
use crate::address;
use crate::config::HttpSettings;
use crate::decision::{Decision, Ruling};
use crate::error::RequestError;
use crate::gate::Gate;
use crate::headers;
use crate::matching::Question;
use crate::quota::Operation;
use crate::request::Request;
use crate::rules::{Listed, normalised};

const FIELDS: [&str; 13] = [
    "action",
    "key",
    "cost",
    "rule",
    "method",
    "path",
    "route",
    "address",
    "api_key",
    "headers",
    "claims",
    "lease",
    "taken_at_us",
];
const ACTIONS: &str = "check, peek, refund, reset or release";

/// Answers a direct call.
pub async fn answer(
    event: &Value,
    gate: &Gate,
    settings: &HttpSettings,
    now: Timestamp,
) -> Result<Value, RequestError> {
    let empty = Map::new();
    let fields = event.as_object().unwrap_or(&empty);
    let action = action(fields)?;
    let question = question(event, fields)?;
    let lease = text(fields, "lease")?;
    let decision = match action {
        Action::Check => gate.take(&question, now).await?,
        Action::Peek => gate.peek(&question, now).await?,
        Action::Undo(Operation::Release) if lease.is_none() => {
            return Err(RequestError::malformed(
                "no `lease`",
                "the lease that a check answered",
            ));
        }
        Action::Undo(operation) => gate.undo(operation, &question, lease, now).await?,
    };
    Ok(match action {
        Action::Check | Action::Peek => reply(&decision, settings.x_ratelimit_headers),
        Action::Undo(_) => undone(&decision),
    })
}

enum Action {
    Check,
    Peek,
    Undo(Operation),
}

fn action(fields: &Map<String, Value>) -> Result<Action, RequestError> {
    let Some(action) = fields.get("action").and_then(Value::as_str) else {
        return Err(RequestError::malformed(
            "an action that is no text",
            ACTIONS,
        ));
    };
    if let Some(other) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let got = format!("the field `{other}`");
        return Err(RequestError::malformed(
            got,
            format!("only {}", FIELDS.join(", ")),
        ));
    }
    match action {
        "check" => Ok(Action::Check),
        "peek" => Ok(Action::Peek),
        "refund" => {
            let taken_at_us = match fields.get("taken_at_us") {
                None => None,
                Some(at) => Some(at.as_u64().ok_or_else(|| {
                    RequestError::malformed(
                        "a wrong `taken_at_us`",
                        "what the check answered as `decided_at_us`",
                    )
                })?),
            };
            Ok(Action::Undo(Operation::Refund { taken_at_us }))
        }
        "reset" => Ok(Action::Undo(Operation::Reset)),
        "release" => Ok(Action::Undo(Operation::Release)),
        other => Err(RequestError::UnknownAction(other.to_owned())),
    }
}

/// A person writes this: an unknown field is an error, not a surprise. No message repeats a value.
fn question<'e>(
    event: &'e Value,
    fields: &'e Map<String, Value>,
) -> Result<Question<'e>, RequestError> {
    let cost =
        match fields.get("cost") {
            None => None,
            Some(cost) => Some(cost.as_u64().filter(|cost| *cost > 0).ok_or_else(|| {
                RequestError::malformed("a wrong `cost`", "a whole number from 1")
            })?),
        };
    for field in ["headers", "claims"] {
        if fields.get(field).is_some_and(|value| !value.is_object()) {
            return Err(RequestError::malformed(
                format!("a wrong `{field}`"),
                "an object of texts",
            ));
        }
    }
    let key = text(fields, "key")?;
    let address = match text(fields, "address")? {
        None => key.and_then(address::parse),
        Some(text) => Some(
            address::parse(text)
                .ok_or_else(|| RequestError::malformed("a wrong `address`", "an IP address"))?,
        ),
    };
    let named = ["address", "api_key", "headers", "claims", "route"]
        .iter()
        .any(|field| fields.contains_key(*field));
    if key.is_none() && !named {
        return Err(RequestError::malformed(
            "no `key`",
            "the address or key to be counted",
        ));
    }
    Ok(Question {
        request: Request {
            method: text(fields, "method")?,
            path: text(fields, "path")?.map(normalised),
            route: text(fields, "route")?.map(str::to_owned),
            address,
            api_key: text(fields, "api_key")?.map(str::to_owned),
            key,
            event,
            claims_at: &["/claims"],
        },
        rule: text(fields, "rule")?,
        cost,
    })
}

fn text<'e>(event: &'e Map<String, Value>, field: &str) -> Result<Option<&'e str>, RequestError> {
    let Some(value) = event.get(field) else {
        return Ok(None);
    };
    let text = value.as_str().filter(|text| !text.is_empty());
    let wrong =
        || RequestError::malformed(format!("a wrong `{field}`"), "a text that is not empty");
    text.map(Some).ok_or_else(wrong)
}

/// The decision as JSON, with the headers that the application may pass on.
pub fn reply(decision: &Decision, x_headers: bool) -> Value {
    let headers: Map<String, Value> = headers::of(decision, x_headers)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let rules: Vec<Value> = decision.rulings.iter().map(ruling).collect();
    let mut reply = json!({"allowed": decision.allowed, "rules": rules, "headers": headers});
    if let Some(seconds) = decision.retry_after_seconds() {
        reply["retry_after_seconds"] = json!(seconds);
    }
    if let Some(lease) = &decision.lease {
        reply["lease"] = json!(lease);
    }
    if let Some(at) = decision.decided_at_us {
        reply["decided_at_us"] = json!(at);
    }
    if let Some(listed) = &decision.listed {
        reply["listed"] = json!(if *listed == Listed::Allowed {
            "allow"
        } else {
            "block"
        });
    }
    if let Some(reason) = decision.blocked() {
        reply["reason"] = json!(reason);
    }
    problem::add_outage(&mut reply, decision);
    reply
}

/// What came of a refund, a reset or a release. Not done where Redis did not answer: the caller may ask again.
fn undone(decision: &Decision) -> Value {
    let rules: Vec<Value> = decision.rulings.iter().map(ruling).collect();
    let mut reply = json!({"done": decision.outage.is_none(), "rules": rules});
    problem::add_outage(&mut reply, decision);
    reply
}

/// `null` where nobody knows.
fn ruling(ruling: &Ruling) -> Value {
    let mut reply = json!({
        "name": ruling.limit.policy,
        "limit": ruling.limit.quota,
        "window_seconds": ruling.limit.window_seconds,
        "missing_identity": ruling.identity.missing,
        "exceeded": ruling.standing.map(|standing| standing.exceeded),
        "remaining": ruling.standing.map(|standing| standing.remaining),
        "reset_seconds": ruling.reset_seconds(),
    });
    if ruling.limit.policy != ruling.rule.name {
        reply["rule"] = json!(ruling.rule.name);
    }
    if !ruling.enforced {
        reply["shadow"] = json!(true);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn question_of(event: &Value) -> Result<Option<u64>, String> {
        let fields = event.as_object().unwrap();
        let read = action(fields).and_then(|_| question(event, fields));
        read.map(|question| question.cost)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_check_costs_what_the_rules_say_unless_it_says_otherwise() {
        assert_eq!(
            question_of(&json!({"action": "check", "key": "a"})),
            Ok(None)
        );
        assert_eq!(
            question_of(&samples::event("check-weighted.json")),
            Ok(Some(5))
        );
    }

    #[test]
    fn a_wrong_request_is_told_what_was_expected_and_never_repeats_a_value() {
        let errors: Vec<String> = [
            samples::event("check-unknown-action.json"),
            json!({"action": 7}),
            json!({"action": "check"}),
            json!({"action": "check", "key": ""}),
            json!({"action": "check", "key": 5}),
            json!({"action": "check", "key": "s3cret", "cost": 0}),
            json!({"action": "check", "key": "s3cret", "cost": "1"}),
            json!({"action": "check", "key": "s3cret", "weight": 2}),
            json!({"action": "check", "key": "s3cret", "rule": ["s3cret"]}),
            json!({"action": "check", "address": "s3cret"}),
            json!({"action": "check", "headers": "s3cret"}),
            json!({"action": "refund", "key": "s3cret", "taken_at_us": "s3cret"}),
        ]
        .iter()
        .map(|event| question_of(event).unwrap_err())
        .collect();
        assert!(!errors.concat().contains("s3cret"));
        insta::assert_snapshot!(errors.join("\n"), @r#"
        unknown action `chek`: expected check, peek, refund, reset or release
        event has an action that is no text: expected check, peek, refund, reset or release
        event has no `key`: expected the address or key to be counted
        event has a wrong `key`: expected a text that is not empty
        event has a wrong `key`: expected a text that is not empty
        event has a wrong `cost`: expected a whole number from 1
        event has a wrong `cost`: expected a whole number from 1
        event has the field `weight`: expected only action, key, cost, rule, method, path, route, address, api_key, headers, claims, lease, taken_at_us
        event has a wrong `rule`: expected a text that is not empty
        event has a wrong `address`: expected an IP address
        event has a wrong `headers`: expected an object of texts
        event has a wrong `taken_at_us`: expected what the check answered as `decided_at_us`
"#);
    }

    #[test]
    fn the_reply_has_each_rule_and_the_headers_to_pass_on() {
        let rules = samples::rules();
        assert_eq!(
            reply(&samples::allowed(&rules), false),
            samples::event("check-allowed.reply.json")
        );
        assert_eq!(
            reply(&samples::denied(&rules), false),
            samples::event("check-denied.reply.json")
        );
    }
}
