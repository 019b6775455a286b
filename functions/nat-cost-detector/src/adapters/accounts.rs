//! Clients of an account and region: with the caller's own credentials, or through a role that STS lends.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_sdk_sts::config::{Region, SharedCredentialsProvider};
use futures::future::BoxFuture;

use crate::Clients;
use crate::measure::place::RoleArn;

/// Under this name the roles' CloudTrail shows the calls.
const SESSION: &str = "tollkeeper-nat-cost-detector";

/// Makes the clients of a region, through a role where one is given.
pub type Connect =
    Arc<dyn Fn(Option<RoleArn>, String) -> BoxFuture<'static, Clients> + Send + Sync>;

/// Clients that share the caller's configuration. Nothing is called yet: a role that cannot be assumed fails the first
/// call made with it.
pub fn connect(sdk: &SdkConfig, external_id: Option<String>) -> Connect {
    let sdk = sdk.clone();
    Arc::new(move |role, region| {
        let sdk = sdk.clone();
        let external_id = external_id.clone();
        Box::pin(async move {
            let mut builder = sdk.to_builder().region(Region::new(region));
            if let Some(role) = role {
                let mut provider = AssumeRoleProvider::builder(role.as_str())
                    .configure(&sdk)
                    .session_name(SESSION);
                if let Some(id) = external_id {
                    provider = provider.external_id(id);
                }
                let provider = provider.build().await;
                builder = builder.credentials_provider(SharedCredentialsProvider::new(provider));
            }
            Clients::new(&builder.build())
        })
    })
}
