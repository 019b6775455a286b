//! The plan as the person reads it who is to approve it.

use std::fmt::Write;

use jiff::Timestamp;
use tollkeeper::money::Money;
use tollkeeper::prices;

use super::{Plan, Sealed};
use crate::change::Change;
use crate::preflight::codes;
use crate::replay;

/// What a finding promised of the remedy, where the plan came from one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Promise {
    /// Hours and the traffic the finding expects.
    pub(crate) monthly_cost: Option<Money>,
    pub(crate) monthly_saving: Option<Money>,
    pub(crate) does_not_cover: Vec<String>,
}

/// What stands beside the plan itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) promise: &'a Promise,
    /// Plans that it takes the place of.
    pub(crate) supersedes: Vec<String>,
}

impl<'a> From<&'a Promise> for Head<'a> {
    fn from(promise: &'a Promise) -> Self {
        Self {
            promise,
            supersedes: Vec::new(),
        }
    }
}

/// What the person needs to know to run the next commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commands {
    pub(crate) function_name: String,
    pub(crate) approval_url: String,
    /// Suggested end of the approval.
    pub(crate) expires_at: Timestamp,
}

/// The whole text.
pub(crate) fn text(sealed: &Sealed, beside: &Head<'_>, commands: &Commands) -> String {
    let (plan, promise) = (&sealed.plan, beside.promise);
    let mut out = String::new();
    head(&mut out, sealed, beside);
    section(&mut out, "What it does, in this order", &steps(plan));
    section(&mut out, "The policies", &policies(plan));
    section(
        &mut out,
        "What the flow logs of past days say",
        &replayed(plan),
    );
    section(
        &mut out,
        "What to expect meanwhile",
        &bullets(&plan.warnings),
    );
    section(
        &mut out,
        "What could not be found out (whoever approves accepts each by its code)",
        &unknowns(plan),
    );
    section(&mut out, "What it leaves alone", &bullets(&plan.left_alone));
    section(
        &mut out,
        "What it does not solve",
        &bullets(&promise.does_not_cover),
    );
    section(&mut out, "How it is undone", &[undo(sealed, commands)]);
    section(&mut out, "To approve", &approve(sealed, commands));
    section(
        &mut out,
        "Then, to apply",
        &[call(&commands.function_name, "apply", &sealed.id)],
    );
    out
}

fn head(out: &mut String, sealed: &Sealed, beside: &Head<'_>) {
    let (plan, promise) = (&sealed.plan, beside.promise);
    let services = plan.request.services.join(", ");
    let what = match (&plan.policy, &plan.narrowing) {
        (Some(_), _) => "policies of the endpoints",
        (None, Some(_)) => "fewer clients at the endpoints",
        (None, None) => "endpoints",
    };
    let mut line = |text: String| {
        // Writing to a String does not fail.
        let _ = writeln!(out, "{text}");
    };
    line(format!(
        "Plan {} for {} ({}, account {}): {what} for {services}",
        sealed.id, plan.request.vpc_id, plan.region, plan.account
    ));
    if let Some(incident) = &plan.request.incident_id {
        line(format!("It is to end incident {incident}."));
    }
    if !beside.supersedes.is_empty() {
        line(format!(
            "It takes the place of {}: the same request, answered anew. Do not approve that any more.",
            beside.supersedes.join(", ")
        ));
    }
    if let Some(requester) = &plan.requested_by {
        line(format!(
            "Asked for by {requester}, by their own word: somebody else approves it, unless the approval function is set to \
             allow self-approval."
        ));
    }
    if plan.narrowing.is_some() {
        return line("It costs nothing and saves nothing: it narrows who may pass.".to_owned());
    }
    if plan.policy.is_some() {
        return line(
            "It costs nothing and saves nothing: it narrows who may pass, and on what.".to_owned(),
        );
    }
    line(format!(
        "Cost: {} a month at list price of {}, plus traffic by GB at interface endpoints; gateway endpoints are free.",
        plan.monthly_cost,
        prices::AS_OF
    ));
    if let Some(cost) = &promise.monthly_cost {
        line(format!(
            "With the traffic that the finding expects: {cost} a month."
        ));
    }
    line(match &promise.monthly_saving {
        Some(saving) => format!(
            "Saving: {saving} a month after that cost, by the finding, should the excess last."
        ),
        None => "Saving: not known; the plan was asked for without a finding.".to_owned(),
    });
    line(
        "Policy: full access, as traffic has it today; narrowing is a plan of its own.".to_owned(),
    );
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(out, "\n{title}:\n");
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}

