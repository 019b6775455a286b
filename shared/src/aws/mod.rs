//! AWS adapters that two functions share: client configuration, one-table DynamoDB access, alerts through SNS.
//!
//! Everything here is I/O; it refuses to decide anything. EC2 is not here, see `docs/adr/0006`.

mod alerts;
mod call;
mod config;
#[cfg(feature = "kafka-pollers")]
pub mod kafka_pollers;
#[cfg(feature = "cloudwatch")]
pub mod metric_data;
mod partition;
mod table;

pub use alerts::{Alert, AlertError, Alerts, MAX_BYTES as MAX_ALERT_BYTES};
pub use call::CallError;
pub use config::{sdk_config, sdk_config_of};
pub use partition::{UnsupportedPartition, supported_partition};
pub use table::{Condition, Put, Table, TableError, Versioned};
