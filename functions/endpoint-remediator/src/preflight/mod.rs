//! What a plan has to know besides the network it changes: who would be cut off by an ACL, a name or an allow-list.
//!
//! Pure. Each check ends as well, as blocked (the service is left alone, with the reason in the plan's text) or as
//! unknown, with a stable code: whoever approves accepts each unknown by its code. It refuses to know how evidence was
//! read, and when.

pub(crate) mod acls;
pub(crate) mod dns;
pub(crate) mod egress;
pub(crate) mod evidence;
pub(crate) mod quotas;
pub(crate) mod source_ip;
pub(crate) mod who;

use serde::{Deserialize, Serialize};

pub(crate) use evidence::{Evidence, Read};

/// Something that could not be found out and that the plan rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Unknown {
    /// Stable: what an approval names. docs/runbook.md has a line for each.
    pub(crate) code: String,
    /// What could not be found out, and what that means.
    pub(crate) what: String,
}

impl Unknown {
    pub(crate) fn new(code: &str, what: String) -> Self {
        Self {
            code: code.to_owned(),
            what,
        }
    }
}

/// The codes that an approval has to accept, in one order.
pub(crate) fn codes(unknowns: &[Unknown]) -> Vec<String> {
    let mut codes: Vec<String> = unknowns.iter().map(|one| one.code.clone()).collect();
    codes.sort();
    codes.dedup();
    codes
}
