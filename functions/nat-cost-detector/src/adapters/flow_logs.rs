//! A day's traffic from flow-log files in S3: gzip text, `AWSLogs/<account>/vpcflowlogs/<region>/Y/M/D/[H/]`.
//!
//! A flow counts on the day it started; its file may be delivered after midnight, so the first hour of the next day's
//! folder is read too. Files are read a few at a time and inflated as a stream: memory holds the compressed bytes of
//! those few, and the sums.

use std::collections::BTreeSet;
use std::io::BufReader;
use std::sync::Arc;

use aws_sdk_s3::Client;
use flate2::read::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt, stream};
use tollkeeper::flow_log::{ReadError, Reader};
use tollkeeper::services::IpRanges;
use tollkeeper::time::Day;

use crate::config::S3Location;
use crate::explain::traffic::{DayTally, DayTraffic};
use crate::fault::CallError;

/// Files in flight.
const AT_ONCE: usize = 4;
/// Inflated bytes held of each: the decoder copies its window once for each time it is filled.
const BUFFER: usize = 1 << 18;

/// What to read and how.
#[derive(Clone)]
pub struct Scope<'a> {
    /// Bucket and prefix.
    pub location: &'a S3Location,
    /// Account whose logs they are.
    pub account: &'a str,
    /// Region of the logs.
    pub region: &'a str,
    /// Interfaces of NAT gateways: other records are left out.
    pub nat_interfaces: Arc<BTreeSet<String>>,
    /// AWS's address ranges.
    pub ranges: Option<Arc<IpRanges>>,
}

/// What was read of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The traffic.
    pub traffic: DayTraffic,
    /// Files read.
    pub files: usize,
    /// Files that could not be read to their end, and Parquet files, which are not read at all.
    pub unread_files: usize,
}

/// A day's traffic; without any file of the day it is empty.
pub async fn read_day(client: &Client, scope: &Scope<'_>, day: Day) -> Result<Read, CallError> {
    let mut keys = list(client, scope, day).await?;
    keys.extend(
        list(client, scope, day.next())
            .await?
            .into_iter()
            .filter(|key| delivered_in_first_hour(key, day.next())),
    );
    let (readable, others): (Vec<String>, Vec<String>) =
        keys.into_iter().partition(|key| has_suffix(key, ".gz"));
    let files = readable.len();
    let parts: Vec<(DayTraffic, bool)> = stream::iter(readable)
        .map(|key| read_file(client, scope, key, day))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut read = Read {
        traffic: DayTraffic::empty(day),
        files,
        unread_files: others.len(),
    };
    for (part, whole) in parts {
        read.traffic.merge(&part);
        read.unread_files += usize::from(!whole);
    }
    Ok(read)
}

async fn list(client: &Client, scope: &Scope<'_>, day: Day) -> Result<Vec<String>, CallError> {
    let date = day.date();
    let prefix = format!(
        "{}AWSLogs/{}/vpcflowlogs/{}/{:04}/{:02}/{:02}/",
        scope.location.prefix,
        scope.account,
        scope.region,
        date.year(),
        date.month(),
        date.day()
    );
    let mut pages = client
        .list_objects_v2()
        .bucket(&scope.location.bucket)
        .prefix(prefix)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of("s3:ListObjectsV2", &error))?;
        keys.extend(
            page.contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(|object| object.key)
                .filter(|key| has_suffix(key, ".gz") || has_suffix(key, ".parquet")),
        );
    }
    Ok(keys)
}

/// AWS writes its suffixes in lower case; keys are compared as they are.
fn has_suffix(key: &str, suffix: &str) -> bool {
    key.strip_suffix(suffix).is_some()
}

/// File names carry their time: `<account>_vpcflowlogs_<region>_<flow log>_20261014T0005Z_<hash>.log.gz`.
fn delivered_in_first_hour(key: &str, day: Day) -> bool {
    let date = day.date();
    let hour = format!("_{:04}{:02}{:02}T00", date.year(), date.month(), date.day());
    key.rsplit('/')
        .next()
        .is_some_and(|name| name.contains(&hour))
}

/// The sums of one file, and whether it could be read to its end.
async fn read_file(
    client: &Client,
    scope: &Scope<'_>,
    key: String,
    day: Day,
) -> Result<(DayTraffic, bool), CallError> {
    let object = client
        .get_object()
        .bucket(&scope.location.bucket)
        .key(&key)
        .send()
        .await
        .map_err(|error| CallError::of("s3:GetObject", &error))?;
    let body = object.body.collect().await.map_err(|error| CallError {
        operation: "s3:GetObject",
        code: "BodyInterrupted".to_owned(),
        detail: error.to_string(),
    })?;
    let (nats, ranges) = (Arc::clone(&scope.nat_interfaces), scope.ranges.clone());
    let bytes = body.into_bytes();
    // Inflating keeps a core busy: not on the thread that drives the network.
    let sums = tokio::task::spawn_blocking(move || sum(&bytes, day, &nats, ranges.as_deref()));
    let (traffic, outcome) = sums.await.map_err(|error| CallError {
        operation: "s3:GetObject",
        code: "Interrupted".to_owned(),
        detail: error.to_string(),
    })?;
    if let Err(error) = &outcome {
        tracing::warn!(key, %error, "flow-log file could not be read to its end");
    }
    Ok((traffic, outcome.is_ok()))
}

