//! Whose account this is: asked of STS once, at the first request and not at start.

use aws_sdk_sts::Client;
use aws_sdk_sts::error::DisplayErrorContext;
use tokio::sync::OnceCell;
use tollkeeper::aws::supported_partition;

use crate::failure::Failure;

/// It is not known who and where we are.
#[derive(Debug, thiserror::Error)]
#[error("account and region are not known: {detail}")]
pub(crate) struct IdentityError {
    detail: String,
}

impl IdentityError {
    pub(crate) fn no_region() -> Self {
        Self {
            detail: "no region is configured (AWS_REGION)".to_owned(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Caller {
    client: Client,
    account: OnceCell<String>,
}

impl Caller {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            account: OnceCell::new(),
        }
    }

    /// The account, if it lies in a supported partition.
    pub(crate) async fn account(&self) -> Result<&str, Failure> {
        let ask = || async {
            let reply = self.client.get_caller_identity().send().await;
            let reply = reply.map_err(|error| IdentityError {
                detail: format!("STS GetCallerIdentity: {}", DisplayErrorContext(&error)),
            })?;
            supported_partition(reply.arn().unwrap_or_default())?;
            match reply.account {
                Some(account) => Ok(account),
                None => Err(Failure::from(IdentityError {
                    detail: "STS GetCallerIdentity names no account".to_owned(),
                })),
            }
        };
        self.account.get_or_try_init(ask).await.map(String::as_str)
    }
}
