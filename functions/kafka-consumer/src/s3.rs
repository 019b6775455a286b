//! The archive's bucket.
//!
//! Integrity is the SDK's default (a CRC-32 of each body, which S3 checks); encryption is the bucket's. How far an
//! object reaches travels as its metadata.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;

use crate::archive::{Archive, ArchiveError, Object, Put, Standing};

const FIRST_OFFSET: &str = "first-offset";
const LAST_OFFSET: &str = "last-offset";
const RECORDS: &str = "records";

/// A bucket, and the prefix under which objects are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    bucket: String,
    prefix: String,
}

impl Place {
    /// A place; the prefix ends with `/`, and `/` alone stands for none.
    pub fn new(bucket: impl Into<String>, prefix: &str) -> Self {
        let prefix = if prefix == "/" { "" } else { prefix };
        Self {
            bucket: bucket.into(),
            prefix: prefix.to_owned(),
        }
    }

    /// Whether S3 would have a bucket of this name (3 to 63 of `a-z0-9.-`).
    pub fn is_bucket(name: &str) -> bool {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        (3..=63).contains(&name.len())
            && name
                .bytes()
                .all(|byte| inner(byte) || b".-".contains(&byte))
            && name.bytes().next().is_some_and(inner)
            && name.bytes().last().is_some_and(inner)
    }

    /// Whether a text is a prefix of keys that needs no escaping anywhere: folders that each end with `/`, 512 bytes
    /// at most.
    pub fn is_prefix(text: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!_.*'()=-".contains(&byte);
        let folder = |name: &str| !matches!(name, "" | "." | "..") && name.bytes().all(allowed);
        text == "/"
            || text.len() <= 512
                && text
                    .strip_suffix('/')
                    .is_some_and(|folders| folders.split('/').all(folder))
    }

    /// Key of an object.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// The bucket, through S3.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    place: Place,
}

impl Bucket {
    /// A place in S3.
    pub fn new(client: Client, place: Place) -> Self {
        Self { client, place }
    }

    fn call<E>(&self, operation: &'static str, name: &str, error: &SdkError<E>) -> ArchiveError
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        // Answers to HEAD have no body, so no code but the status.
        let status = error
            .raw_response()
            .map(|answer| format!("HTTP {}", answer.status()));
        ArchiveError::Call {
            operation,
            bucket: self.place.bucket.clone(),
            key: self.place.key(name),
            code: error
                .code()
                .map(str::to_owned)
                .or(status)
                .unwrap_or_else(|| "Unreachable".to_owned()),
            detail: DisplayErrorContext(error).to_string(),
        }
    }
}

impl Archive for Bucket {
    async fn put(&self, object: &Object, over: Option<&Standing>) -> Result<Put, ArchiveError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.place.bucket)
            .key(self.place.key(&object.name))
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
            .bucket(&self.place.bucket)
            .key(self.place.key(name))
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
