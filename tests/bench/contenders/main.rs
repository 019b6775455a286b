//! Our contenders, and those of our language, one a process: `contender <name> <input>`.
//!
//! What each does is in its benchmark's folder; this file only knows them by name.

mod serve;

use std::io;
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
        [name, _input] if name == "nothing" => serve::serve(|| (), |()| None),
        _ => Err(io::Error::other("usage: contender <name> <input>")),
    }
}
