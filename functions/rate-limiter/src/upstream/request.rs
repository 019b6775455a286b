//! The outgoing request: what the client sent, without what was meant for the hop before.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use serde_json::Value;

use crate::doors::Door;
use crate::http_event::without_stage;

/// Tells the upstream that the limiter let the request in. A client's own is dropped.
pub(super) const VERDICT: &str = "x-tollkeeper-verdict";
/// Meant for one hop only (RFC 9110 section 7.6.1), or made anew for the next one.
const HOP_BY_HOP: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "expect",
    "host",
];

/// The request in an event, for the upstream at `base`. The error says what of the event is unusable.
pub(super) fn of(
    door: Door,
    event: &Value,
    base: &Uri,
) -> Result<Request<Full<Bytes>>, &'static str> {
    let v2 = door == Door::ProxyV2;
    let at = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let method = if v2 {
        at("/requestContext/http/method")
    } else {
        at("/httpMethod")
    };
    let method = method
        .and_then(|method| Method::from_bytes(method.as_bytes()).ok())
        .ok_or("its method")?;
    let path = if v2 {
        at("/rawPath").map(|path| without_stage(event, path))
    } else {
        at("/path")
    };
    let uri = uri(base, path.unwrap_or("/"), &query(door, event)).ok_or("its path or query")?;
    let headers = headers(
        event,
        at("/requestContext/http/sourceIp").or_else(|| at("/requestContext/identity/sourceIp")),
    );
    let body = body(event).ok_or("its body")?;
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .body(Full::new(body))
        .map_err(|_| "its form")?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Headers without the hop-by-hop ones, those that `connection` names included.
pub(super) fn passed_on(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all("connection")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn uri(base: &Uri, path: &str, query: &str) -> Option<Uri> {
    let prefix = base.path().trim_end_matches('/');
    let mut target = format!("{prefix}{}", escaped(path));
    if !target.starts_with('/') {
        target.insert(0, '/');
    }
    if !query.is_empty() {
        target.push('?');
        target.push_str(&escaped(query));
    }
    let authority = base.authority()?.clone();
    Uri::builder()
        .scheme(base.scheme()?.clone())
        .authority(authority)
        .path_and_query(target)
        .build()
        .ok()
}

/// Escapes what may not stand in a URI at all; what is escaped stays so.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic()
            && !matches!(
                byte,
                b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
            )
        {
            out.push(char::from(byte));
        } else {
            out.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    out
}

fn hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16)
        .unwrap_or('0')
        .to_ascii_uppercase()
}

/// The query, as the client sent it where the event has it so. REST APIs decode it, load balancers do not.
fn query(door: Door, event: &Value) -> String {
    if door == Door::ProxyV2 {
        return event
            .get("rawQueryString")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
    }
    let map = |field: &str| event.get(field).and_then(Value::as_object);
    let parameters =
        map("multiValueQueryStringParameters").or_else(|| map("queryStringParameters"));
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (name, value) in parameters.into_iter().flatten() {
        match value {
            Value::Array(several) => pairs.extend(
                several
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|value| (name.as_str(), value)),
            ),
            one => pairs.extend(one.as_str().map(|value| (name.as_str(), value))),
        }
    }
    if door == Door::LoadBalancer {
        let raw = pairs.iter().map(|(name, value)| {
            if value.is_empty() {
                (*name).to_owned()
            } else {
                format!("{name}={value}")
            }
        });
        return raw.collect::<Vec<_>>().join("&");
    }
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

fn headers(event: &Value, source: Option<&str>) -> HeaderMap {
    let map = |field: &str| event.get(field).and_then(Value::as_object);
    let given = map("multiValueHeaders").or_else(|| map("headers"));
    let mut headers = HeaderMap::new();
    for (name, value) in given.into_iter().flatten() {
        let one = std::slice::from_ref(value);
        for value in value
            .as_array()
            .map_or(one, Vec::as_slice)
            .iter()
            .filter_map(Value::as_str)
        {
            // What is no header cannot be passed on as one; smuggling a line break ends here, too.
            if let (Ok(name), Ok(value)) = (
                name.parse::<HeaderName>(),
                HeaderValue::from_bytes(value.as_bytes()),
            ) {
                headers.append(name, value);
            }
        }
    }
    let cookies: Vec<&str> = event
        .get("cookies")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if let (false, Ok(cookies)) = (
        cookies.is_empty(),
        HeaderValue::from_str(&cookies.join("; ")),
    ) {
        headers.insert("cookie", cookies);
    }
    let host = headers.get("host").cloned();
    passed_on(&mut headers);
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
    forwarded_for(&mut headers, source);
    headers.insert(VERDICT, HeaderValue::from_static("allowed"));
    headers
}

