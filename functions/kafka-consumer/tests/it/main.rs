//! The consumer from event to table: golden events, replays, the DynamoDB calls it makes, and
//! a bounded fuzzing of whatever comes from outside.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

mod archive;
mod bucket;
mod dynamodb;
mod events;
mod fuzz;
mod fuzz_mutation;
mod fuzz_seeds;
mod fuzz_targets;
mod memory;
mod replay;
