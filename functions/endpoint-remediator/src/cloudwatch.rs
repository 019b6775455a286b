//! What CloudWatch counted at interface endpoints and NAT gateways in a window. Read-only.
//!
//! It refuses to judge the figures: that is [`crate::soak`]'s.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::Metric;
use tollkeeper::aws::CallError;
use tollkeeper::aws::metric_data::{self, Every, metric};

use crate::soak::{EndpointTraffic, NatTraffic, Traffic, Window};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) vpc_id: String,
    /// Interface endpoints: id and AWS's whole service name.
    pub(crate) endpoints: Vec<(String, String)>,
    pub(crate) nats: Vec<String>,
}

/// The same weekday first; the day before where that has no figures yet.
const EARLIER_DAYS: [i64; 2] = [7, 1];

/// The figures of a window, and of the same time of an earlier day.
pub(crate) async fn traffic(
    client: &Client,
    subject: &Subject,
    window: Window,
) -> Result<Traffic, CallError> {
    let mut endpoints = BTreeMap::new();
    for (name, set) in [
        ("BytesProcessed", set_bytes as fn(&mut EndpointTraffic, u64)),
        ("NewConnections", |found, sum| found.new_connections = sum),
        ("PacketsDropped", |found, sum| found.dropped = sum),
    ] {
        let metrics = subject.endpoints.iter();
        let metrics =
            metrics.map(|(id, service)| (id.clone(), of_endpoint(subject, id, service, name)));
        let sums = total(client, &metrics.collect::<Vec<_>>(), window).await?;
        for (id, _) in &subject.endpoints {
            let found = endpoints.entry(id.clone()).or_default();
            set(found, sums.get(id).copied().unwrap_or_default());
        }
    }
    let nats = nats(client, subject, window).await?.unwrap_or_default();
    let mut before = None;
    for days in EARLIER_DAYS {
        if before.is_none()
            && let Some(earlier) = window.days_before(days)
        {
            let found = self::nats(client, subject, earlier).await?;
            before = found.map(|found| (days, found));
        }
    }
    Ok(Traffic {
        window,
        endpoints,
        nats,
        before,
    })
}

fn set_bytes(found: &mut EndpointTraffic, sum: u64) {
    found.bytes = sum;
}

fn of_endpoint(subject: &Subject, id: &str, service: &str, name: &str) -> Metric {
    // The dimensions' names have spaces.
    let dimensions = [
        ("Endpoint Type", "Interface"),
        ("Service Name", service),
        ("VPC Endpoint Id", id),
        ("VPC Id", &subject.vpc_id),
    ];
    metric("AWS/PrivateLinkEndpoints", name, &dimensions)
}

/// `None` where CloudWatch has no data point of any of the gateways.
async fn nats(
    client: &Client,
    subject: &Subject,
    window: Window,
) -> Result<Option<NatTraffic>, CallError> {
    const OUT: &str = "BytesInFromSource";
    const BACK: &str = "BytesOutToSource";
    let metrics = subject.nats.iter().flat_map(|nat| {
        [OUT, BACK].map(|name| {
            let of_nat = metric("AWS/NATGateway", name, &[("NatGatewayId", nat)]);
            (name.to_owned(), of_nat)
        })
    });
    let sums = total(client, &metrics.collect::<Vec<_>>(), window).await?;
    let sum = |name| sums.get(name).copied();
    Ok((!sums.is_empty()).then(|| NatTraffic {
        out: sum(OUT).unwrap_or_default(),
        back: sum(BACK).unwrap_or_default(),
    }))
}

/// Sums over the whole window; a thing without a data point is absent.
async fn total(
    client: &Client,
    metrics: &[(String, Metric)],
    window: Window,
) -> Result<BTreeMap<String, u64>, CallError> {
    let span = (window.from, window.to);
    let sums = metric_data::sums(client, metrics, Every::FiveMinutes, span).await?;
    let sums = sums.into_iter().filter(|(_, periods)| !periods.is_empty());
    Ok(sums
        .map(|(thing, periods)| {
            let total = periods.values().copied().fold(0, u64::saturating_add);
            (thing, total)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::config::{BehaviorVersion, Region};
    use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataInput, GetMetricDataOutput};
    use aws_sdk_cloudwatch::primitives::DateTime;
    use aws_sdk_cloudwatch::types::MetricDataResult;
    use aws_smithy_mocks::{MockResponseInterceptor, create_mock_http_client, mock};

    use super::*;

    fn window() -> Window {
        Window {
            from: "2026-10-15T08:05:00Z".parse().unwrap(),
            to: "2026-10-15T08:20:00Z".parse().unwrap(),
        }
    }

    /// Two data points of each query: the endpoints carry 10 of everything, the gateways 100 times the day of the month.
    fn answer(request: &GetMetricDataInput) -> GetMetricDataOutput {
        let from = request.start_time().unwrap().secs();
        let day = jiff::Timestamp::from_second(from)
            .unwrap()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .day();
        let mut reply = GetMetricDataOutput::builder();
        for query in request.metric_data_queries() {
            let metric = query.metric_stat().unwrap().metric().unwrap();
            let value = match metric.namespace().unwrap() {
                "AWS/NATGateway" => f64::from(day) * 50.0,
                _ => 5.0,
            };
            let result = MetricDataResult::builder().id(query.id().unwrap());
            let result = if day == 8 {
                result
            } else {
                let at = |seconds| DateTime::from_secs(from + seconds);
                result
                    .timestamps(at(0))
                    .values(value)
                    .timestamps(at(300))
                    .values(value)
            };
            reply = reply.metric_data_results(result.build());
        }
        reply.build()
    }

    #[tokio::test]
    async fn both_directions_are_compared_with_the_latest_earlier_day_that_has_figures() {
        let rule = mock!(Client::get_metric_data).then_compute_output(answer);
        let answers = MockResponseInterceptor::new().with_rule(&rule);
        let config = aws_sdk_cloudwatch::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .allow_no_auth()
            .http_client(create_mock_http_client())
            .interceptor(answers.rule_mode(aws_smithy_mocks::RuleMode::MatchAny));
        let client = Client::from_conf(config.build());
        let subject = Subject {
            vpc_id: "vpc-1".to_owned(),
            endpoints: vec![(
                "vpce-1".to_owned(),
                "com.amazonaws.us-east-1.sts".to_owned(),
            )],
            nats: vec!["nat-1".to_owned(), "nat-2".to_owned()],
        };
        let found = traffic(&client, &subject, window()).await.unwrap();
        let endpoint = EndpointTraffic {
            bytes: 10,
            new_connections: 10,
            dropped: 10,
        };
        assert_eq!(found.endpoints, [("vpce-1".to_owned(), endpoint)].into());
        assert_eq!(
            found.nats,
            NatTraffic {
                out: 3_000,
                back: 3_000
            }
        );
        // A week earlier, on the 8th, there is nothing.
        assert_eq!(
            found.before,
            Some((
                1,
                NatTraffic {
                    out: 2_800,
                    back: 2_800
                }
            ))
        );
    }
}
