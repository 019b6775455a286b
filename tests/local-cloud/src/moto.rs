//! moto_server as AWS. It knows nothing of the fixes that stand before it (see [`crate::front`]).

use std::path::Path;
use std::time::Duration;

use crate::process::{Process, Program};
use crate::{Error, wait, workspace};

const READY: Duration = Duration::from_secs(30);
const HINT: &str =
    "install it (pip install 'moto[server]==5.2.5') or name it in TOLLKEEPER_MOTO_SERVER";

/// A running moto_server.
#[derive(Debug)]
pub(crate) struct Moto {
    process: Process,
    endpoint: String,
}

impl Moto {
    pub(crate) async fn start(logs: &Path) -> Result<Self, Error> {
        let program = Program {
            name: "moto".to_owned(),
            path: workspace::program("TOLLKEEPER_MOTO_SERVER", "moto_server", HINT)?,
            // Port 0: the system picks a free one, and the log line says which.
            arguments: ["-H", "127.0.0.1", "-p", "0"].map(Into::into).to_vec(),
            environment: None,
            log: logs.join("moto.log"),
        };
        let mut process = Process::start(&program).await?;
        let found = wait::until(READY, || {
            let outcome = match process.has_ended() {
                Some(status) => Some(Err(process.ended(status))),
                None => announced(process.log()).map(Ok),
            };
            std::future::ready(outcome)
        });
        match found.await {
            Some(endpoint) => Ok(Self {
                endpoint: endpoint?,
                process,
            }),
            None => Err(process.not_ready(READY)),
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        self.process.kill().await
    }
}

/// The address in moto's line ` * Running on http://127.0.0.1:44535`, once the line is complete.
fn announced(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let (_, rest) = text.split_once("Running on ")?;
    let (address, _) = rest.split_once('\n')?;
    Some(address.trim().to_owned())
}
