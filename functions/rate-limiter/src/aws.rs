//! AWS clients, made when one is first needed: a limiter that uses none does not pay for them at its cold start.

use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

/// The configuration of AWS clients, loaded once.
#[derive(Debug, Clone, Default)]
pub struct Aws(Arc<OnceCell<SdkConfig>>);

impl Aws {
    /// A configuration that is known already.
    pub fn of(sdk: SdkConfig) -> Self {
        Self(Arc::new(OnceCell::new_with(Some(sdk))))
    }

    /// The configuration, by the SDK's own rules.
    pub async fn config(&self) -> &SdkConfig {
        self.0.get_or_init(tollkeeper::aws::sdk_config).await
    }
}
