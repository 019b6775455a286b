//! Allow-lists by `aws:SourceIp`: calls through an endpoint carry no public address, so one that names a NAT gateway's
//! starts to deny.

use super::evidence::{BucketPolicies, Callers, NarrowingBucket};
use super::{Evidence, Read, Unknown};

/// Most names in one line of a plan's text.
const MOST_NAMES: usize = 12;

/// Buckets whose policy stands against moving S3, in words; `None` if none does or none was read.
pub(crate) fn buckets_in_the_way(evidence: &Evidence) -> Option<String> {
    let Some(Read::Known(policies)) = &evidence.bucket_policies else {
        return None;
    };
    if policies.narrowing.is_empty() {
        return None;
    }
    let bucket = |found: &NarrowingBucket| {
        let numbers: Vec<String> = found.statements.iter().map(usize::to_string).collect();
        format!("{} (statement {})", found.bucket, numbers.join(", "))
    };
    let names: Vec<String> = policies.narrowing.iter().map(bucket).collect();
    Some(format!(
        "the policies of {} admit calls by the NAT gateway's public address (aws:SourceIp), which calls through an endpoint \
         do not carry: they may be denied. Their owner would first admit this VPC too, by aws:SourceVpc",
        listed(&names)
    ))
}

/// What is not known of bucket policies, where routes to S3 are planned.
pub(crate) fn bucket_unknowns(evidence: &Evidence) -> Option<Unknown> {
    let why = match evidence.bucket_policies.as_ref()? {
        Read::Unreadable(code) => format!("The account's buckets could not be listed ({code})"),
        Read::Known(BucketPolicies { unread, .. }) if !unread.is_empty() => {
            let total: u32 = unread.values().sum();
            let by_why: Vec<String> = unread
                .iter()
                .map(|(why, count)| format!("{why}: {count}"))
                .collect();
            format!(
                "The policies of {total} buckets were not read ({})",
                by_why.join(", ")
            )
        }
        Read::Known(_) => return None,
    };
    Some(Unknown::new(
        "source-ip.bucket-policies",
        format!(
            "{why}: one that admits calls by the NAT gateway's public address (aws:SourceIp) denies whoever comes through \
             the endpoint"
        ),
    ))
}

/// Who will arrive from inside the VPC, service by service, for people.
pub(crate) fn callers(evidence: &Evidence, services: &[String]) -> Vec<String> {
    let line = |service: &String| match evidence.callers.get(service)? {
        Read::Known(Callers { who, more }) if !who.is_empty() => {
            let more = if *more {
                "; older events were not read"
            } else {
                ""
            };
            Some(format!(
                "Called {service} from the NAT gateway's address in the last days, by CloudTrail's management events, and \
                 will arrive from inside the VPC: {}{more}. Where their IAM policies ask for aws:SourceIp, change them first",
                listed(who)
            ))
        }
        _ => None,
    };
    services.iter().filter_map(line).collect()
}

/// The services whose calls could not be looked up.
pub(crate) fn caller_unknowns(evidence: &Evidence, services: &[String]) -> Option<Unknown> {
    let unread: Vec<String> = services
        .iter()
        .filter_map(|service| match evidence.callers.get(service)? {
            Read::Unreadable(code) => Some(format!("{service}: {code}")),
            Read::Known(_) => None,
        })
        .collect();
    if unread.is_empty() {
        return None;
    }
    Some(Unknown::new(
        "source-ip.cloudtrail",
        format!(
            "Who calls from the NAT gateway's address could not be read from CloudTrail ({}): IAM policies of theirs that \
             ask for that address (aws:SourceIp) deny them at an endpoint",
            unread.join(", ")
        ),
    ))
}

fn listed(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    let rest = names.len().saturating_sub(MOST_NAMES);
    let rest = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    format!("{}{rest}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model;

    fn buckets(policies: Read<BucketPolicies>) -> Evidence {
        Evidence {
            bucket_policies: Some(policies),
            ..model::evidence()
        }
    }

    #[test]
    fn a_bucket_that_would_deny_is_in_the_way_and_one_unread_is_unknown() {
        let narrowing = BucketPolicies {
            narrowing: vec![NarrowingBucket {
                bucket: "reports".to_owned(),
                statements: vec![1, 3],
            }],
            unread: BTreeMap::new(),
        };
        let found = buckets(Read::Known(narrowing));
        insta::assert_snapshot!(buckets_in_the_way(&found).unwrap(), @"the policies of reports (statement 1, 3) admit calls by the NAT gateway's public address (aws:SourceIp), which calls through an endpoint do not carry: they may be denied. Their owner would first admit this VPC too, by aws:SourceVpc");
        assert_eq!(bucket_unknowns(&found), None);
        let unread = BTreeMap::from([
            ("AccessDenied".to_owned(), 2),
            ("not understood".to_owned(), 1),
        ]);
        let unread = buckets(Read::Known(BucketPolicies {
            narrowing: Vec::new(),
            unread,
        }));
        assert_eq!(buckets_in_the_way(&unread), None);
        insta::assert_snapshot!(bucket_unknowns(&unread).unwrap().what, @"The policies of 3 buckets were not read (AccessDenied: 2, not understood: 1): one that admits calls by the NAT gateway's public address (aws:SourceIp) denies whoever comes through the endpoint");
        let denied = buckets(Read::Unreadable("AccessDenied".to_owned()));
        let unknown = bucket_unknowns(&denied).unwrap();
        assert_eq!(unknown.code, "source-ip.bucket-policies");
    }

    #[test]
    fn people_read_who_will_arrive_from_inside_and_which_services_could_not_be_looked_up() {
        let who = (1..=14)
            .map(|number| format!("role r{number:02}"))
            .collect();
        let mut evidence = model::evidence();
        evidence.callers = BTreeMap::from([
            (
                "lambda".to_owned(),
                Read::Known(Callers { who, more: true }),
            ),
            ("s3".to_owned(), Read::Known(Callers::default())),
            (
                "sts".to_owned(),
                Read::Unreadable("AccessDeniedException".to_owned()),
            ),
        ]);
        let services = ["lambda", "s3", "sts"].map(str::to_owned);
        insta::assert_snapshot!(callers(&evidence, &services).join("\n"), @"Called lambda from the NAT gateway's address in the last days, by CloudTrail's management events, and will arrive from inside the VPC: role r01, role r02, role r03, role r04, role r05, role r06, role r07, role r08, role r09, role r10, role r11, role r12 and 2 more; older events were not read. Where their IAM policies ask for aws:SourceIp, change them first");
        insta::assert_snapshot!(caller_unknowns(&evidence, &services).unwrap().what, @"Who calls from the NAT gateway's address could not be read from CloudTrail (sts: AccessDeniedException): IAM policies of theirs that ask for that address (aws:SourceIp) deny them at an endpoint");
        assert_eq!(caller_unknowns(&evidence, &services[..2]), None);
    }
}
