//! API Gateway asks whether a request may pass (HTTP API, Lambda authorizer, payload 2.0, simple response).
//!
//! A deny is always a 403 there and cannot be changed. By default the request therefore passes with the verdict in its
//! context, and the application (or a mapping) answers 429. Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>

use serde_json::{Map, Value, json};

use crate::address;
use crate::config::AuthorizerDeny;
use crate::error::RequestError;
use crate::gate::{Decision, Gate, Question};
use crate::headers;
use crate::http_event::{header, text};
use crate::identity::Caller;
use jiff::Timestamp;

/// Answers an authorizer event.
pub async fn authorize(
    event: &Value,
    limiter: &Gate,
    deny: AuthorizerDeny,
    now: Timestamp,
) -> Result<Value, RequestError> {
    let version = event.get("version").and_then(Value::as_str);
    if version != Some("2.0") {
        let got = format!(
            "an authorizer payload of version {}",
            version.unwrap_or("unknown")
        );
        return Err(RequestError::malformed(got, "payload format version 2.0"));
    }
    let source = event.pointer("/requestContext/http/sourceIp");
    let question = Question {
        caller: Caller::Client {
            address: source.and_then(Value::as_str).and_then(address::parse),
            header: &|name| header(event, name),
        },
        method: Some(text(event, "/requestContext/http/method")?),
        path: Some(text(event, "/requestContext/http/path")?),
        rule: None,
        cost: 1,
    };
    Ok(reply(&limiter.decide(&question, now).await?, deny))
}

/// The simple response. The context holds scalars only: mappings cannot reach into anything else.
fn reply(decision: &Decision, deny: AuthorizerDeny) -> Value {
    let verdict = if decision.allowed {
        "allowed"
    } else {
        "denied"
    };
    let mut context = Map::new();
    context.insert("verdict".to_owned(), json!(verdict));
    for (name, value) in headers::of(decision) {
        context.insert(name.replace('-', "_"), json!(value));
    }
    let exceeded = decision.exceeded();
    if !exceeded.is_empty() {
        context.insert("exceeded".to_owned(), json!(exceeded.join(",")));
    }
    if decision
        .rulings
        .iter()
        .any(|ruling| ruling.missing_identity)
    {
        context.insert("missing_identity".to_owned(), json!(true));
    }
    if let Some((outage, mode)) = decision.outage {
        context.insert("outage".to_owned(), json!(outage.to_string()));
        context.insert("on_outage".to_owned(), json!(mode.as_str()));
    }
    let passes = decision.allowed || deny == AuthorizerDeny::Context;
    json!({"isAuthorized": passes, "context": context})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_denial_passes_with_its_verdict_in_the_context_or_is_forbidden() {
        let rules = samples::rules();
        let denied = samples::denied(&rules);
        assert_eq!(
            reply(&denied, AuthorizerDeny::Context),
            samples::event("authorizer-denied.reply.json")
        );
        let forbidden = reply(&denied, AuthorizerDeny::Forbid);
        assert_eq!(forbidden["isAuthorized"], false);
    }

    #[test]
    fn an_answer_that_redis_had_no_part_in_says_so() {
        let rules = samples::rules();
        assert_eq!(
            reply(&samples::closed(&rules), AuthorizerDeny::Context),
            samples::event("authorizer-redis-away-closed.reply.json")
        );
    }
}
