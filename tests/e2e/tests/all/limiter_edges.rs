//! The rate limiter's ways in and what changes while it runs: upstream, overrides, secrets. Real binary, real Redis.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::any;
use local_cloud::events::{self, Headers};
use local_cloud::{Function, LocalCloud, wait};
use serde_json::{Value, json};

use crate::support::{create_table, event, start};

const RULES: &str = r#"{"rules":[{"name":"default","limit":2,"window_seconds":3600}]}"#;
const SOON: Duration = Duration::from_secs(15);

async fn cloud(name: &str) -> LocalCloud {
    LocalCloud::builder(name).redis().start().await.unwrap()
}

async fn limiter(cloud: &LocalCloud, more: &[(&str, &str)]) -> Function {
    let url = cloud.redis().unwrap().url();
    let mut settings = more.to_vec();
    let named = more.iter().any(|(name, _)| *name == "REDIS_ENDPOINT");
    if !named {
        settings.push(("REDIS_URL", &url));
    }
    settings.extend([("ON_OUTAGE", "closed"), ("REDIS_DEADLINE_MS", "5000")]);
    if !more.iter().any(|(name, _)| *name == "RULES") {
        settings.push(("RULES", RULES));
    }
    start(cloud, "rate-limiter", &settings).await
}

async fn ask(limiter: &Function, event: &Value) -> Value {
    limiter.invoke(event).await.unwrap().into_result().unwrap()
}

#[tokio::test]
async fn every_front_door_of_aws_is_answered_in_its_own_terms() {
    let cloud = cloud("limiter-front-doors").await;
    let limiter = limiter(&cloud, &[]).await;
    let rest = ask(
        &limiter,
        &event("rate-limiter/rest-authorizer-request.json"),
    )
    .await;
    assert_eq!(rest["policyDocument"]["Statement"][0]["Effect"], "Allow");
    let proxy = ask(&limiter, &event("rate-limiter/rest-proxy-request.json")).await;
    assert_eq!(proxy["statusCode"], 200);
    for name in ["function-url-request", "http-api-proxy-request"] {
        let denied = ask(&limiter, &event(&format!("rate-limiter/{name}.json"))).await;
        assert_eq!(denied["statusCode"], 429, "{denied}");
        assert_eq!(
            denied["headers"]["content-type"],
            "application/problem+json"
        );
    }
    let rest = ask(
        &limiter,
        &event("rate-limiter/rest-authorizer-request.json"),
    )
    .await;
    assert_eq!(rest["policyDocument"]["Statement"][0]["Effect"], "Deny");
    let problem: Value =
        serde_json::from_str(rest["context"]["problem"].as_str().unwrap()).unwrap();
    assert_eq!(problem["violated-policies"], json!(["default"]));
}

/// Says what arrived, or behaves badly as the path says.
async fn upstream(request: Request) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    match parts.uri.path() {
        "/base/large" => return vec![b'a'; 1_100_000].into_response(),
        "/base/binary" => {
            return ([("set-cookie", "a=1")], vec![0_u8, 159, 146, 150]).into_response();
        }
        "/base/slow" => tokio::time::sleep(Duration::from_secs(30)).await,
        _ => {}
    }
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let said = json!({
        "method": parts.method.as_str(), "uri": parts.uri.to_string(), "body": body.to_vec(),
        "verdict": header("x-tollkeeper-verdict"), "for": header("x-forwarded-for"), "cookie": header("cookie"),
    });
    (
        axum::http::StatusCode::CREATED,
        [("x-upstream", "yes")],
        said.to_string(),
    )
        .into_response()
}

async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base", listener.local_addr().unwrap());
    let router = Router::new().fallback(any(upstream));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn what_may_pass_is_passed_on_and_comes_back_with_the_limits_headers() {
    let cloud = cloud("limiter-upstream").await;
    let url = serve().await;
    let rules = r#"{"rules":[{"name":"default","limit":6,"window_seconds":3600,"max_in_flight":1,"lease_seconds":3600}]}"#;
    let settings = [
        ("UPSTREAM_URL", url.as_str()),
        ("UPSTREAM_TIMEOUT_MS", "1000"),
        ("RULES", rules),
    ];
    let limiter = limiter(&cloud, &settings).await;

    let reply = ask(&limiter, &event("rate-limiter/function-url-request.json")).await;
    assert_eq!(
        (&reply["statusCode"], &reply["headers"]["x-upstream"]),
        (&json!(201), &json!("yes"))
    );
    assert!(
        reply["headers"]["ratelimit"]
            .as_str()
            .unwrap()
            .contains("r=5"),
        "{reply}"
    );
    let said: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        said,
        json!({
            "method": "POST", "uri": "/base/login?next=%2Fbasket&next=%2Forders", "body": br#"{"user": "ada"}"#,
            "verdict": "allowed", "for": "203.0.113.20", "cookie": "session=1; theme=dark",
        })
    );
    // One request at a time: that each of these passes shows that the lease of the one before was given back.
    let request = |path: &str| {
        let request = events::Request::new("GET", "shop.example.com", path).from("203.0.113.20");
        events::load_balancer(&request, Headers::Multiple)
    };
    let binary = ask(&limiter, &request("/binary")).await;
    assert_eq!(
        (&binary["isBase64Encoded"], &binary["body"]),
        (&json!(true), &json!("AJ+Slg=="))
    );
    assert_eq!(binary["multiValueHeaders"]["set-cookie"], json!(["a=1"]));
    let large = ask(&limiter, &request("/large")).await;
    assert_eq!(large["statusCode"], 502, "{large}");
    assert!(
        large["body"].as_str().unwrap().contains("1000000 bytes"),
        "{large}"
    );
    let slow = ask(&limiter, &request("/slow")).await;
    assert_eq!(
        (&slow["statusCode"], &slow["statusDescription"]),
        (&json!(504), &json!("504 Gateway Timeout"))
    );
    assert_eq!(ask(&limiter, &request("/a")).await["statusCode"], 201);
    assert_eq!(ask(&limiter, &request("/b")).await["statusCode"], 201);
    let denied = ask(&limiter, &request("/c")).await;
    assert_eq!(denied["statusCode"], 429, "{denied}");
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_a_502_that_says_so() {
    let cloud = cloud("limiter-upstream-gone").await;
    let limiter = limiter(&cloud, &[("UPSTREAM_URL", "http://127.0.0.1:9")]).await;
    let reply = ask(&limiter, &event("rate-limiter/load-balancer-request.json")).await;
    assert_eq!(
        (&reply["statusCode"], &reply["headers"]["content-type"]),
        (&json!(502), &json!("application/problem+json"))
    );
}

