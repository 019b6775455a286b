//! Evidence that could not be read: plans quote AWS's code, since the message may name requests and times.

use tollkeeper::aws::CallError;

/// The code; the whole error goes to the log.
pub(crate) fn code(error: &CallError) -> String {
    tracing::warn!(%error, "evidence not read");
    error.code.clone()
}
