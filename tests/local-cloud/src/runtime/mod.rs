//! The Lambda Runtime API for the real function binaries: one process and one API a [`session`], restarted as Lambda
//! does after a crash or a timeout. It knows nothing of what a function does or of AWS behind the endpoint.

mod api;
mod builder;
mod function;
mod reply;
mod session;

pub use builder::FunctionBuilder;
pub use function::Function;
pub use reply::Reply;
