//! A day's traffic from a flow-log group in CloudWatch Logs, summed up there by Logs Insights.
//!
//! An answer has at most 10,000 rows: a range whose answer is full is halved and asked for again. Insights charges for
//! what it scans, so that is stated. Times of log events are the flows' own starts; the query keeps to them exactly.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>

use std::fmt::Write as _;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::{QueryStatus, ResultField};
use tollkeeper::time::Day;

use super::polling::Patience;
use crate::explain::sums::{BYTES, Fields, HOUR, PACKETS, RECORDS, SumTally};
use crate::explain::traffic::{DayTraffic, Watch};
use crate::fault::CallError;

/// Rows of an answer.
const ROWS: usize = 10_000;
/// Shortest range that is asked for, seconds: a full answer of it is taken as it is, largest sums first.
const SHORTEST: i64 = 600;
/// Slack around the range by which log events are found: their times are the flows' starts, give or take a minute.
const SLACK: i64 = 120;

/// What was read of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The traffic.
    pub traffic: DayTraffic,
    /// Bytes of log events scanned: what is paid for.
    pub scanned_bytes: u64,
    /// Queries run.
    pub queries: u32,
    /// Ranges of the shortest kind whose answer was full: their smallest sums are missing.
    pub cut_ranges: u32,
}

/// A day's traffic of a log group.
pub async fn read_day(
    client: &Client,
    log_group: &str,
    fields: &Fields,
    watch: &Watch,
    day: Day,
) -> Result<Read, CallError> {
    let mut tally = SumTally::new(day, watch)
        .map_err(|error| failed("logs:StartQuery", "Format", error.to_string()))?;
    let mut read = Read {
        traffic: DayTraffic::empty(day),
        scanned_bytes: 0,
        queries: 0,
        cut_ranges: 0,
    };
    let mut ranges = vec![(day.start().as_second(), day.end().as_second())];
    while let Some((from, to)) = ranges.pop() {
        let query = query(fields, watch, from, to);
        let (rows, scanned) = run(client, log_group, &query, from, to).await?;
        read.queries += 1;
        read.scanned_bytes = read.scanned_bytes.saturating_add(scanned);
        if rows.len() >= ROWS {
            if to - from > SHORTEST {
                let middle = from + (to - from) / 2 / SHORTEST * SHORTEST;
                let middle = if middle == from {
                    from + SHORTEST
                } else {
                    middle
                };
                ranges.extend([(from, middle), (middle, to)]);
                continue;
            }
            read.cut_ranges += 1;
        }
        for row in &rows {
            tally.add(|name| value(row, name));
        }
    }
    read.traffic = tally.traffic();
    Ok(read)
}

fn value<'r>(row: &'r [ResultField], name: &str) -> Option<&'r str> {
    let named = |field: &&ResultField| {
        field
            .field()
            .is_some_and(|own| own == name || own.strip_prefix("f_") == Some(name))
    };
    row.iter().find(named)?.value()
}

/// The query. Names are its own (`f_…`), as Insights gives those of version 2 by itself.
fn query(fields: &Fields, watch: &Watch, from: i64, to: i64) -> String {
    let columns: Vec<String> = fields.columns().map(|name| format!("f_{name}")).collect();
    let stars = vec!["*"; columns.len()].join(" ");
    let mut query = format!(
        "parse @message \"{stars}\" as {}\n| filter f_start >= {from} and f_start < {to}\n",
        columns.join(", ")
    );
    // Writing into a String cannot fail.
    let _ = writeln!(query, "| filter {}", recorders(fields, watch));
    if fields.has("log-status") {
        query += "| filter f_log_status != \"NODATA\"\n";
    }
    if fields.has("action") {
        query += "| filter f_action != \"REJECT\"\n";
    }
    query += &inner_legs(fields);
    let grouped: Vec<String> = fields.grouped().map(|name| format!("f_{name}")).collect();
    let _ = write!(
        query,
        "| fields floor(f_start / 3600) * 3600 as {HOUR}\n| stats sum(f_bytes) as {BYTES}, sum(f_packets) as {PACKETS}, \
         count(*) as {RECORDS} by {}, {HOUR}\n| sort {BYTES} desc\n| limit {ROWS}",
        grouped.join(", ")
    );
    if !fields.has("packets") {
        query = query.replace(&format!("sum(f_packets) as {PACKETS}, "), "");
    }
    query
}

