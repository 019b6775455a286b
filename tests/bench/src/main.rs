//! `make bench`: measures the product against what one would use otherwise, or against a stated target.
//!
//! Each benchmark is a folder beside `src`, named as it is called: `bench cold-start`, `bench all`. It prints a table,
//! writes `target/bench/<name>.json`, and the exit status says whether every required figure holds.

#[path = "../cold-start/mod.rs"]
mod cold_start;
mod contender;
mod report;

use std::process::ExitCode;

use report::{Error, Report};

const USAGE: &str = "usage: bench all | cold-start [function...]";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(report) if report.holds() => ExitCode::SUCCESS,
        Ok(_) => {
            eprintln!("bench: a required figure does not hold");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<Report, Error> {
    let report = match arguments.split_first() {
        Some((name, [])) if name == "all" => cold_start::run(&[]).await?,
        Some((name, functions)) if name == "cold-start" => cold_start::run(functions).await?,
        _ => return Err(Error::Usage(USAGE.to_owned())),
    };
    report.publish(&local_cloud::workspace::root())?;
    Ok(report)
}
