//! What API Gateway's, the load balancer's and function URLs' events have in common: the request in them.

use serde_json::Value;

use crate::address;
use crate::doors::Door;
use crate::error::RequestError;
use crate::request::Request;
use crate::rules::normalised;

/// Where the gateway puts claims that it (or an authorizer before us) verified. Payload 2.0: JWT authorizer, Lambda
/// authorizer, IAM. Payload 1.0: Cognito, JWT of an HTTP API, Lambda authorizer.
const CLAIMS_V2: [&str; 3] = [
    "/requestContext/authorizer/jwt/claims",
    "/requestContext/authorizer/lambda",
    "/requestContext/authorizer/iam",
];
const CLAIMS_V1: [&str; 3] = [
    "/requestContext/authorizer/claims",
    "/requestContext/authorizer/jwt/claims",
    "/requestContext/authorizer",
];

/// The request in an event that came over HTTP. `trusted_hops` proxies, the last one AWS's own, appended to
/// `x-forwarded-for`.
pub fn request(
    door: Door,
    event: &Value,
    trusted_hops: usize,
) -> Result<Request<'_>, RequestError> {
    let v2 = matches!(door, Door::HttpApiAuthorizer | Door::ProxyV2);
    let (method_at, path_at, source_at) = if v2 {
        (
            "/requestContext/http/method",
            "/requestContext/http/path",
            "/requestContext/http/sourceIp",
        )
    } else {
        ("/httpMethod", "/path", "/requestContext/identity/sourceIp")
    };
    let method = text(event, method_at)?;
    let path = text(event, path_at)?;
    let source = event.pointer(source_at).and_then(Value::as_str);
    let forwarded = || {
        header(event, "x-forwarded-for").and_then(|list| address::forwarded(&list, trusted_hops))
    };
    let address = match door {
        // API Gateway saw the last proxy before it itself; only what lies beyond that has to be read from the list.
        Door::LoadBalancer => forwarded(),
        _ if trusted_hops > 1 => forwarded(),
        _ => source.and_then(address::parse),
    };
    let checked_key = event
        .pointer("/requestContext/identity/apiKey")
        .and_then(Value::as_str);
    Ok(Request {
        method: Some(method),
        path: Some(normalised(if v2 {
            without_stage(event, path)
        } else {
            path
        })),
        route: route(door, event, method),
        address,
        api_key: checked_key
            .map(str::to_owned)
            .or_else(|| header(event, "x-api-key")),
        key: None,
        event,
        claims_at: match door {
            Door::LoadBalancer => &[],
            _ if v2 => &CLAIMS_V2,
            _ => &CLAIMS_V1,
        },
    })
}

/// HTTP APIs put a stage that is not `$default` in front of the path.
pub fn without_stage<'e>(event: &'e Value, path: &'e str) -> &'e str {
    let stage = event
        .pointer("/requestContext/stage")
        .and_then(Value::as_str)
        .unwrap_or("$default");
    let rest = path
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(stage));
    match rest {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// `GET /orders/{id}`, as HTTP APIs write it; REST APIs have method and resource apart.
fn route(door: Door, event: &Value, method: &str) -> Option<String> {
    if door == Door::LoadBalancer {
        return None;
    }
    let at = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let named = at("/requestContext/routeKey").or_else(|| at("/routeKey"));
    let resource = || at("/resource").or_else(|| at("/requestContext/resourcePath"));
    named
        .map(str::to_owned)
        .or_else(|| resource().map(|resource| format!("{method} {resource}")))
}

/// The value of a header by its lower-case name, several joined by commas; `None` where it is absent. `headers` of
/// payloads that have both forms repeat the last value: there `multiValueHeaders` counts.
pub fn header(event: &Value, name: &str) -> Option<String> {
    let map = |field: &str| event.get(field).and_then(Value::as_object);
    let values = map("multiValueHeaders").or_else(|| map("headers"))?;
    let mut joined: Option<String> = None;
    let mut add = |value: &str| match &mut joined {
        Some(before) => {
            before.push(',');
            before.push_str(value);
        }
        None => joined = Some(value.to_owned()),
    };
    for (_, value) in values
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
    {
        match value {
            Value::Array(several) => several.iter().filter_map(Value::as_str).for_each(&mut add),
            one => one.as_str().into_iter().for_each(&mut add),
        }
    }
    joined
}

/// A text that every event of its kind has, by its JSON pointer.
pub fn text<'e>(event: &'e Value, pointer: &str) -> Result<&'e str, RequestError> {
    event
        .pointer(pointer)
        .and_then(Value::as_str)
        .ok_or_else(|| RequestError::malformed(format!("no {pointer}"), "a text there"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_header_is_found_in_any_case_and_its_repetitions_are_joined_in_order() {
        let event = json!({"multiValueHeaders": {"X-Forwarded-For": ["6.6.6.6", "10.0.0.1, 198.51.100.7"]}});
        let found = header(&event, "x-forwarded-for");
        assert_eq!(found.as_deref(), Some("6.6.6.6,10.0.0.1, 198.51.100.7"));
        assert_eq!(header(&event, "x-api-key"), None);
        assert_eq!(header(&json!({"headers": null}), "x-api-key"), None);
    }

    #[test]
    fn where_both_forms_of_headers_come_no_value_is_read_twice() {
        let event = json!({
            "headers": {"X-Forwarded-For": "198.51.100.7"},
            "multiValueHeaders": {"X-Forwarded-For": ["198.51.100.7"]},
        });
        assert_eq!(
            header(&event, "x-forwarded-for").as_deref(),
            Some("198.51.100.7")
        );
    }

    #[test]
    fn a_stage_is_no_part_of_the_path() {
        let staged = |stage: &str, path: &'static str| {
            let event = json!({"requestContext": {"stage": stage}});
            without_stage(&event, path).to_owned()
        };
        assert_eq!(staged("prod", "/prod/orders"), "/orders");
        assert_eq!(staged("prod", "/prod"), "/");
        assert_eq!(staged("prod", "/production"), "/production");
        assert_eq!(staged("$default", "/orders"), "/orders");
    }

    #[test]
    fn a_missing_text_is_named_by_its_place() {
        let error = text(&json!({"path": 5}), "/path").unwrap_err();
        assert_eq!(
            error.to_string(),
            "event has no /path: expected a text there"
        );
    }
}
