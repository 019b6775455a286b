//! An application asks directly: `{"action": "check", "key": "...", "cost": 1, "rule": "...", "method", "path"}`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::error::RequestError;
use crate::gate::{Decision, Gate, Question, Ruling};
use crate::headers;
use crate::identity::Caller;

const FIELDS: [&str; 6] = ["action", "key", "cost", "rule", "method", "path"];

/// Answers a direct call.
pub async fn check(
    event: &Map<String, Value>,
    limiter: &Gate,
    now: Timestamp,
) -> Result<Value, RequestError> {
    Ok(reply(&limiter.decide(&question(event)?, now).await?))
}

/// A person writes this: an unknown field is an error, not a surprise. No message repeats a value.
fn question(event: &Map<String, Value>) -> Result<Question<'_>, RequestError> {
    match event.get("action").and_then(Value::as_str) {
        Some("check") => {}
        Some(other) => return Err(RequestError::UnknownAction(other.to_owned())),
        None => {
            return Err(RequestError::malformed(
                "an action that is no text",
                "check",
            ));
        }
    }
    if let Some(other) = event.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let got = format!("the field `{other}`");
        return Err(RequestError::malformed(
            got,
            format!("only {}", FIELDS.join(", ")),
        ));
    }
    let cost = match event.get("cost") {
        None => Some(1),
        Some(cost) => cost.as_u64().filter(|cost| *cost > 0),
    };
    Ok(Question {
        caller: Caller::Named(text(event, "key")?.ok_or_else(|| {
            RequestError::malformed("no `key`", "the address or key to be counted")
        })?),
        method: text(event, "method")?,
        path: text(event, "path")?,
        rule: text(event, "rule")?,
        cost: cost
            .ok_or_else(|| RequestError::malformed("a wrong `cost`", "a whole number from 1"))?,
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
pub fn reply(decision: &Decision) -> Value {
    let headers: Map<String, Value> = headers::of(decision)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let rules: Vec<Value> = decision.rulings.iter().map(ruling).collect();
    let mut reply = json!({"allowed": decision.allowed, "rules": rules, "headers": headers});
    if let Some(seconds) = decision.retry_after_seconds() {
        reply["retry_after_seconds"] = json!(seconds);
    }
    add_outage(&mut reply, decision);
    reply
}

/// `null` where nobody knows.
fn ruling(ruling: &Ruling) -> Value {
    json!({
        "name": ruling.rule.name,
        "limit": ruling.rule.limit,
        "window_seconds": ruling.rule.window_seconds,
        "missing_identity": ruling.missing_identity,
        "exceeded": ruling.standing.map(|standing| standing.exceeded),
        "remaining": ruling.standing.map(|standing| standing.remaining),
        "reset_seconds": ruling.reset_seconds(),
    })
}

/// Every answer that Redis had no part in says so.
pub fn add_outage(reply: &mut Value, decision: &Decision) {
    if let Some((outage, mode)) = decision.outage {
        reply["outage"] = json!(outage.to_string());
        reply["on_outage"] = json!(mode.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn question_of(event: &Value) -> Result<u64, String> {
        question(event.as_object().unwrap())
            .map(|question| question.cost)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_check_costs_one_unless_it_says_otherwise() {
        assert_eq!(question_of(&json!({"action": "check", "key": "a"})), Ok(1));
        assert_eq!(question_of(&samples::event("check-weighted.json")), Ok(5));
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
        ]
        .iter()
        .map(|event| question_of(event).unwrap_err())
        .collect();
        assert!(!errors.concat().contains("s3cret"));
        insta::assert_snapshot!(errors.join("\n"), @r#"
        unknown action `chek`: expected check
        event has an action that is no text: expected check
        event has no `key`: expected the address or key to be counted
        event has a wrong `key`: expected a text that is not empty
        event has a wrong `key`: expected a text that is not empty
        event has a wrong `cost`: expected a whole number from 1
        event has a wrong `cost`: expected a whole number from 1
        event has the field `weight`: expected only action, key, cost, rule, method, path
        event has a wrong `rule`: expected a text that is not empty
"#);
    }

    #[test]
    fn the_reply_has_each_rule_and_the_headers_to_pass_on() {
        let rules = samples::rules();
        assert_eq!(
            reply(&samples::allowed(&rules)),
            samples::event("check-allowed.reply.json")
        );
        assert_eq!(
            reply(&samples::denied(&rules)),
            samples::event("check-denied.reply.json")
        );
    }
}
