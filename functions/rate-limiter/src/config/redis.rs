//! Where Redis is and how to log in: one of three ways.
//!
//! | Way | Settings |
//! |---|---|
//! | everything in the URL | `REDIS_URL` |
//! | Secrets Manager | `REDIS_ENDPOINT`, `REDIS_SECRET` |
//! | ElastiCache IAM | `REDIS_ENDPOINT`, `REDIS_IAM_USER`, `REDIS_CACHE_NAME`, perhaps `REDIS_SERVERLESS` |

use tollkeeper::settings::{SettingError, Settings, missing, wrong};

use crate::aws::Aws;
use crate::credentials::{Credentials, IamCache, Secret};
use crate::redis_server::{self, Location};

const URL: &str = "redis://[user:password@]host[:port] or rediss://... (TLS)";
const ENDPOINT: &str =
    "host[:port] (TLS), rediss://host[:port] or redis://host[:port], without a user";

/// Reads all of them. The URL may carry a password: no error shows it.
pub(super) fn read(settings: &Settings, aws: &Aws) -> Result<Location, SettingError> {
    let (secret, user) = (
        settings.text("REDIS_SECRET"),
        settings.text("REDIS_IAM_USER"),
    );
    let Some(endpoint) = settings.text("REDIS_ENDPOINT") else {
        if secret.is_some() || user.is_some() {
            return Err(missing("REDIS_ENDPOINT", ENDPOINT));
        }
        let url = settings.required_text("REDIS_URL", URL)?;
        let location = redis_server::locate(&url);
        return location.ok_or_else(|| wrong("REDIS_URL", "(hidden)", URL));
    };
    if settings.text("REDIS_URL").is_some() {
        return Err(wrong(
            "REDIS_ENDPOINT",
            &endpoint,
            "either REDIS_URL or REDIS_ENDPOINT",
        ));
    }
    let url = if endpoint.contains("://") {
        endpoint.clone()
    } else {
        format!("rediss://{endpoint}")
    };
    let credentials = match (secret, user) {
        (Some(secret), None) => Credentials::Secret(Secret::new(secret, aws.clone())),
        (None, Some(user)) => iam(settings, user, &url, aws)?,
        (None, None) => Credentials::Url,
        (Some(_), Some(user)) => {
            return Err(wrong(
                "REDIS_IAM_USER",
                &user,
                "either REDIS_SECRET or REDIS_IAM_USER",
            ));
        }
    };
    let plain = !url.contains('@');
    let location = redis_server::locate(&url).filter(|_| plain);
    location
        .map(|location| location.with(credentials))
        .ok_or_else(|| {
            wrong(
                "REDIS_ENDPOINT",
                if plain { &endpoint } else { "(hidden)" },
                ENDPOINT,
            )
        })
}

fn iam(
    settings: &Settings,
    user: String,
    url: &str,
    aws: &Aws,
) -> Result<Credentials, SettingError> {
    if !url.starts_with("rediss://") {
        return Err(wrong(
            "REDIS_ENDPOINT",
            url,
            "TLS: ElastiCache takes IAM tokens over nothing else",
        ));
    }
    // They stand in a URL that is signed.
    let is_id = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if !is_id(&user) {
        return Err(wrong(
            "REDIS_IAM_USER",
            &user,
            "the id of an ElastiCache user",
        ));
    }
    let expected = "the id of the replication group, or the name of the serverless cache";
    let cache = settings
        .required_text("REDIS_CACHE_NAME", expected)?
        .to_ascii_lowercase();
    if !is_id(&cache) {
        return Err(wrong("REDIS_CACHE_NAME", &cache, expected));
    }
    let serverless = settings.flag("REDIS_SERVERLESS", false)?;
    Ok(Credentials::Iam(IamCache {
        cache,
        serverless,
        user,
        aws: aws.clone(),
    }))
}
