//! Redis: decides on all claims of a request in one script call, on a cluster in one for each slot.
//!
//! This adapter offers one question, [`RedisServer::decide`], within one deadline. It refuses to know what happens to a
//! request when there is no answer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, ConnectionAddr, ErrorKind, RedisError, RedisResult, ServerErrorKind};

use crate::credentials::Credentials;
use crate::quota::{Claim, Demand, Operation, Outcome};
use crate::redis_link::{Connection, Link};
use crate::redis_nodes::Nodes;
use crate::redis_script::{self, Answer, QuotaScript};
use crate::slots;

/// How often a request follows a cluster from node to node.
const MOST_ATTEMPTS: usize = 5;
/// How long a request waits while its keys move to another node one by one.
const WHILE_KEYS_MOVE: Duration = Duration::from_millis(5);

/// Where Redis is and how to log in: never shown.
#[derive(Clone)]
pub struct Location {
    client: Client,
    credentials: Arc<Credentials>,
}

impl Location {
    /// The same place, with other credentials than the URL's.
    #[must_use]
    pub fn with(self, credentials: Credentials) -> Self {
        Self {
            credentials: Arc::new(credentials),
            ..self
        }
    }
}

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
        _ => Some(Location {
            client,
            credentials: Arc::new(Credentials::Url),
        }),
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
    /// Redis was not asked: it has failed too often just now.
    #[error("redis-breaker-open")]
    BreakerOpen,
}

/// Redis with the script: one server, or a cluster.
pub struct RedisServer {
    nodes: Nodes,
    script: QuotaScript,
    deadline: Duration,
    /// Whether the server refuses to tell its time within a script (ElastiCache Serverless does).
    refuses_time: AtomicBool,
}

impl RedisServer {
    /// A server that is connected to when it is first asked. `deadline` covers connecting and asking together.
    pub fn new(location: Location, deadline: Duration) -> Self {
        let Location {
            client,
            credentials,
        } = location;
        if let ConnectionAddr::TcpTls { .. } = client.get_connection_info().addr() {
            // The crate asks for the process's default. Ours may be the second: then there is one already.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        Self {
            nodes: Nodes::new(client, credentials),
            script: QuotaScript::new(),
            deadline,
            refuses_time: AtomicBool::new(false),
        }
    }

    /// Does what is demanded of all claims together. `now_us` (microseconds since 1970) is used only where the server
    /// refuses to tell its own time.
    ///
    /// On a cluster, claims whose keys lie in several slots are decided slot by slot, in the order of the claims. When
    /// one denies, what the others took is given back: nobody gets more than if that had not been, but until then others
    /// may find less. If Redis fails in between, it stays taken.
    pub async fn decide(&self, demand: &Demand<'_>, now_us: u64) -> Result<Outcome, Outage> {
        match tokio::time::timeout(self.deadline, self.ask(demand, now_us)).await {
            Ok(answer) => answer.map_err(|error| reason(&error)),
            Err(_) => Err(Outage::Deadline),
        }
    }

    async fn ask(&self, demand: &Demand<'_>, now_us: u64) -> RedisResult<Outcome> {
        if !self.nodes.is_cluster() {
            match self.evaluate(demand, now_us).await {
                Err(error) if is(&error, ServerErrorKind::CrossSlot) => self.nodes.found_cluster(),
                answer => return answer,
            }
        }
        let groups = slots::groups(demand.claims);
        if groups.len() < 2 {
            return self.evaluate(demand, now_us).await;
        }
        let mut parts: Vec<(Vec<usize>, Outcome)> = Vec::with_capacity(groups.len());
        for members in groups {
            let claims = chosen(demand.claims, &members);
            let part = Demand {
                claims: &claims,
                ..*demand
            };
            match self.evaluate(&part, now_us).await {
                Ok(outcome) => {
                    let is_over = demand.operation == Operation::Take && !outcome.allowed;
                    parts.push((members, outcome));
                    if is_over {
                        break;
                    }
                }
                Err(error) => {
                    self.give_back(demand, &parts, now_us).await;
                    return Err(error);
                }
            }
        }
        let joined = Outcome::joined(demand.operation, demand.claims.len(), &parts);
        if !joined.allowed {
            self.give_back(demand, &parts, now_us).await;
        }
        Ok(joined)
    }

    /// Undoes what some slots took. What cannot be undone stays taken: too strict, never too generous.
    async fn give_back(&self, demand: &Demand<'_>, parts: &[(Vec<usize>, Outcome)], now_us: u64) {
        for (members, outcome) in parts {
            let charged = outcome.charged();
            let members: Vec<usize> = members
                .iter()
                .zip(charged)
                .filter_map(|(member, charged)| charged.then_some(*member))
                .collect();
            if members.is_empty() {
                continue;
            }
            let undo = Demand {
                operation: Operation::Refund {
                    taken_at_us: Some(outcome.now_us),
                },
                claims: &chosen(demand.claims, &members),
                lease: demand.lease,
            };
            if let Err(error) = self.evaluate(&undo, now_us).await {
                reason(&error);
            }
        }
    }

