//! Each way to ask, with the sample events, against a real Redis.

use rate_limiter::App;
use serde_json::{Value, json};
use tollkeeper::telemetry::wall_clock;

use crate::outage::{app, app_with};
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
        json!({"type": "TOKEN", "methodArn": "arn", "authorizationToken": "s3cret"}),
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
        Request.Malformed: event has none of the shapes that are known: expected a direct `action`, an authorizer's, a load balancer's, API Gateway's or a function URL's request
        Request.Malformed: event has none of the shapes that are known: expected a direct `action`, an authorizer's, a load balancer's, API Gateway's or a function URL's request
        Request.Malformed: event has a TOKEN authorizer's request: expected an authorizer of type REQUEST: a token alone says nothing of client, route or method
        Request.Malformed: event has no /requestContext/http/method: expected a text there
        Request.Malformed: event has no /httpMethod: expected a text there
        Request.UnknownAction: unknown action `chek`: expected check, peek, refund, reset or release
        Request.UnknownRule: unknown rule `defalt`: expected one of default, login
        Request.CostTooHigh: cost 21 is above the burst of rule `default`: expected at most 20
"#);
}

#[tokio::test]
async fn a_rest_api_is_answered_by_a_policy_for_the_one_request_that_was_asked_about() {
    let server = Server::start();
    let app = app(&server.url(), &[]);
    let request = event("rest-authorizer-request");
    let mut effects = Vec::new();
    for _ in 0..3 {
        let reply = ask(&app, &request).await.unwrap();
        let statement = &reply["policyDocument"]["Statement"][0];
        assert_eq!(statement["Resource"], request["methodArn"]);
        effects.push(statement["Effect"].clone());
    }
    assert_eq!(effects, ["Allow", "Allow", "Deny"]);
    // The same authorizer on an HTTP API with the old payload.
    let reply = ask(&app, &event("authorizer-payload-1.0")).await.unwrap();
    assert_eq!(reply["policyDocument"]["Statement"][0]["Effect"], "Allow");
}

