//! Builds the function once and runs it: behind the Runtime API, or as a command on a laptop.

use std::process::ExitCode;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use tollkeeper::aws::sdk_config;
use tollkeeper::error::chain;
use tollkeeper::settings::Settings;
use tollkeeper::start::{self, StartError};
use tollkeeper::telemetry::wall_clock;

use crate::App;
use crate::actions;
use crate::cli::Arguments;
use crate::config::Config;
use crate::fault::DetectorError;
use crate::request::before;

/// Runs behind the Lambda Runtime API until it is stopped.
pub async fn function() -> ExitCode {
    let app = match build(&start::environment()).await {
        Ok(app) => app,
        Err(error) => start::give_up(error),
    };
    let handler = async |event: LambdaEvent<Value>| -> Result<Value, Diagnostic> {
        app.handle(&event.payload, wall_clock()).await
    };
    let outcome: Result<(), Error> = lambda_runtime::run(service_fn(handler)).await;
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error_message = error.to_string(), "runtime stopped");
            ExitCode::FAILURE
        }
    }
}

/// Runs one command and prints its report.
pub async fn command(words: impl IntoIterator<Item = String>) -> ExitCode {
    let arguments = match Arguments::parse(words) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let environment = Settings::from_environment();
    let settings =
        Settings::from_lookup(|name| arguments.overrides(name).or_else(|| environment.text(name)));
    let app = match build(&settings).await {
        Ok(app) => app,
        Err(error) => {
            eprintln!("{}", chain(&error));
            return ExitCode::from(2);
        }
    };
    match run(&app, &arguments, wall_clock()).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(app: &App, arguments: &Arguments, now: Timestamp) -> Result<String, DetectorError> {
    let day = arguments.day.unwrap_or_else(|| before(now));
    Ok(if arguments.audit {
        let report = Box::pin(actions::audit::run(app, day, now)).await?;
        if arguments.json {
            report.to_json().to_string()
        } else {
            report.to_text()
        }
    } else {
        let report = Box::pin(actions::explain::run(app, day, now)).await?;
        if arguments.json {
            report.to_json().to_string()
        } else {
            report.to_text()
        }
    })
}

async fn build(settings: &Settings<'_>) -> Result<App, StartError> {
    let config = Config::from_settings(settings)?;
    let ranges = start::ip_ranges(settings)?;
    Ok(App::new(&sdk_config().await, config, ranges))
}
