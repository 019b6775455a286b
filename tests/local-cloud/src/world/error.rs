//! What can go wrong while a world is built or observed.

use std::path::PathBuf;

use aws_sdk_ec2::error::DisplayErrorContext;

/// A world could not be built, observed or published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The local AWS refused or could not be reached.
    #[error("{what}: {detail}")]
    Call {
        /// What was tried.
        what: String,
        /// The SDK's account of it.
        detail: String,
    },
    /// An answer lacked what it should hold.
    #[error("{what}: the answer has no {lacks}")]
    Answer {
        /// What was asked.
        what: &'static str,
        /// What is missing.
        lacks: &'static str,
    },
    /// The file named as AWS's published ranges is not one that this world can use.
    #[error("{} is not AWS's ip-ranges.json: {why}", path.display())]
    IpRanges {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Compressing flow logs failed.
    #[error("compress a flow-log file: {0}")]
    Compress(#[from] std::io::Error),
}

/// Turns an SDK error into ours, with what was tried.
pub(super) fn call<E: std::error::Error>(what: impl Into<String>) -> impl FnOnce(E) -> Error {
    let what = what.into();
    move |error| Error::Call {
        what,
        detail: DisplayErrorContext(error).to_string(),
    }
}

/// The value that an answer must hold.
pub(super) fn found<T>(
    value: Option<T>,
    what: &'static str,
    lacks: &'static str,
) -> Result<T, Error> {
    value.ok_or(Error::Answer { what, lacks })
}
