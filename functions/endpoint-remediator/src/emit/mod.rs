//! A plan as code for teams that change networks by pull request: Terraform, or a CloudFormation template.
//!
//! Pure: the same plan gives the same text, byte for byte. What a format cannot express is said and never dropped in
//! silence. Emitted resources carry the plan's id but not this product's owner tag: they belong to the code that makes
//! them, and no later plan changes them behind its back.

mod cloudformation;
mod hcl_text;
mod terraform;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::change::{Change, Step, Target};
use crate::plan::{Plan, Sealed};

/// What a caller wants to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Text,
    Terraform,
    Cloudformation,
}

/// A plan as code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Emitted {
    pub(crate) format: Format,
    pub(crate) code: String,
    /// What the format cannot express, each with what to do instead.
    pub(crate) left_out: Vec<String>,
}

/// The format cannot express a single step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing of the plan can be written as {format}: {}; expected format {expected}", left_out.join("; "))]
pub(crate) struct NotExpressible {
    format: &'static str,
    expected: &'static str,
    left_out: Vec<String>,
}

/// A plan with what names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) id: &'a str,
    pub(crate) hash: &'a str,
}

impl<'a> From<&'a Sealed> for Named<'a> {
    fn from(sealed: &'a Sealed) -> Self {
        Self {
            plan: &sealed.plan,
            id: &sealed.id,
            hash: &sealed.hash,
        }
    }
}

/// The plan in a format; `None` for plain text, which every answer carries.
pub(crate) fn emit(named: Named<'_>, format: Format) -> Result<Option<Emitted>, NotExpressible> {
    match format {
        Format::Text => Ok(None),
        Format::Terraform => terraform::emit(named).map(Some),
        Format::Cloudformation => cloudformation::emit(named).map(Some),
    }
}

/// Who is to look after what the code makes.
fn tags(named: Named<'_>, step: u32, by: &str) -> [(&'static str, String); 3] {
    use crate::owner::{TAG_MANAGED, TAG_PLAN, TAG_STEP};
    [
        (TAG_MANAGED.0, by.to_owned()),
        (TAG_PLAN, named.id.to_owned()),
        (TAG_STEP, step.to_string()),
    ]
}

fn service_name(named: Named<'_>, service: &str) -> String {
    if service.starts_with("com.amazonaws.") {
        return service.to_owned();
    }
    format!("com.amazonaws.{}.{service}", named.plan.region)
}

/// Rules that must be there before an endpoint in this group is reachable.
fn rules_of(plan: &Plan, group: u32) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(move |step| match &step.change {
        Change::Allow {
            group: own, peer, ..
        } => {
            let made = Target::Step(group);
            *own == made || *peer == crate::change::Peer::Group(made)
        }
        _ => false,
    })
}

/// Whether the plan switches private DNS on for what a step makes.
fn has_private_dns(plan: &Plan, endpoint: u32) -> bool {
    let switches = |step: &Step| matches!(&step.change, Change::SwitchPrivateDnsOn { endpoint: own, .. } if *own == Target::Step(endpoint));
    plan.steps.iter().any(switches)
}

/// What people should know, one line each, without line breaks.
fn remarks(plan: &Plan) -> impl Iterator<Item = String> {
    let unknowns = plan.unknowns.iter();
    let unknowns = unknowns.map(|one| format!("Not known ({}): {}", one.code, one.what));
    let all = plan.warnings.iter().chain(&plan.left_alone).cloned();
    all.chain(unknowns)
        .map(|line| line.replace(['\n', '\r'], " "))
}
