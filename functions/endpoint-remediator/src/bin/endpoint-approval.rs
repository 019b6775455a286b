//! The Lambda function `endpoint-approval`: a binary of its own, because only its role may write approvals.

use endpoint_remediator::{ApprovalConfig, EndpointApproval};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tollkeeper::aws::sdk_config;
use tollkeeper::settings::Settings;
use tollkeeper::telemetry::start_logging;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment();
    start_logging(settings.text("LOG_LEVEL").as_deref().unwrap_or("info"));
    let config = ApprovalConfig::from_settings(&settings).unwrap_or_else(|error| {
        tracing::error!(error_type = "Setting.Wrong", error_message = %error, "start failed");
        std::process::exit(1);
    });
    let function = &EndpointApproval::new(config, &sdk_config().await);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        function.handle(event.payload).await
    }))
    .await
}