/// The address that the gateway saw stands at the end of `x-forwarded-for`: load balancers and API Gateway append it
/// themselves, and it is appended here where they did not.
fn forwarded_for(headers: &mut HeaderMap, source: Option<&str>) {
    let values = headers.get_all("x-forwarded-for");
    let listed: Vec<&str> = values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let mut list = listed.join(", ");
    let nearest = list.rsplit(',').next().map(str::trim);
    if let Some(source) = source.filter(|source| nearest != Some(source)) {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(source);
    }
    if let (false, Ok(list)) = (list.is_empty(), HeaderValue::from_str(&list)) {
        headers.insert("x-forwarded-for", list);
    }
}

fn body(event: &Value) -> Option<Bytes> {
    let text = event
        .get("body")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if event.get("isBase64Encoded").and_then(Value::as_bool) == Some(true) {
        return STANDARD.decode(text).ok().map(Bytes::from);
    }
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    fn sent(door: Door, event: &Value) -> (Request<()>, Vec<u8>) {
        let request = of(
            door,
            event,
            &"http://orders.internal:8080/base/".parse().unwrap(),
        )
        .unwrap();
        let (parts, body) = request.into_parts();
        let collected = futures_lite(body.collect());
        (Request::from_parts(parts, ()), collected)
    }

    /// A full body is there at once.
    fn futures_lite(body: http_body_util::combinators::Collect<Full<Bytes>>) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(body).unwrap().to_bytes().to_vec()
    }

    fn values<'r>(request: &'r Request<()>, name: &str) -> Vec<&'r str> {
        request
            .headers()
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    }

    #[test]
    fn a_load_balancers_request_arrives_as_the_client_sent_it() {
        let event = json!({
            "requestContext": {"elb": {}}, "httpMethod": "POST", "path": "/orders/a%20b",
            "multiValueQueryStringParameters": {"q": ["a%20b", "c"], "flag": [""]},
            "multiValueHeaders": {
                "accept": ["text/html", "application/json"], "host": ["shop.example.com"], "connection": ["keep-alive, x-secret"],
                "x-secret": ["1"], "transfer-encoding": ["chunked"], "x-forwarded-for": ["203.0.113.20"],
                "x-tollkeeper-verdict": ["forged"], "x-bad": ["a\r\nx-injected: 1"],
            },
            "body": "AAEC/w==", "isBase64Encoded": true,
        });
        let (request, body) = sent(Door::LoadBalancer, &event);
        assert_eq!(
            request.uri(),
            "http://orders.internal:8080/base/orders/a%20b?q=a%20b&q=c&flag"
        );
        assert_eq!(
            values(&request, "accept"),
            ["text/html", "application/json"]
        );
        assert_eq!(values(&request, "x-forwarded-for"), ["203.0.113.20"]);
        assert_eq!(values(&request, "x-forwarded-host"), ["shop.example.com"]);
        assert_eq!(values(&request, VERDICT), ["allowed"]);
        for gone in [
            "connection",
            "x-secret",
            "transfer-encoding",
            "x-bad",
            "x-injected",
            "host",
        ] {
            assert!(values(&request, gone).is_empty(), "{gone}");
        }
        assert_eq!(body, [0, 1, 2, 255]);
    }

    #[test]
    fn a_function_urls_request_keeps_its_cookies_and_its_query() {
        let event = json!({
            "version": "2.0", "rawPath": "/prod/orders", "rawQueryString": "a=1&a=2&b=%26",
            "cookies": ["s=1", "t=2"], "headers": {"x-forwarded-for": "6.6.6.6"},
            "requestContext": {"stage": "prod", "http": {"method": "GET", "sourceIp": "203.0.113.20"}},
        });
        let (request, body) = sent(Door::ProxyV2, &event);
        assert_eq!(
            request.uri(),
            "http://orders.internal:8080/base/orders?a=1&a=2&b=%26"
        );
        assert_eq!(values(&request, "cookie"), ["s=1; t=2"]);
        assert_eq!(
            values(&request, "x-forwarded-for"),
            ["6.6.6.6, 203.0.113.20"]
        );
        assert!(body.is_empty());
    }

    #[test]
    fn a_rest_apis_decoded_query_is_encoded_again() {
        let event = json!({
            "httpMethod": "GET", "path": "/orders/ä", "requestContext": {"identity": {"sourceIp": "203.0.113.20"}},
            "queryStringParameters": {"q": "last"}, "multiValueQueryStringParameters": {"q": ["a&b", "c d"]}, "body": null,
        });
        let (request, _) = sent(Door::ProxyV1, &event);
        assert_eq!(
            request.uri(),
            "http://orders.internal:8080/base/orders/%C3%A4?q=a%26b&q=c+d"
        );
    }

    #[test]
    fn what_cannot_be_passed_on_is_named() {
        let base: Uri = "http://orders.internal".parse().unwrap();
        let event = json!({"httpMethod": "GET", "path": "/", "body": "no base64!", "isBase64Encoded": true});
        assert_eq!(
            of(Door::LoadBalancer, &event, &base).unwrap_err(),
            "its body"
        );
        let event = json!({"httpMethod": "G T", "path": "/"});
        assert_eq!(
            of(Door::LoadBalancer, &event, &base).unwrap_err(),
            "its method"
        );
    }
}
