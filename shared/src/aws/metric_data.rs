//! Sums of CloudWatch metrics over time: one question of `GetMetricData`, page after page.
//!
//! This module refuses to know what the metrics count.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive;

use super::CallError;

const OPERATION: &str = "cloudwatch:GetMetricData";
/// Queries that one call takes.
const QUERIES: usize = 500;

/// How long the periods are that are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// Five minutes: the finest that endpoints have.
    FiveMinutes,
    /// An hour.
    Hour,
    /// A day, UTC.
    Day,
}

impl Every {
    fn seconds(self) -> i32 {
        match self {
            Self::FiveMinutes => 300,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }
}

/// Sums by thing and Unix second of the period's begin.
pub type Sums = BTreeMap<String, BTreeMap<i64, u64>>;

/// A metric by namespace, name and dimensions.
pub fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
    let dimensions = dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(*name).value(*value).build())
        .collect();
    Metric::builder()
        .namespace(namespace)
        .metric_name(name)
        .set_dimensions(Some(dimensions))
        .build()
}

/// Sums of metrics from one moment up to, not including, another; several metrics of one thing are added up. A period
/// without data is absent.
pub async fn sums(
    client: &Client,
    metrics: &[(String, Metric)],
    every: Every,
    (from, to): (Timestamp, Timestamp),
) -> Result<Sums, CallError> {
    let mut out = Sums::new();
    for part in metrics.chunks(QUERIES) {
        let queries: Vec<MetricDataQuery> = part
            .iter()
            .enumerate()
            .map(|(index, (_, metric))| query(index, metric, every))
            .collect();
        let mut token: Option<String> = None;
        loop {
            let reply = client
                .get_metric_data()
                .start_time(DateTime::from_secs(from.as_second()))
                .end_time(DateTime::from_secs(to.as_second()))
                .set_metric_data_queries(Some(queries.clone()))
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| CallError::of(OPERATION, &error))?;
            for result in reply.metric_data_results() {
                let id = result.id().and_then(|id| id.strip_prefix('q'));
                let Some((thing, _)) = id.and_then(|id| part.get(id.parse::<usize>().ok()?)) else {
                    continue;
                };
                let periods = out.entry(thing.clone()).or_default();
                for (at, value) in result.timestamps().iter().zip(result.values()) {
                    *periods.entry(at.secs()).or_default() += value.round().to_u64().unwrap_or(0);
                }
            }
            match reply.next_token {
                Some(next) if !next.is_empty() => token = Some(next),
                _ => break,
            }
        }
    }
    Ok(out)
}

fn query(index: usize, metric: &Metric, every: Every) -> MetricDataQuery {
    let stat = MetricStat::builder()
        .metric(metric.clone())
        .period(every.seconds())
        .stat("Sum");
    MetricDataQuery::builder()
        .id(format!("q{index}"))
        .metric_stat(stat.build())
        .return_data(true)
        .build()
}
