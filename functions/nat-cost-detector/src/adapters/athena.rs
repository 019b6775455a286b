//! A day's traffic from a flow-log table in Athena: for ranges too large for one function to read.
//!
//! The query is ours, over the columns that AWS documents for such tables; only the partitions of the day and the next
//! one (late files) are scanned. Athena charges for what it scans, so that is stated.
//!
//! Source: <https://docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs-create-table-statement.html>

use aws_sdk_athena::Client;
use aws_sdk_athena::types::{QueryExecutionContext, QueryExecutionState, ResultConfiguration, Row};
use tollkeeper::time::Day;

use super::polling::Patience;
use crate::config::{AthenaTable, Partitions};
use crate::explain::sums::{BYTES, Fields, HOUR, PACKETS, RECORDS, SumTally};
use crate::explain::traffic::{DayTraffic, Watch};
use crate::fault::CallError;

/// What was read of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The traffic.
    pub traffic: DayTraffic,
    /// Bytes scanned: what is paid for.
    pub scanned_bytes: u64,
}

/// A day's traffic of a table.
pub async fn read_day(
    client: &Client,
    table: &AthenaTable,
    watch: &Watch,
    day: Day,
) -> Result<Read, CallError> {
    let mut tally = SumTally::new(day, watch)
        .map_err(|error| failed("athena:StartQueryExecution", "Format", error.to_string()))?;
    let id = start(client, table, query(table, watch, day)).await?;
    let scanned_bytes = finish(client, &id).await?;
    let mut pages = client
        .get_query_results()
        .query_execution_id(&id)
        .into_paginator()
        .send();
    let mut names: Option<Vec<String>> = None;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of("athena:GetQueryResults", &error))?;
        for row in page
            .result_set()
            .map(aws_sdk_athena::types::ResultSet::rows)
            .unwrap_or_default()
        {
            let Some(names) = &names else {
                // The first row of the first page names the columns.
                let text = |datum: &aws_sdk_athena::types::Datum| {
                    datum.var_char_value().unwrap_or_default().to_owned()
                };
                names = Some(row.data().iter().map(text).collect());
                continue;
            };
            tally.add(|name| value(names, row, name));
        }
    }
    Ok(Read {
        traffic: tally.traffic(),
        scanned_bytes,
    })
}

fn value<'r>(names: &[String], row: &'r Row, name: &str) -> Option<&'r str> {
    let at = names.iter().position(|own| own == name)?;
    row.data().get(at)?.var_char_value()
}

fn query(table: &AthenaTable, watch: &Watch, day: Day) -> String {
    let fields = &table.fields;
    let grouped: Vec<String> = fields.grouped().collect();
    let (from, to) = (day.start().as_second(), day.end().as_second());
    let packets = if fields.has("packets") {
        format!("sum(packets) AS {PACKETS}, ")
    } else {
        String::new()
    };
    let mut terms = vec![
        partitions(table.partitions, day),
        format!("\"start\" >= {from} AND \"start\" < {to}"),
        recorders(fields, watch),
    ];
    if fields.has("log-status") {
        terms.push("(log_status IS NULL OR log_status <> 'NODATA')".to_owned());
    }
    if fields.has("action") {
        terms.push("(action IS NULL OR action <> 'REJECT')".to_owned());
    }
    terms.push(inner_legs(fields));
    terms.retain(|term| !term.is_empty());
    let by: Vec<String> = (1..=grouped.len() + 1).map(|at| at.to_string()).collect();
    format!(
        "SELECT {columns}, \"start\" / 3600 * 3600 AS {HOUR}, sum(bytes) AS {BYTES}, {packets}count(*) AS {RECORDS}\n\
         FROM \"{database}\".\"{name}\"\nWHERE {terms}\nGROUP BY {by}",
        columns = grouped.join(", "),
        database = table.database,
        name = table.table,
        terms = terms.join("\n  AND "),
        by = by.join(", "),
    )
}

fn recorders(fields: &Fields, watch: &Watch) -> String {
    let list = |prefix: &str| {
        let ids = watch
            .nats
            .iter()
            .filter(|id| id.starts_with(prefix))
            .map(|id| format!("'{id}'"));
        let ids: Vec<String> = ids.collect();
        // SQL knows no empty list.
        if ids.is_empty() {
            "''".to_owned()
        } else {
            ids.join(", ")
        }
    };
    let mut terms = Vec::new();
    if fields.has("interface-id") {
        terms.push(format!("interface_id IN ({})", list("eni-")));
    }
    if fields.has("resource-id") {
        terms.push(format!("resource_id IN ({})", list("nat-")));
    }
    format!("({})", terms.join(" OR "))
}

