//! Daily bytes from CloudWatch: of each NAT gateway (both directions, source side) and of interface endpoints.
//!
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html> and
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-cloudwatch-metrics.html>

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::Metric;
use jiff::Timestamp;
use tollkeeper::aws::metric_data::{self, Every, metric};
use tollkeeper::time::Day;

use crate::fault::CallError;
use crate::measure::network::Endpoint;

/// What the inner legs A and D count, and the bill with them.
const NAT_METRICS: [&str; 2] = ["BytesInFromSource", "BytesOutToSource"];

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
    daily(client, &metrics.collect::<Vec<_>>(), from, to).await
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
    daily(client, &metrics.collect::<Vec<_>>(), from, to).await
}

async fn daily(
    client: &Client,
    metrics: &[(String, Metric)],
    from: Day,
    to: Day,
) -> Result<DailyBytes, CallError> {
    let sums = metric_data::sums(client, metrics, Every::Day, (from.start(), to.end())).await?;
    let days = |periods: BTreeMap<i64, u64>| {
        let periods = periods.into_iter();
        periods
            .filter_map(|(at, bytes)| Some((Day::of(Timestamp::from_second(at).ok()?), bytes)))
            .collect()
    };
    Ok(sums
        .into_iter()
        .map(|(thing, periods)| (thing, days(periods)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
    use aws_sdk_cloudwatch::primitives::DateTime;
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
