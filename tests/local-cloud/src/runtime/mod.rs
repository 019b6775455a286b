//! The Lambda Runtime API for the real function binaries: one process and one API a [`session`], restarted as Lambda
//! does after a crash or a timeout. It knows nothing of what a function does or of AWS behind the endpoint.

mod api;
mod function;
mod session;

pub use function::{Function, FunctionBuilder, Reply};
