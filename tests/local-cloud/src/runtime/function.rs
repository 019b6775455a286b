//! A deployed function as a test sees it: invoke it, read its logs and metrics, kill it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use super::session::{Session, Spec};
use crate::process::kill_group;
use crate::{Error, workspace};

const KIB: u64 = 1024;

/// What an invocation came to, as the caller of Lambda sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The function answered.
    Ok(Value),
    /// The function answered with an error (or failed to start again after a crash).
    Error {
        /// The stable name, such as `InvalidRequest`.
        error_type: String,
        /// The message.
        message: String,
    },
    /// The process ended before it answered (`Runtime.ExitError`).
    Crashed {
        /// Lambda's message with the exit status.
        message: String,
    },
    /// The process was killed because it took longer than its timeout (`Sandbox.Timedout`).
    TimedOut {
        /// Lambda's message with the timeout.
        message: String,
    },
}

impl Reply {
    /// Whether the function answered without an error.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }

    /// The answer, or error type and message in one line.
    pub fn into_result(self) -> Result<Value, String> {
        match self {
            Self::Ok(value) => Ok(value),
            Self::Error {
                error_type,
                message,
            } => Err(format!("{error_type}: {message}")),
            Self::Crashed { message } => Err(format!("Runtime.ExitError: {message}")),
            Self::TimedOut { message } => Err(format!("Sandbox.Timedout: {message}")),
        }
    }
}

/// Says what to run and how; made by [`crate::LocalCloud::function`].
#[derive(Debug)]
#[must_use = "a function runs only once started"]
pub struct FunctionBuilder {
    name: String,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    timeout: Duration,
    region: String,
    endpoint: String,
    log: PathBuf,
}

impl FunctionBuilder {
    pub(crate) fn new(name: &str, region: &str, endpoint: &str, log: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            binary: PathBuf::from(name),
            environment: Vec::new(),
            timeout: Duration::from_secs(30),
            region: region.to_owned(),
            endpoint: endpoint.to_owned(),
            log,
        }
    }

    /// The binary's name in the build folder, or a path; the function's name without this.
    pub fn binary(mut self, binary: impl Into<PathBuf>) -> Self {
        self.binary = binary.into();
        self
    }

    /// Sets an environment variable; a later one of the same name wins, also over Lambda's own.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// How long an invocation may take before the process is killed (30 s without this).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Starts the process and waits until it asks for its first event. [`Error::Init`] if it does not get there.
    pub async fn start(self) -> Result<Function, Error> {
        let binary =
            match self.binary.to_str() {
                Some(name) if !name.contains('/') => workspace::binary(name)?,
                _ => self.binary.is_file().then(|| self.binary.clone()).ok_or(
                    Error::MissingBinary {
                        path: self.binary.clone(),
                    },
                )?,
            };
        let mut environment = lambda_environment(&self.name, &self.region, &self.endpoint);
        environment.extend(self.environment);
        let spec = Spec {
            name: self.name,
            binary,
            environment,
            timeout: self.timeout,
            region: self.region,
            log: self.log,
        };
        let id = Arc::new(AtomicU32::new(0));
        let session = Session::start(&spec, &id).await?;
        let inits = std::sync::Mutex::new(vec![session.init]);
        Ok(Function {
            inner: Arc::new(Inner {
                spec,
                id,
                session: Mutex::new(Some(session)),
                inits,
                killed: AtomicBool::new(false),
            }),
        })
    }
}

/// The documented variables of a function's environment. PATH is added where the process starts.
fn lambda_environment(name: &str, region: &str, endpoint: &str) -> Vec<(String, String)> {
    let variables = [
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", crate::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", crate::ACCESS_KEY),
        ("AWS_SESSION_TOKEN", crate::ACCESS_KEY),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    let mut variables: Vec<_> = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    variables.push((
        "AWS_LAMBDA_LOG_GROUP_NAME".to_owned(),
        format!("/aws/lambda/{name}"),
    ));
    variables
}

