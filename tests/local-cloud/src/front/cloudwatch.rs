//! Fix: CloudWatch in the protocol that the SDK speaks.
//!
//! The SDK sends CBOR to `/service/GraniteServiceVersion20100801/operation/<action>`; moto 5.2.5 answers 404 there but
//! speaks the service's JSON protocol. So requests go on as JSON and answers come back as CBOR.

use std::io::Read;

use axum::body::{Bytes, to_bytes};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use serde_json::Value;

use super::call::Call;
use super::upstream::Upstream;
use super::{cbor, errors};

/// Answers a CBOR call with moto's JSON answer.
pub(super) async fn answer(upstream: &Upstream, call: &Call) -> Response {
    match translated(call) {
        Ok(json) => reply(upstream.forward(&json).await).await,
        Err(problem) => errors::reply(
            call,
            StatusCode::BAD_REQUEST,
            "SerializationException",
            &problem,
        ),
    }
}

fn translated(call: &Call) -> Result<Call, String> {
    let body = cbor::decode(&plain(call)?)?;
    let mut json = call.clone();
    let target = format!("GraniteServiceVersion20100801.{}", call.action);
    json.headers.insert(
        "x-amz-target",
        HeaderValue::from_str(&target).map_err(|error| error.to_string())?,
    );
    json.headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    for gone in ["smithy-protocol", "content-encoding", "accept"] {
        json.headers.remove(gone);
    }
    json.uri = Uri::from_static("/");
    json.body = Bytes::from(body.to_string());
    Ok(json)
}

/// The body; the SDK compresses long ones.
fn plain(call: &Call) -> Result<Bytes, String> {
    if call
        .headers
        .get("content-encoding")
        .is_none_or(|encoding| encoding != "gzip")
    {
        return Ok(call.body.clone());
    }
    let mut body = Vec::new();
    GzDecoder::new(call.body.as_ref())
        .read_to_end(&mut body)
        .map_err(|error| format!("the body is no gzip: {error}"))?;
    Ok(body.into())
}

async fn reply(moto: Response) -> Response {
    let (parts, body) = moto.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers = [
        ("content-type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
    ];
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(value) => (parts.status, headers, cbor::encode(&value)).into_response(),
        // Not even JSON: shown as it is, for the SDK's error to quote.
        Err(_) => (StatusCode::BAD_GATEWAY, bytes).into_response(),
    }
}
