//! Daily bytes from CloudWatch: of each NAT gateway (both directions, source side) and of interface endpoints.
//!
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html> and
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-cloudwatch-metrics.html>

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive;
use tollkeeper::time::Day;

use crate::fault::CallError;
use crate::measure::network::Endpoint;

const OPERATION: &str = "cloudwatch:GetMetricData";
/// What the inner legs A and D count, and the bill with them.
const NAT_METRICS: [&str; 2] = ["BytesInFromSource", "BytesOutToSource"];
/// Queries that one call takes.
const QUERIES: usize = 500;

/// Bytes by thing (gateway or endpoint) and day; a day without data is absent.
pub type DailyBytes = BTreeMap<String, BTreeMap<Day, u64>>;

/// Bytes through each NAT gateway from one day to another, both included.
pub async fn nat_bytes(
    client: &Client,
    nats: &[String],
    from: Day,
    to: Day,
) -> Result<DailyBytes, CallError> {
    let metrics = nats.iter().flat_map(|nat| {
        NAT_METRICS.map(|name| {
            (
                nat.clone(),
                metric("AWS/NATGateway", name, &[("NatGatewayId", nat)]),
            )
        })
    });
    sums(client, metrics.collect(), from, to).await
}

/// Bytes through each interface endpoint from one day to another, both included.
pub async fn endpoint_bytes(
    client: &Client,
    endpoints: &[&Endpoint],
    from: Day,
    to: Day,
) -> Result<DailyBytes, CallError> {
    let metrics = endpoints.iter().map(|endpoint| {
        // The dimensions' names have spaces.
        let dimensions = [
            ("Endpoint Type", "Interface"),
            ("Service Name", endpoint.service_name.as_str()),
            ("VPC Endpoint Id", endpoint.id.as_str()),
            ("VPC Id", endpoint.vpc_id.as_str()),
        ];
        (
            endpoint.id.clone(),
            metric("AWS/PrivateLinkEndpoints", "BytesProcessed", &dimensions),
        )
    });
    sums(client, metrics.collect(), from, to).await
}

fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
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

async fn sums(
    client: &Client,
    metrics: Vec<(String, Metric)>,
    from: Day,
    to: Day,
) -> Result<DailyBytes, CallError> {
    let mut out = DailyBytes::new();
    for part in metrics.chunks(QUERIES) {
        let queries: Vec<MetricDataQuery> = part
            .iter()
            .enumerate()
            .map(|(index, (_, metric))| query(index, metric))
            .collect();
        let mut token: Option<String> = None;
        loop {
            let reply = client
                .get_metric_data()
                .start_time(DateTime::from_secs(from.start().as_second()))
                .end_time(DateTime::from_secs(to.end().as_second()))
                .set_metric_data_queries(Some(queries.clone()))
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| CallError::of(OPERATION, &error))?;
            for result in reply.metric_data_results() {
                let index = result
                    .id()
                    .and_then(|id| id.strip_prefix('q'))
                    .and_then(|id| id.parse::<usize>().ok());
                let Some((thing, _)) = index.and_then(|index| part.get(index)) else {
                    continue;
                };
                let days = out.entry(thing.clone()).or_default();
                for (at, value) in result.timestamps().iter().zip(result.values()) {
                    let Ok(at) = Timestamp::from_second(at.secs()) else {
                        continue;
                    };
                    *days.entry(Day::of(at)).or_default() += value.round().to_u64().unwrap_or(0);
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

fn query(index: usize, metric: &Metric) -> MetricDataQuery {
    MetricDataQuery::builder()
        .id(format!("q{index}"))
        .metric_stat(
            MetricStat::builder()
                .metric(metric.clone())
                .period(86_400)
                .stat("Sum")
                .build(),
        )
        .return_data(true)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
    use aws_sdk_cloudwatch::types::MetricDataResult;

    fn result(id: &str, day: &str, bytes: f64) -> MetricDataResult {
        let day: Day = day.parse().unwrap();
        MetricDataResult::builder()
            .id(id)
            .timestamps(DateTime::from_secs(day.start().as_second()))
            .values(bytes)
            .build()
    }

    #[tokio::test]
    async fn both_directions_and_all_pages_are_added_up() {
        let first = aws_smithy_mocks::mock!(Client::get_metric_data)
            .match_requests(|request| {
                request.metric_data_queries().len() == 2 && request.next_token().is_none()
            })
            .then_output(|| {
                GetMetricDataOutput::builder()
                    .metric_data_results(result("q0", "2026-10-13", 700.0))
                    .next_token("more")
                    .build()
            });
        let second = aws_smithy_mocks::mock!(Client::get_metric_data)
            .match_requests(|request| request.next_token() == Some("more"))
            .then_output(|| {
                GetMetricDataOutput::builder()
                    .metric_data_results(result("q1", "2026-10-13", 300.0))
                    .build()
            });
        let day: Day = "2026-10-13".parse().unwrap();
        let client = mocked!(aws_sdk_cloudwatch, [&first, &second]);
        let bytes = nat_bytes(&client, &["nat-a".to_owned()], day, day)
            .await
            .unwrap();
        assert_eq!(bytes["nat-a"][&day], 1000);
    }
}
