use std::net::IpAddr;

use serde_json::json;

use super::*;
use crate::quota::{self, Algorithm};
use crate::request::Request;

fn one(rule: &Value) -> Result<Rule, Vec<Problem>> {
    parse(&json!({ "rules": [rule] }).to_string()).map(|mut document| document.rules.remove(0))
}

fn problems(document: &Value) -> String {
    let problems = parse(&document.to_string()).unwrap_err();
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A request as an event has it: `claims` and `headers` are looked up in it.
fn request<'a>(event: &'a Value, method: &'a str, path: &str) -> Request<'a> {
    Request {
        method: Some(method),
        path: Some(normalised(path)),
        route: event["route"].as_str().map(str::to_owned),
        address: event["address"]
            .as_str()
            .map(|text| text.parse::<IpAddr>().unwrap()),
        api_key: event["api_key"].as_str().map(str::to_owned),
        key: None,
        event,
        claims_at: &["/claims"],
    }
}

#[test]
fn a_rule_with_only_a_name_and_a_limit_counts_by_address_with_a_burst_of_the_limit() {
    let rule = one(&json!({"name": "default", "limit": 100, "window_seconds": 60})).unwrap();
    assert_eq!(rule.key, [KeyBy::ClientAddress]);
    let gcra = Algorithm::Gcra {
        interval_us: 600_000,
        burst: 100,
    };
    assert_eq!(
        (rule.limits[0].algorithm, rule.limits[0].policy.as_str()),
        (gcra, "default")
    );
    let nothing = json!({});
    let unknown = Request {
        method: None,
        path: None,
        ..request(&nothing, "GET", "/")
    };
    assert!(rule.when.holds(&unknown));
    assert_eq!(rule.cost.of(&unknown), 1);
}

#[test]
fn conditions_have_to_be_met_all_and_one_on_something_unknown_is_not() {
    let rule = one(&json!({
        "name": "orders", "limit": 5, "window_seconds": 60, "method": ["POST", "PUT"], "path": ["/orders/{id}", "/carts"],
        "route": "POST /orders/{id}", "header": {"X-Plan": ["free", "trial"], "x-internal": false}, "claim": {"tier": "free", "sub": true},
        "api_key": format!("{}", tollkeeper::canonical::hash_text("k-1")), "client_address": ["203.0.113.0/24"],
    }))
    .unwrap();
    let event = json!({
        "route": "POST /orders/{id}", "headers": {"X-PLAN": "trial"}, "claims": {"tier": "free", "sub": "u-1"},
        "api_key": "k-1", "address": "203.0.113.7",
    });
    assert!(rule.when.holds(&request(&event, "POST", "/orders/7")));
    assert!(rule.when.holds(&request(&event, "put", "/carts/7")));
    assert!(!rule.when.holds(&request(&event, "GET", "/orders/7")));
    assert!(!rule.when.holds(&request(&event, "POST", "/orders")));
    for (field, value) in [
        ("route", json!("POST /orders")),
        ("route", json!(null)),
        ("headers", json!({"x-plan": "gold"})),
        ("headers", json!({})),
        ("headers", json!({"x-plan": "free", "x-internal": "1"})),
        ("claims", json!({"tier": "free"})),
        ("claims", json!({"tier": "free", "sub": ""})),
        ("claims", json!({"tier": ["free"], "sub": "u-1"})),
        ("api_key", json!("k-2")),
        ("api_key", json!(null)),
        ("address", json!("203.0.114.7")),
        ("address", json!(null)),
    ] {
        let mut other = event.clone();
        other[field] = value.clone();
        assert!(
            !rule.when.holds(&request(&other, "POST", "/orders/7")),
            "{field}={value}"
        );
    }
}

#[test]
fn several_windows_and_requests_in_flight_each_have_a_name_and_a_state_of_their_own() {
    let rule = one(&json!({
        "name": "login", "max_in_flight": 3, "lease_seconds": 20, "limits": [
            {"limit": 5, "window_seconds": 60, "burst": 2},
            {"limit": 50, "window_seconds": 86_400, "algorithm": "fixed_window", "name": "login-daily"},
            {"limit": 20, "window_seconds": 600, "algorithm": "sliding_log", "strict": true},
        ],
    }))
    .unwrap();
    let named: Vec<(&str, &str)> = rule
        .limits
        .iter()
        .map(|l| (l.policy.as_str(), l.field.as_str()))
        .collect();
    insta::assert_debug_snapshot!(named, @r#"
        [
            (
                "login-60s",
                "login/login-60s:g12000000:2",
            ),
            (
                "login-daily",
                "login/login-daily:w50:86400000000",
            ),
            (
                "login-600s",
                "login/login-600s:s20:600000000",
            ),
            (
                "login-in-flight",
                "login/login-in-flight:l3:20000000",
            ),
        ]
"#);
}

#[test]
fn a_strict_limit_passes_never_more_than_the_limit_in_any_window() {
    let rule =
        one(&json!({"name": "a", "limit": 10, "window_seconds": 60, "strict": true})).unwrap();
    assert_eq!(
        Some(rule.limits[0].algorithm),
        quota::strict(10, 60_000_000, 5)
    );
    let rule =
        one(&json!({"name": "a", "limit": 10, "window_seconds": 60, "strict": true, "burst": 10}))
            .unwrap();
    assert_eq!(
        Some(rule.limits[0].algorithm),
        quota::strict(10, 60_000_000, 10)
    );
}

#[test]
fn an_interval_is_rounded_so_that_never_more_than_the_limit_passes() {
    let rule = one(&json!({"name": "seven", "limit": 7, "window_seconds": 60})).unwrap();
    assert_eq!(
        rule.limits[0].algorithm,
        Algorithm::Gcra {
            interval_us: 8_571_429,
            burst: 7
        }
    );
}

#[test]
fn a_changed_limit_does_not_read_the_state_of_the_old_one() {
    let old = one(&json!({"name": "a", "limit": 1, "window_seconds": 3600})).unwrap();
    let new = one(&json!({"name": "a", "limit": 100, "window_seconds": 60})).unwrap();
    assert_ne!(old.limits[0].field, new.limits[0].field);
}

#[test]
fn a_request_costs_what_its_route_says_else_its_method_else_the_default() {
    let rule = one(&json!({
        "name": "a", "limit": 100, "window_seconds": 60, "cost": {"default": 2, "POST": 5, "GET /reports/{id}": 20},
    }))
    .unwrap();
    let cost = |route: Value, method: &str| {
        rule.cost
            .of(&request(&json!({ "route": route }), method, "/"))
    };
    assert_eq!(cost(json!(null), "GET"), 2);
    assert_eq!(cost(json!(null), "POST"), 5);
    assert_eq!(cost(json!("GET /reports/{id}"), "GET"), 20);
}

#[test]
fn an_override_keeps_what_it_does_not_mention() {
    let rule = one(&json!({
        "name": "a", "limit": 10, "window_seconds": 60, "algorithm": "sliding_log", "max_in_flight": 2,
        "key": ["api_key", "client_address"], "overrides": [
            {"key": ["k-1", "2001:db8::1"], "limit": 99},
            {"key": [tollkeeper::canonical::hash_text("k-2"), "203.0.113.7"], "max_in_flight": 50, "shadow": true},
            {"key": ["k-3", "203.0.113.7"], "exempt": true},
        ],
    }))
    .unwrap();
    let event = |key: &str, address: &str| json!({"api_key": key, "address": address});
    let own = |event: &Value| {
        let key = crate::identity::of(&rule, &request(event, "GET", "/")).key;
        rule.overrides.get(&key).cloned()
    };
    let log = |limit| Algorithm::SlidingLog {
        limit,
        window_us: 60_000_000,
    };
    let leases = |limit| Algorithm::Leases {
        limit,
        ttl_us: 60_000_000,
    };
    let algorithms = |own: &Override| {
        own.limits
            .iter()
            .map(|limit| limit.algorithm)
            .collect::<Vec<_>>()
    };
    let raised = own(&event("k-1", "2001:db8::9")).unwrap();
    assert_eq!(algorithms(&raised), [log(99), leases(2)]);
    let watched = own(&event("k-2", "203.0.113.7")).unwrap();
    assert_eq!(
        (algorithms(&watched), watched.shadow),
        (vec![log(10), leases(50)], Some(true))
    );
    assert!(own(&event("k-3", "203.0.113.7")).unwrap().exempt);
    assert_eq!(own(&event("k-1", "203.0.113.7")), None);
}

#[test]
fn the_lists_are_read_with_their_reasons() {
    let document = parse(
        &json!({
            "rules": [{"name": "a", "limit": 1, "window_seconds": 1}],
            "allow": ["203.0.113.7", "2001:db8::/32"],
            "block": ["203.0.113.0/24", {"cidr": "198.51.100.0/24", "reason": "scraper"}, "2001:db8::/32"],
        })
        .to_string(),
    )
    .unwrap();
    let lists = AddressLists::new(document.entries);
    let of = |address: &str| lists.of(Some(address.parse().unwrap())).cloned();
    let blocked = |reason: Option<&str>| {
        Some(Listed::Blocked {
            reason: reason.map(str::to_owned),
        })
    };
    assert_eq!(of("203.0.113.7"), Some(Listed::Allowed));
    assert_eq!(of("203.0.113.8"), blocked(None));
    assert_eq!(of("198.51.100.8"), blocked(Some("scraper")));
    assert_eq!(
        of("2001:db8::1"),
        blocked(None),
        "of two entries for one block, block has the word"
    );
    assert_eq!((of("192.0.2.1"), lists.of(None)), (None, None));
}

#[test]
fn an_error_names_rule_field_value_and_what_was_expected() {
    let good = json!({"name": "default", "limit": 100, "window_seconds": 60});
    let with = |field: &str, value: Value| {
        let mut rule = good.clone();
        rule[field] = value;
        problems(&json!({ "rules": [rule] }))
    };
    insta::assert_snapshot!(
        [
            with("name", json!("with space")),
            with("limit", json!(0)),
            with("limit", json!("100")),
            with("limit", json!(600_001)),
            with("window_seconds", json!(null)),
            with("burst", json!(-1)),
            with("burst", json!(10_000_000)),
            with("algorithm", json!("token_bucket")),
            with("strict", json!("yes")),
            with("limits", json!([{"limit": 1, "window_seconds": 1}])),
            with("max_in_flight", json!(0)),
            with("lease_seconds", json!(60)),
            with("key", json!("cookie")),
            with("key", json!("header:")),
            with("key", json!(["global", "route"])),
            with("key", json!(["route", "route"])),
            with("path", json!("orders")),
            with("method", json!(["GET", "post"])),
            with("route", json!("/orders")),
            with("header", json!({"x-plan": 5})),
            with("claim", json!({"a|b": "c"})),
            with("api_key", json!("s3cret")),
            with("client_address", json!(["203.0.113.7/24"])),
            with("cost", json!(0)),
            with("cost", json!(101)),
            with("cost", json!({"post": 1})),
            with("shadow", json!("all")),
            with("overrides", json!([{"key": "s3cret", "limit": 5}])),
            with("overrides", json!([{"key": "203.0.113.7"}])),
            with("windw", json!(1)),
            problems(&json!({"rules": [{"limit": 100, "window_seconds": 60}]})),
            problems(&json!({"rules": [{"name": "default", "window_seconds": 60}]})),
            problems(&json!({"rules": [{"name": "default"}]})),
            problems(&json!({"rules": ["default"]})),
            problems(&json!({"rules": [good], "block": ["203.0.113.7/24"], "allow": "x"})),
        ]
        .join("\n"),
        @r#"
        rule 0, name="with space": expected 1 to 64 of a-z A-Z 0-9 . _ -
        rule default, limit=0: expected a whole number from 1 to 600000
        rule default, limit="100": expected a whole number from 1 to 600000
        rule default, limit=600001: expected a whole number from 1 to 600000
        rule default, window_seconds=null: expected a whole number from 1 to 2678400
        rule default, burst=-1: expected a whole number from 1 to 26784000000
        rule default, burst=10000000: expected a burst that comes back within 31 days
        rule default, algorithm="token_bucket": expected gcra, fixed_window or sliding_log
        rule default, strict="yes": expected true or false
        rule default, limits=[{"limit":1,"window_seconds":1}]: expected either `limit` and `window_seconds`, or `limits`
        rule default, max_in_flight=0: expected a whole number from 1 to 10000
        rule default, max_in_flight is missing: expected a number, because lease_seconds is set
        rule default, key="cookie": expected client_address, api_key, route, header:<name> or claim:<name>, up to four of them, or global alone
        rule default, key="header:": expected client_address, api_key, route, header:<name> or claim:<name>, up to four of them, or global alone
        rule default, key=["global","route"]: expected client_address, api_key, route, header:<name> or claim:<name>, up to four of them, or global alone
        rule default, key=["route","route"]: expected client_address, api_key, route, header:<name> or claim:<name>, up to four of them, or global alone
        rule default, path="orders": expected a path such as /login, /orders/{id} or /static/*
        rule default, method="post": expected an HTTP method such as POST
        rule default, route="/orders": expected a route such as GET /orders/{id} or $default
        rule default, header={"x-plan":5}: expected names with a text, a list of texts, true (given) or false (not given)
        rule default, claim={"a|b":"c"}: expected names with a text, a list of texts, true (given) or false (not given)
        rule default, api_key=(hidden): expected true (given), false (not given), or sha256:<64 hexadecimal digits> of the keys meant
        rule default, client_address="203.0.113.7/24": expected an address or CIDR block such as 198.51.100.0/24 or 2001:db8::/32
        rule default, cost=0: expected a whole number from 1 to 1000000, or such a number by method (POST), route (GET /orders/{id}) or default
        rule default, default with room for 100 at once: expected room for the cost of 101
        rule default, cost={"post":1}: expected a whole number from 1 to 1000000, or such a number by method (POST), route (GET /orders/{id}) or default
        rule default, shadow="all": expected true or false
        rule default, override, key=(hidden): expected client_address: texts; of a header, claim or API key also sha256:<64 hexadecimal digits>
        rule default, override with nothing: expected limits (limit, limits, max_in_flight), "shadow", or "exempt": true alone
        rule default, field `windw`: expected only name, limits, key, path, method, route, header, claim, api_key, client_address, cost, shadow, limit, window_seconds, burst, algorithm, strict, max_in_flight, lease_seconds, overrides
        rule 0, name is missing: expected 1 to 64 of a-z A-Z 0-9 . _ -
        rule default, limit is missing: expected a whole number from 1 to 600000
        rule default, no limit: expected limit and window_seconds, limits, or max_in_flight
        rule 0: expected an object
        the document, allow="x": expected an address or CIDR block such as 198.51.100.0/24 or 2001:db8::/32
        the document, block entry "203.0.113.7/24": expected a list of up to 10000 addresses, CIDR blocks, or {"cidr", "reason"}
"#
    );
}

#[test]
fn all_problems_of_a_document_are_said_at_once_and_none_shows_a_key() {
    let text = problems(&json!({
        "rules": [
            {"name": "a", "limit": 0, "window_seconds": 1, "api_key": "s3cret"},
            {"name": "a", "limit": 2, "window_second": 1},
            {"name": "b", "limits": [{"name": "a", "limit": 2, "window_seconds": 1}, {"name": "a", "limit": 3, "window_seconds": 1}]},
            {"name": "c", "limit": 1, "window_seconds": 1, "overrides": [{"key": ["s3cret", "s3cret"], "limit": 0}]},
        ],
        "more": 1,
    }));
    assert!(!text.contains("s3cret"), "{text}");
    insta::assert_snapshot!(text, @r#"
        the document, field `more`: expected only rules, allow, block
        rule a, limit=0: expected a whole number from 1 to 10000
        rule a, api_key=(hidden): expected true (given), false (not given), or sha256:<64 hexadecimal digits> of the keys meant
        rule a, field `window_second`: expected only name, limits, key, path, method, route, header, claim, api_key, client_address, cost, shadow, limit, window_seconds, burst, algorithm, strict, max_in_flight, lease_seconds, overrides
        rule a, window_seconds is missing: expected a whole number from 1 to 2678400
        rule b, limits=[{"name":"a","limit":2,"window_seconds":1},{"name":"a","limit":3,"window_seconds...: expected windows of different lengths, or a `name` for each
        rule c, override, limit=0: expected a whole number from 1 to 10000
        rule c, override, key=(hidden): expected client_address: texts; of a header, claim or API key also sha256:<64 hexadecimal digits>
        rule a, a second time: expected every name once
        rule b, limit a: expected a name that no limit of another rule has
        rule b, limit a: expected a name that no limit of another rule has
"#);
}

#[test]
fn an_error_in_the_document_says_what_a_document_looks_like() {
    let errors: Vec<String> = ["nonsense", "[]", "{}", r#"{"rules":[]}"#]
        .iter()
        .map(|document| parse(document).unwrap_err()[0].to_string())
        .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
        the document (expected ident at line 1 column 2): expected a JSON document such as {"rules":[{"name":"default","limit":100,"window_seconds":60}]}
        the document (invalid type: sequence, expected a map at line 1 column 0): expected a JSON document such as {"rules":[{"name":"default","limit":100,"window_seconds":60}]}
        the document's `rules`: expected 1 to 100 rules
        the document's `rules`: expected 1 to 100 rules
"#);
}
