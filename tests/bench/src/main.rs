//! `make bench`: measures the product against what one would use otherwise, or against a stated target.
//!
//! Each benchmark is a folder beside `src`, named as it is called: `bench cold-start`, `bench all`. It prints a table,
//! writes `target/bench/<name>.json`, and the exit status says whether every required figure holds.

#[path = "../attribution/mod.rs"]
mod attribution;
mod build;
#[path = "../cold-start/mod.rs"]
mod cold_start;
#[path = "../consumer/mod.rs"]
mod consumer;
mod contender;
#[path = "../detector/mod.rs"]
mod detector;
#[path = "../flow-logs/mod.rs"]
mod flow_logs;
#[path = "../limiter/mod.rs"]
mod limiter;
mod peers;
mod pinned;
#[path = "../remediator/mod.rs"]
mod remediator;
mod report;

use std::process::ExitCode;

use report::{Error, Report};

const USAGE: &str = "usage: bench all | attribution | cold-start [function...] | consumer | detector | flow-logs | limiter | remediator";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a required figure does not hold");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what is asked for; each report is published before the next benchmark starts.
async fn run(arguments: &[String]) -> Result<bool, Error> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["all"] => {
            let mut holds = publish(&cold_start::run(&[]).await?)?;
            holds &= publish(&consumer::run().await?)?;
            holds &= publish(&detector::run().await?)?;
            holds &= publish(&flow_logs::run().await?)?;
            holds &= publish(&limiter::run().await?)?;
            holds &= publish(&remediator::run().await?)?;
            Ok(holds)
        }
        ["cold-start", functions @ ..] => publish(&cold_start::run(functions).await?),
        ["consumer"] => publish(&consumer::run().await?),
        ["attribution"] => publish(&attribution::run()?),
        ["detector"] => publish(&detector::run().await?),
        ["flow-logs"] => publish(&flow_logs::run().await?),
        ["limiter"] => publish(&limiter::run().await?),
        ["remediator"] => publish(&remediator::run().await?),
        _ => Err(Error::Usage(USAGE.to_owned())),
    }
}

/// Whether all that is required of a benchmark holds, which is published here.
fn publish(report: &Report) -> Result<bool, Error> {
    report.publish(&local_cloud::workspace::root())?;
    Ok(report.holds())
}
