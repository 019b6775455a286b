//! S3: the policies of this account's buckets in one region, read one by one, many at once.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::Bucket;
use futures::StreamExt;
use tollkeeper::aws::CallError;

use crate::policy::{About, Move, narrowing};
use crate::preflight::Read;
use crate::preflight::evidence::{BucketPolicies, NarrowingBucket};
use crate::unread::code;

/// Policies read at once.
const AT_ONCE: usize = 16;

/// Most policies read for one plan: about ten seconds of calls.
const MOST: usize = 1_000;

/// Which of the policies narrow once calls come from inside the VPC.
pub(crate) async fn bucket_policies(
    client: &Client,
    about: &About<'_>,
    moved: Move<'_>,
) -> Read<BucketPolicies> {
    let call = client.list_buckets().bucket_region(about.region);
    let listed: Result<Vec<Bucket>, _> = call.into_paginator().items().send().try_collect().await;
    let mut names: Vec<String> = match listed {
        Ok(buckets) => buckets
            .into_iter()
            .filter_map(|bucket| bucket.name)
            .collect(),
        Err(error) => return Read::Unreadable(code(&CallError::of("s3:ListAllMyBuckets", &error))),
    };
    names.sort();
    let beyond = names.split_off(names.len().min(MOST));
    let judged = futures::stream::iter(names)
        .map(async |name| (judge(client, &name, about, moved).await, name))
        .buffer_unordered(AT_ONCE);
    let mut found = BucketPolicies {
        narrowing: Vec::new(),
        unread: BTreeMap::new(),
    };
    let judged: Vec<_> = judged.collect().await;
    for (judgement, bucket) in judged {
        match judgement {
            Ok(statements) if statements.is_empty() => {}
            Ok(statements) => found.narrowing.push(NarrowingBucket { bucket, statements }),
            Err(why) => *found.unread.entry(why).or_insert(0) += 1,
        }
    }
    if !beyond.is_empty() {
        let why = format!("beyond the first {MOST}");
        found
            .unread
            .insert(why, u32::try_from(beyond.len()).unwrap_or(u32::MAX));
    }
    Read::Known(found)
}

/// Statements of one bucket's policy that narrow, or why that is not known.
async fn judge(
    client: &Client,
    bucket: &str,
    about: &About<'_>,
    moved: Move<'_>,
) -> Result<Vec<usize>, String> {
    let reply = match client.get_bucket_policy().bucket(bucket).send().await {
        Ok(reply) => reply,
        Err(error) => {
            let error = CallError::of("s3:GetBucketPolicy", &error);
            // Without a policy, or gone since it was listed: that is known, and nothing to warn of.
            let is_none = matches!(error.code.as_str(), "NoSuchBucketPolicy" | "NoSuchBucket");
            return if is_none {
                Ok(Vec::new())
            } else {
                Err(code(&error))
            };
        }
    };
    let policy = reply.policy().unwrap_or_default();
    narrowing(policy, about, moved).map_err(|_| "not understood".to_owned())
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::http::HttpResponse;
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_s3::operation::get_bucket_policy::GetBucketPolicyOutput;
    use aws_sdk_s3::operation::list_buckets::ListBucketsOutput;
    use aws_smithy_mocks::{
        MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
    };
    use tollkeeper::plan::EndpointKind;

    use super::*;

    fn client(rules: &[Rule]) -> Client {
        let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
        let answers = rules
            .iter()
            .fold(answers, MockResponseInterceptor::with_rule);
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(create_mock_http_client())
            .interceptor(answers);
        Client::from_conf(config.build())
    }

    fn refusal(code: &'static str) -> HttpResponse {
        let body = format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
        HttpResponse::new(403.try_into().unwrap(), body.into())
    }

    fn policy_of(bucket: &'static str) -> impl Fn(&str) -> Rule {
        move |policy| {
            let policy = policy.to_owned();
            mock!(Client::get_bucket_policy)
                .match_requests(move |input| input.bucket() == Some(bucket))
                .then_output(move || GetBucketPolicyOutput::builder().policy(&policy).build())
        }
    }

    fn refused(bucket: &'static str, code: &'static str) -> Rule {
        mock!(Client::get_bucket_policy)
            .match_requests(move |input| input.bucket() == Some(bucket))
            .then_http_response(move || refusal(code))
    }

    fn listed(names: &'static [&str]) -> Rule {
        mock!(Client::list_buckets)
            .match_requests(|input| input.bucket_region() == Some("us-east-1"))
            .then_output(|| {
                let buckets = names
                    .iter()
                    .map(|name| Bucket::builder().name(*name).build());
                let output = ListBucketsOutput::builder();
                output.set_buckets(Some(buckets.collect())).build()
            })
    }

    async fn read(rules: &[Rule]) -> Read<BucketPolicies> {
        let about = About {
            service: "s3",
            kind: EndpointKind::Gateway,
            region: "us-east-1",
            partition: "aws",
            vpc_id: "vpc-1",
            kafka_pollers: false,
        };
        let moved = Move {
            from: &["203.0.113.7".to_owned()],
            vpc_cidrs: &["10.0.0.0/16".to_owned()],
        };
        bucket_policies(&client(rules), &about, moved).await
    }

    #[tokio::test]
    async fn each_bucket_is_judged_and_what_cannot_be_read_or_understood_is_counted() {
        let narrow = r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*",
            "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}]}"#;
        let open = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}}"#;
        let rules = [
            listed(&["narrow", "open", "none", "gone", "closed", "shut", "odd"]),
            policy_of("narrow")(narrow),
            policy_of("open")(open),
            refused("none", "NoSuchBucketPolicy"),
            refused("gone", "NoSuchBucket"),
            refused("closed", "AccessDenied"),
            refused("shut", "AccessDenied"),
            policy_of("odd")(r#"{"Statement": "aws:SourceIp"}"#),
        ];
        let expected = BucketPolicies {
            narrowing: vec![NarrowingBucket {
                bucket: "narrow".to_owned(),
                statements: vec![1],
            }],
            unread: BTreeMap::from([
                ("AccessDenied".to_owned(), 2),
                ("not understood".to_owned(), 1),
            ]),
        };
        assert_eq!(read(&rules).await, Read::Known(expected));
    }

    #[tokio::test]
    async fn buckets_that_may_not_be_listed_are_unreadable() {
        let rule = mock!(Client::list_buckets).then_http_response(|| refusal("AccessDenied"));
        assert_eq!(
            read(&[rule]).await,
            Read::Unreadable("AccessDenied".to_owned())
        );
    }
}
