//! One file for each action: observe, decide, act.

pub mod audit;
pub mod explain;
pub mod nightly;
mod resolution;
