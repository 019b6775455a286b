//! A day's traffic from flow-log files in S3.

use std::collections::BTreeSet;

use aws_sdk_s3::Client;
use tollkeeper::flow_log::Record;
use tollkeeper::flow_log_files::{self, Fold, Sums};
use tollkeeper::time::Day;

use crate::explain::one_log::one_log_each;
use crate::explain::traffic::{DayTally, DayTraffic, Watch};
use crate::fault::CallError;

/// What to read and how.
pub type Scope<'a> = flow_log_files::Scope<'a, Watch>;

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

impl Fold for DayTally {
    type Watch = Watch;
    type Sums = DayTraffic;

    fn new(day: Day) -> Self {
        DayTally::new(day)
    }

    fn wants(watch: &Watch, recorder: &str) -> bool {
        watch.wants(recorder)
    }

    fn record(&mut self, record: &Record<'_>, watch: &Watch) {
        self.count(record, watch);
    }

    fn other_line(&mut self) {
        DayTally::other_line(self);
    }

    fn bad_line(&mut self) {
        DayTally::bad_line(self);
    }

    fn into_sums(self) -> DayTraffic {
        self.traffic()
    }
}

impl Sums for DayTraffic {
    fn empty(day: Day) -> Self {
        DayTraffic::empty(day)
    }

    fn merge(&mut self, other: &Self) {
        DayTraffic::merge(self, other);
    }
}

/// A day's traffic; without any file of the day it is empty.
pub async fn read_day(client: &Client, scope: &Scope<'_>, day: Day) -> Result<Read, CallError> {
    let read = flow_log_files::read_day::<DayTally>(client, scope, day, &|| true).await?;
    let counted = one_log_each(day, read.logs);
    Ok(Read {
        traffic: counted.traffic,
        files: read.files,
        unread_files: read.unread_files,
        recorded_twice: counted.recorded_twice,
    })
}

#[cfg(test)]
#[path = "flow_logs_tests.rs"]
mod tests;
