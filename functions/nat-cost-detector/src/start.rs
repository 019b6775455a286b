//! Builds the function once and runs it: behind the Runtime API, or as a command on a laptop.

use std::process::ExitCode;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use tollkeeper::aws::sdk_config;
use tollkeeper::error::{Fault, chain};
use tollkeeper::services::{IpRanges, IpRangesError};
use tollkeeper::settings::{SettingError, Settings};
use tollkeeper::telemetry::{start_logging, wall_clock};

use crate::App;
use crate::actions;
use crate::cli::Arguments;
use crate::config::Config;
use crate::fault::DetectorError;
use crate::request::before;

/// Why the function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The address table cannot be read.
    #[error("IP_RANGES=`{path}` cannot be read: {source}")]
    RangesFile {
        /// The path.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The address table is none.
    #[error("IP_RANGES=`{path}`: {source}")]
    Ranges {
        /// The path.
        path: String,
        /// What is wrong.
        source: IpRangesError,
    },
}

impl Fault for StartError {
    fn fault_type(&self) -> &'static str {
        match self {
            Self::Setting(_) => "Init.Setting",
            Self::RangesFile { .. } | Self::Ranges { .. } => "Init.IpRanges",
        }
    }
}

/// Runs behind the Lambda Runtime API until it is stopped.
pub async fn function(settings: &Settings<'_>) -> ExitCode {
    start_logging(
        &settings
            .text("LOG_LEVEL")
            .unwrap_or_else(|| "info".to_owned()),
    );
    let app = match build(settings).await {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(
                error_type = error.fault_type(),
                error_message = chain(&error),
                "cannot start"
            );
            return ExitCode::FAILURE;
        }
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
    let packaged = settings
        .text("LAMBDA_TASK_ROOT")
        .map(|root| format!("{root}/ip-ranges.json"));
    let path = config.ip_ranges.clone();
    // A file that is named must be there; the packaged one may be missing.
    let path = path.or_else(|| packaged.filter(|path| std::path::Path::new(path).exists()));
    let ranges = path.as_deref().map(read_ranges).transpose()?;
    Ok(App::new(&sdk_config().await, config, ranges))
}

fn read_ranges(path: &str) -> Result<IpRanges, StartError> {
    let json = std::fs::read(path).map_err(|source| StartError::RangesFile {
        path: path.to_owned(),
        source,
    })?;
    IpRanges::from_json(&json).map_err(|source| StartError::Ranges {
        path: path.to_owned(),
        source,
    })
}
