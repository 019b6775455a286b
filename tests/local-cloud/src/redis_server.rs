//! A real redis-server, which tests can freeze, kill and bring back at the same address.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::process::{Process, Program, Signal};
use crate::{Error, wait, workspace};

const READY: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 5;
const HINT: &str =
    "install it (apt-get install redis-server) or name it in TOLLKEEPER_REDIS_SERVER";

/// A redis-server without persistence on a loopback port.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    logs: PathBuf,
    process: Mutex<Process>,
}

impl Redis {
    pub(crate) async fn start(logs: &Path) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            // Redis cannot pick a free port itself; another process may take this one first: then the next.
            let port = free_port()?;
            match launch(port, logs).await {
                Ok(process) => {
                    return Ok(Self {
                        port,
                        logs: logs.to_owned(),
                        process: Mutex::new(process),
                    });
                }
                Err(Error::Ended { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// `redis://127.0.0.1:<port>`, the same for the whole life of this object.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Freezes the server: connections stay open, nothing is answered (SIGSTOP).
    pub async fn stop(&self) {
        self.process.lock().await.signal(Signal::STOP);
    }

    /// Lets a frozen server go on (SIGCONT).
    pub async fn cont(&self) {
        self.process.lock().await.signal(Signal::CONT);
    }

    /// Kills the server: connections break, new ones are refused.
    pub async fn kill(&self) -> Result<(), Error> {
        self.process.lock().await.kill().await
    }

    /// Kills the server if it still runs and starts an empty one at the same address.
    pub async fn restart(&self) -> Result<(), Error> {
        let mut process = self.process.lock().await;
        process.kill().await?;
        *process = launch(self.port, &self.logs).await?;
        Ok(())
    }
}

async fn launch(port: u16, logs: &Path) -> Result<Process, Error> {
    let port_text = port.to_string();
    let folder = logs.display().to_string();
    let arguments = [
        "--port",
        &port_text,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        &folder,
    ];
    let program = Program {
        name: "redis".to_owned(),
        path: workspace::program("TOLLKEEPER_REDIS_SERVER", "redis-server", HINT)?,
        arguments: arguments.map(Into::into).to_vec(),
        environment: None,
        log: logs.join("redis.log"),
    };
    let mut process = Process::start(&program).await?;
    let id = process.id();
    let ready = wait::until(READY, || {
        let ended = process.has_ended().map(|status| process.ended(status));
        async move {
            match ended {
                Some(error) => Some(Err(error)),
                // The process id tells our server from one that took the port before us.
                None => (process_id_at(port).await.ok()? == id).then_some(Ok(())),
            }
        }
    })
    .await;
    match ready {
        Some(outcome) => outcome.map(|()| process),
        None => Err(process.not_ready(READY)),
    }
}

async fn process_id_at(port: u16) -> Result<u32, Error> {
    let mut connection = redis::Client::open(url(port))?
        .get_multiplexed_async_connection()
        .await?;
    let info: redis::InfoDict = redis::cmd("INFO")
        .arg("server")
        .query_async(&mut connection)
        .await?;
    Ok(info.get("process_id").unwrap_or(0))
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(Error::io("find a free port"))
}
