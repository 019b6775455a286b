//! Tokens of ElastiCache IAM: a presigned request that is never sent, valid for 15 minutes, in place of a password.
//!
//! Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use tollkeeper::telemetry::wall_clock;

use super::{CredentialError, Login};
use crate::aws::Aws;

const VALID_FOR: Duration = Duration::from_mins(15);

/// A cache and the user that this function is there.
pub struct IamCache {
    /// The replication group's id or the serverless cache's name, in lower case.
    pub cache: String,
    /// Whether it is a serverless cache.
    pub serverless: bool,
    /// The ElastiCache user; its name has to be its id.
    pub user: String,
    /// Whose keys sign.
    pub aws: Aws,
}

impl IamCache {
    pub(super) async fn login(&self) -> Result<Login, CredentialError> {
        let sdk = self.aws.config().await;
        let provider = sdk
            .credentials_provider()
            .ok_or(CredentialError::Unsigned)?;
        let keys = provider
            .provide_credentials()
            .await
            .map_err(|_| CredentialError::Unsigned)?;
        let region = sdk.region().ok_or(CredentialError::Unsigned)?;
        let now = SystemTime::from(wall_clock());
        let password = token(self, keys, region.as_ref(), now).ok_or(CredentialError::Unsigned)?;
        Ok(Login {
            username: Some(self.user.clone()),
            password,
        })
    }
}

/// The token: the presigned URL without its scheme.
pub fn token(cache: &IamCache, keys: Keys, region: &str, now: SystemTime) -> Option<String> {
    let kind = if cache.serverless {
        "&ResourceType=ServerlessCache"
    } else {
        ""
    };
    let url = format!(
        "http://{}/?Action=connect&User={}{kind}",
        cache.cache, cache.user
    );
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(VALID_FOR);
    let identity = keys.into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("elasticache")
        .time(now)
        .settings(settings)
        .build()
        .ok()?;
    let request =
        SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[])).ok()?;
    let (instructions, _) = sign(request, &parameters.into()).ok()?.into_parts();
    let mut signed = http::Request::builder().uri(&url).body(()).ok()?;
    instructions.apply_to_request_http1x(&mut signed);
    signed
        .uri()
        .to_string()
        .strip_prefix("http://")
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parameters(token: &str) -> BTreeMap<String, String> {
        let (host, query) = token.split_once("/?").unwrap();
        assert_eq!(host, "my-cache");
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    /// What botocore 1.43 (`SigV4QueryAuth`, service `elasticache`, 900 seconds) signs for the same keys and time.
    #[test]
    fn a_token_is_what_botocore_signs() {
        let session = "IQoJb3JpZ2luX2VjE==";
        for (serverless, session, signature) in [
            (
                false,
                None,
                "aac4a5125cedf46108a8037eed45fb2c08e0be2302349ef3546a38d8ffe3e80f",
            ),
            (
                true,
                None,
                "0388a588ae57be7dca6a0ebe032f51c46d29333d688f2540561070d485b0999d",
            ),
            (
                false,
                Some(session),
                "e04c910e0455e217f22a98b1ff463e5ea8b6f3303678a3c7c9973ee77c6c481b",
            ),
            (
                true,
                Some(session),
                "90e9249e7f1d834cd29c4ead485457764678632b5c690ff91c397df3ce4b1483",
            ),
        ] {
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let keys = Keys::new(
                "AKIDEXAMPLE",
                secret,
                session.map(str::to_owned),
                None,
                "test",
            );
            let cache = IamCache {
                cache: "my-cache".to_owned(),
                serverless,
                user: "limiter-1".to_owned(),
                aws: Aws::default(),
            };
            let now = SystemTime::UNIX_EPOCH + Duration::from_mins(29_865_990);
            let signed = parameters(&token(&cache, keys, "eu-central-1", now).unwrap());
            assert_eq!(signed["X-Amz-Signature"], signature, "{signed:?}");
            assert_eq!(
                (signed["Action"].as_str(), signed["User"].as_str()),
                ("connect", "limiter-1")
            );
            assert_eq!(signed["X-Amz-Expires"], "900");
        }
    }
}
