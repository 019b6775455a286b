//! The Lambda function `endpoint-remediator`.

use endpoint_remediator::{Config, EndpointRemediator};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tollkeeper::aws::sdk_config;
use tollkeeper::start;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let settings = start::environment();
    let config = Config::from_settings(&settings).unwrap_or_else(|error| start::give_up(error));
    // A replay alone asks for it, and it takes a moment to read.
    let ranges = match config.flow_logs {
        Some(_) => start::ip_ranges(&settings).unwrap_or_else(|error| start::give_up(error)),
        None => None,
    };
    let function = &EndpointRemediator::new(config, &sdk_config().await, ranges);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        function.handle(event.payload, &event.context).await
    }))
    .await
}
