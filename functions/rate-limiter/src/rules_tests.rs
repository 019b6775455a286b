use serde_json::json;

use super::*;

fn one(rule: &Value) -> Result<Rule, RuleError> {
    parse(&json!({ "rules": [rule] }).to_string()).map(|mut rules| rules.remove(0))
}

#[test]
fn a_rule_with_only_a_name_and_a_limit_counts_by_address_with_a_burst_of_the_limit() {
    let rule = one(&json!({"name": "default", "limit": 100, "window_seconds": 60})).unwrap();
    assert_eq!((rule.burst, rule.key.clone()), (100, KeyBy::ClientAddress));
    let algorithm = Algorithm::Gcra {
        interval_us: 600_000,
        burst: 100,
    };
    assert_eq!(rule.algorithm(), algorithm);
    assert!(rule.matches(None, None));
}

#[test]
fn a_rule_with_conditions_holds_below_its_path_and_for_its_method_only() {
    let rule = one(
        &json!({"name": "login", "limit": 5, "window_seconds": 60, "path": "/login", "method": "POST", "key": "header:X-Api-Key"}),
    )
    .unwrap();
    assert_eq!(rule.key, KeyBy::Header("x-api-key".to_owned()));
    for (method, path, holds) in [
        ("POST", "/login", true),
        ("post", "/login/totp", true),
        ("GET", "/login", false),
        ("POST", "/login-page", false),
        ("POST", "/", false),
    ] {
        assert_eq!(
            rule.matches(Some(method), Some(path)),
            holds,
            "{method} {path}"
        );
    }
    assert!(!rule.matches(None, None));
}

#[test]
fn the_root_is_above_every_path() {
    let rule = one(&json!({"name": "all", "limit": 5, "window_seconds": 60, "path": "/"})).unwrap();
    assert!(rule.matches(None, Some("/orders/1")) && rule.matches(None, Some("/")));
}

#[test]
fn an_interval_is_rounded_so_that_never_more_than_the_limit_passes() {
    let rule = one(&json!({"name": "seven", "limit": 7, "window_seconds": 60})).unwrap();
    assert_eq!(rule.interval_us(), 8_571_429);
}

#[test]
fn a_changed_rule_does_not_read_the_state_of_the_old_one() {
    let old = one(&json!({"name": "a", "limit": 1, "window_seconds": 3600})).unwrap();
    let new = one(&json!({"name": "a", "limit": 100, "window_seconds": 60})).unwrap();
    assert_ne!(old.field(), new.field());
}

#[test]
fn an_error_names_rule_field_value_and_what_was_expected() {
    let message = |rule: Value| one(&rule).unwrap_err().to_string();
    let good = json!({"name": "default", "limit": 100, "window_seconds": 60});
    let with = |field: &str, value: Value| {
        let mut rule = good.clone();
        rule[field] = value;
        message(rule)
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
            with("key", json!("cookie")),
            with("key", json!("header:")),
            with("path", json!("orders")),
            with("method", json!("post")),
            with("windw", json!(1)),
            message(json!({"limit": 100, "window_seconds": 60})),
            message(json!({"name": "default", "window_seconds": 60})),
            message(json!("default")),
        ]
        .join("\n"),
        @r#"
        rule with space, name="with space": expected 1 to 64 of a-z A-Z 0-9 . _ -
        rule default, limit=0: expected a whole number from 1 to 600000
        rule default, limit="100": expected a whole number from 1 to 600000
        rule default, limit=600001: expected a whole number from 1 to 600000
        rule default, window_seconds=null: expected a whole number from 1 to 2678400
        rule default, burst=-1: expected a whole number from 1 to 26784000000
        rule default, burst=10000000: expected a burst that comes back within 31 days
        rule default, key="cookie": expected client_address, global or header:<name>
        rule default, key="header:": expected client_address, global or header:<name>
        rule default, path="orders": expected a path that begins with /
        rule default, method="post": expected an HTTP method such as POST
        rule default, field `windw`: expected only name, limit, window_seconds, burst, key, path, method
        rule 0, name: expected a name
        rule default, limit is missing: expected a whole number from 1 to 600000
        rule 0: expected an object
"#
    );
}

#[test]
fn an_error_in_the_document_says_what_a_document_looks_like() {
    let twice = r#"{"rules":[{"name":"a","limit":1,"window_seconds":1},{"name":"a","limit":2,"window_seconds":1}]}"#;
    let errors: Vec<String> = [
        "nonsense",
        "[]",
        "{}",
        r#"{"rules":[]}"#,
        r#"{"rules":[],"more":1}"#,
        twice,
    ]
    .iter()
    .map(|document| parse(document).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
        the document (expected ident at line 1 column 2): expected a JSON document such as {"rules":[{"name":"default","limit":100,"window_seconds":60}]}
        the document (invalid type: sequence, expected a map at line 1 column 0): expected a JSON document such as {"rules":[{"name":"default","limit":100,"window_seconds":60}]}
        the document's `rules`: expected at least one rule
        the document's `rules`: expected at least one rule
        the document's field `more`: expected a JSON document such as {"rules":[{"name":"default","limit":100,"window_seconds":60}]}
        rule a, a second time: expected every name once
"#);
}
