//! A load balancer, API Gateway's proxy integration or a function URL hands over a request: this function answers it.
//!
//! A Lambda target ends the request: the load balancer cannot put it in front of another target. So the check itself is
//! the answer (for proxies and applications that ask by a sub-request and act on the status), or, with an upstream,
//! what may pass is passed on. Source:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>

use jiff::Timestamp;
use serde_json::{Value, json};

use super::reply::Answer;
use super::{Door, direct, problem};
use crate::config::HttpSettings;
use crate::decision::Decision;
use crate::error::RequestError;
use crate::gate::Gate;
use crate::headers;
use crate::http_event::{self, header};
use crate::matching::Question;
use crate::quota::Operation;
use crate::upstream::Upstream;

/// Answers a request that came over HTTP.
pub async fn answer(
    door: Door,
    event: &Value,
    gate: &Gate,
    settings: &HttpSettings,
    upstream: Option<&Upstream>,
    now: Timestamp,
) -> Result<Value, RequestError> {
    if door == Door::LoadBalancer && is_health_check(event) {
        return Ok(Answer::json(200, Vec::new(), &json!({"healthy": true})).through(door, event));
    }
    let request = http_event::request(door, event, settings.trusted_hops)?;
    let question = Question {
        request,
        rule: None,
        cost: None,
    };
    let decision = gate.take(&question, now).await?;
    let answer = match upstream {
        Some(upstream) if decision.allowed => {
            let answer = upstream
                .pass(
                    door,
                    event,
                    headers::of(&decision, settings.x_ratelimit_headers),
                )
                .await;
            if let Some(lease) = &decision.lease {
                // Whatever comes of it: a lease that is not given back ends by itself.
                let _ = gate
                    .undo(Operation::Release, &question, Some(lease), now)
                    .await;
            }
            answer
        }
        _ => of_decision(&decision, settings),
    };
    Ok(answer.through(door, event))
}

/// The load balancer's own question. A client's request always comes with `x-forwarded-for`, whatever agent it names.
fn is_health_check(event: &Value) -> bool {
    let agent = header(event, "user-agent");
    header(event, "x-forwarded-for").is_none()
        && agent.is_some_and(|agent| agent.starts_with("ELB-HealthChecker/"))
}

/// The check as the answer.
fn of_decision(decision: &Decision, settings: &HttpSettings) -> Answer {
    let x_headers = settings.x_ratelimit_headers;
    let (status, body) = if decision.allowed {
        (200, direct::reply(decision, x_headers))
    } else {
        problem::of(decision)
    };
    Answer::json(status, headers::of(decision, x_headers), &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn written(decision: &Decision, request: &Value) -> Value {
        let door = Door::of(request).unwrap();
        of_decision(decision, &HttpSettings::default()).through(door, request)
    }

    #[test]
    fn a_denial_is_a_429_with_a_problem_in_the_form_the_request_came_in() {
        let rules = samples::rules();
        let denied = samples::denied(&rules);
        for situation in [
            "load-balancer-request",
            "load-balancer-multi-value-headers",
            "rest-proxy-request",
            "http-api-proxy-request",
            "function-url-request",
        ] {
            let request = samples::event(&format!("{situation}.json"));
            let expected = samples::event(&format!("{situation}.denied.reply.json"));
            assert_eq!(written(&denied, &request), expected, "{situation}");
        }
    }

    #[test]
    fn a_closed_door_without_redis_is_a_503_and_blames_no_quota() {
        let rules = samples::rules();
        let request = samples::event("load-balancer-request.json");
        assert_eq!(
            written(&samples::closed(&rules), &request),
            samples::event("load-balancer-redis-away-closed.reply.json")
        );
    }

    #[test]
    fn a_blocked_address_is_told_why_and_not_to_come_back() {
        let request = samples::event("load-balancer-request.json");
        let reply = written(&samples::blocked("scraper"), &request);
        let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&reply["statusCode"], &body["detail"]),
            (&json!(429), &json!("scraper"))
        );
        assert!(
            body["type"]
                .as_str()
                .unwrap()
                .ends_with("#abnormal-usage-detected")
        );
        assert_eq!(reply["headers"].get("retry-after"), None);
    }

    #[test]
    fn a_health_check_is_told_by_the_missing_forwarding_header_not_by_its_agent_alone() {
        let mut event = samples::event("load-balancer-health-check.json");
        assert!(is_health_check(&event));
        event["headers"]["x-forwarded-for"] = json!("198.51.100.7");
        assert!(!is_health_check(&event));
    }
}
