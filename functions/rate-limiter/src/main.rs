//! The Lambda function `rate-limiter`.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use rate_limiter::{App, config::Config};
use tollkeeper::{start, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::from_settings(&start::environment());
    let app = App::new(config.unwrap_or_else(|error| start::give_up(error)));
    let answer = async |event: LambdaEvent<serde_json::Value>| {
        app.handle(&event.payload, telemetry::wall_clock()).await
    };
    run(service_fn(answer)).await
}
