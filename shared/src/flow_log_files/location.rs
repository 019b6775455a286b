//! Where flow logs lie, as settings spell it.

use std::str::FromStr;

/// What a setting that names a place in S3 is expected to be.
pub const S3_EXPECTED: &str = "s3://bucket or s3://bucket/prefix";

/// Where flow logs are delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Location {
    /// Bucket.
    pub bucket: String,
    /// What stands before `AWSLogs/`: empty, or ends with a slash.
    pub prefix: String,
}

/// A text that names no place in S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected s3://bucket or s3://bucket/prefix")]
pub struct NotAnS3Location;

impl FromStr for S3Location {
    type Err = NotAnS3Location;
    fn from_str(text: &str) -> Result<Self, NotAnS3Location> {
        let rest = text.strip_prefix("s3://").ok_or(NotAnS3Location)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(NotAnS3Location);
        }
        let prefix = prefix.trim_matches('/');
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
        })
    }
}
