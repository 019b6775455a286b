//! What the consumer does: one thing.

pub mod consume;
