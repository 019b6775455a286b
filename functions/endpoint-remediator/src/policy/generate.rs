//! The least a service's endpoint needs: one's own principals on one's own resources, and the callers who are neither.
//!
//! AWS's data perimeter, with the statements whose absence is known to break: AWS services' own calls, buckets that
//! belong to AWS, federated callers of STS, pollers. Same question, same policy, byte for byte.

use serde_json::{Value, json};

use super::calls::{self, LAMBDA};
use super::{About, Trust};

/// The policy.
pub(crate) fn generate(trust: &Trust, about: &About<'_>) -> Value {
    let (principal, resource, ids) = match trust {
        Trust::Organisation(id) => ("aws:PrincipalOrgID", "aws:ResourceOrgID", vec![id.as_str()]),
        Trust::Accounts(ids) => (
            "aws:PrincipalAccount",
            "aws:ResourceAccount",
            ids.iter().map(String::as_str).collect(),
        ),
    };
    let allow = |sid: &str, action: Value, resources: Value, condition: Option<Value>| {
        let mut statement = json!({"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": action, "Resource": resources});
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        statement
    };
    let all = || json!("*");
    let own = json!({"StringEquals": {principal: ids, resource: ids}});
    let aws = json!({"Bool": {"aws:PrincipalIsAWSService": "true"}});
    let mut statements = vec![
        allow("OwnPrincipalsOnOwnResources", all(), all(), Some(own)),
        allow("AwsServices", all(), all(), Some(aws)),
    ];
    if about.service == "s3" {
        for (sid, action) in [
            ("ServiceOwnedBuckets", "s3:GetObject"),
            ("CustomResourceAnswers", "s3:PutObject"),
        ] {
            let buckets = calls::service_buckets(about.region);
            let buckets = buckets.iter().filter(|bucket| bucket.action == action);
            let arns: Vec<String> = buckets
                .map(|bucket| format!("arn:{}:s3:::{}/*", about.partition, bucket.bucket))
                .collect();
            statements.push(allow(sid, json!(action), json!(arns), None));
        }
    }
    if about.service == "sts" {
        let actions = json!(["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"]);
        let own = json!({"StringEquals": {resource: ids}});
        statements.push(allow("FederatedCallers", actions, all(), Some(own)));
    }
    if let Some(action) = calls::poller_action(about.service).filter(|_| about.kafka_pollers) {
        let mut pollers = allow("KafkaPollers", json!(action), all(), None);
        pollers["Principal"] = json!({"Service": LAMBDA});
        statements.push(pollers);
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// What a generated policy takes away, for the people who are to approve it.
pub(crate) fn would_deny(trust: &Trust, about: &About<'_>) -> Vec<String> {
    let own = match trust {
        Trust::Organisation(id) => format!("organisation {id}"),
        Trust::Accounts(ids) => format!(
            "{} {}",
            if ids.len() == 1 {
                "account"
            } else {
                "accounts"
            },
            ids.join(", ")
        ),
    };
    let service = about.service;
    let mut lines = vec![
        format!(
            "It would deny at {service}: principals outside {own}, unless they are AWS services"
        ),
        format!(
            "It would deny at {service}: resources of accounts outside {own}, such as vendors' and public ones"
        ),
    ];
    match service {
        "s3" => lines.push(format!(
            "It would deny at s3: anonymous reads, but for the buckets of AWS it names ({})",
            calls::service_buckets(about.region)
                .iter()
                .map(|bucket| bucket.what)
                .collect::<Vec<_>>()
                .join(", ")
        )),
        "sts" => lines.push(format!(
            "It would deny at sts: assuming roles of accounts outside {own}"
        )),
        _ => {}
    }
    if calls::poller_action(service).is_some() && !about.kafka_pollers {
        lines.push(format!(
            "It has no statement for pollers of Kafka event source mappings at {service}: ask again with \
             \"kafka_pollers\": true if there are any"
        ));
    }
    lines
}
