//! Our contenders, and those of our language, one a process: `contender <name> <input>...`.
//!
//! What each does is in its benchmark's folder; this file only knows them by name.

#[path = "../consumer/contenders/mod.rs"]
mod consumer;
#[path = "../../../functions/nat-cost-detector/src/detect/mod.rs"]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the count of gateways is not compared")
)]
#[expect(unreachable_pub, reason = "the detector's own source")]
mod detect;
#[path = "../detector/contenders/mod.rs"]
mod detector;
#[path = "../flow-logs/contenders/mod.rs"]
mod flow_logs;
#[path = "../limiter/contenders/mod.rs"]
mod limiter;
mod serve;
#[path = "../../../functions/nat-cost-detector/src/tell/text.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "what the detector's source needs of its crate"
)]
mod text;

/// Where the detector's source looks for it.
mod tell {
    pub(crate) use crate::text;
}

use std::io;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("contender: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> io::Result<()> {
    match arguments {
        [name, event, flow_log_format] if name.starts_with("consumer") => {
            consumer::run(name, Path::new(event), flow_log_format)
        }
        [name, arguments @ ..] if name.starts_with("detector") => detector::run(name, arguments),
        [name, ..] if name.starts_with("limiter") => limiter::run(arguments),
        [name, files @ ..] if name.starts_with("flow-logs") => flow_logs::run(name, files),
        _ => Err(io::Error::other("usage: contender <name> <input>...")),
    }
}
