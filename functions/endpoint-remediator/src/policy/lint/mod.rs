//! What a policy would break before it is ever sent, each finding with a stable code.
//!
//! An error would break callers for certain, or AWS would refuse the policy: no plan is made of it. A warning breaks
//! callers that this account may or may not have; a note changes nothing but should be known. Codes are listed in
//! docs/policies.md.

mod breaks;
mod keys;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::Value;
use tollkeeper::plan::EndpointKind;

use super::About;
use super::document::{self, Document};

/// Most characters of an endpoint policy, white space between elements not counted.
const MOST_CHARACTERS: usize = 20_480;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// AWS would refuse the policy, or it would break callers.
    Error,
    /// It breaks callers that may be there.
    Warning,
    Note,
}

/// One thing about a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Stable name.
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    /// The statement it is about, from 1; absent for the whole policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<usize>,
    pub(crate) why: String,
    /// What to write instead.
    pub(crate) instead: String,
}

impl Finding {
    fn new(
        severity: Severity,
        code: &'static str,
        statement: Option<usize>,
        why: String,
        instead: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            statement,
            why,
            instead: instead.into(),
        }
    }

    pub(super) fn error(
        code: &'static str,
        statement: Option<usize>,
        why: String,
        instead: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, code, statement, why, instead)
    }

    pub(super) fn warning(
        code: &'static str,
        statement: Option<usize>,
        why: String,
        instead: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, code, statement, why, instead)
    }

    pub(super) fn note(
        code: &'static str,
        statement: Option<usize>,
        why: String,
        instead: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Note, code, statement, why, instead)
    }
}

/// One line for people.
impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        write!(f, "{severity} {}", self.code)?;
        if let Some(statement) = self.statement {
            write!(f, " in statement {statement}")?;
        }
        write!(f, ": {}; write instead: {}", self.why, self.instead)
    }
}

/// Everything there is to say about a policy, errors first.
pub(crate) fn lint(policy: &Value, about: &About<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let document = document::read(policy, &mut found);
    size(policy, &mut found);
    // What a policy that AWS refuses would do to calls is nobody's question.
    if !has_errors(&found) {
        gateway_principals(&document, about, &mut found);
        keys::check(&document, about, &mut found);
        breaks::check(&document, about, &mut found);
    }
    found.sort_by_key(|finding| (finding.severity, finding.statement));
    found
}

/// Whether a policy must not be sent.
pub(crate) fn has_errors(found: &[Finding]) -> bool {
    found
        .iter()
        .any(|finding| finding.severity == Severity::Error)
}

fn size(policy: &Value, found: &mut Vec<Finding>) {
    let characters = policy.to_string().chars().count();
    if characters > MOST_CHARACTERS {
        let why = format!("the policy has {characters} characters, AWS takes {MOST_CHARACTERS}");
        found.push(Finding::error(
            "too-long",
            None,
            why,
            "fewer statements, or patterns instead of lists",
        ));
    }
}

fn gateway_principals(document: &Document, about: &About<'_>, found: &mut Vec<Finding>) {
    if about.kind != EndpointKind::Gateway {
        return;
    }
    let narrow = document
        .statements
        .iter()
        .filter(|statement| !statement.principals.everyone());
    for statement in narrow {
        found.push(Finding::error(
            "gateway-principal",
            Some(statement.number),
            "the policy of a gateway endpoint takes no Principal but \"*\"".to_owned(),
            "\"Principal\": \"*\" with a condition on aws:PrincipalArn",
        ));
    }
}
