//! What can go wrong while starting or using the local cloud, said so that a person knows what to do next.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An error of the local cloud itself. A function that answers with an error is not one: see [`crate::Reply`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program the local cloud needs is not installed.
    #[error("{program} not found: {hint}")]
    MissingProgram {
        /// The program looked for.
        program: String,
        /// How to install it or point to it.
        hint: &'static str,
    },
    /// A function binary has not been built.
    #[error("function binary {} is missing: run: cargo build --workspace --all-targets", path.display())]
    MissingBinary {
        /// Where it was expected.
        path: PathBuf,
    },
    /// A process did not do what was waited for in time.
    #[error("{process} was not ready within {waited:?}; {log}")]
    NotReady {
        /// The process's name.
        process: String,
        /// How long it was waited for.
        waited: Duration,
        /// Its log and last lines.
        log: LogTail,
    },
    /// The Redis cluster's nodes do not see all slots served.
    #[error("the Redis cluster was not ok on every node within {waited:?}")]
    ClusterNotOk {
        /// How long it was waited for.
        waited: Duration,
    },
    /// A process ended by itself.
    #[error("{process} ended ({status}); {log}")]
    Ended {
        /// The process's name.
        process: String,
        /// Exit status or signal.
        status: String,
        /// Its log and last lines.
        log: LogTail,
    },
    /// A function failed before it asked for its first event.
    #[error("function {function} failed at init: {error_type}: {message}; {log}")]
    Init {
        /// The function's name.
        function: String,
        /// Lambda's error type, such as `Runtime.ExitError`.
        error_type: String,
        /// What the function or the runtime said.
        message: String,
        /// Its log and last lines.
        log: LogTail,
    },
    /// Something was used that the builder was not asked to start.
    #[error("this local cloud was started without {0}")]
    NotStarted(&'static str),
    /// The mock broker dropped records before they were read: a partition holds 5 MiB or 100,000 messages.
    #[error(
        "{topic}-{partition}: records from {expected} to {oldest} are gone (a mock partition holds 5 MiB or 100,000 messages)"
    )]
    RecordsDropped {
        /// Topic name.
        topic: String,
        /// Partition number.
        partition: i32,
        /// The next offset to read.
        expected: i64,
        /// The oldest offset the broker still has.
        oldest: i64,
    },
    /// One record does not fit the 6 MB payload of an invocation.
    #[error(
        "{topic}-{partition} offset {offset}: the record alone exceeds the 6 MB of an invocation"
    )]
    RecordTooLarge {
        /// Topic name.
        topic: String,
        /// Partition number.
        partition: i32,
        /// The record's offset.
        offset: i64,
    },
    /// Kafka client or mock broker.
    #[error("kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// Redis client.
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// HTTP between the parts of the local cloud.
    #[error("http: {0}")]
    Http(#[from] reqwest::Error),
    /// Files, sockets, processes.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Where a process's log is, and its last lines.
#[derive(Debug, Clone)]
pub struct LogTail {
    /// The log file.
    pub path: PathBuf,
    /// Its last lines, oldest first.
    pub lines: Vec<String>,
}

impl LogTail {
    const LINES: usize = 12;

    pub(crate) fn of(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<String> = text
            .lines()
            .rev()
            .take(Self::LINES)
            .map(str::to_owned)
            .collect();
        lines.reverse();
        Self {
            path: path.to_owned(),
            lines,
        }
    }
}

impl fmt::Display for LogTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log {}", self.path.display())?;
        for line in &self.lines {
            write!(f, "\n  | {line}")?;
        }
        Ok(())
    }
}
