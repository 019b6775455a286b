//! Builds the function once and runs it: behind the Runtime API, or as a command on a laptop.

use std::process::ExitCode;

use aws_config::SdkConfig;
use aws_sdk_sts::config::ProvideCredentials as _;
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use tollkeeper::aws::{sdk_config, sdk_config_of};
use tollkeeper::error::chain;
use tollkeeper::settings::Settings;
use tollkeeper::start::{self, StartError};
use tollkeeper::telemetry::wall_clock;

use crate::App;
use crate::actions;
use crate::cli::{Arguments, Command, Stop};
use crate::config::Config;
use crate::fault::DetectorError;
use crate::progress::Progress;
use crate::request::before;
use crate::tell::html;

/// Exit status of a wrong call, and of one without credentials.
const WRONG: u8 = 2;

/// Runs behind the Lambda Runtime API until it is stopped.
pub async fn function() -> ExitCode {
    let app = match build(&start::environment()).await {
        Ok(app) => app,
        Err(error) => start::give_up(error),
    };
    let handler = async |event: LambdaEvent<Value>| -> Result<Value, Diagnostic> {
        let deadline = i64::try_from(event.context.deadline)
            .ok()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok());
        app.handle_until(&event.payload, &wall_clock, deadline)
            .await
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
        Err(Stop::Asked(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Stop::Wrong(message)) => {
            eprintln!("{message}");
            return ExitCode::from(WRONG);
        }
    };
    let app = match laptop(&arguments).await {
        Ok(app) => app,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(WRONG);
        }
    };
    match run(&app, &arguments, wall_clock()).await {
        Ok(report) => {
            println!("{}", report.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// The function on a person's configuration, or one line that says what is missing.
async fn laptop(arguments: &Arguments) -> Result<App, String> {
    let environment = Settings::from_environment();
    let settings =
        Settings::from_lookup(|name| arguments.overrides(name).or_else(|| environment.text(name)));
    let config = Config::from_settings(&settings).map_err(|error| chain(&error))?;
    let ranges = start::ip_ranges(&settings).map_err(|error| chain(&error))?;
    let profile = arguments.profile.as_deref();
    let sdk = sdk_config_of(profile, arguments.region.as_deref()).await;
    credentials(&sdk, profile).await?;
    Ok(App::new(&sdk, config, ranges))
}

/// Looks for credentials before anything is asked: without any, every call would fail in its own words.
async fn credentials(sdk: &SdkConfig, profile: Option<&str>) -> Result<(), String> {
    let Some(provider) = sdk.credentials_provider() else {
        return Err(missing_credentials(NOT_FOUND, profile));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(missing_credentials(&chain(&error), profile)),
    }
}

/// How the SDK begins where no place had credentials, as against a place whose credentials failed.
const NOT_FOUND: &str = "the credential provider was not enabled";

/// One line: what is the matter, and the command that ends it.
fn missing_credentials(why: &str, profile: Option<&str>) -> String {
    let option = profile.map_or(String::new(), |profile| format!(" --profile {profile}"));
    let place = profile.map_or("the profile".to_owned(), |profile| {
        format!("profile `{profile}`")
    });
    if why.starts_with(NOT_FOUND) {
        return format!(
            "No AWS credentials in the environment, in {place} or in a role of this machine: run `aws configure{option}` \
             or `aws sso login{option}`, or name another profile with --profile"
        );
    }
    let why = why.replace('\n', " ");
    let lower = why.to_lowercase();
    if lower.contains("sso") || lower.contains("expired") {
        format!(
            "No AWS credentials: the session of {place} is over or was never begun, run `aws sso login{option}` ({why})"
        )
    } else {
        format!("No AWS credentials: {place} does not give any ({why})")
    }
}

async fn run(app: &App, arguments: &Arguments, now: Timestamp) -> Result<String, DetectorError> {
    let day = arguments.day.unwrap_or_else(|| before(now));
    let progress = Progress::of_terminal(arguments.quiet);
    let (json, text) = match arguments.command {
        Command::Audit => {
            let report = Box::pin(actions::audit::run(app, day, now, progress)).await?;
            if let Some(file) = &arguments.html {
                write_page(file, &html::page(&report, now))?;
            }
            (report.to_json(), report.to_text())
        }
        Command::Explain(day) => {
            let explained = Box::pin(actions::explain::run(app, day, now));
            let report = progress
                .during("reading bill, network and flow logs", explained)
                .await?;
            (report.to_json(), report.to_text())
        }
        Command::Report => {
            let report = Box::pin(actions::report::run(app, day, now, progress)).await?;
            (report.to_json(), report.to_text())
        }
        Command::CompareFrontDoor => {
            let comparison = Box::pin(actions::compare_front_door::run(app, day, progress)).await?;
            (comparison.to_json(), comparison.to_text())
        }
        Command::Backfill { from, to } => {
            let judged = Box::pin(actions::backfill::dry_run(app, from, to, progress)).await?;
            (judged.to_json(), judged.to_text())
        }
    };
    Ok(if arguments.json {
        json.to_string()
    } else {
        text
    })
}

fn write_page(file: &str, page: &str) -> Result<(), DetectorError> {
    std::fs::write(file, page).map_err(|cause| DetectorError::Page {
        file: file.to_owned(),
        cause,
    })?;
    eprintln!("The report as a page: {file}");
    Ok(())
}

async fn build(settings: &Settings<'_>) -> Result<App, StartError> {
    let config = Config::from_settings(settings)?;
    let ranges = start::ip_ranges(settings)?;
    Ok(App::new(&sdk_config().await, config, ranges))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_credentials_are_one_line_with_the_command_that_helps() {
        let expired =
            missing_credentials("loading failed:\nthe SSO token has expired", Some("work"));
        assert!(
            expired.contains("`aws sso login --profile work`"),
            "{expired}"
        );
        let none = missing_credentials(NOT_FOUND, None);
        assert!(
            none.contains("`aws configure`") && none.contains("--profile"),
            "{none}"
        );
        let broken = missing_credentials("credential_process exited with 1", Some("work"));
        assert!(
            broken.contains("profile `work`") && broken.contains("exited with 1"),
            "{broken}"
        );
        for line in [expired, none, broken] {
            assert!(!line.contains('\n'), "{line}");
        }
    }
}
