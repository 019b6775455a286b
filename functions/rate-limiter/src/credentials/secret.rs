//! User and password from Secrets Manager, in the shape that its rotation functions write: `{"username", "password"}`.
//!
//! Read once and kept. When Redis refuses the login it is read again, as after a rotation; after that not again for a
//! while, so that a password that is simply wrong does not become a flood of calls.

use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use serde_json::Value;
use tokio::sync::Mutex;

use super::{CredentialError, Login};
use crate::aws::Aws;

/// The pause between two reads that a refusal caused.
const AGAIN_AFTER: Duration = Duration::from_secs(15);

/// One secret.
pub struct Secret {
    id: String,
    aws: Aws,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    login: Login,
    read_again_at: Option<Instant>,
}

impl Secret {
    /// A secret by its ARN or name.
    pub fn new(id: String, aws: Aws) -> Self {
        Self {
            id,
            aws,
            kept: Mutex::default(),
        }
    }

    pub(super) async fn login(&self, refused: Option<&Login>) -> Result<Login, CredentialError> {
        let mut kept = self.kept.lock().await;
        let mut read_again_at = None;
        if let Some(kept) = kept.as_ref() {
            let lately = kept
                .read_again_at
                .is_some_and(|at| at.elapsed() < AGAIN_AFTER);
            if refused != Some(&kept.login) || lately {
                return Ok(kept.login.clone());
            }
            read_again_at = Some(Instant::now());
        }
        let client = Client::new(self.aws.config().await);
        let login = read(&client, &self.id).await?;
        *kept = Some(Kept {
            login: login.clone(),
            read_again_at,
        });
        Ok(login)
    }
}

async fn read(client: &Client, id: &str) -> Result<Login, CredentialError> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| CredentialError::Unreadable {
        secret: id.to_owned(),
        code: error.code().unwrap_or("unreachable").to_owned(),
    })?;
    let login = answer.secret_string().and_then(parse_secret);
    login.ok_or_else(|| CredentialError::Malformed {
        secret: id.to_owned(),
    })
}

/// Reads `{"username": ..., "password": ...}`; other fields (`engine`, `host`) are none of our business.
pub fn parse_secret(text: &str) -> Option<Login> {
    let value: Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| {
        value
            .get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let username = match value.get("username") {
        None => None,
        Some(_) => Some(field("username")?),
    };
    Some(Login {
        username,
        password: field("password")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_password_and_perhaps_a_user() {
        let login = |username: Option<&str>| Login {
            username: username.map(str::to_owned),
            password: "p".to_owned(),
        };
        assert_eq!(
            parse_secret(r#"{"username":"u","password":"p","engine":"redis"}"#),
            Some(login(Some("u")))
        );
        assert_eq!(parse_secret(r#"{"password":"p"}"#), Some(login(None)));
        for wrong in [
            "p",
            "{}",
            r#"{"username":"u"}"#,
            r#"{"username":5,"password":"p"}"#,
            r#"{"password":""}"#,
        ] {
            assert_eq!(parse_secret(wrong), None, "{wrong}");
        }
        assert!(!format!("{:?}", login(Some("user"))).contains("user"));
    }
}
