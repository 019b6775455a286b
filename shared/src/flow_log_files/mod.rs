//! A day's records from flow-log files in S3: gzip text and Parquet, in AWS's plain or Hive-compatible layout.
//!
//! Files are read a few at a time. Gzip text is inflated while it arrives and never held; of a Parquet file the footer
//! and, row group by row group, the columns that matter are fetched by ranges, side by side. A body that breaks off is
//! asked for again from where it broke. Memory holds a few buffers, the columns of a few row groups (within
//! `COLUMNS_AT_ONCE`), and the sums.
//!
//! What is made of the records is a [`Fold`] that the caller names; this module refuses to know what is counted.

mod columns;
mod listing;
mod location;
mod object;

use std::collections::BTreeMap;
use std::io::BufReader;
use std::sync::Arc;

use aws_sdk_s3::Client;
use flate2::read::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt, stream};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use tokio::sync::Semaphore;

use self::columns::{Layout, Parts};
use self::listing::{File, Kind};
use self::object::{Body, Object, body};
use crate::aws::CallError;
use crate::flow_log::{ReadError, Reader, Record};
use crate::time::Day;

pub use location::{NotAnS3Location, S3_EXPECTED, S3Location};

/// Files in flight.
const AT_ONCE: usize = 4;
/// Inflated bytes held of each: the decoder copies its window once for each time it is filled.
const BUFFER: usize = 1 << 18;
/// What is fetched of a Parquet file's end at first: AWS's footers are smaller.
const FOOTER: u64 = 1 << 16;
/// Compressed columns of Parquet files held at a time, all files together.
const COLUMNS_AT_ONCE: u64 = 64 << 20;
/// Ranges of a row group in flight.
const RANGES: usize = 4;
/// The unit of the semaphore that keeps to [`COLUMNS_AT_ONCE`].
const UNIT: u64 = 1 << 10;

/// What is made of a day's records. Each file has a fold of its own (of Parquet each row group), and their sums are
/// added up, in no order that could be relied on.
pub trait Fold: Sized {
    /// What is looked for; all folds of a reading share it.
    type Watch: Send + Sync + 'static;
    /// What comes of it.
    type Sums: Sums;
    /// Fields that its records are asked for beside those that sums are made of; of Parquet no others are read.
    const MORE_FIELDS: &'static [&'static str] = &[];

    /// Nothing counted yet.
    fn new(day: Day) -> Self;
    /// Whether records of an interface, or of a regional NAT gateway, are looked at at all.
    fn wants(watch: &Self::Watch, recorder: &str) -> bool;
    /// Takes a record; an odd one counts as a bad line.
    fn record(&mut self, record: &Record<'_>, watch: &Self::Watch);
    /// Takes note of a line of a recorder that is not looked at, where that shows before the line is read.
    fn other_line(&mut self);
    /// Takes note of a line that could not be read.
    fn bad_line(&mut self);
    /// What was counted.
    fn into_sums(self) -> Self::Sums;
}

/// What a [`Fold`] comes to.
pub trait Sums: Send + 'static {
    /// Of a day without any record.
    fn empty(day: Day) -> Self;
    /// Adds those of another part of the same day.
    fn merge(&mut self, other: &Self);
}

/// What to read and how.
#[derive(Clone)]
pub struct Scope<'a, W> {
    /// Bucket and prefix.
    pub location: &'a S3Location,
    /// Account whose logs they are.
    pub account: &'a str,
    /// Region of the logs.
    pub region: &'a str,
    /// What is counted of them.
    pub watch: Arc<W>,
}

/// What was read of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Read<S> {
    /// Sums of each flow log, by its id; by an empty one those of files whose name does not say.
    pub logs: BTreeMap<String, S>,
    /// Files of the day.
    pub files: usize,
    /// Those of them that could not be read to their end.
    pub unread_files: usize,
    /// Those of them that were not begun, because the caller had no time left.
    pub left_files: usize,
}

