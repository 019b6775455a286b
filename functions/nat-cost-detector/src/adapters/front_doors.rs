//! What CloudWatch counts at the front doors: requests of each API and load balancer by hour, bytes of load balancers.
//!
//! The metrics themselves say which APIs and load balancers there are, so no permission on either service is needed;
//! CloudWatch lists those of the last two weeks. Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html> and
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::Metric;
use tollkeeper::aws::metric_data::{self, Every};
use tollkeeper::time::Day;

use crate::fault::CallError;
use crate::front_door::{Door, DoorKind};

const OPERATION: &str = "cloudwatch:ListMetrics";

/// Namespace, metric, the one dimension it must have, and what that makes it.
const COUNTED: [(&str, &str, &str, DoorKind); 3] = [
    ("AWS/ApiGateway", "Count", "ApiName", DoorKind::RestApi),
    ("AWS/ApiGateway", "Count", "ApiId", DoorKind::HttpApi),
    (
        "AWS/ApplicationELB",
        "RequestCount",
        "LoadBalancer",
        DoorKind::LoadBalancer,
    ),
];

/// The front doors and their hourly requests from one day to another, both included.
pub async fn observe(client: &Client, from: Day, to: Day) -> Result<Vec<Door>, CallError> {
    let days = (from.start(), to.end());
    let mut doors = Vec::new();
    for (namespace, name, dimension, kind) in COUNTED {
        let metrics = list(client, namespace, name, dimension).await?;
        let requests = metric_data::sums(client, &metrics, Every::Hour, days).await?;
        let bytes = if kind == DoorKind::LoadBalancer {
            let processed = list(client, namespace, "ProcessedBytes", dimension).await?;
            metric_data::sums(client, &processed, Every::Hour, days).await?
        } else {
            BTreeMap::new()
        };
        doors.extend(requests.into_iter().map(|(name, requests)| Door {
            kind,
            bytes: bytes.get(&name).map(|hours| hours.values().sum()),
            name,
            requests,
        }));
    }
    Ok(doors)
}

/// The metrics that have this dimension and no other.
async fn list(
    client: &Client,
    namespace: &str,
    name: &str,
    dimension: &str,
) -> Result<Vec<(String, Metric)>, CallError> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let reply = client
            .list_metrics()
            .namespace(namespace)
            .metric_name(name)
            .set_next_token(token.take())
            .send()
            .await
            .map_err(|error| CallError::of(OPERATION, &error))?;
        for metric in reply.metrics() {
            if let [only] = metric.dimensions()
                && only.name() == Some(dimension)
                && let Some(value) = only.value()
            {
                found.push((value.to_owned(), metric.clone()));
            }
        }
        match reply.next_token {
            Some(next) if !next.is_empty() => token = Some(next),
            _ => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
    use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsOutput;
    use aws_sdk_cloudwatch::primitives::DateTime;
    use aws_sdk_cloudwatch::types::{Dimension, MetricDataResult};

    fn metric(name: &str, dimensions: &[(&str, &str)]) -> Metric {
        let dimensions = dimensions
            .iter()
            .map(|(name, value)| Dimension::builder().name(*name).value(*value).build());
        Metric::builder()
            .metric_name(name)
            .set_dimensions(Some(dimensions.collect()))
            .build()
    }

    #[tokio::test]
    async fn apis_and_balancers_are_told_by_their_one_dimension_and_counted_once() {
        let list = aws_smithy_mocks::mock!(Client::list_metrics).then_compute_output(|request| {
            let mut reply = ListMetricsOutput::builder();
            let name = request.metric_name().unwrap_or_default();
            reply = match (request.namespace(), name) {
                (Some("AWS/ApiGateway"), _) => reply
                    .metrics(metric(name, &[("ApiName", "shop")]))
                    .metrics(metric(name, &[("ApiName", "shop"), ("Stage", "prod")]))
                    .metrics(metric(name, &[("ApiId", "a1b2")])),
                _ => reply
                    .metrics(metric(name, &[("LoadBalancer", "app/web/1")]))
                    .metrics(metric(
                        name,
                        &[("LoadBalancer", "app/web/1"), ("AvailabilityZone", "a")],
                    )),
            };
            reply.build()
        });
        let get = aws_smithy_mocks::mock!(Client::get_metric_data).then_compute_output(|request| {
            assert_eq!(
                request.metric_data_queries().len(),
                1,
                "one dimension, one query"
            );
            let result = MetricDataResult::builder()
                .id("q0")
                .timestamps(DateTime::from_secs(0))
                .timestamps(DateTime::from_secs(3_600))
                .values(10.0)
                .values(30.0);
            GetMetricDataOutput::builder()
                .metric_data_results(result.build())
                .build()
        });
        let client = mocked!(aws_sdk_cloudwatch, MatchAny, [&list, &get]);
        let day = "2026-10-13".parse().unwrap();
        let doors = observe(&client, day, day).await.unwrap();
        let seen: Vec<_> = doors
            .iter()
            .map(|door| (door.kind, door.name.as_str(), door.total(), door.bytes))
            .collect();
        assert_eq!(
            seen,
            [
                (DoorKind::RestApi, "shop", 40, None),
                (DoorKind::HttpApi, "a1b2", 40, None),
                (DoorKind::LoadBalancer, "app/web/1", 40, Some(40)),
            ]
        );
    }
}