#[tokio::test]
async fn every_way_in_over_http_counts_the_same_client_once_each() {
    let server = Server::start();
    let app = app(&server.url(), &[]);
    for (at, name) in [
        "rest-proxy-request",
        "http-api-proxy-request",
        "function-url-request",
        "load-balancer-request",
    ]
    .iter()
    .enumerate()
    {
        let reply = ask(&app, &event(name)).await.unwrap();
        assert_eq!(
            reply["statusCode"],
            if at < 2 { 200 } else { 429 },
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_peek_changes_nothing_a_refund_gives_back_and_a_reset_forgets() {
    let server = Server::start();
    let app = app(&server.url(), &[("DENIAL_CACHE_SECONDS", "60")]);
    let remaining = async |name: &str| {
        let reply = ask(&app, &event(name)).await.unwrap();
        reply["rules"][1]["remaining"].clone()
    };
    assert_eq!(remaining("peek").await, 2);
    assert_eq!(remaining("check-by-key").await, 1);
    assert_eq!(remaining("check-by-key").await, 0);
    assert_eq!(
        ask(&app, &event("check-by-key")).await.unwrap()["allowed"],
        false
    );
    assert_eq!(ask(&app, &event("peek")).await.unwrap()["allowed"], false);
    let refund = json!({"action": "refund", "key": "203.0.113.20", "rule": "login", "cost": 1});
    assert_eq!(ask(&app, &refund).await.unwrap()["done"], true);
    assert_eq!(
        ask(&app, &event("check-by-key")).await.unwrap()["allowed"],
        true
    );
    let reset =
        json!({"action": "reset", "key": "203.0.113.20", "method": "POST", "path": "/login"});
    assert_eq!(ask(&app, &reset).await.unwrap()["done"], true);
    assert_eq!(remaining("peek").await, 2);
}

#[tokio::test]
async fn requests_in_flight_are_counted_until_they_are_released() {
    let server = Server::start();
    let rules = r#"{"rules": [{"name": "reports", "max_in_flight": 2, "lease_seconds": 600, "key": "api_key"}]}"#;
    let app = app_with(&server.url(), rules, &[]);
    let check = json!({"action": "check", "key": "customer-1"});
    let first = ask(&app, &check).await.unwrap();
    let second = ask(&app, &check).await.unwrap();
    assert_ne!(first["lease"], second["lease"]);
    let denied = ask(&app, &check).await.unwrap();
    assert_eq!(
        (&denied["allowed"], denied.get("lease")),
        (&json!(false), None)
    );
    assert_eq!(denied["rules"][0]["name"], "reports-in-flight");
    let release = json!({"action": "release", "key": "customer-1", "lease": first["lease"]});
    assert_eq!(ask(&app, &release).await.unwrap()["done"], true);
    assert_eq!(ask(&app, &check).await.unwrap()["allowed"], true);
    let nameless = json!({"action": "release", "key": "customer-1"});
    assert!(ask(&app, &nameless).await.is_err());
}

#[tokio::test]
async fn lists_decide_before_any_quota_and_need_no_redis() {
    let rules = r#"{"rules": [{"name": "default", "limit": 1, "window_seconds": 3600}],
        "allow": ["203.0.113.20"], "block": [{"cidr": "203.0.113.0/24", "reason": "scraper"}]}"#;
    let app = app_with("redis://127.0.0.1:1", rules, &[]);
    for _ in 0..3 {
        let reply = ask(&app, &event("load-balancer-request")).await.unwrap();
        assert_eq!(reply["statusCode"], 200);
    }
    let check = json!({"action": "check", "key": "203.0.113.21"});
    let reply = ask(&app, &check).await.unwrap();
    assert_eq!(
        (&reply["allowed"], &reply["listed"], &reply["reason"]),
        (&json!(false), &json!("block"), &json!("scraper"))
    );
    let mut request = event("authorizer-request");
    request["requestContext"]["http"]["sourceIp"] = json!("203.0.113.99");
    let reply = ask(&app, &request).await.unwrap();
    assert_eq!(
        (&reply["context"]["verdict"], &reply["context"]["blocked"]),
        (&json!("denied"), &json!("scraper"))
    );
    let shadow = app_with("redis://127.0.0.1:1", rules, &[("SHADOW", "all")]);
    let reply = ask(&shadow, &check).await.unwrap();
    assert_eq!(
        (
            &reply["allowed"],
            &reply["listed"],
            &reply["rules"][0]["name"]
        ),
        (&json!(true), &json!("block"), &json!("default"))
    );
}

#[tokio::test]
async fn in_shadow_nothing_is_denied_everything_is_told_and_no_client_sees_it() {
    let server = Server::start();
    let one =
        r#"{"rules": [{"name": "default", "limit": 1, "window_seconds": 3600, "shadow": true}]}"#;
    let all = r#"{"rules": [{"name": "all", "limit": 1, "window_seconds": 3600}]}"#;
    for (rules, settings) in [(one, vec![]), (all, vec![("SHADOW", "all")])] {
        let app = app_with(&server.url(), rules, &settings);
        for attempt in 0..3 {
            let reply = ask(&app, &event("authorizer-request")).await.unwrap();
            assert_eq!(reply["context"]["verdict"], "allowed");
            assert_eq!(
                reply["context"].get("shadow_exceeded").is_some(),
                attempt > 0,
                "{reply}"
            );
            assert_eq!(reply["context"].get("ratelimit"), None);
        }
    }
    // Redis away, the door closed: nothing is enforced, so nothing is closed.
    let away = app_with("redis://127.0.0.1:1", one, &[]);
    let reply = ask(&away, &event("authorizer-request")).await.unwrap();
    assert_eq!(
        (&reply["context"]["verdict"], &reply["context"]["outage"]),
        (&json!("allowed"), &json!("redis-unreachable"))
    );
}

#[tokio::test]
async fn claims_routes_and_combinations_are_counted_apart() {
    let server = Server::start();
    let rules = r#"{"rules": [
        {"name": "free", "limit": 1, "window_seconds": 3600, "claim": {"tier": "free"}, "key": ["claim:sub", "route"]},
        {"name": "cognito", "limit": 1, "window_seconds": 3600, "claim": {"custom:tier": "free"}, "key": "claim:cognito:username"}]}"#;
    let app = app_with(&server.url(), rules, &[]);
    let mut request = event("http-api-proxy-request");
    let mut status = async |change: &[(&str, &str)]| {
        for (pointer, value) in change {
            *request.pointer_mut(pointer).unwrap() = json!(value);
        }
        ask(&app, &request).await.unwrap()["statusCode"].clone()
    };
    let sub = "/requestContext/authorizer/jwt/claims/sub";
    let route = "/requestContext/routeKey";
    assert_eq!(status(&[]).await, 200);
    assert_eq!(status(&[]).await, 429);
    assert_eq!(status(&[(sub, "u-2")]).await, 200);
    assert_eq!(status(&[(sub, "u-2"), (route, "GET /orders")]).await, 200);
    assert_eq!(status(&[]).await, 429);
    let statuses = [
        ask(&app, &event("rest-proxy-request")).await.unwrap(),
        ask(&app, &event("rest-proxy-request")).await.unwrap(),
    ];
    assert_eq!(
        statuses.map(|reply| reply["statusCode"].clone()),
        [200, 429]
    );
    // A client cannot write claims of its own: those of a direct check are not looked for in a request over HTTP.
    let mut forged = event("load-balancer-request");
    forged["claims"] = json!({"tier": "free", "sub": "u-1"});
    let reply = ask(&app, &forged).await.unwrap();
    assert_eq!(
        reply["body"].as_str().unwrap(),
        r#"{"allowed":true,"rules":[],"headers":{}}"#
    );
}