fn sum(
    gzip: &[u8],
    day: Day,
    nats: &BTreeSet<String>,
    ranges: Option<&IpRanges>,
) -> (DayTraffic, Result<(), ReadError>) {
    let mut tally = DayTally::new(day);
    let mut reader = Reader::new(
        BufReader::with_capacity(BUFFER, MultiGzDecoder::new(gzip)),
        None,
    );
    let outcome = loop {
        match reader.next_record() {
            Ok(Some(Ok(record))) => tally.count(&record, |id| nats.contains(id), ranges),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_s3::operation::{
        get_object::GetObjectOutput, list_objects_v2::ListObjectsV2Output,
    };
    use aws_sdk_s3::primitives::ByteStream;
    use aws_sdk_s3::types::Object;
    use aws_smithy_mocks::mock;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    const HEADER: &str =
        "interface-id srcaddr dstaddr bytes start pkt-srcaddr pkt-dstaddr log-status";

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn listing(keys: &[&str], next: Option<&str>) -> ListObjectsV2Output {
        ListObjectsV2Output::builder()
            .set_contents(Some(
                keys.iter()
                    .map(|key| Object::builder().key(*key).build())
                    .collect(),
            ))
            .is_truncated(next.is_some())
            .set_next_continuation_token(next.map(str::to_owned))
            .build()
    }

    #[tokio::test]
    async fn the_days_folder_and_the_next_days_first_hour_are_read() {
        let day: Day = "2026-10-13".parse().unwrap();
        let (start, end) = (day.start().as_second(), day.end().as_second());
        let first_page = mock!(Client::list_objects_v2)
            .match_requests(|request| {
                request.prefix() == Some("team/AWSLogs/1/vpcflowlogs/us-east-1/2026/10/13/")
            })
            .then_output(|| {
                listing(
                    &["x_20261013T1205Z_a.log.gz", "x.parquet", "note.txt"],
                    Some("more"),
                )
            });
        let second_page = mock!(Client::list_objects_v2)
            .match_requests(|request| request.continuation_token() == Some("more"))
            .then_output(|| listing(&["x_20261013T1210Z_b.log.gz"], None));
        let next_day = mock!(Client::list_objects_v2)
            .match_requests(|request| {
                request
                    .prefix()
                    .is_some_and(|prefix| prefix.ends_with("/10/14/"))
            })
            .then_output(|| {
                listing(
                    &["x_20261014T0005Z_c.log.gz", "x_20261014T0105Z_d.log.gz"],
                    None,
                )
            });
        let file = |text: String| {
            mock!(Client::get_object).then_output(move || {
                GetObjectOutput::builder()
                    .body(ByteStream::from(gzip(&text)))
                    .build()
            })
        };
        let flow = |bytes: u64, start: i64| {
            format!("eni-nat 10.0.1.5 10.0.0.9 {bytes} {start} 10.0.1.5 3.5.0.1 OK\n")
        };
        let a = file(format!(
            "{HEADER}\n{}garbage\neni-nat - - - {start} - - SKIPDATA\n",
            flow(100, start)
        ));
        let b = file(format!("{HEADER}\n{}", flow(200, end - 1)));
        let c = file(format!(
            "{HEADER}\n{}{}",
            flow(400, end - 60),
            flow(800, end)
        ));
        let client = mocked!(
            aws_sdk_s3,
            [&first_page, &second_page, &next_day, &a, &b, &c]
        );
        let scope = Scope {
            location: &"s3://bucket/team".parse().unwrap(),
            account: "1",
            region: "us-east-1",
            nat_interfaces: Arc::new(BTreeSet::from(["eni-nat".to_owned()])),
            ranges: None,
        };
        let read = read_day(&client, &scope, day).await.unwrap();
        assert_eq!(
            read.traffic.bytes(),
            700,
            "by start; the flow of the next day is left to it"
        );
        assert_eq!((read.files, read.unread_files), (3, 1));
        assert_eq!((read.traffic.skipped(), read.traffic.bad_lines), (1, 1));
    }

    #[test]
    fn a_broken_file_keeps_what_was_read_and_says_so() {
        let day: Day = "2026-10-13".parse().unwrap();
        let line = format!(
            "eni-nat 10.0.1.5 10.0.0.9 100 {} 10.0.1.5 3.5.0.1 OK\n",
            day.start().as_second()
        );
        let mut bytes = gzip(&format!("{HEADER}\n{}", line.repeat(1000)));
        bytes.truncate(bytes.len() - 12);
        let (_, outcome) = sum(&bytes, day, &BTreeSet::from(["eni-nat".to_owned()]), None);
        assert!(outcome.is_err());
    }
}
