//! Is a request over its limit? Asked by API Gateway (authorizer or proxy), a load balancer, a function URL or an
//! application (direct call); decided by Redis in one script call.
//!
//! Start with `gate.rs` for a decision from end to end, `rules/` for which limits hold, `quota/` for their arithmetic,
//! `limiter.rs` for Redis and what happens without it, `doors/` for the ways to ask.

pub mod address;
pub mod aws;
pub mod breaker;
pub mod config;
pub mod credentials;
pub mod decision;
mod denials;
pub mod doors;
pub mod error;
pub mod gate;
pub mod headers;
pub mod http_event;
pub mod identity;
pub mod limiter;
pub mod matching;
pub mod offenders;
pub mod overrides;
pub mod quota;
mod redis_link;
mod redis_login;
mod redis_nodes;
pub mod redis_script;
pub mod redis_server;
pub mod request;
pub mod rules;
#[cfg(test)]
mod samples;
mod slots;
mod steady;
pub mod tally;
pub mod upstream;

use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use tollkeeper::error::report;

use crate::config::{Config, HttpSettings};
use crate::doors::{Door, authorizer, direct, proxy};
use crate::error::RequestError;
use crate::gate::Gate;
use crate::limiter::Limiter;
use crate::redis_server::RedisServer;
use crate::upstream::Upstream;

/// The function: built once, asked many times.
pub struct App {
    gate: Gate,
    http: HttpSettings,
    upstream: Option<Upstream>,
}

impl App {
    /// Builds the function. Redis, the upstream and AWS are connected to when they are first needed: one that is away
    /// does not stop the start.
    pub fn new(config: Config) -> Self {
        let redis = RedisServer::new(config.redis, config.redis_deadline);
        let limiter = Limiter::new(redis, config.policy);
        Self {
            gate: Gate::new(config.document, config.overrides, limiter, config.shadow),
            http: config.http,
            upstream: config.upstream.map(Upstream::new),
        }
    }

    /// Answers one event.
    pub async fn handle(&self, event: &Value, now: Timestamp) -> Result<Value, Diagnostic> {
        self.route(event, now).await.map_err(|error| report(&error))
    }

    async fn route(&self, event: &Value, now: Timestamp) -> Result<Value, RequestError> {
        let (gate, http) = (&self.gate, &self.http);
        match Door::of(event)? {
            Door::Direct => direct::answer(event, gate, http, now).await,
            door @ (Door::HttpApiAuthorizer | Door::RestAuthorizer) => {
                authorizer::authorize(door, event, gate, http, now).await
            }
            door @ (Door::LoadBalancer | Door::ProxyV1 | Door::ProxyV2) => {
                proxy::answer(door, event, gate, http, self.upstream.as_ref(), now).await
            }
        }
    }
}
