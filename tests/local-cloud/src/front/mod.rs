//! What answers at AWS_ENDPOINT_URL: moto, with a small list of documented fixes before it.
//!
//! | Fix | What moto 5.2.5 does instead |
//! |---|---|
//! | `gateway_routes` | ModifyVpcEndpoint lists the route table but makes no route; deleting the endpoint then fails |
//! | `private_dns` | ModifyVpcEndpoint ignores PrivateDnsEnabled; a second owner of the same DNS name is accepted |
//! | `event_sources` | event source mappings of Kafka are refused |
//! | `cloudwatch` | the protocol the SDK speaks (CBOR) is not served |
//! | `service_filter` | DescribeVpcEndpointServices fails on the filter `service-name` |
//! | `cost_explorer` | GetCostAndUsage answers from a queue, whatever was asked |
//! | `cloudtrail` | LookupEvents is not there |
//! | one table write at a time | a condition is looked at and written after in two steps: two writers can both hold it |
//!
//! Each fix has a test that shows moto's behaviour without it: when that test fails, the fix can go (but for
//! the last one, which shows by chance). Besides, the front
//! records what was published to SNS and what was called how often, and makes calls fail on demand. It knows nothing of
//! the functions under test.

mod call;
mod cbor;
mod cloudtrail;
mod cloudwatch;
pub mod cost_explorer;
mod errors;
pub(crate) mod event_sources;
pub mod faults;
mod gateway_routes;
mod private_dns;
mod service_filter;
pub mod sns;
mod upstream;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::Error;
use call::Call;
use cost_explorer::CostExplorer;
use faults::{Fault, Faults};
use upstream::Upstream;

/// The front itself: a listening proxy.
#[derive(Debug)]
pub struct Front {
    endpoint: String,
    state: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: Upstream,
    faults: Faults,
    calls: Mutex<BTreeMap<(String, String), usize>>,
    private_dns: private_dns::Switches,
    event_sources: event_sources::Mappings,
    cost_explorer: Arc<CostExplorer>,
    cloudtrail: cloudtrail::Events,
    sns: sns::Recorder,
    /// One write at a time: moto looks at a condition and writes in two steps, between which another thread may write too.
    table_writes: tokio::sync::Mutex<()>,
}

impl Front {
    pub(crate) async fn start(moto: &str) -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(Error::io("listen for AWS calls"))?;
        let address = listener
            .local_addr()
            .map_err(Error::io("listen for AWS calls"))?;
        let state = Arc::new(Shared {
            upstream: Upstream::new(moto).await?,
            faults: Faults::default(),
            calls: Mutex::default(),
            private_dns: private_dns::Switches::default(),
            event_sources: event_sources::Mappings::default(),
            cost_explorer: Arc::default(),
            cloudtrail: cloudtrail::Events::default(),
            sns: sns::Recorder::default(),
            table_writes: tokio::sync::Mutex::default(),
        });
        let routes = Router::new().fallback(serve).with_state(state.clone());
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(Self {
            endpoint: format!("http://{address}"),
            state,
            server,
        })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes the next `times` calls of `action` (such as `Publish`) of `service` (the name a request is signed for,
    /// such as `sns`, `dynamodb`, `ec2`, `ce`, `monitoring`, `s3`) fail. The SDK's own retries count as calls.
    pub fn fail_next(&self, service: &str, action: &str, times: usize, fault: Fault) {
        self.state.faults.add(service, action, times, fault);
    }

    /// How often `action` of `service` was called so far, failed calls included.
    pub fn calls(&self, service: &str, action: &str) -> usize {
        let calls = self
            .state
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        calls
            .get(&(service.to_owned(), action.to_owned()))
            .copied()
            .unwrap_or(0)
    }

    /// Every (service, action) called so far and how often.
    pub fn call_log(&self) -> BTreeMap<(String, String), usize> {
        self.state
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Adds an event as CloudTrail records it (`eventSource`, `eventTime`, `sourceIPAddress`, `userIdentity`, …) to what
    /// LookupEvents finds.
    pub fn record_event(&self, event: serde_json::Value) {
        self.state.cloudtrail.add(event);
    }

    pub(crate) fn cost_explorer(&self) -> &CostExplorer {
        &self.state.cost_explorer
    }

    pub(crate) fn sns(&self) -> &sns::Recorder {
        &self.state.sns
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let call = match Call::read(request).await {
        Ok(call) => call,
        Err(error) => return (StatusCode::BAD_REQUEST, error).into_response(),
    };
    let key = (call.service.clone(), call.action.clone());
    *shared
        .calls
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(key)
        .or_default() += 1;
    match shared.faults.take(&call.service, &call.action) {
        None => answer(&shared, &call).await,
        Some(fault) => fault.strike(&call, answer(&shared, &call)).await,
    }
}

/// The list of fixes; everything else goes to moto as it came.
async fn answer(shared: &Shared, call: &Call) -> Response {
    match (call.service.as_str(), call.action.as_str()) {
        ("ec2", "ModifyVpcEndpoint") => modify_vpc_endpoint(shared, call).await,
        ("ec2", "CreateVpcEndpoint") => match private_dns::refusal_of_create(shared, call).await {
            Some(refusal) => refusal,
            None => shared.upstream.forward(call).await,
        },
        ("ec2", "DescribeVpcEndpoints") => {
            let reply = shared.upstream.forward(call).await;
            shared.private_dns.show_in(reply).await
        }
        ("ec2", "DescribeVpcEndpointServices") => {
            service_filter::answer(&shared.upstream, call).await
        }
        ("lambda", action)
            if action.ends_with("EventSourceMapping")
                || action.ends_with("EventSourceMappings") =>
        {
            event_sources::answer(shared, call).await
        }
        ("cloudtrail", "LookupEvents") => shared.cloudtrail.answer(call),
        ("ce", "GetCostAndUsage") => shared.cost_explorer.answer(call),
        ("monitoring", _) if call.is_cbor() => cloudwatch::answer(&shared.upstream, call).await,
        (
            "dynamodb",
            "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems",
        ) => {
            let _alone = shared.table_writes.lock().await;
            shared.upstream.forward(call).await
        }
        ("sns", "Publish") => shared.sns.publish(&shared.upstream, call).await,
        _ => shared.upstream.forward(call).await,
    }
}

async fn modify_vpc_endpoint(shared: &Shared, call: &Call) -> Response {
    if let Some(refusal) = private_dns::refusal_of_modify(shared, call).await {
        return refusal;
    }
    let before = gateway_routes::Before::observe(&shared.upstream, call).await;
    let reply = shared.upstream.forward(call).await;
    if !reply.status().is_success() {
        return reply;
    }
    shared.private_dns.remember(call);
    match before.follow(&shared.upstream, call).await {
        Ok(()) => reply,
        Err(problem) => errors::server_error(call, &problem),
    }
}