/// Why the rest of one file is missing. The others are read all the same.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Text(#[from] ReadError),
    #[error("Parquet: {0}")]
    Parquet(#[from] ParquetError),
    #[error(transparent)]
    Body(#[from] CallError),
    #[error("the reader panicked: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// How a file's reading ended.
enum End {
    Read,
    CutShort,
    NotBegun,
}

/// A day's records, folded; without any file of the day there are no logs. No file is begun once `go_on` says no: those
/// in flight are read to their end.
pub async fn read_day<F: Fold>(
    client: &Client,
    scope: &Scope<'_, F::Watch>,
    day: Day,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Read<F::Sums>, CallError> {
    let files = listing::files(client, scope, day).await?;
    let room = Arc::new(Semaphore::new(
        usize::try_from(COLUMNS_AT_ONCE / UNIT).unwrap_or(usize::MAX),
    ));
    let read = Read {
        logs: BTreeMap::new(),
        files: files.len(),
        unread_files: 0,
        left_files: 0,
    };
    // Sums are added up as they come: held for every file they would outgrow what they were read from.
    stream::iter(files)
        .map(|file| async {
            let log = file.log.clone();
            let part = if go_on() {
                read_file::<F>(client, scope, file, day, &room).await?
            } else {
                (F::Sums::empty(day), End::NotBegun)
            };
            Ok::<_, CallError>((log, part))
        })
        .buffer_unordered(AT_ONCE)
        .try_fold(read, async |mut read, (log, (part, end))| {
            match end {
                End::Read => {}
                End::CutShort => read.unread_files += 1,
                End::NotBegun => {
                    read.left_files += 1;
                    return Ok(read);
                }
            }
            let sums = read.logs.entry(log);
            sums.or_insert_with(|| F::Sums::empty(day)).merge(&part);
            Ok(read)
        })
        .await
}

/// The sums of one file, and whether it could be read to its end. Only a file that S3 denies ends the reading.
async fn read_file<F: Fold>(
    client: &Client,
    scope: &Scope<'_, F::Watch>,
    file: File,
    day: Day,
    room: &Semaphore,
) -> Result<(F::Sums, End), CallError> {
    let object = Object {
        client,
        bucket: &scope.location.bucket,
        key: &file.key,
    };
    let mut sums = F::Sums::empty(day);
    let outcome = match file.kind {
        Kind::Gzip => read_text::<F>(object, scope, day, &mut sums).await,
        Kind::Parquet => read_parquet::<F>(object, file.size, scope, day, &mut sums, room).await,
    };
    match outcome {
        Ok(()) => Ok((sums, End::Read)),
        // Deleted since it was listed, changed, or cut off again and again.
        Err(Broken::Body(error))
            if !matches!(
                error.code.as_str(),
                "NoSuchKey" | "PreconditionFailed" | "BodyInterrupted"
            ) =>
        {
            Err(error)
        }
        Err(error) => {
            tracing::warn!(key = file.key, %error, "flow-log file could not be read to its end");
            Ok((sums, End::CutShort))
        }
    }
}

async fn read_text<F: Fold>(
    object: Object<'_>,
    scope: &Scope<'_, F::Watch>,
    day: Day,
    sums: &mut F::Sums,
) -> Result<(), Broken> {
    let (feed, body) = body();
    let watch = Arc::clone(&scope.watch);
    // Inflating keeps a core busy: not on the thread that drives the network.
    let reading = tokio::task::spawn_blocking(move || fold::<F>(body, day, &watch));
    let (arrival, read) = tokio::join!(object.feed(feed), reading);
    let (read, outcome) = read?;
    *sums = read;
    arrival?;
    Ok(outcome?)
}

fn fold<F: Fold>(body: Body, day: Day, watch: &F::Watch) -> (F::Sums, Result<(), ReadError>) {
    let mut fold = F::new(day);
    let gzip = MultiGzDecoder::new(BufReader::with_capacity(BUFFER / 4, body));
    let mut reader = Reader::new(BufReader::with_capacity(BUFFER, gzip), None);
    let outcome = loop {
        match reader.next_record() {
            Ok(Some(Ok(record))) => fold.record(&record, watch),
            Ok(Some(Err(_))) => fold.bad_line(),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if let Some(header) = reader.lines().header() {
        for field in header.unknown_fields() {
            tracing::debug!(field, "unknown flow-log field skipped");
        }
    }
    (fold.into_sums(), outcome)
}

async fn read_parquet<F: Fold>(
    object: Object<'_>,
    size: u64,
    scope: &Scope<'_, F::Watch>,
    day: Day,
    sums: &mut F::Sums,
    room: &Semaphore,
) -> Result<(), Broken> {
    let metadata = Arc::new(footer(object, size).await?);
    let layout = Arc::new(Layout::of(&metadata, F::MORE_FIELDS)?);
    for group in 0..metadata.num_row_groups() {
        let ranges = layout.ranges(metadata.row_group(group));
        let bytes: u64 = ranges.iter().map(|(_, length)| length).sum();
        let units = bytes.min(COLUMNS_AT_ONCE).div_ceil(UNIT);
        let Ok(_held) = room.acquire_many(u32::try_from(units).unwrap_or(0)).await else {
            return Ok(()); // Never closed.
        };
        let parts: Vec<(u64, bytes::Bytes)> = stream::iter(ranges)
            .map(|(start, length)| async move {
                Ok::<_, CallError>((start, object.range(start, length).await?))
            })
            .buffer_unordered(RANGES)
            .try_collect()
            .await?;
        let (metadata, layout) = (Arc::clone(&metadata), Arc::clone(&layout));
        let watch = Arc::clone(&scope.watch);
        let (part, outcome) = tokio::task::spawn_blocking(move || {
            let mut fold = F::new(day);
            let parts = Arc::new(Parts(parts));
            let rows = metadata.row_group(group);
            let outcome = layout.fold(rows, &parts, &*watch, &mut fold);
            (fold.into_sums(), outcome)
        })
        .await?;
        sums.merge(&part);
        outcome?;
    }
    Ok(())
}

/// A Parquet file's footer: what lies where.
async fn footer(object: Object<'_>, size: u64) -> Result<ParquetMetaData, Broken> {
    let mut length = size.min(FOOTER);
    let mut reader = ParquetMetaDataReader::new();
    loop {
        let tail = object.range(size - length, length).await?;
        match reader.try_parse_sized(&tail, size) {
            Ok(()) => return Ok(reader.finish()?),
            Err(ParquetError::NeedMoreData(needed)) if (needed as u64) > length => {
                length = size.min(needed as u64);
                if length < needed as u64 {
                    let short = format!("{size} bytes are too few for its footer");
                    return Err(ParquetError::EOF(short).into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}
