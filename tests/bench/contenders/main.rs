//! Our contenders, and those of our language, one a process: `contender <name> <input>...`.
//!
//! What each does is in its benchmark's folder; this file only knows them by name.

#[path = "../consumer/contenders/mod.rs"]
mod consumer;
#[path = "../flow-logs/contender.rs"]
mod flow_logs;
#[path = "../flow-logs/generate.rs"]
mod flow_logs_input;
mod serve;

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
        [name, _input] if name == "nothing" => serve::serve(|| (), |()| None),
        [name, input] if name == "flow-logs" => {
            let sums = || flow_logs::sums(Path::new(input));
            serve::serve(sums, |tally| tally.ok().as_ref().map(flow_logs::digest))
        }
        [name, input] if name == "flow-log-lines" => {
            serve::serve(|| flow_logs::lines(Path::new(input)), |_| None)
        }
        [name, plain, gzip] if name == "write-flow-logs" => {
            flow_logs_input::write(Path::new(plain), Path::new(gzip))
        }
        _ => Err(io::Error::other("usage: contender <name> <input>...")),
    }
}
