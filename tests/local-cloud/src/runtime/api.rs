//! The HTTP side of the Runtime API (version 2018-06-01), for one process: next event, response, error, init error.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::Error;

/// The most a synchronous invocation may answer.
const RESPONSE_BYTES: usize = 6 * 1024 * 1024;

/// An event on its way to the function.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) function_arn: String,
    /// Milliseconds since 1970 at which the function will be killed.
    pub(super) deadline_ms: i64,
    pub(super) payload: Vec<u8>,
}

/// What the function's process told the API.
#[derive(Debug)]
pub(super) enum Signal {
    /// It asks for an event.
    Next { at: Instant },
    /// It answered.
    Answer(Bytes),
    /// It answered with an error.
    Failure(Failure),
    /// It could not start.
    InitFailure(Failure),
}

/// Lambda's error document. Extra fields (a stack trace) are tolerated.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    #[serde(default)]
    pub(super) error_type: String,
    #[serde(default)]
    pub(super) error_message: String,
}

/// A listening Runtime API and both ends of what passes through it.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: String,
    pub(super) invocations: mpsc::UnboundedSender<Invocation>,
    pub(super) signals: mpsc::UnboundedReceiver<Signal>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    invocations: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    signals: mpsc::UnboundedSender<Signal>,
    /// The invocation in flight: an answer to any other is refused.
    current: Mutex<Option<String>>,
}

impl RuntimeApi {
    pub(super) async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(Error::io("listen for the Runtime API"))?;
        let address = listener
            .local_addr()
            .map_err(Error::io("listen for the Runtime API"))?
            .to_string();
        let (invocations, inbox) = mpsc::unbounded_channel();
        let (outbox, signals) = mpsc::unbounded_channel();
        let shared = Shared {
            invocations: tokio::sync::Mutex::new(inbox),
            signals: outbox,
            current: Mutex::default(),
        };
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(RESPONSE_BYTES))
            .with_state(Arc::new(shared));
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(Self {
            address,
            invocations,
            signals,
            server,
        })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    // The order matters: whoever waits for "next" may send an event at once, which then waits in the channel.
    let _ = shared.signals.send(Signal::Next { at: Instant::now() });
    let Some(invocation) = shared.invocations.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    *shared
        .current
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Some(invocation.id.clone());
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", invocation.id),
        (
            "lambda-runtime-deadline-ms",
            invocation.deadline_ms.to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            invocation.function_arn,
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0".to_owned(),
        ),
    ];
    (headers, invocation.payload).into_response()
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    settle(&shared, &id, Signal::Answer(body))
}

async fn error(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    settle(&shared, &id, Signal::Failure(failure(&headers, &body)))
}

async fn init_error(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let _ = shared
        .signals
        .send(Signal::InitFailure(failure(&headers, &body)));
    accepted()
}

/// Takes the answer to the invocation in flight, once; anything else is refused as Lambda does.
fn settle(shared: &Shared, id: &str, signal: Signal) -> Response {
    let mut current = shared
        .current
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if current.as_deref() != Some(id) {
        let body = json!({"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"});
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    *current = None;
    let _ = shared.signals.send(signal);
    accepted()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

fn failure(headers: &HeaderMap, body: &[u8]) -> Failure {
    let from_header = headers
        .get("lambda-runtime-function-error-type")
        .and_then(|value| value.to_str().ok());
    let mut failure = serde_json::from_slice(body).unwrap_or_else(|_| Failure {
        error_type: String::new(),
        error_message: String::from_utf8_lossy(body).into_owned(),
    });
    if failure.error_type.is_empty() {
        from_header
            .unwrap_or("Unhandled")
            .clone_into(&mut failure.error_type);
    }
    failure
}
