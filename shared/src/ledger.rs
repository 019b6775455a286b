//! Keys of the Ledger table: one table, typed items, one writer for each type.
//!
//! | Item | Written by | pk | sk |
//! |---|---|---|---|
//! | incident | detector | `incidents#<account>#<region>` | `<series>#<day it opened>` |
//! | interface inventory | detector | `inventory#<account>#<region>` | `<interface>#<first seen>` |
//! | night (what was told) | detector | `nights#<account>#<region>` | `<day>` |
//! | plan summary | remediator | `plans#<account>#<region>` | `<plan id>` |
//! | plan body | remediator | `plan#<plan id>` | `plan` |
//! | journal entry | remediator | `plan#<plan id>` | `journal#<number>` |
//! | approval | approval | `approval#<plan id>` | `approval` |
//! | audit event | remediator, approval | `audit#<account>#<region>#<day>` | `<time>#<request>` |
//! | lock | remediator | `lock#<account>#<region>#<vpc>` | `lock` |
//!
//! IAM tells items apart by partition key only (`dynamodb:LeadingKeys`): approvals have partitions of their own, so
//! that the remediator's role cannot write one.

use jiff::Timestamp;

use crate::time::Day;

/// Partition and sort key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

/// Partition of an account's incidents in a region.
pub fn incidents_pk(account: &str, region: &str) -> String {
    format!("incidents#{account}#{region}")
}

/// One incident.
pub fn incident(account: &str, region: &str, series: &str, opened: Day) -> Key {
    Key::new(incidents_pk(account, region), format!("{series}#{opened}"))
}

/// Partition of an account's interface inventory in a region.
pub fn inventory_pk(account: &str, region: &str) -> String {
    format!("inventory#{account}#{region}")
}

/// One interface's stay at its addresses.
pub fn inventory(account: &str, region: &str, interface: &str, first_seen: &str) -> Key {
    Key::new(
        inventory_pk(account, region),
        format!("{interface}#{first_seen}"),
    )
}

/// What one night's run did.
pub fn night(account: &str, region: &str, day: Day) -> Key {
    Key::new(format!("nights#{account}#{region}"), day.to_string())
}

/// Partition of an account's plan summaries in a region.
pub fn plans_pk(account: &str, region: &str) -> String {
    format!("plans#{account}#{region}")
}

/// A plan's summary.
pub fn plan_summary(account: &str, region: &str, plan_id: &str) -> Key {
    Key::new(plans_pk(account, region), plan_id)
}

/// Partition of all that belongs to one plan.
pub fn plan_pk(plan_id: &str) -> String {
    format!("plan#{plan_id}")
}

/// A plan's body.
pub fn plan_body(plan_id: &str) -> Key {
    Key::new(plan_pk(plan_id), "plan")
}

/// A plan's approval. A partition of its own: roles can be told apart by partition key only, and nobody but
/// `endpoint-approval` may write approvals.
pub fn approval(plan_id: &str) -> Key {
    Key::new(format!("approval#{plan_id}"), "approval")
}

/// What the journal entries' sort keys of a plan start with.
pub const JOURNAL_PREFIX: &str = "journal#";

/// One journal entry; numbers sort as text.
pub fn journal(plan_id: &str, number: u32) -> Key {
    Key::new(plan_pk(plan_id), format!("{JOURNAL_PREFIX}{number:06}"))
}

/// Partition of a day's audit events (UTC).
pub fn audit_pk(account: &str, region: &str, day: Day) -> String {
    format!("audit#{account}#{region}#{day}")
}

/// One audit event; they sort by time.
pub fn audit(account: &str, region: &str, at: Timestamp, request_id: &str) -> Key {
    Key::new(
        audit_pk(account, region, Day::of(at)),
        format!("{at:.9}#{request_id}"),
    )
}

/// The lock of a VPC.
pub fn lock(account: &str, region: &str, vpc_id: &str) -> Key {
    Key::new(format!("lock#{account}#{region}#{vpc_id}"), "lock")
}
