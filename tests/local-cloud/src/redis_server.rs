//! A real redis-server, which tests can freeze, kill and bring back at the same address.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
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
    place: Place,
    process: Mutex<Process>,
}

/// Where a server is, the same for its whole life.
#[derive(Debug)]
struct Place {
    name: String,
    port: u16,
    /// The port on which the nodes of a cluster talk; `None` for a server of its own.
    bus: Option<u16>,
    /// A module that it loads.
    module: Option<PathBuf>,
    logs: PathBuf,
}

impl Redis {
    /// A server of its own.
    pub(crate) async fn start(module: Option<&Path>, logs: &Path) -> Result<Self, Error> {
        Self::at_free_ports("redis", false, module, logs).await
    }

    /// A node that knows no other yet and has no slots.
    pub(crate) async fn start_node(name: &str, logs: &Path) -> Result<Self, Error> {
        Self::at_free_ports(name, true, None, logs).await
    }

    async fn at_free_ports(
        name: &str,
        is_node: bool,
        module: Option<&Path>,
        logs: &Path,
    ) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            // Redis cannot pick a free port itself; another process may take this one first: then the next.
            let [port, bus] = free_ports()?;
            let place = Place {
                name: name.to_owned(),
                port,
                bus: is_node.then_some(bus),
                module: module.map(Path::to_owned),
                logs: logs.to_owned(),
            };
            match launch(&place).await {
                Ok(process) => {
                    let process = Mutex::new(process);
                    return Ok(Self { place, process });
                }
                Err(Error::Ended { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// `redis://127.0.0.1:<port>`, the same for the whole life of this object.
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// Client port and bus port of a node; `None` for a server of its own.
    pub(crate) fn node_ports(&self) -> Option<(u16, u16)> {
        self.place.bus.map(|bus| (self.place.port, bus))
    }

    /// A new connection to the server.
    pub(crate) async fn connection(&self) -> Result<MultiplexedConnection, Error> {
        self.place.connection().await
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

    /// Kills the server if it still runs and starts an empty one at the same address. A node of a cluster is the same
    /// node with the same slots afterwards; give it a moment to find the others
    /// ([`crate::RedisCluster::wait_until_ok`]).
    pub async fn restart(&self) -> Result<(), Error> {
        let mut process = self.process.lock().await;
        process.kill().await?;
        *process = launch(&self.place).await?;
        Ok(())
    }
}

impl Place {
    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Error> {
        let client = redis::Client::open(self.url())?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    /// The id of the process that answers here.
    async fn process_id(&self) -> Result<u32, Error> {
        let mut connection = self.connection().await?;
        let info: redis::InfoDict = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await?;
        Ok(info.get("process_id").unwrap_or(0))
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
                .map(Into::into)
                .to_vec();
        let mut set = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        set("--port", self.port.to_string().into());
        set("--dir", self.logs.clone().into());
        if let Some(module) = &self.module {
            set("--loadmodule", module.into());
        }
        if let Some(bus) = self.bus {
            set("--cluster-enabled", "yes".into());
            // Without this the bus is at port + 10000, which may be taken or beyond the last port.
            set("--cluster-port", bus.to_string().into());
            set("--cluster-announce-ip", "127.0.0.1".into());
            // Who the node is and which slots it has: it outlives a restart.
            set(
                "--cluster-config-file",
                format!("{}.conf", self.name).into(),
            );
        }
        arguments
    }
}

async fn launch(place: &Place) -> Result<Process, Error> {
    let program = Program {
        name: place.name.clone(),
        path: workspace::program("TOLLKEEPER_REDIS_SERVER", "redis-server", HINT)?,
        arguments: place.arguments(),
        environment: None,
        log: place.logs.join(format!("{}.log", place.name)),
    };
    let mut process = Process::start(&program).await?;
    let id = process.id();
    let ready = wait::until(READY, || {
        let ended = process.has_ended().map(|status| process.ended(status));
        async move {
            match ended {
                Some(error) => Some(Err(error)),
                // The process id tells our server from one that took the port before us.
                None => (place.process_id().await.ok()? == id).then_some(Ok(())),
            }
        }
    })
    .await;
    match ready {
        Some(outcome) => outcome.map(|()| process),
        None => Err(process.not_ready(READY)),
    }
}

/// Two ports: both are held until both are known, so they differ.
fn free_ports() -> Result<[u16; 2], Error> {
    let listen = || TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("find a free port"));
    let port = |listener: &TcpListener| {
        let address = listener.local_addr();
        address
            .map(|address| address.port())
            .map_err(Error::io("find a free port"))
    };
    let (one, other) = (listen()?, listen()?);
    Ok([port(&one)?, port(&other)?])
}
