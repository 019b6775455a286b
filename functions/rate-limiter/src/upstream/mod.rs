//! Passes allowed requests on to `UPSTREAM_URL` and brings the answer back.
//!
//! `request` makes the outgoing request of an event, `answer` the answer; both are pure. Here is the one place that
//! talks to the upstream: HTTP/1.1, no redirects, one deadline for everything, TLS always with the server's
//! certificate checked. An upstream that cannot be reached, or whose answer does not fit into the reply that Lambda
//! allows, is a 502 or 504 problem that says so.

mod answer;
mod request;

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::{Value, json};

use crate::doors::Door;
use crate::doors::reply::Answer;

/// A connection that was idle for longer is not used again: an environment that was frozen does not know that its peer
/// has gone.
const IDLE: Duration = Duration::from_secs(4);
/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Where allowed requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `https://orders.internal:8443/base`; path and query of the request are appended.
    pub url: Uri,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

impl Target {
    /// Reads a URL: http or https, a host, perhaps a path; no user, no query.
    pub fn parse(url: &str, timeout: Duration) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let scheme = matches!(url.scheme_str(), Some("http" | "https"));
        let plain = url
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'));
        (scheme && plain && url.query().is_none() && !url.host()?.is_empty())
            .then_some(Self { url, timeout })
    }
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The upstream.
pub struct Upstream {
    target: Target,
    /// `None`: this system has no certificate authorities.
    client: Option<HttpClient>,
}

/// What went wrong, in words for the client.
enum Failure {
    Event(&'static str),
    TooSlow,
    TooLarge(usize),
    Broken,
}

impl Upstream {
    /// An upstream that is connected to when it is first needed.
    pub fn new(target: Target) -> Self {
        let client = client(target.url.scheme_str() == Some("https"));
        let client = client
            .inspect_err(|error| tracing::error!(%error, "no TLS towards the upstream"))
            .ok();
        Self { target, client }
    }

    /// The upstream's answer to the request in an event, with `added` headers; or what went wrong.
    pub async fn pass(&self, door: Door, event: &Value, added: Vec<(&str, String)>) -> Answer {
        let most = answer::most_bytes(door);
        match tokio::time::timeout(self.target.timeout, self.exchange(door, event, most)).await {
            Ok(Ok(response)) => {
                let answer = answer::of(response, &added);
                if answer::fits(&answer, most) {
                    answer
                } else {
                    failed(&Failure::TooLarge(most), added)
                }
            }
            Ok(Err(failure)) => failed(&failure, added),
            Err(_) => failed(&Failure::TooSlow, added),
        }
    }

    async fn exchange(
        &self,
        door: Door,
        event: &Value,
        most: usize,
    ) -> Result<http::Response<Bytes>, Failure> {
        let request = request::of(door, event, &self.target.url).map_err(Failure::Event)?;
        let client = self.client.as_ref().ok_or(Failure::Broken)?;
        let response = client.request(request).await.map_err(|error| {
            tracing::warn!(
                connect = error.is_connect(),
                "the upstream cannot be reached"
            );
            Failure::Broken
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, most).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Failure::TooLarge(most)
            } else {
                Failure::Broken
            }
        })?;
        Ok(http::Response::from_parts(parts, body.to_bytes()))
    }
}

fn client(tls: bool) -> std::io::Result<HttpClient> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(CONNECT_WITHIN));
    http.enforce_http(false);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let https = if tls {
        HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?
    } else {
        // No TLS, no authorities: reading them takes tens of milliseconds of a cold start.
        let config = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?;
        let config = config.with_root_certificates(rustls::RootCertStore::empty());
        HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth())
    };
    let connector = https.https_or_http().enable_http1().wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(connector))
}

fn failed(failure: &Failure, added: Vec<(&str, String)>) -> Answer {
    let (status, title, detail) = match failure {
        Failure::Event(what) => (
            400,
            "Bad request",
            format!("the request cannot be passed on: {what}"),
        ),
        Failure::TooSlow => (
            504,
            "Gateway timeout",
            "the upstream did not answer in time".to_owned(),
        ),
        Failure::TooLarge(most) => (
            502,
            "Answer too large",
            format!(
                "the upstream's answer is larger than the {most} bytes that can be passed on here"
            ),
        ),
        Failure::Broken => (
            502,
            "Bad gateway",
            "the upstream could not be reached".to_owned(),
        ),
    };
    if status != 400 {
        tracing::warn!(status, detail, "a request was not passed on");
    }
    let body = json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
    Answer::json(status, added, &body)
}
