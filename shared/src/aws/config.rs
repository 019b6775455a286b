//! Client configuration: region, credentials and endpoints by the SDK's own rules, deadlines by ours.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

/// Loads the configuration that every client of a function is made from.
///
/// `AWS_ENDPOINT_URL` and its kin are honoured by the SDK itself: that is how the local cloud is reached.
/// Deadlines: 3 s to connect, 15 s an attempt, 60 s a call with its retries; three attempts.
pub async fn sdk_config() -> SdkConfig {
    sdk_config_of(None, None).await
}

/// The same with a person's profile and region in place of the environment's.
pub async fn sdk_config_of(profile: Option<&str>, region: Option<&str>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_secs(15))
                .operation_timeout(Duration::from_mins(1))
                .build(),
        )
        .retry_config(RetryConfig::standard().with_max_attempts(3));
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    loader.load().await
}
