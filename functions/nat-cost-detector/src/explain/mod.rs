//! Explains an excess: traffic of the day, who is behind it, and what each of them adds.

pub mod attribute;
pub mod causes;
pub mod explained;
pub mod one_log;
pub mod poller_path;
pub mod poller_prices;
pub mod poller_report;
pub mod pollers;
mod sources;
pub mod sums;
pub mod surroundings;
pub mod traffic;
pub mod vantage;
