//! Each way to ask, with the sample events, against a real Redis.

use rate_limiter::App;
use serde_json::{Value, json};
use tollkeeper::telemetry::wall_clock;

use crate::outage::app;
use crate::server::Server;

fn event(name: &str) -> Value {
    let path = format!(
        "{}/../../events/rate-limiter/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

async fn ask(app: &App, event: &Value) -> Result<Value, (String, String)> {
    let reply = app.handle(event, wall_clock()).await;
    reply.map_err(|error| (error.error_type, error.error_message))
}

#[tokio::test]
async fn one_client_has_one_quota_whichever_way_it_is_asked_about() {
    let server = Server::start();
    let app = app(&server.url(), &[]);
    let passed = ask(&app, &event("authorizer-request")).await.unwrap();
    assert_eq!(passed["isAuthorized"], true);
    assert_eq!(passed["context"]["verdict"], "allowed");
    let passed = ask(&app, &event("load-balancer-request")).await.unwrap();
    assert_eq!(
        (&passed["statusCode"], &passed["statusDescription"]),
        (&json!(200), &json!("200 OK"))
    );
    let denied = ask(&app, &event("check-by-key")).await.unwrap();
    assert_eq!(denied["allowed"], false);
    assert_eq!(denied["rules"][0]["remaining"], 18);
    assert_eq!(denied["rules"][1]["exceeded"], true);
}

#[tokio::test]
async fn a_denial_reaches_the_client_as_a_429_from_the_load_balancer_and_as_configured_from_api_gateway()
 {
    let server = Server::start();
    let forbids = app(&server.url(), &[("AUTHORIZER_DENY", "forbid")]);
    let app = app(&server.url(), &[]);
    for _ in 0..2 {
        ask(&app, &event("load-balancer-request")).await.unwrap();
    }
    let denied = ask(&app, &event("load-balancer-request")).await.unwrap();
    assert_eq!(denied["statusCode"], 429);
    let retry: u64 = denied["headers"]["retry-after"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=1_800).contains(&retry), "{retry}");
    let told = ask(&app, &event("authorizer-request")).await.unwrap();
    assert_eq!(
        (&told["isAuthorized"], &told["context"]["verdict"]),
        (&json!(true), &json!("denied"))
    );
    let forbidden = ask(&forbids, &event("authorizer-request")).await.unwrap();
    assert_eq!(forbidden["isAuthorized"], false);
}

#[tokio::test]
async fn what_a_client_writes_into_the_forwarding_header_gains_it_nothing() {
    let server = Server::start();
    let app = app(&server.url(), &[]);
    let mut request = event("load-balancer-request");
    let mut statuses = Vec::new();
    for spoofed in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        request["headers"]["x-forwarded-for"] = json!(format!("{spoofed}, 203.0.113.20"));
        statuses.push(ask(&app, &request).await.unwrap()["statusCode"].clone());
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn who_does_not_say_who_it_is_is_counted_with_all_who_do_not_and_the_answer_says_so() {
    let server = Server::start();
    let app = app(&server.url(), &[]);
    let mut request = event("authorizer-request");
    request["requestContext"]["http"]["sourceIp"] = json!("unknown");
    let reply = ask(&app, &request).await.unwrap();
    assert_eq!(reply["context"]["missing_identity"], true);
}

#[tokio::test]
async fn a_weighted_check_uses_its_cost_of_the_rule_that_it_names() {
    let server = Server::start();
    let reply = ask(&app(&server.url(), &[]), &event("check-weighted"))
        .await
        .unwrap();
    let [rule] = reply["rules"].as_array().unwrap().as_slice() else {
        panic!("{reply}");
    };
    assert_eq!(
        (&rule["name"], &rule["remaining"]),
        (&json!("default"), &json!(15))
    );
}

#[tokio::test]
async fn a_health_check_of_the_load_balancer_uses_no_quota_and_needs_no_redis() {
    let app = app("redis://127.0.0.1:1", &[]);
    let reply = ask(&app, &event("load-balancer-health-check"))
        .await
        .unwrap();
    assert_eq!(reply["statusCode"], 200);
}

#[tokio::test]
async fn what_cannot_be_decided_is_an_error_with_a_stable_type() {
    let app = app("redis://127.0.0.1:1", &[]);
    let mut errors = Vec::new();
    for event in [
        json!({"Records": []}),
        json!([]),
        event("authorizer-payload-1.0"),
        json!({"version": "2.0", "type": "REQUEST"}),
        json!({"requestContext": {"elb": {}}}),
        event("check-unknown-action"),
        json!({"action": "check", "key": "a", "rule": "defalt"}),
        json!({"action": "check", "key": "a", "cost": 21}),
    ] {
        let (error_type, message) = ask(&app, &event).await.unwrap_err();
        errors.push(format!("{error_type}: {message}"));
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
        Request.Malformed: event has neither `action` nor `requestContext.elb` nor type REQUEST: expected a direct check, a load balancer's request or an HTTP API authorizer request
        Request.Malformed: event has neither `action` nor `requestContext.elb` nor type REQUEST: expected a direct check, a load balancer's request or an HTTP API authorizer request
        Request.Malformed: event has an authorizer payload of version 1.0: expected payload format version 2.0
        Request.Malformed: event has no /requestContext/http/method: expected a text there
        Request.Malformed: event has no /httpMethod: expected a text there
        Request.UnknownAction: unknown action `chek`: expected check
        Request.UnknownRule: unknown rule `defalt`: expected one of default, login
        Request.CostTooHigh: cost 21 is above the burst of rule `default`: expected at most 20
"#);
}
