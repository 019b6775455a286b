//! Redis: decides on all claims of a request in one script call.
//!
//! This adapter offers one question, [`RedisServer::decide`], within one deadline. It refuses to know what happens to a
//! request when there is no answer.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{
    Client, Cmd, ConnectionAddr, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind,
};

use crate::gcra::{Claim, Outcome};
use crate::redis_link::{Connection, Link};

const SCRIPT: &str = include_str!("gcra.lua");

/// Where Redis is and how to log in: never shown.
#[derive(Clone)]
pub struct Location(Client);

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Location(hidden)")
    }
}

/// Reads a `redis://` or `rediss://` URL. TLS always checks the server's certificate.
pub fn locate(url: &str) -> Option<Location> {
    let known = url.starts_with("redis://") || url.starts_with("rediss://");
    let client = Client::open(url).ok().filter(|_| known)?;
    match client.get_connection_info().addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => None,
        _ => Some(Location(client)),
    }
}

/// Why Redis did not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// No answer within the deadline.
    #[error("redis-deadline")]
    Deadline,
    /// No connection, or it broke.
    #[error("redis-unreachable")]
    Unreachable,
    /// Redis answered with an error: wrong password, read-only replica, out of memory.
    #[error("redis-refused")]
    Refused,
    /// Redis answered something that this function does not understand.
    #[error("redis-unreadable")]
    Unreadable,
}

/// A Redis server with the script.
pub struct RedisServer {
    link: Link,
    script: Script,
    deadline: Duration,
    /// Whether the server refuses to tell its time within a script (ElastiCache Serverless does).
    refuses_time: AtomicBool,
}

impl RedisServer {
    /// A server that is connected to when it is first asked. `deadline` covers connecting and asking together.
    pub fn new(location: Location, deadline: Duration) -> Self {
        let Location(client) = location;
        if let ConnectionAddr::TcpTls { .. } = client.get_connection_info().addr() {
            // The crate asks for the process's default. Ours may be the second: then there is one already.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        Self {
            link: Link::new(client),
            script: Script::new(SCRIPT),
            deadline,
            refuses_time: AtomicBool::new(false),
        }
    }

    /// Decides on all claims together. `now_us` (microseconds since 1970) is used only where the server refuses to
    /// tell its own time.
    pub async fn decide(&self, claims: &[Claim], now_us: u64) -> Result<Outcome, Outage> {
        let Ok(answer) = tokio::time::timeout(self.deadline, self.ask(claims, now_us)).await else {
            self.link.forget();
            return Err(Outage::Deadline);
        };
        let numbers = answer.map_err(|error| reason(&error))?;
        self.read(&numbers, claims.len()).ok_or(Outage::Unreadable)
    }

    async fn ask(&self, claims: &[Claim], now_us: u64) -> RedisResult<Vec<u64>> {
        loop {
            let mut link = self.link.connection().await?;
            match self.evaluate(&mut link, claims, now_us).await {
                Err(error) if is_over(&error) => {
                    self.link.forget();
                    // A connection from before may have died unnoticed. If the script ran all the same, the request
                    // is charged twice: too strict once, never too generous.
                    if !link.reused {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    async fn evaluate(
        &self,
        link: &mut Connection,
        claims: &[Claim],
        now_us: u64,
    ) -> RedisResult<Vec<u64>> {
        let connection = &mut link.connection;
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command.arg(script);
            let client_clock = self.refuses_time.load(Ordering::Relaxed);
            add_arguments(&mut command, claims, now_us, client_clock);
            command
        };
        let answer = command("EVALSHA", self.script.get_hash())
            .query_async(connection)
            .await;
        match answer {
            // EVAL rather than SCRIPT LOAD: one trip fewer, and it passes proxies that block SCRIPT.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                command("EVAL", SCRIPT).query_async(connection).await
            }
            answer => answer,
        }
    }

    fn read(&self, numbers: &[u64], claims: usize) -> Option<Outcome> {
        let [allowed, clock, now_us, arrivals_us @ ..] = numbers else {
            return None;
        };
        if *clock == 1 && !self.refuses_time.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "redis refuses TIME in scripts: this function's own clock is used from now on"
            );
        }
        (arrivals_us.len() == claims).then(|| Outcome {
            allowed: *allowed == 1,
            now_us: *now_us,
            arrivals_us: arrivals_us.to_vec(),
        })
    }
}

/// Keys and arguments as `gcra.lua` documents them.
fn add_arguments(command: &mut Cmd, claims: &[Claim], now_us: u64, client_clock: bool) {
    let mut keys: Vec<&str> = Vec::new();
    let mut indexes = Vec::with_capacity(claims.len());
    for claim in claims {
        let index = keys.iter().position(|key| *key == claim.key);
        indexes.push(index.unwrap_or(keys.len()) + 1);
        if index.is_none() {
            keys.push(&claim.key);
        }
    }
    command.arg(keys.len()).arg(keys);
    command.arg(now_us).arg(u8::from(client_clock));
    for (claim, index) in claims.iter().zip(indexes) {
        command
            .arg(index)
            .arg(&claim.field)
            .arg(claim.pace.tolerance_us())
            .arg(claim.pace.charge_us(claim.cost));
    }
}

/// Whether the connection is of no more use: it broke, or its server has become a replica.
fn is_over(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

fn reason(error: &RedisError) -> Outage {
    let outage = match error.kind() {
        _ if error.is_timeout() => Outage::Deadline,
        _ if error.is_io_error() => Outage::Unreachable,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Outage::Unreadable,
        _ => Outage::Refused,
    };
    // The code only: an error's text may repeat keys.
    let code = error.code().unwrap_or_default();
    tracing::warn!(reason = %outage, code, kind = ?error.kind(), "redis did not decide");
    outage
}
