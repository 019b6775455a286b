//! A redis-server of its own for each test, on a free loopback port, gone with the test.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rate_limiter::redis_server::{RedisServer, locate};

const READY: Duration = Duration::from_secs(10);

pub(crate) struct Server {
    port: u16,
    /// The port on which the nodes of a cluster talk; `None` for a server of its own.
    bus: Option<u16>,
    process: Child,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::launched(free_port(), None)
    }

    /// A node of a cluster that knows no other yet and has no slots.
    pub(crate) fn start_node() -> Self {
        let port = free_port();
        // Of an earlier node at this port.
        let _ = std::fs::remove_file(node_file(port));
        Self::launched(port, Some(free_port()))
    }

    fn launched(port: u16, bus: Option<u16>) -> Self {
        let process = launch(port, bus);
        Self { port, bus, process }
    }

    pub(crate) fn bus(&self) -> u16 {
        self.bus.expect("a node of a cluster")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The adapter under test, with a deadline that a busy machine keeps.
    pub(crate) fn adapter(&self) -> RedisServer {
        adapter(&self.url())
    }

    /// A connection of the test's own.
    pub(crate) fn connection(&self) -> redis::Connection {
        connect(&self.url())
    }

    /// Adds the user `clockless`, who may not ask for the time: the script runs on the clock that it is told.
    pub(crate) fn allow_clockless(&self) {
        let user = [
            "SETUSER",
            "clockless",
            "on",
            ">secret",
            "~*",
            "+@all",
            "-time",
        ];
        let _: () = redis::cmd("ACL")
            .arg(&user)
            .query(&mut self.connection())
            .expect("a new user");
    }

    pub(crate) fn adapter_as(&self, user: &str) -> RedisServer {
        adapter(&self.url_as(user))
    }

    pub(crate) fn connection_as(&self, user: &str) -> redis::Connection {
        connect(&self.url_as(user))
    }

    fn url_as(&self, user: &str) -> String {
        self.url().replace("127", &format!("{user}:secret@127"))
    }

    /// Keys that never expire: there must be none, ever.
    pub(crate) fn immortal_keys(&self) -> Vec<String> {
        redis::cmd("EVAL")
            .arg(
                "local immortal = {} \
                 for _, key in ipairs(redis.call('KEYS', '*')) do \
                   if redis.call('PTTL', key) == -1 then immortal[#immortal + 1] = key end \
                 end \
                 return immortal",
            )
            .arg(0)
            .query(&mut self.connection())
            .expect("a look at all keys")
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// An empty server at the same address.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.process = launch(self.port, self.bus);
    }

    /// Freezes the server (`STOP`) or lets it go on (`CONT`): connections stay open.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill -s {signal}"
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn adapter(url: &str) -> RedisServer {
    RedisServer::new(locate(url).expect("a right URL"), Duration::from_secs(5))
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn connect(url: &str) -> redis::Connection {
    let client = redis::Client::open(url).expect("a right URL");
    client.get_connection().expect("a running redis-server")
}

/// Who a node is and which slots it has.
fn node_file(port: u16) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("node-{port}.conf"))
}

fn launch(port: u16, bus: Option<u16>) -> Child {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test's own setting: where redis-server is"
    )]
    let program = std::env::var("TOLLKEEPER_REDIS_SERVER").unwrap_or("redis-server".to_owned());
    let port_text = port.to_string();
    let mut command = Command::new(&program);
    if let Some(bus) = bus {
        // Without its own port the bus is at port + 10000, which may be taken or beyond the last port.
        command
            .args([
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus.to_string(),
            ])
            .args(["--cluster-announce-ip", "127.0.0.1"])
            .arg("--cluster-config-file")
            .arg(node_file(port));
    }
    let mut process = command
        .args(["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--dir", env!("CARGO_TARGET_TMPDIR")])
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "cannot start `{program}` ({error}): run `make test`, which fetches it, or install it \
                 (apt-get install redis-server) or name it in TOLLKEEPER_REDIS_SERVER"
            )
        });
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).expect("a right URL");
    let deadline = Instant::now() + READY;
    loop {
        let pong = client
            .get_connection()
            .and_then(|mut c| redis::cmd("PING").query::<String>(&mut c));
        if pong.is_ok() {
            return process;
        }
        let ended = process.try_wait().expect("a process that can be asked");
        assert!(ended.is_none(), "redis-server ended at once: {ended:?}");
        assert!(
            Instant::now() < deadline,
            "redis-server is not ready after {READY:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
