//! Makes one connection to Redis and logs in, with whatever credentials there are.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult};

use crate::credentials::{CredentialError, Credentials, Login};

/// How long an attempt to connect may take in all.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long credentials may take to come: AWS is asked for them.
const LOGIN_WITHIN: Duration = Duration::from_secs(5);

/// A connection that is logged in. A login that is refused is asked for again, where another one may be had: the
/// password was rotated.
pub(crate) async fn connect(
    client: &Client,
    credentials: &Credentials,
) -> RedisResult<MultiplexedConnection> {
    let login = login(credentials, None).await?;
    match open(client, login.as_ref()).await {
        Err(error) if error.kind() == ErrorKind::AuthenticationFailed && credentials.change() => {
            let next = self::login(credentials, login.as_ref()).await?;
            if next == login {
                return Err(error);
            }
            tracing::info!("redis refused the login: the secret was read again");
            open(client, next.as_ref()).await
        }
        opened => opened,
    }
}

async fn login(credentials: &Credentials, refused: Option<&Login>) -> RedisResult<Option<Login>> {
    let login = tokio::time::timeout(LOGIN_WITHIN, credentials.login(refused)).await;
    login
        .unwrap_or(Err(CredentialError::TooSlow))
        .map_err(|error| {
            tracing::warn!(%error, "no credentials for redis");
            RedisError::from((ErrorKind::AuthenticationFailed, "no credentials"))
        })
}

async fn open(client: &Client, login: Option<&Login>) -> RedisResult<MultiplexedConnection> {
    // No deadline for answers here: the caller's covers connecting and asking together.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        .set_response_timeout(None);
    let Some(login) = login else {
        return client
            .get_multiplexed_async_connection_with_config(&config)
            .await;
    };
    let named = client.get_connection_info().clone();
    let mut settings = named.redis_settings().clone().set_password(&login.password);
    if let Some(username) = &login.username {
        settings = settings.set_username(username);
    }
    Client::open(named.set_redis_settings(settings))?
        .get_multiplexed_async_connection_with_config(&config)
        .await
}