/// Leaves out outer legs; see the query of Logs Insights.
fn inner_legs(fields: &Fields) -> String {
    if !(fields.has("pkt-srcaddr")
        && fields.has("pkt-dstaddr")
        && fields.has("srcaddr")
        && fields.has("dstaddr"))
    {
        return String::new();
    }
    let mut legs =
        "srcaddr IS DISTINCT FROM pkt_srcaddr OR dstaddr IS DISTINCT FROM pkt_dstaddr".to_owned();
    if fields.has("log-status") {
        legs += " OR log_status = 'SKIPDATA'";
    }
    if fields.has("resource-id") {
        legs += " OR interface_id IS NULL OR interface_id = '-'";
    }
    format!("({legs})")
}

fn partitions(partitions: Partitions, day: Day) -> String {
    let dates = [day.date(), day.next().date()];
    match partitions {
        Partitions::None => String::new(),
        Partitions::Day => {
            let days = dates.map(|date| format!("'{}'", date.strftime("%Y/%m/%d")));
            format!("\"day\" IN ({})", days.join(", "))
        }
        Partitions::Date => {
            let days = dates.map(|date| format!("DATE '{date}'"));
            format!("\"date\" IN ({})", days.join(", "))
        }
        Partitions::YearMonthDay => {
            let days = dates.map(|date| {
                let (year, month, day) = (
                    date.strftime("%Y"),
                    date.strftime("%m"),
                    date.strftime("%d"),
                );
                format!("(\"year\" = '{year}' AND \"month\" = '{month}' AND \"day\" = '{day}')")
            });
            format!("({})", days.join(" OR "))
        }
    }
}

async fn start(client: &Client, table: &AthenaTable, query: String) -> Result<String, CallError> {
    let output = table.output.as_ref().map(|output| {
        let place = format!("s3://{}/{}", output.bucket, output.prefix);
        ResultConfiguration::builder()
            .output_location(place)
            .build()
    });
    let context = QueryExecutionContext::builder()
        .database(&table.database)
        .build();
    let started = client
        .start_query_execution()
        .query_string(query)
        .query_execution_context(context)
        .work_group(&table.workgroup)
        .set_result_configuration(output)
        .send()
        .await
        .map_err(|error| CallError::of("athena:StartQueryExecution", &error))?;
    Ok(started.query_execution_id.unwrap_or_default())
}

/// Waits for a query's end: bytes that it scanned.
async fn finish(client: &Client, id: &str) -> Result<u64, CallError> {
    const OPERATION: &str = "athena:GetQueryExecution";
    let mut patience = Patience::new();
    loop {
        let reply = client
            .get_query_execution()
            .query_execution_id(id)
            .send()
            .await
            .map_err(|error| CallError::of(OPERATION, &error))?;
        let execution = reply.query_execution;
        let status = execution.as_ref().and_then(|execution| execution.status());
        match status.and_then(|status| status.state()) {
            Some(QueryExecutionState::Succeeded) => {
                let scanned = execution
                    .as_ref()
                    .and_then(|execution| execution.statistics()?.data_scanned_in_bytes());
                return Ok(scanned
                    .and_then(|bytes| u64::try_from(bytes).ok())
                    .unwrap_or(0));
            }
            Some(state @ (QueryExecutionState::Failed | QueryExecutionState::Cancelled)) => {
                let why = status
                    .and_then(|status| status.state_change_reason())
                    .unwrap_or("Athena gives no reason");
                return Err(failed(OPERATION, state.as_str(), why.to_owned()));
            }
            _ => {
                if !patience.wait().await {
                    // It would go on scanning; whether stopping works changes nothing here.
                    let _ = client
                        .stop_query_execution()
                        .query_execution_id(id)
                        .send()
                        .await;
                    let detail = "the query did not end in time and was stopped".to_owned();
                    return Err(failed(OPERATION, "Timeout", detail));
                }
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

#[cfg(test)]
#[path = "athena_tests.rs"]
mod tests;