#[tokio::test]
async fn what_attackers_put_into_headers_costs_little_and_gains_nothing() {
    let server = Server::start();
    let app = app(&server.url(), &[]);
    let mut request = event("load-balancer-multi-value-headers");
    // Ten thousand entries, in one line and in as many; rubbish; another spelling of the name.
    let long = "6.6.6.6, ".repeat(10_000);
    let many: Vec<String> = (0..10_000)
        .map(|n| format!("10.0.{}.{}", n / 256, n % 256))
        .collect();
    let started = std::time::Instant::now();
    for (at, list) in [
        json!([format!("{long}203.0.113.20")]),
        json!(
            many.into_iter()
                .chain(["203.0.113.20".to_owned()])
                .collect::<Vec<_>>()
        ),
        json!([",,,, ;drop, [::1, \u{0}", "203.0.113.20:4711"]),
    ]
    .into_iter()
    .enumerate()
    {
        request["multiValueHeaders"]["x-forwarded-for"] = list;
        let reply = ask(&app, &request).await.unwrap();
        assert_eq!(reply["statusCode"], if at < 2 { 200 } else { 429 }, "{at}");
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(2));
    // IPv6: whoever has a /64 has one quota.
    let mut statuses = Vec::new();
    for host in ["1", "2", "1:2:3"] {
        request["multiValueHeaders"]["x-forwarded-for"] = json!([format!("2001:db8:7:7::{host}")]);
        statuses.push(ask(&app, &request).await.unwrap()["statusCode"].clone());
    }
    assert_eq!(statuses, [200, 200, 429]);
    // No readable address: everybody without one shares a quota.
    let mut statuses = Vec::new();
    for junk in ["unknown", "", "203.0.113.20, _hidden"] {
        request["multiValueHeaders"]["x-forwarded-for"] = json!([junk]);
        statuses.push(ask(&app, &request).await.unwrap()["statusCode"].clone());
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn behind_cloudfront_the_client_is_one_entry_further_left_of_what_api_gateway_saw() {
    let server = Server::start();
    let app = app(&server.url(), &[("TRUSTED_HOPS", "2")]);
    let mut request = event("authorizer-request");
    let mut verdicts = Vec::new();
    for (edge, client) in [
        ("130.176.0.5", "198.51.100.7"),
        ("130.176.0.6", "198.51.100.7"),
        ("130.176.0.7", "198.51.100.7"),
    ] {
        request["requestContext"]["http"]["sourceIp"] = json!(edge);
        request["headers"]["x-forwarded-for"] = json!(format!("6.6.6.6, {client}, {edge}"));
        verdicts.push(ask(&app, &request).await.unwrap()["context"]["verdict"].clone());
    }
    assert_eq!(verdicts, ["allowed", "allowed", "denied"]);
}

#[tokio::test]
async fn older_headers_come_only_by_setting_and_name_the_limit_that_leaves_least() {
    let server = Server::start();
    let app = app(&server.url(), &[("X_RATELIMIT_HEADERS", "true")]);
    let reply = ask(&app, &event("load-balancer-request")).await.unwrap();
    let header = |name: &str| reply["headers"][name].as_str().map(str::to_owned);
    assert_eq!(header("x-ratelimit-limit").as_deref(), Some("2"));
    assert_eq!(header("x-ratelimit-remaining").as_deref(), Some("1"));
    assert_eq!(header("x-ratelimit-reset").as_deref(), Some("1800"));
}