fn steps(plan: &Plan) -> Vec<String> {
    let line = |step: &crate::change::Step| {
        let mark = match step.change {
            Change::SwitchPrivateDnsOn { .. } | Change::AssociateRouteTable { .. } => {
                "  <- traffic moves"
            }
            Change::SetPolicy { .. } | Change::Revoke { .. } => "  <- who may pass changes",
            _ => "",
        };
        format!("{:>2}. {}{mark}", step.number, step.change)
    };
    plan.steps.iter().map(line).collect()
}

fn unknowns(plan: &Plan) -> Vec<String> {
    let line =
        |unknown: &crate::preflight::Unknown| format!("- {}: {}", unknown.code, unknown.what);
    plan.unknowns.iter().map(line).collect()
}

/// Each policy beside the one it takes the place of.
fn policies(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &plan.steps {
        if let Change::SetPolicy {
            policy, replaces, ..
        } = &step.change
        {
            lines.push(format!("Step {} sets", step.number));
            lines.extend(pretty(policy));
            lines.push("in the place of".to_owned());
            lines.extend(pretty(replaces));
        }
    }
    lines
}

fn pretty(policy: &str) -> Vec<String> {
    let read: Result<serde_json::Value, _> = serde_json::from_str(policy);
    let text = read.and_then(|value| serde_json::to_string_pretty(&value));
    let text = text.unwrap_or_else(|_| policy.to_owned());
    text.lines().map(|line| format!("  {line}")).collect()
}

fn bullets(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("- {line}")).collect()
}

fn replayed(plan: &Plan) -> Vec<String> {
    let Some(replay) = &plan.replay else {
        return Vec::new();
    };
    let mut lines = replay::headline(replay, &plan.request.services);
    lines.extend(bullets(&replay::details(replay)));
    lines
}

fn undo(sealed: &Sealed, commands: &Commands) -> String {
    let how = if sealed.plan.policy.is_some() {
        "The policy that was there before is put back, unless somebody changed it since."
    } else if sealed.plan.narrowing.is_some() {
        "Whoever was let in before is let in again, then the rules that it added go."
    } else {
        "In reverse, only what it made or changed; the way through the NAT gateway stays there all the time."
    };
    format!(
        "{how}\n  {}",
        call(&commands.function_name, "rollback", &sealed.id)
    )
}

/// The command that asks the function for an action on a plan.
pub(crate) fn call(function_name: &str, action: &str, plan_id: &str) -> String {
    format!(
        "aws lambda invoke --function-name {function_name} --cli-binary-format raw-in-base64-out --payload \
         '{{\"action\":\"{action}\",\"plan_id\":\"{plan_id}\"}}' /dev/stdout"
    )
}

fn approve(sealed: &Sealed, commands: &Commands) -> Vec<String> {
    let codes = codes(&sealed.plan.unknowns);
    let accepting = if codes.is_empty() {
        String::new()
    } else {
        format!(",\"accept_unknown\":[\"{}\"]", codes.join("\",\""))
    };
    vec![
        format!("Hash {}", sealed.hash),
        format!(
            "curl --aws-sigv4 aws:amz:{}:lambda --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" -H \
             \"x-amz-security-token: $AWS_SESSION_TOKEN\" -H 'content-type: application/json' -d \
             '{{\"plan_id\":\"{}\",\"plan_hash\":\"{}\",\"expires_at\":\"{}\"{accepting}}}' {}",
            sealed.plan.region, sealed.id, sealed.hash, commands.expires_at, commands.approval_url
        ),
    ]
}
