//! Observes: bill, metrics, network and who had which address when, in the product's own types. Judges nothing.

pub mod bill;
pub mod endpoint;
pub mod inventory;
pub mod kafka_mapping;
pub mod network;
pub mod place;
pub mod quality;
pub mod series;
pub mod study;
pub mod topology;
pub mod usage_type;
pub mod volumes;
pub mod ways;
