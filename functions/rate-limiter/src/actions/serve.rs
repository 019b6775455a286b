//! A load balancer hands over a request: this function is its target and answers it.
//!
//! A Lambda target ends the request: the load balancer cannot put it in front of another target. The path is there for
//! proxies and applications that ask by a sub-request and act on the status. Source:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::actions::check;
use crate::address;
use crate::error::RequestError;
use crate::gate::{Decision, Gate, Question};
use crate::headers;
use crate::http_event::{header, text};
use crate::identity::Caller;

const PROBLEM_TYPES: &str = "https://iana.org/assignments/http-problem-types";

/// Answers a load balancer's event; `trusted_hops` proxies appended to `x-forwarded-for`.
pub async fn serve(
    event: &Value,
    limiter: &Gate,
    trusted_hops: usize,
    now: Timestamp,
) -> Result<Value, RequestError> {
    if is_health_check(event) {
        return Ok(reply(event, 200, Vec::new(), &json!({"healthy": true})));
    }
    let forwarded = header(event, "x-forwarded-for");
    let question = Question {
        caller: Caller::Client {
            address: forwarded.and_then(|list| address::forwarded(&list, trusted_hops)),
            header: &|name| header(event, name),
        },
        method: Some(text(event, "/httpMethod")?),
        path: Some(text(event, "/path")?),
        rule: None,
        cost: 1,
    };
    Ok(answer(event, &limiter.decide(&question, now).await?))
}

/// The load balancer's own question. A client's request always comes with `x-forwarded-for`, whatever agent it names.
fn is_health_check(event: &Value) -> bool {
    let agent = header(event, "user-agent");
    header(event, "x-forwarded-for").is_none()
        && agent.is_some_and(|agent| agent.starts_with("ELB-HealthChecker/"))
}

fn answer(event: &Value, decision: &Decision) -> Value {
    let (status, body) = if decision.allowed {
        (200, check::reply(decision))
    } else {
        problem(decision)
    };
    reply(event, status, headers::of(decision), &body)
}

/// What RFC 9457 calls a problem: over quota, or closed because nobody can tell.
fn problem(decision: &Decision) -> (u16, Value) {
    let exceeded = decision.exceeded();
    let (status, name, title) = if exceeded.is_empty() {
        (
            503,
            "temporary-reduced-capacity",
            "Temporary reduced capacity",
        )
    } else {
        (429, "quota-exceeded", "Quota exceeded")
    };
    let mut body = json!({
        "type": format!("{PROBLEM_TYPES}#{name}"),
        "title": title,
        "status": status,
        "violated-policies": exceeded,
    });
    check::add_outage(&mut body, decision);
    (status, body)
}

/// Headers go back in the form that the request's came in: the load balancer ignores the other one.
fn reply(event: &Value, status: u16, headers: Vec<(&str, String)>, body: &Value) -> Value {
    let (kind, reason) = match status {
        200 => ("application/json", "OK"),
        429 => ("application/problem+json", "Too Many Requests"),
        _ => ("application/problem+json", "Service Unavailable"),
    };
    let several = event.get("multiValueHeaders").is_some_and(Value::is_object);
    let written: Map<String, Value> = headers
        .into_iter()
        .chain([("content-type", kind.to_owned())])
        .map(|(name, value)| {
            let value = if several {
                json!([value])
            } else {
                json!(value)
            };
            (name.to_owned(), value)
        })
        .collect();
    let field = if several {
        "multiValueHeaders"
    } else {
        "headers"
    };
    json!({
        "statusCode": status,
        "statusDescription": format!("{status} {reason}"),
        "isBase64Encoded": false,
        field: written,
        "body": body.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_denial_is_a_429_with_a_problem_in_the_form_the_request_came_in() {
        let rules = samples::rules();
        let denied = samples::denied(&rules);
        for situation in ["load-balancer-request", "load-balancer-multi-value-headers"] {
            let request = samples::event(&format!("{situation}.json"));
            let expected = samples::event(&format!("{situation}.denied.reply.json"));
            assert_eq!(answer(&request, &denied), expected, "{situation}");
        }
    }

    #[test]
    fn a_closed_door_without_redis_is_a_503_and_blames_no_quota() {
        let rules = samples::rules();
        let request = samples::event("load-balancer-request.json");
        assert_eq!(
            answer(&request, &samples::closed(&rules)),
            samples::event("load-balancer-redis-away-closed.reply.json")
        );
    }

    #[test]
    fn a_health_check_is_told_by_the_missing_forwarding_header_not_by_its_agent_alone() {
        let mut event = samples::event("load-balancer-health-check.json");
        assert!(is_health_check(&event));
        event["headers"]["x-forwarded-for"] = json!("198.51.100.7");
        assert!(!is_health_check(&event));
    }
}
