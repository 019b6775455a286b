//! The archive's bucket.
//!
//! Integrity is the SDK's default (a CRC-32 of each body, which S3 checks); encryption is the bucket's. How far an
//! object reaches travels as its metadata.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_s3::primitives::ByteStream;

use crate::archive::{Archive, ArchiveError, Object, Put, Standing};

const FIRST_OFFSET: &str = "first-offset";
const LAST_OFFSET: &str = "last-offset";
const RECORDS: &str = "records";

/// A bucket, and the prefix under which objects are kept.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    name: String,
    prefix: String,
}

impl Bucket {
    /// A bucket by name; the prefix is empty or ends with `/`.
    pub fn new(client: Client, name: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
            prefix: prefix.into(),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn call<E>(&self, operation: &'static str, name: &str, error: &E) -> ArchiveError
    where
        E: std::error::Error + ProvideErrorMetadata,
    {
        ArchiveError::Call {
            operation,
            bucket: self.name.clone(),
            key: self.key(name),
            code: error.code().unwrap_or("Unreachable").to_owned(),
            detail: DisplayErrorContext(error).to_string(),
        }
    }
}

impl Archive for Bucket {
    async fn put(&self, object: &Object, over: Option<&Standing>) -> Result<Put, ArchiveError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(self.key(&object.name))
            .content_type("application/gzip")
            .metadata(FIRST_OFFSET, object.first_offset.to_string())
            .metadata(LAST_OFFSET, object.last_offset.to_string())
            .metadata(RECORDS, object.records.to_string())
            .body(ByteStream::from(object.bytes.clone()));
        let put = match over {
            None => put.if_none_match("*"),
            Some(standing) => put.if_match(&standing.version),
        };
        match put.send().await {
            Ok(_) => Ok(Put::Done),
            // Something else stands there, is being put there at this moment, or was deleted.
            Err(error) => match error.code() {
                Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey") => {
                    Ok(Put::Conflict)
                }
                _ => Err(self.call("PutObject", &object.name, &error)),
            },
        }
    }

    async fn standing(&self, name: &str) -> Result<Option<Standing>, ArchiveError> {
        let head = self
            .client
            .head_object()
            .bucket(&self.name)
            .key(self.key(name))
            .send()
            .await;
        match head {
            Ok(head) => {
                let last_offset = head
                    .metadata()
                    .and_then(|metadata| metadata.get(LAST_OFFSET)?.parse().ok());
                Ok(Some(Standing {
                    version: head.e_tag.unwrap_or_default(),
                    last_offset: last_offset.unwrap_or(i64::MAX),
                }))
            }
            Err(error)
                if error.as_service_error().is_some_and(
                    aws_sdk_s3::operation::head_object::HeadObjectError::is_not_found,
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.call("HeadObject", name, &error)),
        }
    }
}
