//! SDK settings for the local cloud.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::Credentials;

/// Settings for an endpoint and a region with the local cloud's fake credentials; whatever the caller's environment or
/// profile says about credentials and endpoints is not used.
pub(crate) async fn config(endpoint: &str, region: &str) -> SdkConfig {
    let key = crate::ACCESS_KEY;
    let credentials = Credentials::new(key, key, Some(key.to_owned()), None, "local-cloud");
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .load()
        .await
}
