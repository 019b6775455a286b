//! Endpoint policies: read, compared, linted, and generated from who uses an endpoint.
//!
//! Pure. What a policy does is found by evaluating it as IAM does against the calls that are known to break (service-owned
//! buckets, AWS's own callers, federated callers of STS, Kafka pollers), so that a rule needs no list of bad spellings.
//! It refuses to know the network and who asks; what it cannot know of a call counts as "may be", and only what is
//! certain is an error.

mod address;
mod ask;
mod calls;
mod condition;
mod document;
mod elements;
mod evaluate;
mod generate;
mod glob;
mod lint;
mod normal;
mod operator;
mod principal;
mod recorded;
mod source_ip;

pub(crate) use ask::{PolicyAsk, Trust};
pub(crate) use generate::{generate, would_deny};
pub(crate) use lint::{Severity, has_errors, lint};
pub(crate) use normal::{FULL_ACCESS, normal_form, same};
#[cfg(test)]
pub(crate) use recorded::Denied;
pub(crate) use recorded::{Held, Recorded, hold};
pub(crate) use source_ip::{Move, narrowing};

use tollkeeper::plan::EndpointKind;

/// The endpoint a policy is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    /// Short name: `s3`, `lambda`.
    pub(crate) service: &'a str,
    pub(crate) kind: EndpointKind,
    pub(crate) region: &'a str,
    /// `aws` in commercial regions.
    pub(crate) partition: &'a str,
    /// VPC of the endpoint: what `aws:SourceVpc` says of every call through it.
    pub(crate) vpc_id: &'a str,
    /// Whether pollers of Kafka event source mappings use it.
    pub(crate) kafka_pollers: bool,
}
