//! Who is calling: account and partition from STS.

use tollkeeper::aws::supported_partition;

use crate::fault::{CallError, DetectorError};

/// The caller's account, if its partition is supported.
pub async fn account(client: &aws_sdk_sts::Client) -> Result<String, DetectorError> {
    let identity = client
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| CallError::of("sts:GetCallerIdentity", &error))?;
    supported_partition(identity.arn().unwrap_or_default())?;
    Ok(identity.account.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
    use tollkeeper::error::Fault;

    #[tokio::test]
    async fn another_partition_is_refused() {
        let rule =
            aws_smithy_mocks::mock!(aws_sdk_sts::Client::get_caller_identity).then_output(|| {
                GetCallerIdentityOutput::builder()
                    .account("123456789012")
                    .arn("arn:aws-us-gov:iam::123456789012:user/ann")
                    .build()
            });
        let client = mocked!(aws_sdk_sts, [&rule]);
        assert_eq!(
            account(&client).await.unwrap_err().fault_type(),
            "Partition.Unsupported"
        );
    }
}
