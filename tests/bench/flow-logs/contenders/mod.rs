//! What of our language reads the lines, and what writes them.

mod generate;
mod ours;

use std::io;
use std::path::Path;

use crate::serve::serve;

/// Serves rounds of the named contender over a file, or writes the files.
pub(crate) fn run(name: &str, files: &[String]) -> io::Result<()> {
    let files: Vec<&Path> = files.iter().map(Path::new).collect();
    match (name, files.as_slice()) {
        ("flow-logs", [input]) => serve(|| ours::sums(input), |sums| Some(digest(sums))),
        ("flow-logs-floor", [input]) => {
            ours::lines(input)?;
            serve(|| ours::lines(input), |_| None)
        }
        ("flow-logs-write", [plain, gzip]) => generate::write(plain, gzip),
        _ => Err(io::Error::other(format!("no contender `{name}`"))),
    }
}

/// A failure is a result too: one that agrees with nobody's.
fn digest(sums: io::Result<tollkeeper::rollup::Tally>) -> String {
    match sums {
        Ok(tally) => ours::digest(&tally),
        Err(error) => error.to_string(),
    }
}
