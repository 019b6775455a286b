//! The product's story on real processes: a quiet account, a leak, the finding, the approved remedy, the saving, the
//! way back, and meanwhile a runaway client. Exits non-zero as soon as a step is not as it should be, and names it.

mod chart;
mod failure;
mod paper;
mod rollups;
mod steps;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;

use paper::Paper;

#[tokio::main]
async fn main() -> ExitCode {
    #[expect(
        clippy::disallowed_methods,
        reason = "the demo's one setting, read once"
    )]
    let ip_ranges = std::env::var_os("IP_RANGES").map(PathBuf::from);
    let mut paper = Paper::new(steps::COUNT);
    match steps::run(&mut paper, ip_ranges).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            paper.failed(&failure);
            ExitCode::FAILURE
        }
    }
}
