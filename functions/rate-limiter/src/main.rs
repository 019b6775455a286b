//! The Lambda function `rate-limiter`.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use rate_limiter::{App, config::Config};
use tollkeeper::{settings::Settings, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let settings = Settings::from_environment();
    telemetry::start_logging(settings.text("LOG_LEVEL").as_deref().unwrap_or("info"));
    let app = match Config::from_settings(&settings) {
        Ok(config) => App::new(config),
        Err(error) => {
            tracing::error!(error_type = "Init.Settings", error_message = %error, "start failed");
            return Ok(ExitCode::FAILURE);
        }
    };
    let answer = async |event: LambdaEvent<serde_json::Value>| {
        app.handle(&event.payload, telemetry::wall_clock()).await
    };
    run(service_fn(answer)).await.map(|()| ExitCode::SUCCESS)
}
