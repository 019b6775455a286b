//! The nouns that cross Tollkeeper's functions.
//!
//! What two functions need lives here, and nothing else: flow-log records and NAT legs, the labels of AWS
//! addresses, prices and money, rollup keys, `finding/v1`, `plan/v1`, settings lookup, telemetry and error
//! reporting. Decisions live in the function that makes them. This crate refuses to know EC2 (minutes of build,
//! `docs/adr/0006`), knows DynamoDB and SNS only behind the feature `aws`, and files in S3 only behind
//! `flow-log-files`.

#[cfg(feature = "aws")]
pub mod aws;
pub mod canonical;
pub mod error;
pub mod finding;
pub mod flow_log;
#[cfg(feature = "flow-log-files")]
pub mod flow_log_files;
pub mod intern;
pub mod ledger;
pub mod money;
pub mod plan;
pub mod prices;
pub mod rollup;
pub mod services;
pub mod settings;
pub mod start;
pub mod telemetry;
pub mod time;

/// Ties this crate, and so all that depend on it, to the clone it is built in: clones share one build directory, and
/// Cargo alone would take another clone's artefact for this one's (`docs/adr/0007`). Not part of any binary.
const _: Option<&str> = option_env!("TOLLKEEPER_CLONE");
