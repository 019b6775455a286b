//! The samples in `events/` that play an AWS service are what AWS's own types accept, and have no field that those do
//! not know; so are the answers to them.

use std::collections::BTreeSet;
use std::path::Path;

use aws_lambda_events::alb::{AlbTargetGroupRequest, AlbTargetGroupResponse};
use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse,
    ApiGatewayProxyRequest, ApiGatewayProxyResponse, ApiGatewayV2CustomAuthorizerSimpleResponse,
    ApiGatewayV2CustomAuthorizerV1Request, ApiGatewayV2CustomAuthorizerV2Request,
    ApiGatewayV2httpRequest,
};
use aws_lambda_events::kafka::KafkaEvent;
use aws_lambda_events::sns::SnsEvent;
use serde_json::Value;

/// How a sample is held against its type.
type Check = fn(&Value) -> Result<(), String>;

/// Reads a sample as a type and says what that type did not keep.
macro_rules! typed {
    ($type:ty) => {
        |sample| {
            let read: $type =
                serde_json::from_value(sample.clone()).map_err(|error| error.to_string())?;
            let known = serde_json::to_value(read).map_err(|error| error.to_string())?;
            within(sample, &known, "")
        }
    };
}

const TYPED: [(&str, Check); 24] = [
    (
        "endpoint-approval/approve-with-unknowns.json",
        typed!(ApiGatewayV2httpRequest),
    ),
    (
        "endpoint-approval/approve.json",
        typed!(ApiGatewayV2httpRequest),
    ),
    (
        "endpoint-approval/no-identity.json",
        typed!(ApiGatewayV2httpRequest),
    ),
    ("endpoint-remediator/finding-by-sns.json", typed!(SnsEvent)),
    ("kafka-consumer/msk-flow-logs.json", typed!(KafkaEvent)),
    ("kafka-consumer/msk-json-logs.json", typed!(KafkaEvent)),
    ("kafka-consumer/poison.json", typed!(KafkaEvent)),
    ("kafka-consumer/self-managed-mixed.json", typed!(KafkaEvent)),
    (
        "rate-limiter/authorizer-denied.reply.json",
        typed!(ApiGatewayV2CustomAuthorizerSimpleResponse),
    ),
    (
        "rate-limiter/authorizer-redis-away-closed.reply.json",
        typed!(ApiGatewayV2CustomAuthorizerSimpleResponse),
    ),
    (
        "rate-limiter/authorizer-payload-1.0.json",
        typed!(ApiGatewayV2CustomAuthorizerV1Request),
    ),
    (
        "rate-limiter/authorizer-request.json",
        typed!(ApiGatewayV2CustomAuthorizerV2Request),
    ),
    (
        "rate-limiter/rest-authorizer-request.json",
        typed!(ApiGatewayCustomAuthorizerRequestTypeRequest),
    ),
    (
        "rate-limiter/rest-authorizer-denied.reply.json",
        typed!(ApiGatewayCustomAuthorizerResponse),
    ),
    (
        "rate-limiter/rest-proxy-request.json",
        typed!(ApiGatewayProxyRequest),
    ),
    (
        "rate-limiter/rest-proxy-request.denied.reply.json",
        typed!(ApiGatewayProxyResponse),
    ),
    (
        "rate-limiter/http-api-proxy-request.json",
        typed!(ApiGatewayV2httpRequest),
    ),
    (
        "rate-limiter/function-url-request.json",
        typed!(ApiGatewayV2httpRequest),
    ),
    (
        "rate-limiter/load-balancer-health-check.json",
        typed!(AlbTargetGroupRequest),
    ),
    (
        "rate-limiter/load-balancer-multi-value-headers.json",
        typed!(AlbTargetGroupRequest),
    ),
    (
        "rate-limiter/load-balancer-request.json",
        typed!(AlbTargetGroupRequest),
    ),
    (
        "rate-limiter/load-balancer-multi-value-headers.denied.reply.json",
        typed!(AlbTargetGroupResponse),
    ),
    (
        "rate-limiter/load-balancer-redis-away-closed.reply.json",
        typed!(AlbTargetGroupResponse),
    ),
    (
        "rate-limiter/load-balancer-request.denied.reply.json",
        typed!(AlbTargetGroupResponse),
    ),
];

/// Samples that play AWS and are held against no type, and why.
const UNTYPED: [(&str, &str); 3] = [
    (
        "kafka-consumer/odd-records.json",
        "what the types reject whole for one odd record, and the consumer must not",
    ),
    (
        "kafka-consumer/not-kafka.json",
        "stands for the events of all other services, of which it is none",
    ),
    (
        "nat-cost-detector/rule-runs-the-night.json",
        "its type is behind another feature of aws_lambda_events; the detector reads `time` alone",
    ),
];

/// Fields by which one tells that AWS sent an event.
const SIGNS: [&str; 4] = ["Records", "eventSource", "requestContext", "detail-type"];

/// Whether AWS's type kept every field of a sample: one that it dropped is none of that service. Values may be spelt
/// another way (times, mostly).
fn within(sample: &Value, known: &Value, path: &str) -> Result<(), String> {
    match (sample, known) {
        (Value::Object(sample), Value::Object(known)) => {
            sample.iter().try_for_each(|(name, value)| {
                let path = format!("{path}/{name}");
                // The types keep names of headers in lower case.
                let kept = known.get(name).or_else(|| known.get(&name.to_lowercase()));
                match kept {
                    Some(known) => within(value, known, &path),
                    None if value.is_null() => Ok(()),
                    None => Err(format!("{path} is no field that AWS's type knows")),
                }
            })
        }
        (Value::Array(sample), Value::Array(known)) => {
            if sample.len() != known.len() {
                return Err(format!("{path} is read as {} elements", known.len()));
            }
            let mut pairs = sample.iter().zip(known).enumerate();
            pairs.try_for_each(|(at, (a, b))| within(a, b, &format!("{path}/{at}")))
        }
        _ => Ok(()),
    }
}

#[test]
fn samples_of_aws_services_are_what_its_types_accept() {
    let refused = TYPED.iter().filter_map(|(sample, check)| {
        let reason = check(&crate::support::event(sample)).err()?;
        Some(format!("{sample}: {reason}"))
    });
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_sample_that_plays_aws_is_held_against_a_type_or_says_why_not() {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut plays_aws = BTreeSet::new();
    for folder in std::fs::read_dir(&events).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            let name = file
                .strip_prefix(&events)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let sample = crate::support::event(&name);
            if SIGNS.iter().any(|sign| sample.get(sign).is_some()) {
                plays_aws.insert(name);
            }
        }
    }
    let typed = TYPED.iter().map(|(sample, _)| *sample);
    let replies = |sample: &&str| !sample.ends_with(".reply.json");
    let known = typed
        .chain(UNTYPED.map(|(sample, _)| sample))
        .filter(replies);
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    assert_eq!(plays_aws, known);
}
