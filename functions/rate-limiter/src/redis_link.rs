//! One connection to Redis that outlives failures.
//!
//! The `redis` crate's connection manager does not give up a connection whose answers stop coming: after a Lambda
//! freeze the network may have forgotten it, and every request would run into its deadline. This link drops a
//! connection that failed or fell silent. An attempt to connect goes on beyond the deadline of the request that
//! started it (a TLS handshake on a cold, small function takes longer than a command may), for the next one to use.

use std::sync::Arc;
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, RedisResult};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::credentials::Credentials;
use crate::redis_login;

/// A connection in one of its three states.
pub(crate) struct Link {
    client: Client,
    credentials: Arc<Credentials>,
    state: Mutex<State>,
}

enum State {
    Idle,
    Connecting(JoinHandle<RedisResult<MultiplexedConnection>>),
    Ready(MultiplexedConnection, Instant),
}

/// A connection, and whether an earlier request has already used it: then its peer may have gone in between.
pub(crate) struct Connection {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) reused: bool,
}

impl Link {
    pub(crate) fn new(client: Client, credentials: Arc<Credentials>) -> Self {
        Self {
            client,
            credentials,
            state: Mutex::new(State::Idle),
        }
    }

    /// The connection, made now if there is none. May be cancelled at any point: an attempt under way goes on.
    pub(crate) async fn connection(&self) -> RedisResult<Connection> {
        let mut state = self.state.lock().await;
        let mut started_here = false;
        loop {
            match &mut *state {
                State::Ready(_, since) if self.is_too_old(*since) => *state = State::Idle,
                State::Ready(connection, _) => {
                    return Ok(Connection {
                        connection: connection.clone(),
                        reused: !started_here,
                    });
                }
                State::Idle => {
                    *state = State::Connecting(tokio::spawn(connect(
                        self.client.clone(),
                        Arc::clone(&self.credentials),
                    )));
                    started_here = true;
                }
                State::Connecting(attempt) => match attempt.await.map_err(broken).flatten() {
                    Ok(connection) => *state = State::Ready(connection, Instant::now()),
                    Err(error) => {
                        *state = State::Idle;
                        // What failed for an earlier request says little about now.
                        if started_here {
                            return Err(error);
                        }
                    }
                },
            }
        }
    }

    /// Whether the server would soon cut a connection that logged in then.
    fn is_too_old(&self, since: Instant) -> bool {
        let age = self.credentials.connection_age();
        age.is_some_and(|age| since.elapsed() >= age)
    }

    /// Drops the connection, so that the next request makes a new one. An attempt under way goes on; while somebody
    /// waits for one there is nothing to drop, and nothing to wait for here.
    pub(crate) fn forget(&self) {
        if let Ok(mut state) = self.state.try_lock()
            && let State::Ready(..) = *state
        {
            *state = State::Idle;
        }
    }
}

async fn connect(
    client: Client,
    credentials: Arc<Credentials>,
) -> RedisResult<MultiplexedConnection> {
    redis_login::connect(&client, &credentials).await
}

fn broken(error: tokio::task::JoinError) -> RedisError {
    std::io::Error::other(error).into()
}
