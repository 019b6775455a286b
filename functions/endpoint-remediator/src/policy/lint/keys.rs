//! Condition keys that do not mean at an endpoint what they mean elsewhere.

use super::{About, Document, Finding};
use crate::policy::condition::{Answer, Condition, Known};
use crate::policy::document::Statement;
use crate::policy::glob;

/// Keys that hold an id which no wildcard belongs in.
const IDS: [&str; 6] = [
    "aws:PrincipalAccount",
    "aws:ResourceAccount",
    "aws:SourceAccount",
    "aws:PrincipalOrgID",
    "aws:ResourceOrgID",
    "aws:SourceOrgID",
];

pub(super) fn check(document: &Document, about: &About<'_>, found: &mut Vec<Finding>) {
    for statement in &document.statements {
        for condition in &statement.conditions {
            source_ip(statement, condition, found);
            factor_age(statement, condition, found);
            source_vpc(statement, condition, about, found);
            wildcard_ids(statement, condition, found);
        }
    }
}

/// Whether a condition on a key that calls do not carry shuts out who carries none: an Allow that never applies, a Deny
/// that always does.
fn shuts_out(statement: &Statement, condition: &Condition) -> bool {
    let holds = condition.holds(&Known::Missing);
    holds
        == if statement.allows {
            Answer::No
        } else {
            Answer::Yes
        }
}

fn source_ip(statement: &Statement, condition: &Condition, found: &mut Vec<Finding>) {
    if !condition.is_on("aws:SourceIp") {
        return;
    }
    let at = Some(statement.number);
    let instead = "aws:VpcSourceIp, which holds the private address";
    if shuts_out(statement, condition) {
        let why =
            "calls through an endpoint carry no aws:SourceIp: this denies everyone".to_owned();
        found.push(Finding::error("source-ip", at, why, instead));
    } else {
        let why = "calls through an endpoint carry no aws:SourceIp: this condition decides nothing"
            .to_owned();
        found.push(Finding::warning("source-ip", at, why, instead));
    }
}

/// Service roles' sessions carry no age.
fn factor_age(statement: &Statement, condition: &Condition, found: &mut Vec<Finding>) {
    if !condition.is_on("aws:MultiFactorAuthAge") {
        return;
    }
    let at = Some(statement.number);
    if !condition.is_numeric() && !condition.asks_presence() {
        let why = format!(
            "aws:MultiFactorAuthAge is a number of seconds, {} is no operator for it",
            condition.operator.name
        );
        found.push(Finding::error(
            "mfa-age",
            at,
            why,
            "NumericLessThan, in a Deny of what only people do",
        ));
    } else if shuts_out(statement, condition) {
        let why = "sessions of service roles carry no aws:MultiFactorAuthAge: requiring it denies them all".to_owned();
        found.push(Finding::error(
            "mfa-age",
            at,
            why,
            "Deny with NumericGreaterThan without IfExists, for the actions that only people do",
        ));
    }
}

/// Every call through the endpoint comes from the endpoint's own VPC.
fn source_vpc(
    statement: &Statement,
    condition: &Condition,
    about: &About<'_>,
    found: &mut Vec<Finding>,
) {
    if !condition.is_on("aws:SourceVpc") || condition.asks_presence() {
        return;
    }
    let at = Some(statement.number);
    let holds = condition.holds(&Known::Text(about.vpc_id.to_owned()));
    let vpc = about.vpc_id;
    let instead = "no such condition here; aws:SourceVpc belongs into the resource's policy, aws:VpcSourceIp narrows by subnet";
    match (statement.allows, holds) {
        (true, Answer::No) => {
            let why = format!(
                "every call through the endpoint comes from {vpc}: this Allow never applies"
            );
            found.push(Finding::error("source-vpc", at, why, instead));
        }
        (false, Answer::Yes) => {
            let why = format!(
                "every call through the endpoint comes from {vpc}: this Deny always applies"
            );
            found.push(Finding::error("source-vpc", at, why, instead));
        }
        _ => {
            let why = format!(
                "every call through the endpoint comes from {vpc}: this condition decides nothing"
            );
            found.push(Finding::warning("source-vpc", at, why, instead));
        }
    }
}

fn wildcard_ids(statement: &Statement, condition: &Condition, found: &mut Vec<Finding>) {
    let Some(key) = IDS.iter().find(|key| condition.is_on(key)) else {
        return;
    };
    if condition.asks_presence() {
        return;
    }
    let values = condition.values.iter();
    for value in values.filter(|value| !value.contains("${") && glob::is_pattern(value)) {
        found.push(Finding::error(
            "account-wildcard",
            Some(statement.number),
            format!(
                "{key} {value}: with {} a wildcard stands for everybody or for nobody",
                condition.operator.name
            ),
            "the ids themselves, in a list",
        ));
    }
}