    /// One call, for claims of one slot (or any on a server of its own).
    async fn evaluate(&self, demand: &Demand<'_>, now_us: u64) -> RedisResult<Outcome> {
        let slot = || {
            demand
                .claims
                .first()
                .map_or(0, |claim| slots::slot(&claim.key))
        };
        let mut link = self.nodes.of_slot(slot()).await;
        let mut asking = false;
        for _ in 0..MOST_ATTEMPTS {
            let error = match self.attempt(&link, demand, now_us, asking).await {
                Ok(numbers) => return self.read(&numbers, demand),
                Err(Failed {
                    retry: false,
                    error,
                }) => return Err(error),
                Err(Failed { error, .. }) => error,
            };
            asking = is(&error, ServerErrorKind::Ask);
            match error.redirect_node() {
                Some((address, _)) if asking => link = self.nodes.at(address)?,
                _ => {
                    if is(&error, ServerErrorKind::TryAgain) {
                        tokio::time::sleep(WHILE_KEYS_MOVE).await;
                    }
                    link = self.nodes.of_slot(slot()).await;
                }
            }
        }
        Err(std::io::Error::other("sent from node to node").into())
    }

    /// One attempt at one node. Whoever gives up waiting for it drops the connection: it may be dead.
    async fn attempt(
        &self,
        link: &Link,
        demand: &Demand<'_>,
        now_us: u64,
        asking: bool,
    ) -> Result<Vec<u64>, Failed> {
        let mut watch = Watch {
            link,
            nodes: &self.nodes,
            is_over: true,
        };
        let Connection {
            mut connection,
            reused,
        } = match link.connection().await {
            Ok(connection) => connection,
            Err(error) => {
                return Err(Failed {
                    retry: false,
                    error,
                });
            }
        };
        let client_clock = self.refuses_time.load(Ordering::Relaxed);
        let command = self.script.by_hash(demand, now_us, client_clock);
        let mut answer = send(&mut connection, command, asking).await;
        if answer
            .as_ref()
            .is_err_and(|error| is(error, ServerErrorKind::NoScript))
        {
            let command = QuotaScript::in_full(demand, now_us, client_clock);
            answer = send(&mut connection, command, asking).await;
        }
        watch.is_over = answer.as_ref().is_err_and(is_over);
        answer.map_err(|error| {
            let moved = is(&error, ServerErrorKind::Moved);
            if moved {
                self.nodes.found_cluster();
            }
            if is(&error, ServerErrorKind::ClusterDown) {
                self.nodes.distrust();
            }
            let elsewhere =
                moved || is(&error, ServerErrorKind::Ask) || is(&error, ServerErrorKind::TryAgain);
            // A connection from before may have died unnoticed. If the script ran all the same, the request is charged
            // twice: too strict once, never too generous.
            let retry = elsewhere || (watch.is_over && reused);
            Failed { retry, error }
        })
    }

    fn read(&self, numbers: &[u64], demand: &Demand) -> RedisResult<Outcome> {
        let answer = redis_script::read(numbers, demand);
        let Answer {
            outcome,
            client_clock,
        } = answer.ok_or((
            ErrorKind::UnexpectedReturnType,
            "not an answer of the script",
        ))?;
        if client_clock && !self.refuses_time.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "redis refuses TIME in scripts: this function's own clock is used from now on"
            );
        }
        Ok(outcome)
    }
}

/// A failed attempt, and whether another one may succeed.
struct Failed {
    retry: bool,
    error: RedisError,
}

/// Drops a connection unless it has proven to be alive.
struct Watch<'a> {
    link: &'a Link,
    nodes: &'a Nodes,
    is_over: bool,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if self.is_over {
            self.link.forget();
            self.nodes.distrust();
        }
    }
}

async fn send(
    connection: &mut MultiplexedConnection,
    command: Cmd,
    asking: bool,
) -> RedisResult<Vec<u64>> {
    if !asking {
        return command.query_async(connection).await;
    }
    // In one write: ASKING holds for the next command of the connection.
    let mut both = redis::pipe();
    both.cmd("ASKING").ignore().add_command(command);
    let (answer,): (Vec<u64>,) = both.query_async(connection).await?;
    Ok(answer)
}

fn chosen<'a>(claims: &[Claim<'a>], members: &[usize]) -> Vec<Claim<'a>> {
    let claims = members.iter().filter_map(|member| claims.get(*member));
    claims.cloned().collect()
}

fn is(error: &RedisError, kind: ServerErrorKind) -> bool {
    error.kind() == ErrorKind::Server(kind)
}

/// Whether the connection is of no more use: it broke, or its server has become a replica.
fn is_over(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error() || is(error, ServerErrorKind::ReadOnly)
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
