//! Which files hold a day: AWS's plain layout and its Hive-compatible one, with or without a folder for each hour.

use crate::time::Day;
use aws_sdk_s3::Client;

use super::Scope;
use crate::aws::CallError;

/// A flow-log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) key: String,
    /// Bytes, as listed; 0 where S3 does not say.
    pub(super) size: u64,
    pub(super) kind: Kind,
    /// Id of the flow log that wrote it; empty where the name does not say.
    pub(super) log: String,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gzip,
    Parquet,
}

impl Kind {
    /// AWS writes its suffixes in lower case; keys are compared as they are.
    fn of(key: &str) -> Option<Self> {
        if key.strip_suffix(".gz").is_some() {
            Some(Self::Gzip)
        } else {
            key.strip_suffix(".parquet").map(|_| Self::Parquet)
        }
    }
}

/// The files of a day: its own folder's, and those of the next day's that were delivered in its first hour, since a
/// file may come after midnight.
pub(super) async fn files<W>(
    client: &Client,
    scope: &Scope<'_, W>,
    day: Day,
) -> Result<Vec<File>, CallError> {
    let mut files = Vec::new();
    for (folder_of, late) in [(day, false), (day.next(), true)] {
        for prefix in prefixes(scope, folder_of) {
            let listed = list(client, &scope.location.bucket, prefix).await?;
            let wanted = |file: &File| !late || delivered_in_first_hour(&file.key, folder_of);
            files.extend(listed.into_iter().filter(wanted));
        }
    }
    Ok(files)
}

fn prefixes<W>(scope: &Scope<'_, W>, day: Day) -> [String; 2] {
    let (prefix, account, region) = (&scope.location.prefix, scope.account, scope.region);
    let date = day.date();
    let (year, month, day) = (date.year(), date.month(), date.day());
    [
        format!("{prefix}AWSLogs/{account}/vpcflowlogs/{region}/{year:04}/{month:02}/{day:02}/"),
        format!(
            "{prefix}AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/\
             year={year:04}/month={month:02}/day={day:02}/"
        ),
    ]
}

async fn list(client: &Client, bucket: &str, prefix: String) -> Result<Vec<File>, CallError> {
    let mut pages = client
        .list_objects_v2()
        .bucket(bucket)
        .prefix(prefix)
        .into_paginator()
        .send();
    let mut files = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of("s3:ListObjectsV2", &error))?;
        files.extend(page.contents().iter().filter_map(|object| {
            let key = object.key()?;
            Some(File {
                key: key.to_owned(),
                size: object
                    .size()
                    .and_then(|size| u64::try_from(size).ok())
                    .unwrap_or(0),
                kind: Kind::of(key)?,
                log: log(key).to_owned(),
            })
        }));
    }
    Ok(files)
}

/// The part of a file's name that names the flow log, see [`delivered_in_first_hour`].
fn log(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.split('_')
        .find(|part| part.starts_with("fl-"))
        .unwrap_or_default()
}

/// File names carry their time: `<account>_vpcflowlogs_<region>_<flow log>_20261014T0005Z_<hash>.log.gz`.
fn delivered_in_first_hour(key: &str, day: Day) -> bool {
    let date = day.date();
    let hour = format!("_{:04}{:02}{:02}T00", date.year(), date.month(), date.day());
    key.rsplit('/')
        .next()
        .is_some_and(|name| name.contains(&hour))
}
