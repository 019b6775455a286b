//! The events against the golden files that the functions are tested with.

use super::*;
use crate::workspace;

fn golden(name: &str) -> Value {
    let text = std::fs::read_to_string(workspace::root().join("events").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A golden file may leave out what its function does not read; what it has must be there.
fn assert_has(event: &Value, golden: &Value, at: &str) {
    match golden {
        Value::Object(fields) => {
            for (name, value) in fields {
                let found = event.get(name);
                assert!(found.is_some(), "{at}/{name} is missing");
                assert_has(&event[name], value, &format!("{at}/{name}"));
            }
        }
        value => assert_eq!(event, value, "{at}"),
    }
}

#[test]
fn a_schedule_fills_in_its_time() {
    let input = r#"{"action":"nightly","time":"<aws.scheduler.scheduled-time>"}"#;
    let template = std::fs::read_to_string(workspace::root().join("template.yaml")).unwrap();
    assert!(
        template.contains(input),
        "what is deployed is what is played"
    );
    let event = schedule(input, time("2026-10-14T06:30:00Z")).unwrap();
    assert_eq!(
        event,
        golden("nat-cost-detector/scheduler-runs-the-night.json")
    );
}

#[test]
fn an_input_that_is_not_json_is_an_error() {
    assert!(schedule("nightly", Timestamp::UNIX_EPOCH).is_err());
}

#[test]
fn an_authorizer_is_asked_in_payload_2() {
    let request = Request::new("POST", "api.example.com", "/login")
        .from("203.0.113.20")
        .at(time("2026-10-14T06:30:00Z"))
        .region("eu-central-1")
        .header("Accept", "*/*")
        .header("Content-Length", "54")
        .header("Content-Type", "application/json")
        .header("User-Agent", "curl/8.11.1")
        .header("X-Api-Key", "example-key");
    assert_eq!(
        http_api_authorizer(&request, &["203.0.113.20"]),
        golden("rate-limiter/authorizer-request.json")
    );
}

/// What a client behind a proxy of its own sends to the shop.
fn shop(client: &str) -> Request {
    Request::new("POST", "shop.example.com", "/login")
        .from(client)
        .region("eu-central-1")
        .header("accept", "*/*")
        .header("user-agent", "curl/8.11.1")
        .header(
            "x-amzn-trace-id",
            "Root=1-68ede000-4dea0086f9763ac0667b115a",
        )
        .header("x-forwarded-for", "10.9.9.9")
}

#[test]
fn a_load_balancer_passes_on_headers() {
    assert_eq!(
        load_balancer(&shop("203.0.113.20"), Headers::Single),
        golden("rate-limiter/load-balancer-request.json")
    );
}

#[test]
fn a_load_balancer_passes_on_multi_value_headers() {
    assert_eq!(
        load_balancer(&shop("[2001:db8:1:2::7]:50123"), Headers::Multiple),
        golden("rate-limiter/load-balancer-multi-value-headers.json")
    );
}

#[test]
fn a_load_balancer_with_single_headers_keeps_the_last_of_a_name() {
    let twice = shop("203.0.113.20").header("accept", "text/html");
    let event = load_balancer(&twice, Headers::Single);
    assert_eq!(event["headers"]["accept"], "text/html");
}

/// The request of the golden files of endpoint-approval.
fn approval(body: &Value) -> Request {
    Request::new("POST", "abcdefghij.lambda-url.us-east-1.on.aws", "/")
        .from("203.0.113.7")
        .at(time("2026-10-14T07:00:00Z"))
        .header("content-type", "application/json")
        .header("user-agent", "curl/8.5.0")
        .body(body.as_str().unwrap())
}

#[test]
fn a_function_url_says_who_calls() {
    let golden = golden("endpoint-approval/approve.json");
    let alice = Caller {
        role: "network-approver".to_owned(),
        role_id: "AROAEXAMPLEAPPROVER01".to_owned(),
        session: "alice".to_owned(),
        organization: Some("o-example".to_owned()),
    };
    let event = function_url(&approval(&golden["body"]), Some(&alice));
    assert_has(&event, &golden, "");
}

#[test]
fn a_function_url_without_authentication_names_nobody() {
    let golden = golden("endpoint-approval/no-identity.json");
    let event = function_url(&approval(&golden["body"]), None);
    assert_has(&event, &golden, "");
    assert!(event["requestContext"].get("authorizer").is_none());
}
