//! A deployed function as a test sees it: invoke it, read its logs and metrics, kill it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use super::reply::Reply;
use super::session::{Session, Spec};
use crate::Error;
use crate::process::kill_group;

const KIB: u64 = 1024;

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
    /// Starts the process and waits for its first "next".
    pub(super) async fn start(spec: Spec) -> Result<Self, Error> {
        let id = Arc::new(AtomicU32::new(0));
        let session = Session::start(&spec, &id).await?;
        let inits = std::sync::Mutex::new(vec![session.init]);
        let killed = AtomicBool::new(false);
        let session = Mutex::new(Some(session));
        let inner = Inner {
            spec,
            id,
            session,
            inits,
            killed,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

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

    /// CPU time that the process's threads have taken so far (`schedstat`, nanoseconds); `None` when it does not run.
    pub async fn cpu_time(&self) -> Option<Duration> {
        let id = self.inner.session.lock().await.as_ref()?.process_id();
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).ok()?;
        let mut total = Duration::ZERO;
        for thread in threads.flatten() {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
            total += Duration::from_nanos(nanoseconds);
        }
        Some(total)
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
