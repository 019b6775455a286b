//! The Lambda function `endpoint-approval`: a binary of its own, because only its role may write approvals.

use endpoint_remediator::{ApprovalConfig, EndpointApproval};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tollkeeper::aws::sdk_config;
use tollkeeper::start;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = ApprovalConfig::from_settings(&start::environment())
        .unwrap_or_else(|error| start::give_up(error));
    let function = &EndpointApproval::new(config, &sdk_config().await);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        function.handle(event.payload).await
    }))
    .await
}
