//! How to log in to Redis: as the URL says, with a secret that is rotated, or with tokens of ElastiCache IAM.
//!
//! Credentials are asked for whenever a connection is made. This module refuses to know connections.

mod iam;
mod secret;

use std::fmt;
use std::time::Duration;

pub use iam::{IamCache, token};
pub use secret::{Secret, parse_secret};

/// A user and a password, for one connection. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user; `None`: Redis's default user.
    pub username: Option<String>,
    /// The password, or a token in its place.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Login(hidden)")
    }
}

/// Where logins come from.
pub enum Credentials {
    /// The URL has all there is.
    Url,
    /// Secrets Manager.
    Secret(Secret),
    /// ElastiCache IAM.
    Iam(IamCache),
}

/// No login could be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Secrets Manager did not answer.
    #[error("secret {secret} could not be read ({code})")]
    Unreadable {
        /// Its ARN or name.
        secret: String,
        /// The service's code, or `unreachable`.
        code: String,
    },
    /// The secret is none.
    #[error(
        "secret {secret}: expected JSON with `password`, and `username` unless it is the default user's"
    )]
    Malformed {
        /// Its ARN or name.
        secret: String,
    },
    /// AWS took too long.
    #[error("no credentials in time")]
    TooSlow,
    /// No AWS credentials to sign with.
    #[error("no AWS credentials to sign a token with")]
    Unsigned,
}

impl Credentials {
    /// What to log in with; `None`: nothing but what the URL says. `refused` is the login that Redis has just refused.
    pub async fn login(&self, refused: Option<&Login>) -> Result<Option<Login>, CredentialError> {
        match self {
            Self::Url => Ok(None),
            Self::Secret(secret) => secret.login(refused).await.map(Some),
            Self::Iam(cache) => cache.login().await.map(Some),
        }
    }

    /// Whether another login may help after one was refused.
    pub fn change(&self) -> bool {
        matches!(self, Self::Secret(_))
    }

    /// How long a connection may be used; `None`: as long as it holds. ElastiCache cuts connections that logged in by
    /// IAM after 12 hours: better between two requests than within one.
    pub fn connection_age(&self) -> Option<Duration> {
        match self {
            Self::Iam(_) => Some(Duration::from_hours(11)),
            Self::Url | Self::Secret(_) => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Url => "Url",
            Self::Secret(_) => "Secret(hidden)",
            Self::Iam(_) => "Iam",
        })
    }
}