/// A function with one execution environment: concurrent invocations wait for each other. Start the same function
/// twice for two environments. Its process ends with the last clone of this handle.
#[derive(Debug, Clone)]
pub struct Function {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    spec: Spec,
    id: Arc<AtomicU32>,
    session: Mutex<Option<Session>>,
    inits: std::sync::Mutex<Vec<Duration>>,
    killed: AtomicBool,
}

impl Function {
    /// Invokes the function and waits for what comes of it. After a crash, a timeout or [`Self::kill`] the process is
    /// started again first. An `Err` is a failure of the local cloud, never of the function.
    pub async fn invoke(&self, event: &Value) -> Result<Reply, Error> {
        self.invoke_bytes(event.to_string().into_bytes()).await
    }

    /// Like [`Self::invoke`], with the event's bytes as they are.
    pub async fn invoke_bytes(&self, event: Vec<u8>) -> Result<Reply, Error> {
        let mut slot = self.inner.session.lock().await;
        let killed = self.inner.killed.swap(false, Ordering::SeqCst);
        if let Some(session) = slot.as_mut()
            && (killed || session.has_ended())
        {
            // A kill may still be on its way: this environment must not get the event.
            session.stop().await?;
            *slot = None;
        }
        let mut session = match slot.take() {
            Some(session) => session,
            None => match self.restarted().await {
                Ok(session) => session,
                Err(Error::Init {
                    error_type,
                    message,
                    ..
                }) => {
                    return Ok(Reply::Error {
                        error_type,
                        message,
                    });
                }
                Err(error) => return Err(error),
            },
        };
        let reply = session.invoke(&self.inner.spec, event).await;
        *slot = Some(session);
        reply
    }

    async fn restarted(&self) -> Result<Session, Error> {
        let session = Session::start(&self.inner.spec, &self.inner.id).await?;
        lock(&self.inner.inits).push(session.init);
        Ok(session)
    }

    /// Kills the process with SIGKILL, also in the middle of an invocation: crash injection.
    pub fn kill(&self) {
        self.inner.killed.store(true, Ordering::SeqCst);
        let id = self.inner.id.load(Ordering::SeqCst);
        if id != 0 {
            kill_group(id);
        }
    }

    /// Ends the process and waits for its end; a later invocation would start it again.
    pub async fn stop(&self) -> Result<(), Error> {
        match self.inner.session.lock().await.take() {
            Some(mut session) => session.stop().await,
            None => Ok(()),
        }
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        &self.inner.spec.name
    }

    /// The function's ARN.
    pub fn arn(&self) -> String {
        self.inner.spec.arn()
    }

    /// From process start to the first "next", for the latest start.
    pub fn init_duration(&self) -> Duration {
        lock(&self.inner.inits).last().copied().unwrap_or_default()
    }

    /// How often the process has been started.
    pub fn starts(&self) -> usize {
        lock(&self.inner.inits).len()
    }

    /// Everything written to stdout and stderr so far, over all starts.
    pub fn log_lines(&self) -> Vec<String> {
        let bytes = std::fs::read(&self.inner.spec.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// The metric documents (embedded metric format) among the log lines.
    pub fn metrics(&self) -> Vec<Value> {
        let documents = self
            .log_lines()
            .into_iter()
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        documents
            .filter(|document| document.get("_aws").is_some())
            .collect()
    }

    /// Resident memory of the process now, in bytes; `None` when it does not run.
    pub async fn resident_memory_bytes(&self) -> Option<u64> {
        self.status_bytes("VmRSS:").await
    }

    /// The most resident memory the process has had, in bytes; `None` when it does not run.
    pub async fn peak_memory_bytes(&self) -> Option<u64> {
        self.status_bytes("VmHWM:").await
    }

    async fn status_bytes(&self, field: &str) -> Option<u64> {
        let id = self.inner.session.lock().await.as_ref()?.process_id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * KIB)
    }
}

fn lock(inits: &std::sync::Mutex<Vec<Duration>>) -> std::sync::MutexGuard<'_, Vec<Duration>> {
    inits
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
