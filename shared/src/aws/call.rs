//! A call to AWS that failed, in words that say what a person can do about it.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;

use crate::error::chain;

/// An AWS call that failed after its retries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} failed ({code}): {detail}{}", self.hint())]
pub struct CallError {
    /// Service and operation, as in IAM: `ce:GetCostAndUsage`.
    pub operation: &'static str,
    /// AWS error code, or `Unreachable`.
    pub code: String,
    /// What AWS, or the SDK, says about it.
    pub detail: String,
}

impl CallError {
    /// From an SDK's error.
    pub fn of<E>(operation: &'static str, error: &E) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata,
    {
        Self {
            operation,
            code: error.code().unwrap_or("Unreachable").to_owned(),
            detail: error.message().map_or_else(|| chain(error), str::to_owned),
        }
    }

    /// What a person can do about it, where that is known.
    fn hint(&self) -> String {
        let detail = self.detail.to_lowercase();
        let denied = [
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
        ];
        if self.operation.starts_with("ce:")
            && (self.code == "DataUnavailableException" || detail.contains("not enabled"))
        {
            "; turn Cost Explorer on in the Billing console: it has figures after about 24 hours"
                .to_owned()
        } else if self.code.contains("ExpiredToken") {
            "; the session is over: sign in again".to_owned()
        } else if denied.contains(&self.code.as_str()) {
            format!("; allow `{}` to the caller", self.operation)
        } else {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_call_says_what_a_person_can_do_about_it() {
        let say = |operation, code: &str, detail: &str| {
            let (code, detail) = (code.to_owned(), detail.to_owned());
            CallError {
                operation,
                code,
                detail,
            }
            .to_string()
        };
        let off = say(
            "ce:GetCostAndUsage",
            "AccessDeniedException",
            "User not enabled for cost explorer access",
        );
        assert!(off.contains("turn Cost Explorer on"), "{off}");
        let denied = say(
            "ec2:DescribeSubnets",
            "UnauthorizedOperation",
            "not authorized",
        );
        assert!(
            denied.ends_with("allow `ec2:DescribeSubnets` to the caller"),
            "{denied}"
        );
        assert_eq!(
            say("sns:Publish", "Throttling", "slow down"),
            "sns:Publish failed (Throttling): slow down"
        );
    }
}
