//! An HTTP answer in the form that the asker reads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Door;

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names (lower-case) and values; a name may repeat.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer of ours, as JSON.
    pub fn json(status: u16, headers: Vec<(&str, String)>, body: &Value) -> Self {
        let kind = if status == 200 {
            "application/json"
        } else {
            "application/problem+json"
        };
        let mut headers: Vec<(String, String)> = headers
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v))
            .collect();
        headers.push(("content-type".to_owned(), kind.to_owned()));
        Self {
            status,
            headers,
            body: body.to_string().into_bytes(),
        }
    }

    /// The answer as the door's event form wants it. A load balancer ignores the form of headers that the request did
    /// not come in. A body that is no text is sent as base64.
    pub fn through(self, door: Door, event: &Value) -> Value {
        let Self {
            status,
            headers,
            body,
        } = self;
        let (body, is_base64) = match String::from_utf8(body) {
            Ok(text) => (text, false),
            Err(bytes) => (STANDARD.encode(bytes.as_bytes()), true),
        };
        let mut reply = json!({"statusCode": status});
        match door {
            Door::LoadBalancer => {
                reply["statusDescription"] = json!(format!("{status} {}", reason(status)));
                reply["isBase64Encoded"] = json!(is_base64);
                if event.get("multiValueHeaders").is_some_and(Value::is_object) {
                    reply["multiValueHeaders"] = several(headers);
                } else {
                    reply["headers"] = single(headers, true);
                }
            }
            Door::ProxyV2 => {
                let (cookies, headers): (Vec<_>, Vec<_>) = headers
                    .into_iter()
                    .partition(|(name, _)| name == "set-cookie");
                reply["isBase64Encoded"] = json!(is_base64);
                reply["headers"] = single(headers, false);
                if !cookies.is_empty() {
                    reply["cookies"] = cookies.into_iter().map(|(_, value)| value).collect();
                }
            }
            _ => {
                reply["isBase64Encoded"] = json!(is_base64);
                reply["multiValueHeaders"] = several(headers);
            }
        }
        reply["body"] = json!(body);
        reply
    }
}

fn reason(status: u16) -> &'static str {
    let status = http::StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown")
}

fn several(headers: Vec<(String, String)>) -> Value {
    let mut map: Map<String, Value> = Map::new();
    for (name, value) in headers {
        match map.get_mut(&name).and_then(Value::as_array_mut) {
            Some(values) => values.push(json!(value)),
            None => {
                map.insert(name, json!([value]));
            }
        }
    }
    Value::Object(map)
}

/// Repeated headers as one, joined by commas. Cookies cannot be joined: where only one value of a name can be sent, of
/// several cookies each gets another spelling of the name, which load balancers pass on as they are.
fn single(headers: Vec<(String, String)>, cookies: bool) -> Value {
    let mut map: Map<String, Value> = Map::new();
    let mut repeated = 0;
    for (name, value) in headers {
        if cookies && name == "set-cookie" {
            map.insert(spelling(&name, repeated), json!(value));
            repeated += 1;
        } else if let Some(Value::String(before)) = map.get_mut(&name) {
            before.push_str(", ");
            before.push_str(&value);
        } else {
            map.insert(name, json!(value));
        }
    }
    Value::Object(map)
}

/// The `number`-th spelling of a name in upper and lower case.
fn spelling(name: &str, number: usize) -> String {
    let mut bit = 0;
    let spelt = name.chars().map(|c| {
        if !c.is_ascii_alphabetic() {
            return c;
        }
        let upper = number >> bit & 1 == 1;
        bit += 1;
        if upper { c.to_ascii_uppercase() } else { c }
    });
    spelt.collect()
}
