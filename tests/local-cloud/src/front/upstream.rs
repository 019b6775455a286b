//! moto as the front sees it: forward a call as it came, or ask EC2 something of its own.

use aws_config::{Region, SdkConfig};
use axum::body::Body;
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::call::Call;
use crate::{Error, sdk};

/// The server behind the front.
#[derive(Debug)]
pub(super) struct Upstream {
    endpoint: String,
    http: reqwest::Client,
    sdk: SdkConfig,
}

impl Upstream {
    pub(super) async fn new(endpoint: &str) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            endpoint: endpoint.to_owned(),
            http,
            sdk: sdk::config(endpoint, crate::REGION).await,
        })
    }

    /// Sends the call on unchanged (the Host header too: addresses in answers lead back to the front).
    pub(super) async fn forward(&self, call: &Call) -> Response {
        let path = call.uri.path_and_query().map_or("/", |path| path.as_str());
        let headers = call
            .headers
            .iter()
            .filter(|(name, _)| !is_of_the_connection(name));
        let headers = headers
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let request = self
            .http
            .request(call.method.clone(), format!("{}{path}", self.endpoint));
        let reply = match request
            .headers(headers)
            .body(call.body.clone())
            .send()
            .await
        {
            Ok(reply) => reply,
            Err(error) => {
                return (StatusCode::BAD_GATEWAY, format!("moto: {error}")).into_response();
            }
        };
        let mut answer = Response::builder().status(reply.status());
        for (name, value) in reply.headers() {
            // The length of a HEAD answer is the object's, not the body's.
            let keep = call.method == Method::HEAD && name == "content-length";
            if keep || !is_of_the_connection(name) {
                answer = answer.header(name, value);
            }
        }
        let body = match reply.bytes().await {
            Ok(body) => Body::from(body),
            Err(error) => {
                return (StatusCode::BAD_GATEWAY, format!("moto: {error}")).into_response();
            }
        };
        answer
            .body(body)
            .unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, error.to_string()).into_response())
    }

    /// A client of moto's EC2 in the call's region, past the front.
    pub(super) fn ec2(&self, call: &Call) -> aws_sdk_ec2::Client {
        let region = Region::new(call.region.clone());
        aws_sdk_ec2::Client::new(&self.sdk.to_builder().region(region).build())
    }
}

fn is_of_the_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "transfer-encoding" | "content-length" | "te" | "upgrade"
    )
}
