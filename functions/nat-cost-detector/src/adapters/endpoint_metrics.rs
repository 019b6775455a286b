//! Which interface endpoints nobody uses: their bytes over a number of days, from CloudWatch. Read-only.
//!
//! AWS writes `BytesProcessed` for the minutes in which an endpoint had traffic. So an endpoint without data points in
//! a window that was read had none, whereas a window that could not be read says nothing: that is an error here.
//! Source: <https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-cloudwatch-metrics.html>

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use tollkeeper::time::Day;

use crate::adapters::cloudwatch;
use crate::fault::CallError;
use crate::measure::network::{Endpoint, EndpointType};

/// Bytes through each interface endpoint in service, from one day to another, both included; 0 where there were none.
pub async fn bytes_by_endpoint(
    client: &Client,
    endpoints: &[Endpoint],
    from: Day,
    to: Day,
) -> Result<BTreeMap<String, u64>, CallError> {
    let measured: Vec<&Endpoint> = endpoints
        .iter()
        .filter(|endpoint| is_measured(endpoint))
        .collect();
    if measured.is_empty() {
        return Ok(BTreeMap::new());
    }
    let daily = cloudwatch::endpoint_bytes(client, &measured, from, to).await?;
    let total = |id: &str| {
        let days = daily.get(id);
        days.map_or(0, |days| {
            days.values().copied().fold(0, u64::saturating_add)
        })
    };
    Ok(measured
        .iter()
        .map(|endpoint| (endpoint.id.clone(), total(&endpoint.id)))
        .collect())
}

/// CloudWatch has nothing for gateway endpoints, nor for endpoints to other regions.
fn is_measured(endpoint: &Endpoint) -> bool {
    endpoint.kind == EndpointType::Interface
        && endpoint.available
        && endpoint.service_region.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataError, GetMetricDataOutput};
    use aws_sdk_cloudwatch::primitives::DateTime;
    use aws_sdk_cloudwatch::types::MetricDataResult;
    use aws_smithy_mocks::mock;
    use aws_smithy_types::error::ErrorMetadata;

    fn endpoint(id: &str, kind: EndpointType) -> Endpoint {
        Endpoint {
            id: id.to_owned(),
            kind,
            available: true,
            ..Endpoint::default()
        }
    }

    fn days() -> (Day, Day) {
        let to: Day = "2026-10-13".parse().unwrap();
        (to.plus(-13), to)
    }

    #[tokio::test]
    async fn an_endpoint_without_data_points_had_no_traffic_and_others_are_not_asked_for() {
        let rule = mock!(Client::get_metric_data)
            .match_requests(|request| request.metric_data_queries().len() == 2)
            .then_output(|| {
                let at = |back| DateTime::from_secs(days().1.plus(back).start().as_second());
                let used = MetricDataResult::builder()
                    .id("q0")
                    .timestamps(at(-1))
                    .timestamps(at(0))
                    .values(700.0)
                    .values(300.0);
                GetMetricDataOutput::builder()
                    .metric_data_results(used.build())
                    .metric_data_results(MetricDataResult::builder().id("q1").build())
                    .build()
            });
        let elsewhere = Endpoint {
            service_region: Some("eu-west-1".to_owned()),
            ..endpoint("vpce-elsewhere", EndpointType::Interface)
        };
        let endpoints = [
            endpoint("vpce-s3", EndpointType::Gateway),
            endpoint("vpce-used", EndpointType::Interface),
            endpoint("vpce-unused", EndpointType::Interface),
            elsewhere,
        ];
        let client = mocked!(aws_sdk_cloudwatch, [&rule]);
        let bytes = bytes_by_endpoint(&client, &endpoints, days().0, days().1)
            .await
            .unwrap();
        let expected = [
            ("vpce-unused".to_owned(), 0),
            ("vpce-used".to_owned(), 1_000),
        ];
        assert_eq!(bytes, expected.into());
    }

    #[tokio::test]
    async fn a_refusal_is_an_error_and_not_an_unused_endpoint() {
        let rule = mock!(Client::get_metric_data).then_error(|| {
            GetMetricDataError::generic(ErrorMetadata::builder().code("Throttling").build())
        });
        let endpoints = [endpoint("vpce-1", EndpointType::Interface)];
        let client = mocked!(aws_sdk_cloudwatch, [&rule]);
        let error = bytes_by_endpoint(&client, &endpoints, days().0, days().1).await;
        assert_eq!(error.unwrap_err().code, "Throttling");
    }
}
