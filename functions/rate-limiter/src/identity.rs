//! Whose quota does a request use?
//!
//! An identity that is missing (no such header, no readable address) is a stated outcome: all such requests share one
//! quota for that kind of key, so that leaving out a header gains nothing. What a client sent as a key may be a
//! secret, and may be long: it is only kept as a hash of 128 bits. No part of a key can contain what separates parts.

use std::fmt;
use std::net::IpAddr;

use tollkeeper::canonical::hash_text;

use crate::address;
use crate::request::Request;
use crate::rules::{KeyBy, Rule};

/// On a cluster the part in braces picks the slot: all that is remembered of an identity is in one.
const PREFIX: &str = "tollkeeper:limit:";
/// Hexadecimal digits kept of a hash: 128 bits.
const DIGITS: usize = 32;

/// The name of a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The key that the state is remembered under.
    pub key: String,
    /// Whether the request did not say who it is, in part at least.
    pub missing: bool,
}

impl Identity {
    /// The identity for people: addresses as they are, everything else hashed.
    pub fn shown(&self) -> &str {
        let name = self.key.strip_prefix(PREFIX).unwrap_or(&self.key);
        name.trim_start_matches('{').trim_end_matches('}')
    }
}

/// The identity that a rule counts a request under.
pub fn of(rule: &Rule, request: &Request) -> Identity {
    let parts = rule
        .key
        .iter()
        .map(|kind| (kind, value(kind, rule, request)));
    let mut key = format!("{PREFIX}{{");
    let mut missing = false;
    for (index, (kind, value)) in parts.enumerate() {
        if index > 0 {
            key.push('|');
        }
        missing |= value.is_none();
        key.push_str(&kind.to_string());
        if *kind != KeyBy::Global {
            key.push(':');
            key.push_str(value.as_deref().unwrap_or("missing"));
        }
    }
    key.push('}');
    Identity { key, missing }
}

/// The key of the identity that these texts name, in the order of the rule's kinds; hashes are taken as such. `None`
/// where a text is none of its kind.
pub fn of_texts(
    kinds: &[KeyBy],
    texts: &[String],
    is_hash: impl Fn(&str) -> bool,
) -> Option<String> {
    let part = |(kind, text): (&KeyBy, &String)| {
        let value = match kind {
            KeyBy::Global => return (text == "global").then(|| kind.to_string()),
            KeyBy::ClientAddress => address::parse(text).map(address::counted)?,
            KeyBy::Header(_) | KeyBy::ApiKey | KeyBy::Claim(_) if is_hash(text) => digits(text),
            KeyBy::Header(_) | KeyBy::ApiKey | KeyBy::Claim(_) | KeyBy::Route => hashed(text),
        };
        Some(format!("{kind}:{value}"))
    };
    let parts: Option<Vec<String>> = kinds.iter().zip(texts).map(part).collect();
    Some(format!("{PREFIX}{{{}}}", parts?.join("|")))
}

/// What stands for the request's value of this kind; `None` where it has none.
fn value(kind: &KeyBy, rule: &Rule, request: &Request) -> Option<String> {
    let named = || request.key.map(str::to_owned);
    let given = |value: Option<String>| {
        value
            .filter(|value| !value.is_empty())
            .or_else(named)
            .map(|v| hashed(&v))
    };
    match kind {
        KeyBy::Global => Some(String::new()),
        KeyBy::ClientAddress => request
            .address
            .map(address::counted)
            .or_else(|| request.key.map(by_name)),
        KeyBy::Header(name) => given(request.header(name)),
        KeyBy::ApiKey => given(request.api_key.clone()),
        KeyBy::Claim(name) => given(request.claim(name)),
        KeyBy::Route => given(route(rule, request)),
    }
}

/// The gateway's route, else the path condition that fits: names that no client can make up. `$default` says little.
fn route(rule: &Rule, request: &Request) -> Option<String> {
    let named = request.route.clone();
    let pattern = || {
        rule.when
            .pattern(request)
            .map(|pattern| pattern.as_str().to_owned())
    };
    match named {
        Some(route) if route != "$default" => Some(route),
        default => pattern().or(default),
    }
}

/// A direct caller may name anything where an address is counted.
fn by_name(key: &str) -> String {
    let address: Option<IpAddr> = address::parse(key);
    address.map_or_else(|| format!("named:{}", hashed(key)), address::counted)
}

fn hashed(text: &str) -> String {
    digits(&hash_text(text))
}

fn digits(hash: &str) -> String {
    hash.trim_start_matches("sha256:")
        .chars()
        .take(DIGITS)
        .collect()
}

