//! What people and machines read: findings put together, alerts, reports. Decides nothing and sends nothing.

pub mod backfill;
pub mod cause_table;
pub mod chat;
pub mod compose;
pub mod fit;
pub mod html;
pub mod message;
pub mod month;
pub mod report;
pub mod standing;
pub mod subject;
pub mod text;

#[cfg(test)]
pub(crate) mod any;
