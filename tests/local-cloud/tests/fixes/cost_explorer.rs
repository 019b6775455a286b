use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::operation::get_cost_and_usage::builders::GetCostAndUsageFluentBuilder;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity, GroupDefinition,
    GroupDefinitionType, ResultByTime,
};
use jiff::civil::{Date, date};
use local_cloud::{CostLine, LocalCloud};
use rust_decimal::Decimal;

use super::vpc::cloud;

/// Five days: NAT bytes and hours in us-east-1, NAT bytes in eu-west-1, S3.
fn put_bill(cloud: &LocalCloud) {
    for day in date(2026, 1, 1).series(jiff::Span::new().days(1)).take(5) {
        let lines = [
            (
                "NatGateway-Bytes",
                "us-east-1",
                "EC2 - Other",
                "100.5",
                "4.5225",
            ),
            ("NatGateway-Hours", "us-east-1", "EC2 - Other", "24", "1.08"),
            (
                "EU-NatGateway-Bytes",
                "eu-west-1",
                "EC2 - Other",
                "10",
                "0.48",
            ),
            (
                "TimedStorage-ByteHrs",
                "us-east-1",
                "Amazon Simple Storage Service",
                "5",
                "0.1",
            ),
        ];
        for (usage_type, region, service, quantity, cost) in lines {
            cloud.cost_explorer().put(CostLine {
                day,
                usage_type: usage_type.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
                usage_quantity: quantity.parse().unwrap(),
                cost: cost.parse().unwrap(),
                estimated: day == date(2026, 1, 5),
            });
        }
    }
}

fn query(client: &Client, start: Date, end: Date) -> GetCostAndUsageFluentBuilder {
    let period = DateInterval::builder()
        .start(start.to_string())
        .end(end.to_string())
        .build()
        .unwrap();
    client
        .get_cost_and_usage()
        .time_period(period)
        .granularity(Granularity::Daily)
        .metrics("UnblendedCost")
        .metrics("UsageQuantity")
}

fn is(key: Dimension, values: &[&str]) -> Expression {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Expression::builder()
        .dimensions(
            DimensionValues::builder()
                .key(key)
                .set_values(Some(values))
                .build(),
        )
        .build()
}

fn group(key: &str) -> GroupDefinition {
    GroupDefinition::builder()
        .r#type(GroupDefinitionType::Dimension)
        .key(key)
        .build()
}

async fn results(query: GetCostAndUsageFluentBuilder) -> Vec<ResultByTime> {
    query.send().await.unwrap().results_by_time.unwrap()
}

