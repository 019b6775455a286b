//! The real function binaries against moto, Redis and a Kafka broker, one module for each part of the loop.
//!
//! One test binary, so that the SDK clients are linked once. Each test starts its own local cloud on free ports.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails at once says where"
)]

mod consumer;
mod killed;
mod laptop;
mod limiter;
mod limiter_edges;
mod narrowing;
mod nights;
mod policies;
mod preflight;
mod remediation;
mod replay;
mod runbook;
mod samples;
mod support;
