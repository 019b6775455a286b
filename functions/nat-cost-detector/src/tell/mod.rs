//! What people and machines read: findings put together, alerts, reports. Decides nothing and sends nothing.

pub mod cause_table;
pub mod compose;
pub mod message;
pub mod report;
pub mod text;
