//! The Lambda function `kafka-consumer`.

use aws_config::retry::RetryConfig;
use jiff::Timestamp;
use kafka_consumer::{App, body::Body, config::Config, s3::Bucket};
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use tollkeeper::aws::{Table, sdk_config};
use tollkeeper::{start, telemetry::wall_clock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&start::environment()).unwrap_or_else(|error| start::give_up(error));
    let sdk = sdk_config().await;
    let archive = config
        .archive
        .clone()
        .map(|place| Bucket::new(aws_sdk_s3::Client::new(&sdk), place));
    // The table is asked again with an eye on the deadline instead (see `patience`).
    let once = sdk
        .into_builder()
        .retry_config(RetryConfig::disabled())
        .build();
    let table = Table::new(aws_sdk_dynamodb::Client::new(&once), &config.rollups_table);
    let app = App::new(table, archive, config);
    let body = Body::default();
    let handler = service_fn(async |event: LambdaEvent<()>| {
        let deadline = Timestamp::try_from(event.context.deadline()).unwrap_or(Timestamp::MAX);
        app.handle(&body.take(), wall_clock(), deadline).await
    });
    let runtime = Runtime::new(handler)
        .layer(body.clone())
        .layer(TracingLayer::new());
    runtime.run().await
}
