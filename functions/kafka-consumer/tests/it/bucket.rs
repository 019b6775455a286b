//! The calls that reach S3.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_s3::error::ErrorMetadata;
use aws_sdk_s3::operation::head_object::{HeadObjectError, HeadObjectOutput};
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectInput, PutObjectOutput};
use aws_sdk_s3::primitives::SdkBody;
use aws_sdk_s3::types::error::NotFound;
use aws_sdk_s3::{Client, Config};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};
use kafka_consumer::archive::{Archive, ArchiveError, Object, Put, Rows, Standing, keep};
use kafka_consumer::s3::{Bucket, Place};
use tollkeeper::rollup::Shard;

const KEY: &str = "kafka/topic=app-logs/date=2026-10-13/hour=15/2-0-00000000000000000100.ndjson.gz";

/// As `mock_client!` makes it, which needs the SDK's feature `test-util`: another feature set for the whole build.
fn bucket(rules: &[&Rule]) -> Bucket {
    let mut responses = MockResponseInterceptor::new().rule_mode(RuleMode::Sequential);
    for rule in rules {
        responses = responses.with_rule(rule);
    }
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(create_mock_http_client())
        .interceptor(responses)
        .build();
    Bucket::new(Client::from_conf(config), Place::new("archive", "kafka/"))
}

fn object(offsets: std::ops::Range<i64>) -> Object {
    let shard = Shard {
        topic: "app-logs".to_owned(),
        partition: 2,
        epoch: 0,
    };
    let mut rows = Rows::of(&shard).unwrap();
    for offset in offsets {
        rows.add(offset, Some(1_791_903_660_123), None, Some(b"x"))
            .unwrap();
    }
    rows.finish().unwrap().unwrap()
}

fn puts(request: &PutObjectInput, object: &Object) -> bool {
    request.bucket() == Some("archive")
        && request.key() == Some(KEY)
        && request.body().bytes() == Some(&object.bytes[..])
}

fn refused(code: &str) -> PutObjectError {
    PutObjectError::generic(ErrorMetadata::builder().code(code).build())
}

fn standing(last_offset: &str) -> HeadObjectOutput {
    HeadObjectOutput::builder()
        .e_tag("\"e1\"")
        .metadata("last-offset", last_offset)
        .build()
}

#[tokio::test]
async fn a_new_object_is_put_where_none_stands_and_says_how_far_it_reaches() {
    let new = object(100..110);
    let expected = new.clone();
    let rule = mock!(Client::put_object)
        .match_requests(move |request| {
            let metadata = request.metadata().unwrap();
            puts(request, &expected)
                && request.if_none_match() == Some("*")
                && request.if_match().is_none()
                && request.content_type() == Some("application/gzip")
                && metadata["first-offset"] == "100"
                && metadata["last-offset"] == "109"
                && metadata["records"] == "10"
        })
        .then_output(|| PutObjectOutput::builder().build());
    let claim = async || panic!("nothing stands there");
    keep::<ArchiveError>(&bucket(&[&rule]), &new, claim)
        .await
        .unwrap();
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test]
async fn a_shorter_object_replaces_the_version_that_was_seen_before_the_claim() {
    let new = object(100..105);
    let expected = new.clone();
    let taken = mock!(Client::put_object).then_error(|| refused("PreconditionFailed"));
    let seen = mock!(Client::head_object)
        .match_requests(|request| request.bucket() == Some("archive") && request.key() == Some(KEY))
        .then_output(|| standing("109"));
    let replaced = mock!(Client::put_object)
        .match_requests(move |request| {
            puts(request, &expected)
                && request.if_match() == Some("\"e1\"")
                && request.if_none_match().is_none()
        })
        .then_output(|| PutObjectOutput::builder().build());
    let bucket = bucket(&[&taken, &seen, &replaced]);
    let mut claims = 0;
    keep::<ArchiveError>(&bucket, &new, async || {
        assert_eq!((seen.num_calls(), replaced.num_calls()), (1, 0));
        claims += 1;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!((claims, replaced.num_calls()), (1, 1));
}

#[tokio::test]
async fn a_longer_object_replaces_what_stands_there_without_a_claim() {
    let taken = mock!(Client::put_object).then_error(|| refused("PreconditionFailed"));
    let seen = mock!(Client::head_object).then_output(|| standing("104"));
    let replaced = mock!(Client::put_object)
        .match_requests(|request| request.if_match() == Some("\"e1\""))
        .then_output(|| PutObjectOutput::builder().build());
    let claim = async || panic!("no row goes");
    keep::<ArchiveError>(
        &bucket(&[&taken, &seen, &replaced]),
        &object(100..110),
        claim,
    )
    .await
    .unwrap();
    assert_eq!(replaced.num_calls(), 1);
}

#[tokio::test]
async fn an_object_that_does_not_say_how_far_it_reaches_counts_as_longer() {
    let head = mock!(Client::head_object)
        .then_output(|| HeadObjectOutput::builder().e_tag("\"e1\"").build());
    let standing = bucket(&[&head]).standing("x").await.unwrap();
    let expected = Standing {
        version: "\"e1\"".to_owned(),
        last_offset: i64::MAX,
    };
    assert_eq!(standing, Some(expected));

    let none = mock!(Client::head_object)
        .then_error(|| HeadObjectError::NotFound(NotFound::builder().build()));
    assert_eq!(bucket(&[&none]).standing("x").await.unwrap(), None);
}

#[tokio::test]
async fn a_write_that_meets_another_is_a_conflict_and_any_other_failure_an_error_with_its_name() {
    let object = object(100..101);
    for code in [
        "PreconditionFailed",
        "ConditionalRequestConflict",
        "NoSuchKey",
    ] {
        let rule = mock!(Client::put_object).then_error(move || refused(code));
        assert_eq!(
            bucket(&[&rule]).put(&object, None).await.unwrap(),
            Put::Conflict,
            "{code}"
        );
    }
    for (code, transient) in [
        ("SlowDown", true),
        ("AccessDenied", false),
        ("NoSuchBucket", false),
    ] {
        let rule = mock!(Client::put_object).then_error(move || refused(code));
        let error = bucket(&[&rule]).put(&object, None).await.unwrap_err();
        let begin = format!("S3 PutObject of `{KEY}` in bucket `archive` failed ({code}): ");
        assert!(error.to_string().starts_with(&begin), "{error}");
        assert_eq!(error.is_transient(), transient, "{code}");
    }
}

#[tokio::test]
async fn a_refusal_without_a_code_is_named_by_its_status() {
    let rule = mock!(Client::head_object)
        .then_http_response(|| HttpResponse::new(403.try_into().unwrap(), SdkBody::empty()));
    let error = bucket(&[&rule]).standing("x").await.unwrap_err();
    assert!(error.to_string().contains("failed (HTTP 403): "), "{error}");
    assert!(!error.is_transient());
}
