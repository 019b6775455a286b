//! The machine's clock and environment. The local cloud plays AWS, whose clock is the real one; everything else gets
//! what it needs from here.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the adapter to the clock and the environment"
)]

use std::ffi::OsString;

use jiff::Timestamp;

/// The time now.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A variable of this process's environment.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The names of all variables of this process's environment.
pub(crate) fn variable_names() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name)
}
