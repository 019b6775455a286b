//! Lambda function, and on a laptop a command: which one, the Runtime API's variable tells.

use std::process::ExitCode;

use nat_cost_detector::start;
use tollkeeper::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::from_environment();
    if settings.text("AWS_LAMBDA_RUNTIME_API").is_some() {
        start::function().await
    } else {
        start::command(std::env::args().skip(1)).await
    }
}