async fn put(cloud: &LocalCloud, sk: &str, fields: &[(&str, AttributeValue)]) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut put = aws_sdk_dynamodb::Client::new(&cloud.sdk_config())
        .put_item()
        .table_name("limits")
        .item("pk", text("limiter"))
        .item("sk", text(sk));
    for (name, value) in fields {
        put = put.item(*name, value.clone());
    }
    put.send().await.unwrap();
}

#[tokio::test]
async fn overrides_and_lists_change_while_it_runs_and_a_wrong_item_harms_nobody() {
    let cloud = cloud("limiter-overrides").await;
    create_table(&cloud, "limits").await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: &str| AttributeValue::N(number.to_owned());
    let blocked = [
        ("kind", text("block")),
        ("cidr", text("198.51.100.0/24")),
        ("reason", text("scraper")),
    ];
    put(&cloud, "block#1", &blocked).await;
    let settings = [
        ("OVERRIDES_TABLE", "limits"),
        ("OVERRIDES_REFRESH_SECONDS", "1"),
    ];
    let limiter = limiter(&cloud, &settings).await;

    // The very first request knows the table.
    let of = |key: &str| json!({"action": "check", "key": key});
    let reply = ask(&limiter, &of("198.51.100.7")).await;
    assert_eq!(
        (&reply["allowed"], &reply["reason"]),
        (&json!(false), &json!("scraper"))
    );
    for allowed in [true, true, false] {
        assert_eq!(ask(&limiter, &of("203.0.113.20")).await["allowed"], allowed);
    }

    let raised = [
        ("kind", text("override")),
        ("rule", text("default")),
        ("key", text("203.0.113.20")),
        ("limit", number("100")),
    ];
    put(&cloud, "override#1", &raised).await;
    put(
        &cloud,
        "override#2",
        &[("kind", text("override")), ("rule", text("defalt"))],
    )
    .await;
    let raised = wait::until(SOON, async || {
        Some(ask(&limiter, &of("203.0.113.20")).await).filter(|reply| reply["allowed"] == true)
    });
    let reply = raised
        .await
        .expect("the raised limit never came to be known");
    assert_eq!(reply["rules"][0]["limit"], 100);
    let seen = |line: &String| line.contains("override#2") && line.contains("skipped");
    assert!(
        limiter.log_lines().iter().any(seen),
        "the wrong item is not named"
    );
    let aged = wait::until(SOON, async || {
        ask(&limiter, &of("203.0.113.21")).await;
        limiter
            .metrics()
            .into_iter()
            .find(|metric| metric["OverridesRefused"] == 1.0)
    });
    assert!(aged.await.expect("no metric of the table")["OverridesAge"].is_number());
}

#[tokio::test]
async fn a_password_that_is_rotated_in_secrets_manager_is_read_again() {
    let cloud = cloud("limiter-secret").await;
    let url = cloud.redis().unwrap().url();
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let mut acl = async |arguments: &[&str]| {
        let _: redis::Value = redis::cmd("ACL")
            .arg("SETUSER")
            .arg("limiter")
            .arg(arguments)
            .query_async(&mut redis)
            .await
            .unwrap();
    };
    acl(&["on", "~*", "+@all", ">one"]).await;
    let secrets = aws_sdk_secretsmanager::Client::new(&cloud.sdk_config());
    let secret = |password: &str| {
        json!({"username": "limiter", "password": password, "engine": "redis"}).to_string()
    };
    secrets
        .create_secret()
        .name("redis")
        .secret_string(secret("one"))
        .send()
        .await
        .unwrap();
    let limiter = limiter(
        &cloud,
        &[("REDIS_ENDPOINT", &url), ("REDIS_SECRET", "redis")],
    )
    .await;
    let check = |key: &str| json!({"action": "check", "key": key});
    let reply = ask(&limiter, &check("a")).await;
    assert_eq!(
        (&reply["allowed"], reply.get("outage")),
        (&json!(true), None)
    );

    acl(&["resetpass", ">two"]).await;
    secrets
        .put_secret_value()
        .secret_id("redis")
        .secret_string(secret("two"))
        .send()
        .await
        .unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let killed: u64 = redis::cmd("CLIENT")
        .arg(&["KILL", "USER", "limiter"])
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(killed, 1);
    let reply = ask(&limiter, &check("a")).await;
    assert_eq!(
        (&reply["allowed"], reply.get("outage")),
        (&json!(true), None),
        "{reply}"
    );
    let logged = limiter.log_lines().concat();
    assert!(
        !logged.contains("one\"") && !logged.contains("two\""),
        "a password is in the log"
    );
}
