//! A day's traffic from flow-log files in S3: gzip text and Parquet, in AWS's plain or Hive-compatible layout.
//!
//! Files are read a few at a time. Gzip text is inflated while it arrives and never held; of a Parquet file the footer
//! and, row group by row group, the columns that matter are fetched by ranges, side by side. A body that breaks off is
//! asked for again from where it broke. Memory holds a few buffers, the columns of a few row groups (within
//! `COLUMNS_AT_ONCE`), and the sums.

mod columns;
mod listing;
mod object;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::sync::Arc;

use aws_sdk_s3::Client;
use flate2::read::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt, stream};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use tokio::sync::Semaphore;
use tollkeeper::flow_log::Reader;
use tollkeeper::time::Day;

use self::columns::{Layout, Parts};
use self::listing::{File, Kind};
use self::object::{Body, Object, body};
use crate::config::S3Location;
use crate::explain::one_log::one_log_each;
use crate::explain::traffic::{DayTally, DayTraffic, Watch};
use crate::fault::CallError;

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

/// What to read and how.
#[derive(Clone)]
pub struct Scope<'a> {
    /// Bucket and prefix.
    pub location: &'a S3Location,
    /// Account whose logs they are.
    pub account: &'a str,
    /// Region of the logs.
    pub region: &'a str,
    /// What is counted of them.
    pub watch: Arc<Watch>,
}

/// What was read of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The traffic.
    pub traffic: DayTraffic,
    /// Files read.
    pub files: usize,
    /// Files that could not be read to their end.
    pub unread_files: usize,
    /// Interfaces that several flow logs recorded: each is counted from one of them.
    pub recorded_twice: BTreeSet<String>,
}

/// Why the rest of one file is missing. The others are read all the same.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Text(#[from] tollkeeper::flow_log::ReadError),
    #[error("Parquet: {0}")]
    Parquet(#[from] ParquetError),
    #[error(transparent)]
    Body(#[from] CallError),
    #[error("the reader panicked: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// A day's traffic; without any file of the day it is empty.
pub async fn read_day(client: &Client, scope: &Scope<'_>, day: Day) -> Result<Read, CallError> {
    let files = listing::files(client, scope, day).await?;
    let room = Arc::new(Semaphore::new(
        usize::try_from(COLUMNS_AT_ONCE / UNIT).unwrap_or(usize::MAX),
    ));
    let (count, none) = (files.len(), (BTreeMap::new(), 0));
    // Sums are added up as they come: held for every file they would outgrow what they were read from.
    let (logs, unread_files) = stream::iter(files)
        .map(|file| async {
            let log = file.log.clone();
            Ok::<_, CallError>((log, read_file(client, scope, file, day, &room).await?))
        })
        .buffer_unordered(AT_ONCE)
        .try_fold(
            none,
            async |(mut logs, mut unread), (log, (part, whole))| {
                let sums = logs.entry(log).or_insert_with(|| DayTraffic::empty(day));
                sums.merge(&part);
                unread += usize::from(!whole);
                Ok((logs, unread))
            },
        )
        .await?;
    let counted = one_log_each(day, logs);
    Ok(Read {
        traffic: counted.traffic,
        files: count,
        unread_files,
        recorded_twice: counted.recorded_twice,
    })
}

/// The sums of one file, and whether it could be read to its end. Only a file that S3 denies ends the reading.
async fn read_file(
    client: &Client,
    scope: &Scope<'_>,
    file: File,
    day: Day,
    room: &Semaphore,
) -> Result<(DayTraffic, bool), CallError> {
    let object = Object {
        client,
        bucket: &scope.location.bucket,
        key: &file.key,
    };
    let mut traffic = DayTraffic::empty(day);
    let outcome = match file.kind {
        Kind::Gzip => read_text(object, scope, day, &mut traffic).await,
        Kind::Parquet => read_parquet(object, file.size, scope, &mut traffic, room).await,
    };
    match outcome {
        Ok(()) => Ok((traffic, true)),
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
            Ok((traffic, false))
        }
    }
}

async fn read_text(
    object: Object<'_>,
    scope: &Scope<'_>,
    day: Day,
    traffic: &mut DayTraffic,
) -> Result<(), Broken> {
    let (feed, body) = body();
    let watch = Arc::clone(&scope.watch);
    // Inflating keeps a core busy: not on the thread that drives the network.
    let reading = tokio::task::spawn_blocking(move || sum(body, day, &watch));
    let (arrival, read) = tokio::join!(object.feed(feed), reading);
    let (sums, outcome) = read?;
    *traffic = sums;
    arrival?;
    Ok(outcome?)
}

fn sum(
    body: Body,
    day: Day,
    watch: &Watch,
) -> (DayTraffic, Result<(), tollkeeper::flow_log::ReadError>) {
    let mut tally = DayTally::new(day);
    let gzip = MultiGzDecoder::new(BufReader::with_capacity(BUFFER / 4, body));
    let mut reader = Reader::new(BufReader::with_capacity(BUFFER, gzip), None);
    let outcome = loop {
        match reader.next_record() {
            Ok(Some(Ok(record))) => tally.count(&record, watch),
            Ok(Some(Err(_))) => tally.bad_line(),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if let Some(header) = reader.lines().header() {
        for field in header.unknown_fields() {
            tracing::debug!(field, "unknown flow-log field skipped");
        }
    }
    (tally.traffic(), outcome)
}

async fn read_parquet(
    object: Object<'_>,
    size: u64,
    scope: &Scope<'_>,
    traffic: &mut DayTraffic,
    room: &Semaphore,
) -> Result<(), Broken> {
    let metadata = Arc::new(footer(object, size).await?);
    let layout = Arc::new(Layout::of(&metadata)?);
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
        let (watch, day) = (Arc::clone(&scope.watch), traffic.day);
        let (sums, outcome) = tokio::task::spawn_blocking(move || {
            let mut tally = DayTally::new(day);
            let parts = Arc::new(Parts(parts));
            let rows = metadata.row_group(group);
            let outcome = layout.count(rows, &parts, &watch, &mut tally);
            (tally.traffic(), outcome)
        })
        .await?;
        traffic.merge(&sums);
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

#[cfg(test)]
#[path = "flow_logs_tests.rs"]
mod tests;
