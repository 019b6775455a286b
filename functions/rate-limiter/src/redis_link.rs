//! One connection to Redis that outlives failures.
//!
//! The `redis` crate's connection manager does not give up a connection whose answers stop coming: after a Lambda
//! freeze the network may have forgotten it, and every request would run into its deadline. This link drops a
//! connection that failed or fell silent. An attempt to connect goes on beyond the deadline of the request that
//! started it (a TLS handshake on a cold, small function takes longer than a command may), for the next one to use.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// How long an attempt to connect may take in all.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// A connection in one of its three states.
pub(crate) struct Link {
    client: Client,
    state: Mutex<State>,
}

enum State {
    Idle,
    Connecting(JoinHandle<RedisResult<MultiplexedConnection>>),
    Ready(MultiplexedConnection),
}

/// A connection, and whether an earlier request has already used it: then its peer may have gone in between.
pub(crate) struct Connection {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) reused: bool,
}

impl Link {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            state: Mutex::new(State::Idle),
        }
    }

    /// The connection, made now if there is none. May be cancelled at any point: an attempt under way goes on.
    pub(crate) async fn connection(&self) -> RedisResult<Connection> {
        let mut state = self.state.lock().await;
        let mut started_here = false;
        loop {
            match &mut *state {
                State::Ready(connection) => {
                    return Ok(Connection {
                        connection: connection.clone(),
                        reused: !started_here,
                    });
                }
                State::Idle => {
                    *state = State::Connecting(tokio::spawn(connect(self.client.clone())));
                    started_here = true;
                }
                State::Connecting(attempt) => match attempt.await.map_err(broken).flatten() {
                    Ok(connection) => *state = State::Ready(connection),
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

    /// Drops the connection, so that the next request makes a new one. An attempt under way goes on; while somebody
    /// waits for one there is nothing to drop, and nothing to wait for here.
    pub(crate) fn forget(&self) {
        if let Ok(mut state) = self.state.try_lock()
            && let State::Ready(_) = *state
        {
            *state = State::Idle;
        }
    }
}

async fn connect(client: Client) -> RedisResult<MultiplexedConnection> {
    // No deadline for answers here: the caller's covers connecting and asking together.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        .set_response_timeout(None);
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

fn broken(error: tokio::task::JoinError) -> RedisError {
    std::io::Error::other(error).into()
}
