//! The world in a real local cloud: three views of one day agree, and the network decides the way.

use std::io::Read as _;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_sdk_ec2::types::VpcEndpointType;
use flate2::read::MultiGzDecoder;
use jiff::civil::date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::*;

const LEAK_DAY: Date = date(2026, 10, 13);

/// AWS's published ranges, where the caller names them.
#[expect(
    clippy::disallowed_methods,
    reason = "tests run with and without the file"
)]
fn ip_ranges() -> Option<PathBuf> {
    std::env::var_os("IP_RANGES")
        .map(PathBuf::from)
        .filter(|path| path.is_file())
}

async fn world(name: &str) -> (LocalCloud, World) {
    let cloud = LocalCloud::builder(name).start().await.unwrap();
    let settings = WorldSettings {
        seed: 7,
        leak_day: LEAK_DAY,
        ip_ranges: ip_ranges(),
    };
    let world = World::build(&cloud, settings).await.unwrap();
    (cloud, world)
}

/// Bytes of the legs that name both ends, A and D, in the files of the bucket: counted here on its own terms.
async fn logged_bytes(world: &World) -> u64 {
    let listed = world
        .s3
        .list_objects_v2()
        .bucket(&world.flow_logs_bucket)
        .send()
        .await
        .unwrap();
    let mut sum = 0;
    for object in listed.contents() {
        let body = world
            .s3
            .get_object()
            .bucket(&world.flow_logs_bucket)
            .key(object.key().unwrap())
            .send()
            .await
            .unwrap();
        let mut text = String::new();
        let bytes = body.body.collect().await.unwrap().into_bytes();
        MultiGzDecoder::new(bytes.as_ref())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text.lines().next(), Some(flow_log::FORMAT));
        for line in text
            .lines()
            .skip(1)
            .filter(|line| line.contains(" ACCEPT OK "))
        {
            let words: Vec<&str> = line.split(' ').collect();
            let column = |name: &str| {
                words[flow_log::FORMAT
                    .split(' ')
                    .position(|field| field == name)
                    .unwrap()]
            };
            let (source_is_packets, destination_is_packets) = (
                column("srcaddr") == column("pkt-srcaddr"),
                column("dstaddr") == column("pkt-dstaddr"),
            );
            if source_is_packets != destination_is_packets {
                sum += column("bytes").parse::<u64>().unwrap();
            }
        }
    }
    sum
}

async fn metric_bytes(world: &World, nat: &str, name: &str) -> f64 {
    let dimension = Dimension::builder().name("NatGatewayId").value(nat).build();
    let metric = Metric::builder()
        .namespace("AWS/NATGateway")
        .metric_name(name)
        .dimensions(dimension)
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(86_400)
        .stat("Sum")
        .build();
    let query = MetricDataQuery::builder()
        .id("bytes")
        .metric_stat(stat)
        .build();
    let midnight = LEAK_DAY
        .to_zoned(jiff::tz::TimeZone::UTC)
        .unwrap()
        .timestamp()
        .as_second();
    let ask = world
        .cloudwatch
        .get_metric_data()
        .metric_data_queries(query);
    let ask = ask
        .start_time(DateTime::from_secs(midnight))
        .end_time(DateTime::from_secs(midnight + 86_400));
    let answer = ask.send().await.unwrap();
    answer.metric_data_results()[0].values().iter().sum()
}

#[tokio::test]
async fn flow_logs_metrics_and_bill_of_a_day_agree_to_the_byte() {
    let (cloud, world) = world("world-day").await;
    let day = world.day(LEAK_DAY).await.unwrap();
    world.publish_flow_logs(&day).await.unwrap();
    world.publish_metrics(&day).await.unwrap();
    world.publish_bill(cloud.cost_explorer(), &day, false);
    let truth = day.nat_bytes();
    assert_eq!(logged_bytes(&world).await, truth);
    let mut measured = 0.0;
    for nat in &world.ids.nats {
        measured += metric_bytes(&world, &nat.id, "BytesInFromSource").await;
        measured += metric_bytes(&world, &nat.id, "BytesOutToSource").await;
    }
    assert_eq!(measured.to_u64(), Some(truth));
    let ask = serde_json::json!({
        "TimePeriod": {"Start": "2026-10-13", "End": "2026-10-14"}, "Granularity": "DAILY", "Metrics": ["UsageQuantity"],
        "Filter": {"Dimensions": {"Key": "USAGE_TYPE", "Values": ["NatGateway-Bytes"]}},
    });
    let ask = reqwest::Client::new()
        .post(cloud.endpoint_url())
        .body(ask.to_string());
    let ask = ask.header("x-amz-target", "AWSInsightsIndexService.GetCostAndUsage");
    let ask = ask.header(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=testing/20261014/us-east-1/ce/aws4_request",
    );
    let answer: serde_json::Value = ask.send().await.unwrap().json().await.unwrap();
    let billed: Decimal = answer["ResultsByTime"][0]["Total"]["UsageQuantity"]["Amount"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(
        (billed * Decimal::from(1u64 << 30)).round().to_u64(),
        Some(truth)
    );
    assert_eq!(
        world.flow_log_lines(&day).len(),
        2 * day.flows.len() + 3,
        "two lines a flow, and the gaps"
    );
}

#[tokio::test]
async fn an_endpoint_moves_the_traffic_it_serves_and_no_other() {
    let (_cloud, world) = world("world-paths").await;
    let before = world.day(LEAK_DAY).await.unwrap();
    assert!(
        before
            .by_path()
            .keys()
            .all(|path| matches!(path, Path::Nat(_))),
        "all of it runs through the NAT gateways"
    );
    let create = world
        .ec2
        .create_vpc_endpoint()
        .vpc_id(&world.ids.vpc)
        .service_name("com.amazonaws.us-east-1.s3");
    let create = create.vpc_endpoint_type(VpcEndpointType::Gateway);
    let table = &world.ids.private_tables[&Zone::A];
    create.route_table_ids(table).send().await.unwrap();
    let after = world.day(LEAK_DAY).await.unwrap();
    let still = |day: &DayTraffic, far_end| {
        day.nat_truth()
            .keys()
            .any(|(_, known, _)| *known == far_end)
    };
    assert!(!still(&after, FarEnd::S3));
    assert!(still(&after, FarEnd::S3Abroad) && still(&after, FarEnd::LambdaApi));
    let sum = |day: &DayTraffic| {
        day.by_path()
            .values()
            .map(|bytes| bytes.total())
            .sum::<u64>()
    };
    assert_eq!(sum(&before), sum(&after), "the same life, by another way");
}

#[tokio::test]
async fn without_the_published_file_documented_ranges_stand_in() {
    let one = Generator::new(7, LEAK_DAY, AddressBook::documented(7));
    let path = std::env::temp_dir().join(format!("world-ranges-{}.json", std::process::id()));
    std::fs::write(&path, AddressBook::documented_file()).unwrap();
    let other = Generator::new(7, LEAK_DAY, AddressBook::from_file(7, &path).unwrap());
    std::fs::remove_file(&path).unwrap();
    let bytes = |generator: &Generator| {
        generator
            .day(LEAK_DAY)
            .iter()
            .map(|flow| flow.bytes)
            .sum::<u64>()
    };
    let (one, other) = (bytes(&one), bytes(&other));
    // Other addresses, other random numbers; the same life.
    assert!(one.abs_diff(other) < one / 20, "{one} {other}");
}