fn recorders(fields: &Fields, watch: &Watch) -> String {
    let list = |prefix: &str| {
        let ids = watch
            .nats
            .iter()
            .filter(|id| id.starts_with(prefix))
            .map(|id| format!("\"{id}\""));
        ids.collect::<Vec<_>>().join(", ")
    };
    let interfaces = format!("f_interface_id in [{}]", list("eni-"));
    if fields.has("resource-id") && fields.has("interface-id") {
        format!("{interfaces} or f_resource_id in [{}]", list("nat-"))
    } else if fields.has("interface-id") {
        interfaces
    } else {
        format!("f_resource_id in [{}]", list("nat-"))
    }
}

/// Leaves out outer legs, which are half of the rows and count nowhere. Regional gateways' legs all look like them.
fn inner_legs(fields: &Fields) -> String {
    if !(fields.has("pkt-srcaddr")
        && fields.has("pkt-dstaddr")
        && fields.has("srcaddr")
        && fields.has("dstaddr"))
    {
        return String::new();
    }
    let mut legs = "| filter f_srcaddr != f_pkt_srcaddr or f_dstaddr != f_pkt_dstaddr".to_owned();
    if fields.has("log-status") {
        legs += " or f_log_status = \"SKIPDATA\"";
    }
    if fields.has("resource-id") {
        legs += " or f_interface_id = \"-\"";
    }
    legs + "\n"
}

/// The rows of a query, and what it scanned, bytes.
async fn run(
    client: &Client,
    log_group: &str,
    query: &str,
    from: i64,
    to: i64,
) -> Result<(Vec<Vec<ResultField>>, u64), CallError> {
    let started = client
        .start_query()
        .log_group_name(log_group)
        .start_time(from - SLACK)
        .end_time(to + SLACK)
        .query_string(query)
        .limit(i32::try_from(ROWS).unwrap_or(i32::MAX))
        .send()
        .await
        .map_err(|error| CallError::of("logs:StartQuery", &error))?;
    let id = started.query_id.unwrap_or_default();
    let mut patience = Patience::new();
    let (mut rows, mut token) = (Vec::new(), None);
    loop {
        let reply = client
            .get_query_results()
            .query_id(&id)
            .set_next_token(token.take())
            .send()
            .await
            .map_err(|error| CallError::of("logs:GetQueryResults", &error))?;
        match reply.status {
            Some(QueryStatus::Complete) => {
                rows.extend(reply.results.unwrap_or_default());
                token = reply.next_token.filter(|token| !token.is_empty());
                if token.is_none() {
                    let scanned = reply
                        .statistics
                        .map_or(0.0, |statistics| statistics.bytes_scanned);
                    return Ok((rows, bytes(scanned)));
                }
            }
            Some(QueryStatus::Running | QueryStatus::Scheduled) | None => {
                if !patience.wait().await {
                    // It would go on scanning; whether stopping works changes nothing here.
                    let _ = client.stop_query().query_id(&id).send().await;
                    let detail = "the query did not end in time and was stopped".to_owned();
                    return Err(failed("logs:GetQueryResults", "Timeout", detail));
                }
            }
            Some(other) => {
                let detail = format!("the query ended as {}", other.as_str());
                return Err(failed("logs:GetQueryResults", "QueryFailed", detail));
            }
        }
    }
}

fn failed(operation: &'static str, code: &str, detail: String) -> CallError {
    CallError {
        operation,
        code: code.to_owned(),
        detail,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of bytes; odd ones stay at the ends of the range"
)]
fn bytes(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
#[path = "insights_tests.rs"]
mod tests;
