//! A process on one core that answers each line with a line of JSON.

use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::report::Error;

/// Killed when dropped.
pub(crate) struct Pinned {
    pub(crate) name: &'static str,
    _process: Child,
    requests: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Pinned {
    pub(crate) fn start(
        name: &'static str,
        command: &[String],
        core: usize,
    ) -> Result<Self, Error> {
        let mut pinned = Command::new("taskset");
        pinned
            .args(["-c", &core.to_string()])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let failed = |reason: String| Error::Command {
            command: format!("taskset -c {core} {}", command.join(" ")),
            reason,
        };
        let mut process = pinned.spawn().map_err(|error| failed(error.to_string()))?;
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(failed("it has no pipes".to_owned()));
        };
        Ok(Self {
            name,
            _process: process,
            requests,
            lines: BufReader::new(answers).lines(),
        })
    }

    /// Writes a line and reads the answer; the error says why there is none.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &mut self,
        request: &str,
        patience: Duration,
    ) -> Result<T, String> {
        let answer = async {
            self.requests
                .write_all(format!("{request}\n").as_bytes())
                .await?;
            self.requests.flush().await?;
            self.lines.next_line().await
        };
        match timeout(patience, answer).await {
            Ok(Ok(Some(line))) => serde_json::from_str(&line)
                .map_err(|error| format!("answered with something else: {error}")),
            Ok(Ok(None)) => Err("ended; what it said is above".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer in {} s", patience.as_secs())),
        }
    }
}
