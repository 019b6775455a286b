//! One file for each way to ask: read the event, have it decided, answer in the asker's own terms.

pub mod authorize;
pub mod check;
pub mod serve;
