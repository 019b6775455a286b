use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, StandardUnit, Statistic,
};

use super::vpc::cloud;

const MIDNIGHT: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn nat(id: &str) -> Dimension {
    Dimension::builder().name("NatGatewayId").value(id).build()
}

fn datum(nat_id: &str, hour: i64, bytes: f64) -> MetricDatum {
    let datum = MetricDatum::builder()
        .metric_name("BytesInFromSource")
        .dimensions(nat(nat_id))
        .value(bytes);
    datum
        .unit(StandardUnit::Bytes)
        .timestamp(DateTime::from_secs(MIDNIGHT + hour * 3600))
        .build()
}

#[tokio::test]
async fn moto_does_not_speak_the_sdks_protocol() {
    let cloud = cloud().await;
    let moto = Client::new(
        &cloud
            .sdk_config()
            .to_builder()
            .endpoint_url(cloud.moto_url())
            .build(),
    );
    let error = moto.list_metrics().send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 404);
}

#[tokio::test]
async fn a_days_metric_is_summed_by_its_dimension() {
    let cloud = cloud().await;
    let client = Client::new(&cloud.sdk_config());
    // Enough for one day that the SDK compresses the request.
    let many = (0..200)
        .map(|_| datum("nat-1", 1, 1.0))
        .chain([datum("nat-1", 30, 40.0), datum("nat-2", 2, 7.0)])
        .collect();
    client
        .put_metric_data()
        .namespace("AWS/NATGateway")
        .set_metric_data(Some(many))
        .send()
        .await
        .unwrap();

    let metric = Metric::builder()
        .namespace("AWS/NATGateway")
        .metric_name("BytesInFromSource")
        .dimensions(nat("nat-1"))
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(86400)
        .stat("Sum")
        .build();
    let query = MetricDataQuery::builder()
        .id("bytes")
        .metric_stat(stat)
        .build();
    let data = client
        .get_metric_data()
        .metric_data_queries(query)
        .start_time(DateTime::from_secs(MIDNIGHT));
    let data = data
        .end_time(DateTime::from_secs(MIDNIGHT + 2 * DAY))
        .send()
        .await
        .unwrap();
    let result = &data.metric_data_results()[0];
    let mut days: Vec<_> = result
        .timestamps()
        .iter()
        .map(DateTime::secs)
        .zip(result.values().iter().copied())
        .collect();
    days.sort_by_key(|(day, _)| *day);
    assert_eq!(days, [(MIDNIGHT, 200.0), (MIDNIGHT + DAY, 40.0)]);

    let sum = client
        .get_metric_statistics()
        .namespace("AWS/NATGateway")
        .metric_name("BytesInFromSource")
        .dimensions(nat("nat-2"));
    let sum = sum
        .start_time(DateTime::from_secs(MIDNIGHT))
        .end_time(DateTime::from_secs(MIDNIGHT + DAY))
        .period(86400);
    let sum = sum.statistics(Statistic::Sum).send().await.unwrap();
    assert_eq!(sum.datapoints()[0].sum(), Some(7.0));
}

#[tokio::test]
async fn an_error_of_moto_reads_as_one_of_aws() {
    let cloud = cloud().await;
    let client = Client::new(&cloud.sdk_config());
    let backwards = client
        .get_metric_data()
        .start_time(DateTime::from_secs(DAY))
        .end_time(DateTime::from_secs(0));
    let error = backwards
        .set_metric_data_queries(Some(Vec::new()))
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
    assert_eq!(
        error.message(),
        Some("The parameter EndTime must be greater than StartTime.")
    );
}
