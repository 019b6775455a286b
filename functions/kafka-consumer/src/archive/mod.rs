//! The archive: the records of one partition's part of a batch, as an object of NDJSON rows ([`Rows`]), each row once.
//!
//! An object is named by its first record and put *before* the partition's state is committed, so nothing that
//! counts as done is missing here. What keeps a replay from leaving a row twice is the name. The caller leaves out
//! what the partition's state has already, so a delivery that was cut off comes again with the same first record,
//! wherever it ends this time: its object takes the place of the unfinished one. If it ends earlier, a later delivery
//! begins where it ended.
//!
//! Taking another object's place must not lose rows where two runs work on a partition at once (a poller that was
//! replaced while its invocation went on): the run that reached further may be about to commit what the shorter
//! object would drop. So nothing is overwritten unseen ([`keep`]):
//!
//! - A new object is put on the condition that there is none of its name: one request, the usual case.
//! - One that reaches at least as far as what stands there replaces exactly that version: no row goes.
//! - One that ends earlier has the caller *claim* the partition first: write its state unchanged, as a new version, on
//!   the condition that it is still the version read before. Then the other run can no longer commit, and its rows
//!   come again. Only then the shorter object replaces exactly the version that was seen before the claim.
//!
//! It takes three things of the caller: its commits and claims depend on the version of the state that it read before
//! it made the rows; it leaves out exactly what that version has; and it delivers a partition's records without
//! leaving any out in between (gaps of the topic itself are none).
//!
//! What remains: of two runs at once the longer may take the object's place while only the shorter is committed, and an
//! attempt that begins *behind* records not yet committed, and is not finished, leaves an object whose name nobody will
//! take again. Rows are there twice then, once the records come again. They are equal, and carry topic, partition,
//! epoch and offset: the view in the README shows each once. Nothing is lost by it.
//!
//! This module refuses to know S3, and what a record means.

mod object;

pub use object::{Object, Rows};
pub use tollkeeper::aws::Put;

/// Rounds in which other runs may be faster before a partition is given up until its next delivery.
const ROUNDS: usize = 3;

/// Where objects are kept.
pub trait Archive: Sync {
    /// Puts an object in the place of exactly the one that stands there, or of none. [`Put::Conflict`] if something
    /// else stands there.
    fn put(
        &self,
        object: &Object,
        over: Option<&Standing>,
    ) -> impl Future<Output = Result<Put, ArchiveError>> + Send;

    /// What stands under a name.
    fn standing(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Standing>, ArchiveError>> + Send;
}

/// An object as it stands in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which version of it.
    pub version: String,
    /// Offset of its last record; `i64::MAX` where that cannot be told.
    pub last_offset: i64,
}

/// Why a partition's records are not archived. The batch comes again: nothing is lost.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store refused or could not be reached.
    #[error("S3 {operation} of `{key}` in bucket `{bucket}` failed ({code}): {detail}")]
    Call {
        /// API operation.
        operation: &'static str,
        /// Bucket.
        bucket: String,
        /// Key of the object.
        key: String,
        /// AWS error code, else the HTTP status, else `Unreachable`.
        code: String,
        /// The SDK's account of it.
        detail: String,
    },
    /// Another run was faster each time.
    #[error("object `{name}` was changed by another run each time")]
    Contended {
        /// Name of the object.
        name: String,
    },
    /// Rows could not be compressed.
    #[error("rows cannot be compressed")]
    Compression(#[from] std::io::Error),
}

impl ArchiveError {
    /// Whether trying again later may help without anybody changing something.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call { code, .. } => !matches!(
                code.as_str(),
                "AccessDenied" | "HTTP 403" | "NoSuchBucket" | "PermanentRedirect"
            ),
            Self::Contended { .. } => true,
            Self::Compression(_) => false,
        }
    }
}

/// Keeps an object; when this returns, the partition's state may be committed. `claim` writes that state back as a new
/// version, on the condition that it is still the one that the object was made by; an error of it ends this.
pub async fn keep<E: From<ArchiveError>>(
    archive: &impl Archive,
    object: &Object,
    claim: impl AsyncFnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let contended = || ArchiveError::Contended {
        name: object.name.clone(),
    };
    let mut over = None;
    for _ in 0..ROUNDS {
        if archive.put(object, over.as_ref()).await? == Put::Done {
            return Ok(());
        }
        over = archive.standing(&object.name).await?;
        let longer = over
            .as_ref()
            .is_some_and(|standing| standing.last_offset > object.last_offset);
        if longer {
            claim().await?;
            // Never again after the claim: what stands there then may be of a run that saw the claim and will commit.
            return match archive.put(object, over.as_ref()).await? {
                Put::Done => Ok(()),
                Put::Conflict => Err(contended().into()),
            };
        }
    }
    Err(contended().into())
}
