//! Whom a policy shuts out: the calls that are known to break, evaluated one by one.

use super::{About, Document, Finding};
use crate::policy::calls::{self, Call};
use crate::policy::condition::Known;
use crate::policy::evaluate::{Ruling, evaluate};

pub(super) fn check(document: &Document, about: &About<'_>, found: &mut Vec<Finding>) {
    if everyone(document, about, found) {
        return;
    }
    aws_services(document, about, found);
    federated(document, about, found);
    pollers(document, about, found);
    buckets(document, about, found);
    perimeter(document, found);
}

/// The policy that lets nobody through.
fn nobody(statement: Option<usize>) -> Finding {
    Finding::error(
        "denies-everyone",
        statement,
        "no call gets through: what no statement allows is denied".to_owned(),
        "a statement with Effect Allow that applies to your own principals",
    )
}

/// Whether nobody at all gets through: then there is nothing more to say.
fn everyone(document: &Document, about: &About<'_>, found: &mut Vec<Finding>) -> bool {
    let ruling = |call: &Call| evaluate(document, call, about);
    let own = ruling(&calls::own_role(about));
    if own.may_pass() {
        return false;
    }
    let mut others: Vec<Call> = vec![calls::aws_service(about)];
    others.extend(calls::federated(about));
    others.extend(calls::poller(about));
    if about.service == "s3" {
        let buckets = calls::service_buckets(about.region);
        others.extend(
            buckets
                .iter()
                .map(|bucket| calls::bucket_call(bucket, about)),
        );
    }
    let by = if own.is_denied() { own.denied_by } else { None };
    let somebody = others.iter().any(|call| ruling(call).may_pass());
    if somebody {
        let service = about.service;
        found.push(Finding::error(
            "denies-own-callers",
            by,
            format!("no role of your own gets through to {service}; private DNS and routes send all of them here"),
            "a statement of its own for your own principals, beside the one for AWS's",
        ));
    } else {
        found.push(nobody(by));
    }
    !somebody
}

fn aws_services(document: &Document, about: &About<'_>, found: &mut Vec<Finding>) {
    let call = calls::aws_service(about);
    let ruling = evaluate(document, &call, about);
    let instead = "BoolIfExists aws:PrincipalIsAWSService \"false\" beside it in the Deny, or an Allow with Bool aws:PrincipalIsAWSService \"true\"";
    if ruling.is_denied() {
        let why = format!(
            "this Deny applies to {}: they carry no key of a principal",
            call.who
        );
        found.push(Finding::error(
            "denies-aws-callers",
            ruling.denied_by,
            why,
            instead,
        ));
    } else if !ruling.may_pass() {
        let why = format!("no statement allows {}", call.who);
        found.push(Finding::warning("misses-aws-callers", None, why, instead));
    }
}

/// Federated calls carry no principal: no condition on one can hold.
fn federated(document: &Document, about: &About<'_>, found: &mut Vec<Finding>) {
    let instead = "a statement of its own: Allow sts:AssumeRoleWithSAML and sts:AssumeRoleWithWebIdentity with a condition on aws:ResourceOrgID or aws:ResourceAccount only";
    for call in calls::federated(about) {
        let ruling = evaluate(document, &call, about);
        if ruling.may_pass() {
            continue;
        }
        let with_principal = Call {
            without_principal: false,
            principal: calls::Caller::Role,
            ..call.clone()
        };
        let is_for_others = evaluate(document, &with_principal, about).may_pass();
        if is_for_others || ruling.is_denied() {
            let why = format!(
                "{} carry no principal, so that no condition on one lets them through",
                call.who
            );
            found.push(Finding::error(
                "denies-federated-callers",
                by(ruling),
                why,
                instead,
            ));
        } else {
            let why = format!("no statement allows {}", call.who);
            found.push(Finding::warning(
                "misses-federated-callers",
                None,
                why,
                instead,
            ));
        }
    }
}

fn by(ruling: Ruling) -> Option<usize> {
    ruling.is_denied().then_some(ruling.denied_by).flatten()
}

fn pollers(document: &Document, about: &About<'_>, found: &mut Vec<Finding>) {
    let Some(call) = calls::poller(about).filter(|_| about.kafka_pollers) else {
        return;
    };
    let ruling = evaluate(document, &call, about);
    if !ruling.may_pass() {
        let action = calls::poller_action(about.service).unwrap_or_default();
        found.push(Finding::error(
            "denies-pollers",
            by(ruling),
            format!("{} would stop", call.who),
            format!(
                "Allow {action} for {{\"Service\": \"{}\"}} on \"*\"",
                calls::LAMBDA
            ),
        ));
    }
}

fn buckets(document: &Document, about: &About<'_>, found: &mut Vec<Finding>) {
    if about.service != "s3" {
        return;
    }
    let (mut missed, mut missed_buckets) = (Vec::new(), Vec::new());
    for bucket in calls::service_buckets(about.region) {
        let ruling = evaluate(document, &calls::bucket_call(&bucket, about), about);
        let action = bucket.action;
        if ruling.is_denied() {
            found.push(Finding::error(
                "denies-service-buckets",
                ruling.denied_by,
                format!(
                    "this Deny takes {} away: {} belongs to AWS",
                    bucket.what, bucket.bucket
                ),
                format!(
                    "NotResource arn:{}:s3:::{}/* in the Deny, and {action} on it allowed",
                    about.partition, bucket.bucket
                ),
            ));
        } else if !ruling.may_pass() {
            missed.push(bucket.what);
            missed_buckets.push(format!("{action} on {}", bucket.bucket));
        }
    }
    if !missed.is_empty() {
        found.push(Finding::warning(
            "misses-service-buckets",
            None,
            format!("whoever uses them loses {}: the buckets belong to AWS and no statement allows them", missed.join(", ")),
            format!("a statement without conditions on principal or resource owner: {}", missed_buckets.join(", ")),
        ));
    }
}

/// A condition on the owner of resources shuts out everybody else's.
fn perimeter(document: &Document, found: &mut Vec<Finding>) {
    let owner = |key: &str| {
        matches!(
            key.to_ascii_lowercase().as_str(),
            "aws:resourceorgid" | "aws:resourceaccount" | "aws:resourceorgpaths"
        )
    };
    let allows = || {
        document
            .statements
            .iter()
            .filter(|statement| statement.allows)
    };
    let is_owned = |statement: &crate::policy::document::Statement| {
        let mut conditions = statement.conditions.iter();
        conditions.any(|condition| {
            owner(&condition.key)
                && condition.holds(&Known::Foreign) == crate::policy::condition::Answer::No
        })
    };
    let first = allows().find(|statement| is_owned(statement));
    if let Some(statement) = first {
        found.push(Finding::note(
            "resource-perimeter",
            Some(statement.number),
            "resources of others (vendors' buckets, public data) are out of reach through this statement".to_owned(),
            "a statement of its own for each of them that is used",
        ));
    }
}
