//! One execution environment: a function's process and its Runtime API, from start to the end of the process.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::api::{Failure, Invocation, RuntimeApi, Signal};
use super::reply::Reply;
use crate::error::LogTail;
use crate::process::{Process, Program};
use crate::{Error, host};

/// Lambda's own limit for the init phase.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// What a function runs with.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) binary: PathBuf,
    pub(super) environment: Vec<(String, String)>,
    pub(super) timeout: Duration,
    pub(super) region: String,
    pub(super) log: PathBuf,
}

impl Spec {
    pub(super) fn arn(&self) -> String {
        format!(
            "arn:aws:lambda:{}:{}:function:{}",
            self.region,
            crate::ACCOUNT_ID,
            self.name
        )
    }
}

/// A running environment that has asked for its first event.
#[derive(Debug)]
pub(super) struct Session {
    process: Process,
    api: RuntimeApi,
    /// The process's id for whoever wants to kill it, 0 when there is none.
    id: Arc<AtomicU32>,
    pub(super) init: Duration,
    invocations: u64,
}

impl Session {
    /// Starts the process and waits for its first "next"; [`Error::Init`] when it fails before.
    pub(super) async fn start(spec: &Spec, id: &Arc<AtomicU32>) -> Result<Self, Error> {
        let api = RuntimeApi::start().await?;
        let mut environment = vec![("AWS_LAMBDA_RUNTIME_API".to_owned(), api.address.clone())];
        environment.extend(spec.environment.iter().cloned());
        let program = Program {
            name: spec.name.clone(),
            path: spec.binary.clone(),
            arguments: Vec::new(),
            environment: Some(environment),
            log: spec.log.clone(),
        };
        let started = Instant::now();
        let process = Process::start(&program).await?;
        id.store(process.id(), Ordering::SeqCst);
        let mut session = Self {
            process,
            api,
            id: id.clone(),
            init: Duration::ZERO,
            invocations: 0,
        };
        match session
            .heard(tokio::time::Instant::now() + INIT_LIMIT)
            .await?
        {
            Heard::Signal(Signal::Next { at }) => session.init = at - started,
            other => return Err(init_error(spec, other)),
        }
        Ok(session)
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.process.has_ended().is_some()
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Hands over one event and waits for its answer, the process's end or the timeout. After a crash or a timeout
    /// the process has ended.
    pub(super) async fn invoke(&mut self, spec: &Spec, payload: Vec<u8>) -> Result<Reply, Error> {
        self.invocations += 1;
        let id = request_id(self.process.id(), self.invocations);
        let deadline = tokio::time::Instant::now() + spec.timeout;
        let deadline_ms = unix_milliseconds(spec.timeout);
        let invocation = Invocation {
            id: id.clone(),
            function_arn: spec.arn(),
            deadline_ms,
            payload,
        };
        // A closed channel means that the process has ended; hearing from it says how.
        let _ = self.api.invocations.send(invocation);
        loop {
            match self.heard(deadline).await? {
                Heard::Signal(Signal::Next { .. }) => {}
                Heard::Signal(Signal::Answer(body)) => return Ok(answer(&body)),
                Heard::Signal(Signal::Failure(failure) | Signal::InitFailure(failure)) => {
                    return Ok(failed(failure));
                }
                Heard::Ended(status) => {
                    return Ok(Reply::Crashed {
                        message: format!("RequestId: {id} Error: Runtime exited: {status}"),
                    });
                }
                Heard::Nothing => {
                    self.process.kill().await?;
                    let seconds = spec.timeout.as_secs_f64();
                    return Ok(Reply::TimedOut {
                        message: format!(
                            "RequestId: {id} Error: Task timed out after {seconds:.2} seconds"
                        ),
                    });
                }
            }
        }
    }

    pub(super) async fn stop(&mut self) -> Result<(), Error> {
        self.process.kill().await
    }

    async fn heard(&mut self, deadline: tokio::time::Instant) -> Result<Heard, Error> {
        tokio::select! {
            // What it said before it ended comes before that it ended.
            biased;
            Some(signal) = self.api.signals.recv() => Ok(Heard::Signal(signal)),
            status = self.process.wait() => Ok(Heard::Ended(status?)),
            () = tokio::time::sleep_until(deadline) => Ok(Heard::Nothing),
        }
    }
}

fn init_error(spec: &Spec, heard: Heard) -> Error {
    let (error_type, message) = match heard {
        Heard::Signal(Signal::InitFailure(failure)) => (failure.error_type, failure.error_message),
        Heard::Signal(_) => (
            "Runtime.Unknown".to_owned(),
            "answered before it asked for an event".to_owned(),
        ),
        Heard::Ended(status) => (
            "Runtime.ExitError".to_owned(),
            format!("Runtime exited: {status}"),
        ),
        Heard::Nothing => (
            "Sandbox.Timedout".to_owned(),
            format!("no first event asked for within {INIT_LIMIT:?}"),
        ),
    };
    Error::Init {
        function: spec.name.clone(),
        error_type,
        message,
        log: LogTail::of(&spec.log),
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.id.store(0, Ordering::SeqCst);
    }
}

#[derive(Debug)]
enum Heard {
    Signal(Signal),
    Ended(ExitStatus),
    Nothing,
}

fn answer(body: &[u8]) -> Reply {
    let body = if body.is_empty() { b"null" } else { body };
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => Reply::Ok(value),
        Err(error) => Reply::Error {
            error_type: "Runtime.MalformedResponse".to_owned(),
            message: error.to_string(),
        },
    }
}

fn failed(failure: Failure) -> Reply {
    Reply::Error {
        error_type: failure.error_type,
        message: failure.error_message,
    }
}

fn request_id(process: u32, number: u64) -> String {
    format!("{process:08x}-0000-4000-8000-{number:012x}")
}

fn unix_milliseconds(from_now: Duration) -> i64 {
    let from_now = i64::try_from(from_now.as_millis()).unwrap_or(i64::MAX);
    host::now().as_millisecond().saturating_add(from_now)
}