impl fmt::Display for KeyBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientAddress => formatter.write_str("client_address"),
            Self::Header(name) => write!(formatter, "header:{name}"),
            Self::ApiKey => formatter.write_str("api_key"),
            Self::Claim(name) => write!(formatter, "claim:{name}"),
            Self::Route => formatter.write_str("route"),
            Self::Global => formatter.write_str("global"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::rules;

    fn rule(key: &Value) -> Rule {
        let text = json!({"rules": [{"name": "a", "limit": 1, "window_seconds": 1, "key": key, "path": ["/orders/{id}", "/"]}]});
        rules::parse(&text.to_string()).unwrap().rules.remove(0)
    }

    /// A request whose fields an event of this test has.
    fn identity(key: &Value, event: &Value) -> Identity {
        let text = |field: &str| event[field].as_str();
        let request = Request {
            method: None,
            path: text("path").map(str::to_owned),
            route: text("route").map(str::to_owned),
            address: text("address").map(|address| address.parse().unwrap()),
            api_key: text("api_key").map(str::to_owned),
            key: text("key"),
            event,
            claims_at: &["/claims"],
        };
        of(&rule(key), &request)
    }

    #[test]
    fn two_addresses_of_one_v6_network_are_one_client() {
        let of = |address: &str| identity(&json!("client_address"), &json!({ "address": address }));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(
            of("2001:db8:1:2::1").key,
            "tollkeeper:limit:{client_address:2001:db8:1:2::/64}"
        );
    }

    #[test]
    fn leaving_out_what_is_counted_gains_no_quota_of_ones_own() {
        for (key, name) in [
            (json!("header:X-Api-Key"), "header:x-api-key:missing"),
            (json!("api_key"), "api_key:missing"),
            (json!("claim:sub"), "claim:sub:missing"),
            (json!("client_address"), "client_address:missing"),
        ] {
            for event in [
                json!({}),
                json!({"api_key": "", "claims": {"sub": ""}, "headers": {"x-api-key": ""}}),
            ] {
                let identity = identity(&key, &event);
                assert_eq!((identity.shown(), identity.missing), (name, true));
            }
        }
        let half = identity(
            &json!(["client_address", "api_key"]),
            &json!({"address": "203.0.113.7"}),
        );
        assert_eq!(
            (half.shown(), half.missing),
            ("client_address:203.0.113.7|api_key:missing", true)
        );
    }

    #[test]
    fn a_key_that_may_be_a_secret_is_only_kept_hashed_and_a_huge_one_is_short() {
        let huge = format!("s3cret{}", "x".repeat(1_000_000));
        for secret in ["s3cret", &huge] {
            let event = json!({"headers": {"X-Api-Key": secret}, "api_key": secret, "claims": {"sub": secret}, "key": secret});
            for key in ["header:x-api-key", "api_key", "claim:sub", "client_address"] {
                let identity = identity(&json!(key), &event);
                assert!(!identity.key.contains("s3cret") && !identity.missing);
                assert!(identity.key.len() < 100, "{}", identity.key.len());
            }
        }
    }

    #[test]
    fn a_route_is_the_gateways_else_the_pattern_that_fits_and_never_the_path_itself() {
        let of = |event: Value| identity(&json!("route"), &event);
        let by_pattern = of(json!({"path": "/orders/1"}));
        assert_eq!(of(json!({"path": "/orders/2"})), by_pattern);
        assert_eq!(
            of(json!({"path": "/orders/2", "route": "$default"})),
            by_pattern
        );
        assert_ne!(
            of(json!({"path": "/orders/2", "route": "GET /orders/{id}"})),
            by_pattern
        );
        assert_eq!(of(json!({"path": "/a"})), of(json!({"path": "/b"})));
        assert!(of(json!({})).missing);
    }

    #[test]
    fn a_direct_check_of_an_address_or_a_key_uses_the_quota_of_that_client() {
        let address = json!("client_address");
        assert_eq!(
            identity(&address, &json!({"key": "198.51.100.7"})),
            identity(&address, &json!({"address": "198.51.100.7"}))
        );
        let header = json!("header:x-api-key");
        assert_eq!(
            identity(&header, &json!({"key": "k"})),
            identity(&header, &json!({"headers": {"X-API-KEY": "k"}}))
        );
    }

    #[test]
    fn an_override_names_the_identity_that_a_request_has() {
        let kinds = rule(&json!(["client_address", "claim:sub", "route"])).key;
        let event = json!({"address": "2001:db8::1", "claims": {"sub": "u-1"}, "route": "GET /a"});
        let key = identity(&json!(["client_address", "claim:sub", "route"]), &event).key;
        let texts = |sub: &str| {
            [
                "2001:db8::7".to_owned(),
                sub.to_owned(),
                "GET /a".to_owned(),
            ]
        };
        let of = |sub: &str| of_texts(&kinds, &texts(sub), |text| text.starts_with("sha256:"));
        assert_eq!(of("u-1").as_ref(), Some(&key));
        assert_eq!(of(&hash_text("u-1")).as_ref(), Some(&key));
        assert_eq!(
            of_texts(
                &kinds,
                &["no address".to_owned(), "u-1".to_owned(), String::new()],
                |_| false
            ),
            None
        );
    }

    proptest! {
        /// Separators, braces and whole look-alike keys in what a client sends never make two identities one.
        #[test]
        fn different_identities_never_share_a_key(
            a in "[|{}:a-c ]{1,6}|client_address:missing|[^\\x00]{1,4}", b in "[|{}:a-c ]{1,6}|missing|[^\\x00]{1,4}",
            c in "[|{}:a-c ]{1,6}|missing|[^\\x00]{1,4}", d in "[|{}:a-c ]{1,6}|missing|[^\\x00]{1,4}",
        ) {
            let key = json!(["claim:x", "claim:x:missing", "header:h"]);
            let of = |x: &str, y: &str| identity(&key, &json!({"claims": {"x": x, "x:missing": y}, "headers": {"h": x}}));
            prop_assert_eq!((&a, &b) == (&c, &d), of(&a, &b) == of(&c, &d));
            let identity = of(&a, &b);
            prop_assert_eq!(identity.key.matches('|').count(), 2);
            prop_assert_eq!(identity.key.matches(['{', '}']).count(), 2);
            prop_assert!(!identity.key.contains(char::is_whitespace));
        }
    }
}
