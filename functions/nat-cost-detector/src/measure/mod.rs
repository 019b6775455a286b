//! Observes: bill, metrics, network and who had which address when, in the product's own types. Judges nothing.

pub mod inventory;
pub mod network;
pub mod study;
pub mod volumes;
