//! The bytes of one object: as a stream, or a range of it. An interrupted body is resumed where it broke off.

use std::io::{self, Read};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use tokio::sync::mpsc;

use crate::aws::CallError;

/// Interruptions in a row, without a byte between them, after which an object is given up.
const INTERRUPTIONS: u32 = 4;
/// Pause after the first of them; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(200);
/// Pieces of a body (some 16 KB each) that wait for the reader.
const WAITING: usize = 32;

/// An object in S3.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) client: &'a Client,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

/// A body while it arrives, for a reader on a thread of its own.
pub(super) struct Body {
    pieces: mpsc::Receiver<bytes::Bytes>,
    piece: bytes::Bytes,
}

impl Read for Body {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = self.piece.len().min(to.len());
        let taken = self.piece.split_to(length);
        if let Some(to) = to.get_mut(..length) {
            to.copy_from_slice(&taken);
        }
        Ok(length)
    }
}

/// The two ends of a body: what feeds it, and what is read.
pub(super) fn body() -> (mpsc::Sender<bytes::Bytes>, Body) {
    let (sender, pieces) = mpsc::channel(WAITING);
    let piece = bytes::Bytes::new();
    (sender, Body { pieces, piece })
}

impl Object<'_> {
    /// Sends the whole object to a body. A reader that went away is no error: it has read what it wanted.
    pub(super) async fn feed(self, body: mpsc::Sender<bytes::Bytes>) -> Result<(), CallError> {
        self.pieces(0, None, async |piece| body.send(piece).await.is_ok())
            .await
    }

    /// `length` bytes from `start` on.
    pub(super) async fn range(self, start: u64, length: u64) -> Result<bytes::Bytes, CallError> {
        let mut bytes = Vec::new();
        self.pieces(start, Some(start.saturating_add(length)), async |piece| {
            bytes.extend_from_slice(&piece);
            true
        })
        .await?;
        if bytes.len() as u64 != length {
            let detail = format!("{length} bytes asked for, {} sent", bytes.len());
            return Err(interrupted(detail));
        }
        Ok(bytes.into())
    }

    /// Hands over the bytes from `start` up to `end` (or the object's own) in order, until the taker has enough.
    async fn pieces(
        self,
        start: u64,
        end: Option<u64>,
        mut take: impl AsyncFnMut(bytes::Bytes) -> bool,
    ) -> Result<(), CallError> {
        let (mut at, mut version, mut interruptions) = (start, None, 0);
        loop {
            let (mut stream, tag) = self.get(at, end, version.clone()).await?;
            version = version.or(tag);
            let detail = loop {
                match stream.next().await {
                    None => return Ok(()),
                    Some(Ok(piece)) => {
                        at += piece.len() as u64;
                        interruptions = 0;
                        if !take(piece).await {
                            return Ok(());
                        }
                    }
                    Some(Err(error)) => break error.to_string(),
                }
            };
            interruptions += 1;
            if interruptions > INTERRUPTIONS {
                return Err(interrupted(detail));
            }
            tracing::debug!(
                key = self.key,
                at,
                detail,
                "body interrupted; asking for the rest"
            );
            tokio::time::sleep(PAUSE * 2_u32.pow(interruptions - 1)).await;
        }
    }

    /// A body from an offset on. The rest of an object must be of the same version as its beginning.
    async fn get(
        self,
        at: u64,
        end: Option<u64>,
        version: Option<String>,
    ) -> Result<(ByteStream, Option<String>), CallError> {
        let range = match end {
            Some(end) => Some(format!("bytes={at}-{}", end.saturating_sub(1))),
            None if at > 0 => Some(format!("bytes={at}-")),
            None => None,
        };
        let object = self
            .client
            .get_object()
            .bucket(self.bucket)
            .key(self.key)
            .set_range(range)
            .set_if_match(version)
            .send()
            .await
            .map_err(|error| CallError::of("s3:GetObject", &error))?;
        Ok((object.body, object.e_tag))
    }
}

fn interrupted(detail: String) -> CallError {
    CallError {
        operation: "s3:GetObject",
        code: "BodyInterrupted".to_owned(),
        detail,
    }
}
