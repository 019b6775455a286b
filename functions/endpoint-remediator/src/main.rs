//! The Lambda function `endpoint-remediator`.

use endpoint_remediator::{Config, EndpointRemediator};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tollkeeper::aws::sdk_config;
use tollkeeper::start;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config =
        Config::from_settings(&start::environment()).unwrap_or_else(|error| start::give_up(error));
    let function = &EndpointRemediator::new(config, &sdk_config().await);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        function.handle(event.payload, &event.context).await
    }))
    .await
}
