//! What of our language reads the events: the product itself, the naive way, and the least that any reader must do.

mod floor;
mod naive;
mod ours;
mod sums;

use std::io;
use std::path::Path;

use crate::serve::serve;

/// Serves rounds of the named contender over an event in a file; `flow_log_format` names the columns of flow logs.
pub(crate) fn run(name: &str, event: &Path, flow_log_format: &str) -> io::Result<()> {
    let payload = std::fs::read(event)?;
    match name {
        "consumer" => {
            let rules = ours::rules(flow_log_format)?;
            serve(|| ours::round(&payload, &rules), |sums| Some(digest(sums)))
        }
        "consumer-naive" => serve(|| naive::round(&payload), |sums| Some(digest(sums))),
        "consumer-floor" => {
            let values = floor::values(&payload)?;
            serve(|| floor::round(&payload, &values), |_| None)
        }
        _ => Err(io::Error::other(format!("no contender `{name}`"))),
    }
}

/// A failure is a result too: one that agrees with nobody's.
fn digest<S: Into<sums::Sums>>(sums: Result<S, impl std::fmt::Display>) -> String {
    match sums {
        Ok(sums) => sums.into().digest(),
        Err(error) => error.to_string(),
    }
}
