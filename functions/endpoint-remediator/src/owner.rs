//! Who looks after a resource, read from its tags. Pure.
//!
//! One owner for each resource: what a stack or Terraform declares is not changed behind its back, and what carries no
//! tag of ours only once its owner tagged it for adoption.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who looks after a resource, read from its tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Owner {
    /// No tag says.
    Unknown,
    /// A plan of ours made it.
    Tollkeeper { plan_id: String },
    /// Its owner tagged it `tollkeeper:adopt = true`.
    Adopted,
    /// A CloudFormation stack.
    Stack(String),
    /// Terraform, as far as tags tell.
    Terraform,
}

/// Tag on everything this product makes.
pub(crate) const TAG_MANAGED: (&str, &str) = ("ManagedBy", "tollkeeper");
/// Tag that names the plan.
pub(crate) const TAG_PLAN: &str = "tollkeeper:plan-id";
/// Tag that names the step.
pub(crate) const TAG_STEP: &str = "tollkeeper:step";
const TAG_ADOPT: &str = "tollkeeper:adopt";
const TAG_STACK: &str = "aws:cloudformation:stack-id";

impl Owner {
    pub(crate) fn of(tags: &BTreeMap<String, String>) -> Self {
        if let Some(stack) = tags.get(TAG_STACK) {
            return Self::Stack(stack.clone());
        }
        if tags.get(TAG_MANAGED.0).map(String::as_str) == Some(TAG_MANAGED.1)
            && let Some(plan_id) = tags.get(TAG_PLAN)
        {
            let plan_id = plan_id.clone();
            return Self::Tollkeeper { plan_id };
        }
        if tags.get(TAG_ADOPT).is_some_and(|value| value == "true") {
            return Self::Adopted;
        }
        let names_terraform = |text: &String| text.to_ascii_lowercase().contains("terraform");
        if tags
            .iter()
            .any(|(key, value)| names_terraform(key) || names_terraform(value))
        {
            return Self::Terraform;
        }
        Self::Unknown
    }

    /// Why the resource must not be changed behind somebody's back, if so.
    pub(crate) fn declares_it_elsewhere(&self) -> Option<String> {
        match self {
            Self::Stack(stack) => Some(format!("belongs to the CloudFormation stack {stack}")),
            Self::Terraform => Some("is tagged as Terraform's".to_owned()),
            Self::Unknown | Self::Tollkeeper { .. } | Self::Adopted => None,
        }
    }

    /// Whether a step of this plan made it.
    pub(crate) fn is_plan(&self, plan_id: &str) -> bool {
        matches!(self, Self::Tollkeeper { plan_id: own } if own == plan_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stacks_tag_beats_every_other() {
        let tags = |pairs: &[(&str, &str)]| {
            let owned = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            Owner::of(&owned.collect())
        };
        let stack = tags(&[
            ("ManagedBy", "tollkeeper"),
            (TAG_PLAN, "plan-1"),
            (TAG_STACK, "arn"),
        ]);
        assert_eq!(stack, Owner::Stack("arn".to_owned()));
        assert_eq!(tags(&[("managed-by", "Terraform")]), Owner::Terraform);
        assert_eq!(tags(&[(TAG_ADOPT, "true")]), Owner::Adopted);
        assert_eq!(tags(&[("ManagedBy", "tollkeeper")]), Owner::Unknown);
    }
}
