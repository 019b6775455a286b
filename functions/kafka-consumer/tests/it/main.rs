//! The consumer from event to table: golden events, replays, and the DynamoDB calls it makes.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

mod archive;
mod bucket;
mod dynamodb;
mod events;
mod memory;
mod replay;
