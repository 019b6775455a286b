//! What is known of the request that is to be decided on, whichever way it came.

use std::net::IpAddr;

use serde_json::Value;

use crate::http_event;

/// A request, as far as the event tells.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// HTTP method.
    pub method: Option<&'a str>,
    /// Path, normalised ([`crate::rules::normalised`]).
    pub path: Option<String>,
    /// The gateway's route: `GET /orders/{id}`, `$default`.
    pub route: Option<String>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The API key: the one that API Gateway checked, else what the header `x-api-key` says, which nobody checked.
    pub api_key: Option<String>,
    /// What a direct caller says stands for whatever a rule counts by.
    pub key: Option<&'a str>,
    /// Where headers and claims are looked up.
    pub event: &'a Value,
    /// Where in the event the verified claims are: JSON pointers to objects, the first that has a claim counts.
    pub claims_at: &'static [&'static str],
}

impl Request<'_> {
    /// The value of a header by its lower-case name, several joined by commas.
    pub fn header(&self, name: &str) -> Option<String> {
        http_event::header(self.event, name)
    }

    /// A claim that the gateway verified, as text; lists and objects as JSON.
    pub fn claim(&self, name: &str) -> Option<String> {
        let found = |pointer: &&str| self.event.pointer(pointer)?.as_object()?.get(name);
        match self.claims_at.iter().find_map(found)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}