fn total(day: &ResultByTime, metric: &str) -> (Decimal, String) {
    let value = &day.total().unwrap()[metric];
    (
        value.amount().unwrap().parse().unwrap(),
        value.unit().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn moto_answers_nothing_of_what_was_asked() {
    let cloud = cloud().await;
    let client = Client::new(
        &cloud
            .sdk_config()
            .to_builder()
            .endpoint_url(cloud.moto_url())
            .build(),
    );
    let days = results(query(&client, date(2026, 1, 1), date(2026, 1, 4))).await;
    assert_ne!(days.len(), 3, "one result a day, were the period read");
}

#[tokio::test]
async fn the_end_is_exclusive_and_filters_are_exact() {
    let cloud = cloud().await;
    put_bill(&cloud);
    let client = Client::new(&cloud.sdk_config());
    let nat = is(Dimension::UsageType, &["NatGateway-Bytes"]);
    let days = results(query(&client, date(2026, 1, 2), date(2026, 1, 4)).filter(nat)).await;
    let starts: Vec<_> = days
        .iter()
        .map(|day| day.time_period().unwrap().start())
        .collect();
    assert_eq!(starts, ["2026-01-02", "2026-01-03"]);
    assert_eq!(
        total(&days[0], "UnblendedCost"),
        ("4.5225".parse().unwrap(), "USD".to_owned())
    );
    assert_eq!(
        total(&days[0], "UsageQuantity"),
        ("100.5".parse().unwrap(), "GB".to_owned())
    );
}

#[tokio::test]
async fn expressions_combine_and_a_sum_over_units_has_none() {
    let cloud = cloud().await;
    put_bill(&cloud);
    let client = Client::new(&cloud.sdk_config());
    let other = is(Dimension::Service, &["EC2 - Other"]);
    let not_eu = Expression::builder()
        .not(is(Dimension::Region, &["eu-west-1"]))
        .build();
    let both = Expression::builder().and(other).and(not_eu).build();
    let days = results(query(&client, date(2026, 1, 1), date(2026, 1, 2)).filter(both)).await;
    assert_eq!(
        total(&days[0], "UnblendedCost").0,
        "5.6025".parse().unwrap()
    );
    assert_eq!(total(&days[0], "UsageQuantity").1, "N/A");
    let either = Expression::builder()
        .or(is(Dimension::Region, &["eu-west-1"]))
        .or(is(Dimension::Service, &["Amazon Simple Storage Service"]))
        .build();
    let days = results(query(&client, date(2026, 1, 1), date(2026, 1, 2)).filter(either)).await;
    assert_eq!(total(&days[0], "UnblendedCost").0, "0.58".parse().unwrap());
}

#[tokio::test]
async fn groups_have_no_total_and_come_on_pages_that_are_counted() {
    let cloud = cloud().await;
    put_bill(&cloud);
    cloud.cost_explorer().set_page_size(3);
    let client = Client::new(&cloud.sdk_config());
    let grouped = query(&client, date(2026, 1, 1), date(2026, 1, 6))
        .group_by(group("REGION"))
        .group_by(group("USAGE_TYPE"));
    let (mut cells, mut token) = (Vec::new(), None);
    loop {
        let page = grouped
            .clone()
            .set_next_page_token(token)
            .send()
            .await
            .unwrap();
        for day in page.results_by_time() {
            assert!(day.total().unwrap().is_empty());
            assert_eq!(
                day.estimated(),
                day.time_period().unwrap().start() == "2026-01-05"
            );
            cells.extend(day.groups().iter().map(|group| {
                (
                    day.time_period().unwrap().start().to_owned(),
                    group.keys().to_vec(),
                )
            }));
        }
        token = page.next_page_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(cells.len(), 20);
    assert_eq!(
        cells[0],
        (
            "2026-01-01".to_owned(),
            vec!["eu-west-1".to_owned(), "EU-NatGateway-Bytes".to_owned()]
        )
    );
    assert_eq!(cloud.cost_explorer().pages_served(), 7);
}

#[tokio::test]
async fn a_filter_that_matches_nothing_is_empty_and_no_error() {
    let cloud = cloud().await;
    put_bill(&cloud);
    let client = Client::new(&cloud.sdk_config());
    let nothing = || {
        query(&client, date(2026, 1, 1), date(2026, 1, 2))
            .filter(is(Dimension::UsageType, &["RegionalNatGateway-Bytes"]))
    };
    assert_eq!(
        total(&results(nothing()).await[0], "UnblendedCost").0,
        Decimal::ZERO
    );
    let grouped = results(nothing().group_by(group("REGION"))).await;
    assert!(grouped[0].groups().is_empty() && grouped[0].total().unwrap().is_empty());
}

#[tokio::test]
async fn what_the_api_would_refuse_is_refused() {
    let cloud = cloud().await;
    put_bill(&cloud);
    let client = Client::new(&cloud.sdk_config());
    let whole = || query(&client, date(2026, 1, 1), date(2026, 1, 6));
    let three = whole()
        .group_by(group("REGION"))
        .group_by(group("SERVICE"))
        .group_by(group("USAGE_TYPE"));
    for refused in [
        three,
        query(&client, date(2026, 1, 2), date(2026, 1, 2)),
        whole().next_page_token("page-999"),
        whole().group_by(group("MOON")),
    ] {
        let error = refused.send().await.unwrap_err();
        assert_eq!(
            aws_sdk_costexplorer::error::ProvideErrorMetadata::code(&error),
            Some("ValidationException")
        );
    }
}
