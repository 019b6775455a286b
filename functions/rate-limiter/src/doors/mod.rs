//! The ways to ask: each reads its event, has it decided, and answers in the asker's own terms.
//!
//! Events carry no common tag: each is told by what only it has. A client never writes these parts of an event.

pub mod authorizer;
pub mod direct;
pub mod problem;
pub mod proxy;
pub mod reply;

use serde_json::Value;

use crate::error::RequestError;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// An application, by a direct invocation.
    Direct,
    /// An HTTP API, before it lets a request in: payload 2.0, simple response.
    HttpApiAuthorizer,
    /// A REST API (or an HTTP API with payload 1.0), before it lets a request in: answered by an IAM policy.
    RestAuthorizer,
    /// A load balancer, whose target this function is.
    LoadBalancer,
    /// API Gateway's proxy integration, payload 1.0 (REST APIs).
    ProxyV1,
    /// API Gateway's proxy integration, payload 2.0 (HTTP APIs), or a function URL.
    ProxyV2,
}

impl Door {
    /// The door that an event came through.
    pub fn of(event: &Value) -> Result<Self, RequestError> {
        let text = |field: &str| event.get(field).and_then(Value::as_str);
        let has = |pointer: &str| event.pointer(pointer).is_some();
        let is_object = event.is_object();
        match (text("type"), text("version")) {
            _ if is_object && event.get("action").is_some() => Ok(Self::Direct),
            (Some("REQUEST"), Some("2.0")) => Ok(Self::HttpApiAuthorizer),
            (Some("REQUEST"), _) if has("/methodArn") => Ok(Self::RestAuthorizer),
            (Some("TOKEN"), _) => Err(RequestError::malformed(
                "a TOKEN authorizer's request",
                "an authorizer of type REQUEST: a token alone says nothing of client, route or method",
            )),
            _ if has("/requestContext/elb") => Ok(Self::LoadBalancer),
            (_, Some("2.0")) if has("/requestContext/http") => Ok(Self::ProxyV2),
            _ if has("/requestContext") && has("/httpMethod") => Ok(Self::ProxyV1),
            _ => Err(RequestError::malformed(
                "none of the shapes that are known",
                "a direct `action`, an authorizer's, a load balancer's, API Gateway's or a function URL's request",
            )),
        }
    }
}
