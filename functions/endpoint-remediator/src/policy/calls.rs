//! Calls that go through endpoints and are known to break under policies: who makes them, on what, and which keys they
//! carry. Sources: AWS's data perimeter examples, and the documentation of the services named.

use std::borrow::Cow;

use super::About;
use super::condition::Known;

/// A call as a policy sees it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// For people.
    pub(super) who: String,
    pub(super) principal: Caller,
    pub(super) action: Asked,
    /// ARN; `None` for some resource of the policy's own world.
    pub(super) resource: Option<String>,
    /// Keys (lower case) that differ from those of an ordinary role's call.
    pub(super) keys: Vec<(&'static str, Known)>,
    /// Whether the principal's own keys (`aws:Principal…`) are missing.
    pub(super) without_principal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// A role or user of one's own.
    Role,
    /// An AWS service under its own name.
    Service(&'static str),
    /// Some AWS service.
    SomeService,
    /// Nobody a policy could name: anonymous, federated before it has a role, or AWS's own signature.
    Nobody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Action(Cow<'static, str>),
    /// Any action of the service with this IAM prefix; `None` where the prefix is not known.
    Some(Option<&'static str>),
}

/// Principal of the pollers of Kafka event source mappings.
pub(super) const LAMBDA: &str = "lambda.amazonaws.com";

impl Call {
    /// What the call carries under a key.
    pub(super) fn known(&self, key: &str, about: &About<'_>) -> Known {
        let key = key.to_ascii_lowercase();
        if let Some((_, known)) = self.keys.iter().find(|(name, _)| *name == key) {
            return known.clone();
        }
        let text = |text: &str| Known::Text(text.to_owned());
        match key.as_str() {
            // A call through an endpoint has no public address, and a service role's session no second factor.
            "aws:sourceip" | "aws:multifactorauthage" => Known::Missing,
            "aws:principalisawsservice" => text("false"),
            "aws:sourcevpc" => text(about.vpc_id),
            name if self.without_principal && is_of_principal(name) => Known::Missing,
            _ => Known::Own,
        }
    }
}

/// Keys that tell of the caller.
pub(super) fn is_of_principal(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with("aws:principal") || matches!(key.as_str(), "aws:userid" | "aws:username")
}

/// Some call of an ordinary role to the endpoint's service.
pub(super) fn own_role(about: &About<'_>) -> Call {
    Call {
        who: format!("every role of your own at {}", about.service),
        principal: Caller::Role,
        action: Asked::Some(prefix(about.service)),
        resource: None,
        keys: Vec::new(),
        without_principal: false,
    }
}

/// An AWS service that calls under its own name.
pub(super) fn aws_service(about: &About<'_>) -> Call {
    Call {
        who: "AWS services that call under their own name".to_owned(),
        principal: Caller::SomeService,
        keys: vec![("aws:principalisawsservice", Known::Text("true".to_owned()))],
        without_principal: true,
        ..own_role(about)
    }
}

/// Callers of STS that have no principal yet.
pub(super) fn federated(about: &About<'_>) -> Vec<Call> {
    if about.service != "sts" {
        return Vec::new();
    }
    let call = |action: &'static str| Call {
        who: format!("federated callers ({action}), such as service accounts of EKS"),
        principal: Caller::Nobody,
        action: Asked::Action(action.into()),
        without_principal: true,
        ..own_role(about)
    };
    vec![
        call("sts:AssumeRoleWithSAML"),
        call("sts:AssumeRoleWithWebIdentity"),
    ]
}

/// What pollers call at this endpoint.
pub(super) fn poller(about: &About<'_>) -> Option<Call> {
    let action = poller_action(about.service)?;
    Some(Call {
        who: format!("pollers of Kafka event source mappings ({LAMBDA} calls {action})"),
        principal: Caller::Service(LAMBDA),
        action: Asked::Action(action.into()),
        keys: vec![
            ("aws:principalisawsservice", Known::Text("true".to_owned())),
            ("aws:principalservicename", Known::Text(LAMBDA.to_owned())),
        ],
        without_principal: true,
        ..own_role(about)
    })
}

/// The one action that pollers need of a service.
pub(super) fn poller_action(service: &str) -> Option<&'static str> {
    match service {
        "lambda" => Some("lambda:InvokeFunction"),
        "sts" => Some("sts:AssumeRole"),
        _ => None,
    }
}

/// A bucket that belongs to AWS and that ordinary work reads or writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceBucket {
    pub(super) bucket: String,
    pub(super) action: &'static str,
    /// What stops working without it.
    pub(super) what: &'static str,
}

/// The buckets of one region.
pub(super) fn service_buckets(region: &str) -> Vec<ServiceBucket> {
    let read = |bucket: String, what| ServiceBucket {
        bucket,
        action: "s3:GetObject",
        what,
    };
    vec![
        read(
            format!("al2023-repos-{region}-de612dc2"),
            "packages of Amazon Linux 2023",
        ),
        read(
            format!("amazonlinux-2-repos-{region}"),
            "packages of Amazon Linux 2",
        ),
        read(format!("aws-codedeploy-{region}"), "the CodeDeploy agent"),
        read(format!("aws-ssm-{region}"), "the Systems Manager agent"),
        read(format!("patch-baseline-snapshot-{region}"), "Patch Manager"),
        read(
            format!("prod-{region}-starport-layer-bucket"),
            "image layers of ECR",
        ),
        ServiceBucket {
            bucket: format!(
                "cloudformation-custom-resource-response-{}",
                region.replace('-', "")
            ),
            action: "s3:PutObject",
            what: "answers of CloudFormation's custom resources",
        },
    ]
}

/// The call to such a bucket: neither bucket nor, as a rule, signature is the account's own.
pub(super) fn bucket_call(bucket: &ServiceBucket, about: &About<'_>) -> Call {
    let foreign = [
        "aws:resourceaccount",
        "aws:resourceorgid",
        "aws:resourceorgpaths",
        "s3:resourceaccount",
    ];
    Call {
        who: format!("{} ({})", bucket.what, bucket.bucket),
        principal: Caller::Nobody,
        action: Asked::Action(bucket.action.into()),
        resource: Some(format!(
            "arn:{}:s3:::{}/object",
            about.partition, bucket.bucket
        )),
        keys: foreign
            .into_iter()
            .map(|key| (key, Known::Foreign))
            .collect(),
        without_principal: true,
    }
}

/// IAM's prefix of an endpoint's service, where it is known for certain.
fn prefix(service: &str) -> Option<&'static str> {
    Some(match service {
        "s3" => "s3",
        "dynamodb" => "dynamodb",
        "lambda" => "lambda",
        "sts" => "sts",
        "ecr.api" | "ecr.dkr" => "ecr",
        "kms" => "kms",
        "logs" => "logs",
        "secretsmanager" => "secretsmanager",
        "sns" => "sns",
        "sqs" => "sqs",
        _ => return None,
    })
}
