//! AWS errors as each protocol spells them, so that the SDK reads a front's error as it would read AWS's.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::call::Call;
use super::cbor;

/// An error reply with `code` and `message` in the protocol of `call`.
pub(super) fn reply(call: &Call, status: StatusCode, code: &str, message: &str) -> Response {
    const XML: &str = "text/xml";
    let text = escape(message);
    let (kind, body) = match call.service.as_str() {
        "ec2" => {
            let body = format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors><RequestID>local</RequestID></Response>"
            );
            (XML, body.into_bytes())
        }
        "s3" => (
            XML,
            format!("<Error><Code>{code}</Code><Message>{text}</Message></Error>").into_bytes(),
        ),
        _ if call.is_cbor() => return in_cbor(status, code, message),
        "dynamodb" | "ce" | "cloudtrail" | "lambda" | "logs" | "monitoring" => {
            let body = json!({"__type": code, "message": message, "Message": message});
            ("application/x-amz-json-1.1", body.to_string().into_bytes())
        }
        _ => {
            let body = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
            );
            (XML, body.into_bytes())
        }
    };
    (
        status,
        [("content-type", kind), ("x-amzn-errortype", code)],
        body,
    )
        .into_response()
}

/// AWS had a problem of its own.
pub(super) fn server_error(call: &Call, message: &str) -> Response {
    let code = if call.service == "ec2" {
        "InternalError"
    } else {
        "InternalServerError"
    };
    reply(call, StatusCode::INTERNAL_SERVER_ERROR, code, message)
}

/// Too many calls, as each service says it.
pub(super) fn throttled(call: &Call) -> Response {
    let (status, code) = match call.service.as_str() {
        "ec2" => (StatusCode::SERVICE_UNAVAILABLE, "RequestLimitExceeded"),
        "s3" => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        "sns" => (StatusCode::BAD_REQUEST, "Throttled"),
        "ce" => (StatusCode::BAD_REQUEST, "LimitExceededException"),
        "lambda" => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
        _ => (StatusCode::BAD_REQUEST, "ThrottlingException"),
    };
    reply(call, status, code, "Rate exceeded")
}

/// Not permitted, as each service says it.
pub(super) fn denied(call: &Call) -> Response {
    let code = match call.service.as_str() {
        "ec2" => "UnauthorizedOperation",
        "s3" | "sts" | "monitoring" => "AccessDenied",
        "sns" => "AuthorizationError",
        _ => "AccessDeniedException",
    };
    reply(
        call,
        StatusCode::FORBIDDEN,
        code,
        "not authorized to do this",
    )
}

fn in_cbor(status: StatusCode, code: &str, message: &str) -> Response {
    let headers = [
        ("content-type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
    ];
    let body = cbor::encode(&json!({"__type": code, "message": message}));
    (status, headers, body).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
