//! Is a request over its limit? Asked by API Gateway (authorizer), a load balancer (target) or an application (direct
//! call); decided by Redis in one script call.
//!
//! Start with `gate.rs` for the decision, `limiter.rs` for what it comes to, `quota/` for its arithmetic, `actions/` for the ways to ask.

pub mod actions;
pub mod address;
pub mod breaker;
pub mod config;
mod denials;
pub mod error;
pub mod gate;
pub mod headers;
pub mod http_event;
pub mod identity;
pub mod limiter;
pub mod quota;
mod redis_link;
mod redis_nodes;
pub mod redis_script;
pub mod redis_server;
pub mod rules;
#[cfg(test)]
mod samples;
mod slots;
mod steady;

use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use tollkeeper::error::report;

use crate::actions::{authorize, check, serve};
use crate::config::{AuthorizerDeny, Config};
use crate::error::RequestError;
use crate::gate::Gate;
use crate::limiter::Limiter;
use crate::redis_server::RedisServer;

/// The function: built once, asked many times.
pub struct App {
    gate: Gate,
    authorizer_deny: AuthorizerDeny,
    trusted_hops: usize,
}

impl App {
    /// Builds the function. Redis is connected to when it is first asked: one that is away does not stop the start.
    pub fn new(config: Config) -> Self {
        let redis = RedisServer::new(config.redis, config.redis_deadline);
        Self {
            gate: Gate::new(config.rules, Limiter::new(redis, config.policy)),
            authorizer_deny: config.authorizer_deny,
            trusted_hops: config.trusted_hops.get(),
        }
    }

    /// Answers one event.
    pub async fn handle(&self, event: &Value, now: Timestamp) -> Result<Value, Diagnostic> {
        self.route(event, now).await.map_err(|error| report(&error))
    }

    /// Events carry no common tag: each is told by what only it has.
    async fn route(&self, event: &Value, now: Timestamp) -> Result<Value, RequestError> {
        let limiter = &self.gate;
        match event.as_object() {
            Some(map) if map.contains_key("action") => check::check(map, limiter, now).await,
            Some(_) if event.pointer("/requestContext/elb").is_some() => {
                serve::serve(event, limiter, self.trusted_hops, now).await
            }
            Some(map) if map.get("type").and_then(Value::as_str) == Some("REQUEST") => {
                authorize::authorize(event, limiter, self.authorizer_deny, now).await
            }
            _ => Err(RequestError::malformed(
                "neither `action` nor `requestContext.elb` nor type REQUEST",
                "a direct check, a load balancer's request or an HTTP API authorizer request",
            )),
        }
    }
}
