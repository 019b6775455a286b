//! The journal: one entry for each step, written before the call and again after it.
//!
//! An entry without an outcome is the trace of a crash: what it meant to do is looked up in the network (by tag for
//! what it would have made) and then adopted or done again. Entries only move forward: intended, done, undone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollkeeper::canonical;

use crate::change::{Change, Inverse};

/// How far one step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    /// About to be done; after a crash perhaps done.
    Intended,
    Done,
    /// As it was before.
    Undone,
}

/// What the network said before the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PreImage {
    /// The effect of the change was not there.
    Absent,
    /// It was there already, made by somebody else: never undone.
    Present,
}

/// One step as it was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) step: u32,
    pub(crate) change: Change<String>,
    pub(crate) progress: Progress,
    pub(crate) pre_image: PreImage,
    pub(crate) inverse: Inverse,
    /// Sent with the call, the same on every try.
    pub(crate) client_token: String,
    /// Lock counter under which it was last written.
    pub(crate) fencing: i64,
    /// Id of what the step made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_id: Option<String>,
    pub(crate) intended_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) done_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) undone_at: Option<Timestamp>,
}

/// A pure function of plan and step: AWS then answers a repeated call with what the first one made. 32 characters.
pub(crate) fn client_token(plan_id: &str, step: u32) -> String {
    let hash = canonical::hash_text(&format!("{plan_id}/{step}"));
    let digits = hash.strip_prefix("sha256:").unwrap_or(&hash);
    digits.chars().take(32).collect()
}

impl Entry {
    /// The entry to write before the call.
    pub(crate) fn intend(
        plan_id: &str,
        step: u32,
        change: Change<String>,
        pre_image: PreImage,
        now: Timestamp,
    ) -> Self {
        let inverse = match pre_image {
            PreImage::Absent => change.inverse(),
            PreImage::Present => Inverse::Nothing,
        };
        Self {
            step,
            change,
            progress: Progress::Intended,
            pre_image,
            inverse,
            client_token: client_token(plan_id, step),
            fencing: 0,
            created_id: None,
            intended_at: now,
            done_at: None,
            undone_at: None,
        }
    }

    /// The outcome of the call.
    pub(crate) fn done(&mut self, created_id: Option<String>, now: Timestamp) {
        self.progress = Progress::Done;
        self.created_id = created_id;
        self.done_at = Some(now);
    }

    /// The outcome of its inverse.
    pub(crate) fn undone(&mut self, now: Timestamp) {
        self.progress = Progress::Undone;
        self.undone_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_depends_on_plan_and_step_alone() {
        assert_eq!(client_token("plan-1", 2), client_token("plan-1", 2));
        assert_ne!(client_token("plan-1", 2), client_token("plan-1", 3));
        assert_eq!(client_token("plan-1", 2).len(), 32);
    }

    #[test]
    fn what_was_there_before_is_never_undone() {
        let change = Change::AssociateRouteTable {
            endpoint: "vpce-1".to_owned(),
            route_table: "rtb-1".to_owned(),
        };
        let entry = |pre| Entry::intend("plan-1", 1, change.clone(), pre, Timestamp::UNIX_EPOCH);
        assert_eq!(entry(PreImage::Present).inverse, Inverse::Nothing);
        assert_eq!(
            entry(PreImage::Absent).inverse,
            Inverse::DisassociateRouteTable
        );
    }
}
