//! API Gateway asks whether a request may pass, before it lets it in.
//!
//! **HTTP API** (payload 2.0, simple response): a deny is always a 403 there and cannot be changed. By default the
//! request therefore passes with the verdict in its context, and the application (or a mapping) answers 429. Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
//!
//! **REST API** (type REQUEST): a deny is an IAM policy, and the gateway response `ACCESS_DENIED` makes a 429 of it,
//! with the context's `retry_after` and `problem`. Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-gateway-response-define.html>
//!
//! Whether a request is *authentic* is not decided here: "Unauthorized" (401) is for authorizers that know.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Door, problem};
use crate::config::HttpSettings;
use crate::decision::Decision;
use crate::error::RequestError;
use crate::gate::Gate;
use crate::headers;
use crate::http_event;
use crate::matching::Question;

/// Answers an authorizer event.
pub async fn authorize(
    door: Door,
    event: &Value,
    gate: &Gate,
    settings: &HttpSettings,
    now: Timestamp,
) -> Result<Value, RequestError> {
    let request = http_event::request(door, event, settings.trusted_hops)?;
    let question = Question {
        request,
        rule: None,
        cost: None,
    };
    if door == Door::HttpApiAuthorizer {
        let decision = gate.take(&question, now).await?;
        return Ok(simple(&decision, settings));
    }
    let resource = http_event::text(event, "/methodArn")?;
    let principal = question
        .request
        .address
        .map_or_else(|| "unknown".to_owned(), |address| address.to_string());
    let decision = gate.take(&question, now).await?;
    Ok(policy(&decision, resource, &principal, settings))
}

/// The simple response.
fn simple(decision: &Decision, settings: &HttpSettings) -> Value {
    let passes =
        decision.allowed || settings.authorizer_deny == crate::config::AuthorizerDeny::Context;
    json!({"isAuthorized": passes, "context": context(decision, settings)})
}

/// The IAM policy for this request and no other: the exact method ARN.
fn policy(decision: &Decision, resource: &str, principal: &str, settings: &HttpSettings) -> Value {
    let effect = if decision.allowed { "Allow" } else { "Deny" };
    let mut context = context(decision, settings);
    if !decision.allowed {
        context.insert(
            "problem".to_owned(),
            json!(problem::of(decision).1.to_string()),
        );
    }
    json!({
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}],
        },
        "context": context,
    })
}

/// Scalars only: mappings cannot reach into anything else, and REST APIs refuse the whole answer.
fn context(decision: &Decision, settings: &HttpSettings) -> Map<String, Value> {
    let mut context = Map::new();
    let mut add = |name: &str, value: Value| context.insert(name.to_owned(), value);
    add(
        "verdict",
        json!(if decision.allowed {
            "allowed"
        } else {
            "denied"
        }),
    );
    for (name, value) in headers::of(decision, settings.x_ratelimit_headers) {
        add(&name.replace('-', "_"), json!(value));
    }
    for (name, policies) in [
        ("exceeded", decision.exceeded()),
        ("shadow_exceeded", decision.shadow_exceeded()),
    ] {
        if !policies.is_empty() {
            add(name, json!(policies.join(",")));
        }
    }
    if let Some(reason) = decision.blocked() {
        add("blocked", json!(reason));
    }
    if decision.missing_identity() {
        add("missing_identity", json!(true));
    }
    if let Some((outage, mode)) = decision.outage {
        add("outage", json!(outage.to_string()));
        add("on_outage", json!(mode.as_str()));
    }
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AuthorizerDeny;
    use crate::samples;

    fn settings(authorizer_deny: AuthorizerDeny) -> HttpSettings {
        HttpSettings {
            authorizer_deny,
            ..HttpSettings::default()
        }
    }

    #[test]
    fn a_denial_passes_with_its_verdict_in_the_context_or_is_forbidden() {
        let rules = samples::rules();
        let denied = samples::denied(&rules);
        assert_eq!(
            simple(&denied, &settings(AuthorizerDeny::Context)),
            samples::event("authorizer-denied.reply.json")
        );
        let forbidden = simple(&denied, &settings(AuthorizerDeny::Forbid));
        assert_eq!(forbidden["isAuthorized"], false);
    }

    #[test]
    fn a_rest_api_is_answered_by_a_policy_for_this_request_alone_with_what_a_429_needs() {
        let rules = samples::rules();
        let resource = samples::event("rest-authorizer-request.json")["methodArn"].clone();
        let reply = policy(
            &samples::denied(&rules),
            resource.as_str().unwrap(),
            "203.0.113.20",
            &HttpSettings::default(),
        );
        assert_eq!(reply, samples::event("rest-authorizer-denied.reply.json"));
        let scalars = reply["context"].as_object().unwrap().values();
        assert!(
            scalars
                .into_iter()
                .all(|value| !value.is_object() && !value.is_array() && !value.is_null())
        );
    }

    #[test]
    fn an_answer_that_redis_had_no_part_in_says_so() {
        let rules = samples::rules();
        assert_eq!(
            simple(&samples::closed(&rules), &settings(AuthorizerDeny::Context)),
            samples::event("authorizer-redis-away-closed.reply.json")
        );
    }
}
