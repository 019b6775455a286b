//! The code of a failed call, which people look up and plans quote: the message may name requests and times.

use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// AWS's error code, or `Unreachable`; the whole error goes to the log.
pub(crate) fn code<E, R>(operation: &'static str, error: &SdkError<E, R>) -> String
where
    SdkError<E, R>: ProvideErrorMetadata + std::error::Error,
{
    let code = error.code().unwrap_or("Unreachable").to_owned();
    tracing::warn!(operation, code, error = %DisplayErrorContext(error), "evidence not read");
    code
}
