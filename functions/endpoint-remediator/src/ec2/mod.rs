//! EC2 as the engine's network: the only file tree that knows the SDK's types.
//!
//! It reads every page and every per-entry failure, spells AWS's words in our types, and decides nothing. It never
//! sends DryRun: that checks permission only and is no plan.

mod change;
mod clients;
mod convert;
mod observe;
mod surroundings;
#[cfg(test)]
mod tests;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{Filter, Tag};

use crate::network::NetworkError;
use crate::owner::{TAG_PLAN, TAG_STEP};

/// EC2 of one region.
#[derive(Debug, Clone)]
pub(crate) struct Ec2 {
    client: Client,
    region: String,
}

impl Ec2 {
    pub(crate) fn new(client: Client, region: impl Into<String>) -> Self {
        Self {
            client,
            region: region.into(),
        }
    }

    /// As EC2 names a service; vendors' are named in full already.
    pub(crate) fn full_name(&self, service: &str) -> String {
        if service.starts_with("com.amazonaws.") {
            return service.to_owned();
        }
        format!("com.amazonaws.{}.{service}", self.region)
    }

    fn short_name<'a>(&self, service: &'a str) -> &'a str {
        let rest = service.strip_prefix("com.amazonaws.");
        rest.and_then(|rest| rest.strip_prefix(self.region.as_str()))
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(service)
    }
}

fn failed<E, R>(operation: &'static str) -> impl Fn(SdkError<E, R>) -> NetworkError
where
    SdkError<E, R>: ProvideErrorMetadata + std::error::Error,
{
    move |error| {
        let code = error.code().unwrap_or("Unreachable").to_owned();
        let detail = match error.message() {
            Some(message) => message.to_owned(),
            None => DisplayErrorContext(&error).to_string(),
        };
        NetworkError {
            operation,
            code,
            detail,
        }
    }
}

/// `None` where the error says that the resource does not exist.
fn unless_gone<T>(result: Result<T, NetworkError>) -> Result<Option<T>, NetworkError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code.ends_with(".NotFound") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Success where the error says that it is so already.
fn unless_code(result: Result<(), NetworkError>, code: &str) -> Result<(), NetworkError> {
    match result {
        Err(error) if error.code == code => Ok(()),
        other => other,
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn step_filters(plan_id: &str, step: u32) -> Vec<Filter> {
    vec![
        filter(&format!("tag:{TAG_PLAN}"), plan_id),
        filter(&format!("tag:{TAG_STEP}"), &step.to_string()),
    ]
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}
