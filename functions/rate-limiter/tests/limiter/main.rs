//! The function against a real redis-server: the script agrees with its oracle, and outages end as configured.

#![expect(clippy::expect_used, reason = "helpers of tests fail loudly, too")]

mod cluster;
mod faults;
mod histories;
mod nodes;
mod outage;
mod proxy;
mod requests;
mod script;
mod server;
