use super::*;
use crate::adapters::mocked;
use aws_sdk_costexplorer::operation::get_cost_and_usage::GetCostAndUsageOutput;
use aws_sdk_costexplorer::types::{DateInterval, Group, MetricValue};
use tollkeeper::error::Fault;
use tollkeeper::prices::{self, BYTES_PER_GB};

const OWN: &str = "123456789012";
const OTHER: &str = "210987654321";

/// A row: usage type, account, quantity, cost and its currency.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn result(day: &str, rows: &[Row<'_>], estimated: bool) -> ResultByTime {
    let day: Day = day.parse().unwrap();
    let mut result = ResultByTime::builder()
        .time_period(
            DateInterval::builder()
                .start(day.to_string())
                .end(day.next().to_string())
                .build()
                .unwrap(),
        )
        .estimated(estimated);
    for (usage_type, account, quantity, cost, currency) in rows {
        let metric =
            |amount: &str, unit: &str| MetricValue::builder().amount(amount).unit(unit).build();
        result = result.groups(
            Group::builder()
                .keys(*usage_type)
                .keys(*account)
                .metrics("UsageQuantity", metric(quantity, "GB"))
                .metrics("UnblendedCost", metric(cost, currency))
                .build(),
        );
    }
    result.build()
}

async fn ask(client: &Client, max_pages: u32, pages: &mut u32) -> Result<Bills, DetectorError> {
    let scope = Scope {
        accounts: &[OWN.to_owned(), OTHER.to_owned()],
        regions: &["eu-west-1", "us-east-1"].map(|region| prices::for_region(region).unwrap()),
        max_pages,
    };
    let (from, to) = ("2026-10-12".parse().unwrap(), "2026-10-13".parse().unwrap());
    bills(client, scope, from, to, pages).await
}

#[tokio::test]
async fn one_answer_holds_the_bills_of_all_accounts_and_regions() {
    let first = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
        .match_requests(|request| {
            let period = request.time_period().unwrap();
            request.next_page_token().is_none()
                && period.end() == "2026-10-14"
                && request.group_by().len() == 2
        })
        .then_output(|| {
            GetCostAndUsageOutput::builder()
                .results_by_time(result(
                    "2026-10-12",
                    &[
                        ("EU-NatGateway-Bytes", OWN, "10.5", "0.504", "USD"),
                        ("EU-RegionalNatGateway-Bytes", OWN, "7", "0.336", "USD"),
                        ("EU-NatGateway-Prvd-Bytes", OWN, "5", "0", "USD"),
                        ("EU-NatGateway-Prvd-Gbps", OWN, "24", "27.9", "USD"),
                        ("EU-NatGateway-Hours", OWN, "48", "2.304", "USD"),
                        ("NatGateway-Bytes", OWN, "1", "0.045", "USD"),
                        ("EU-NatGateway-Bytes", OTHER, "3", "0.144", "USD"),
                        ("EU-EBS:VolumeUsage.gp3", OWN, "100", "8", "USD"),
                        ("EU-NatGateway-Bytes", "999999999999", "99", "9", "USD"),
                    ],
                    false,
                ))
                .next_page_token("more")
                .build()
        });
    let second = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
        .match_requests(|request| request.next_page_token() == Some("more"))
        .then_output(|| {
            GetCostAndUsageOutput::builder()
                .results_by_time(result(
                    "2026-10-12",
                    &[("EU-VpcEndpoint-Hours", OWN, "24", "0.264", "USD")],
                    false,
                ))
                .results_by_time(result("2026-10-13", &[], true))
                .build()
        });
    let client = mocked!(aws_sdk_costexplorer, [&first, &second]);
    let mut pages = 0;
    let bills = ask(&client, 20, &mut pages).await.unwrap();
    assert_eq!((pages, bills.pages), (2, 2));
    let own = bills.of(OWN, "eu-west-1").unwrap();
    let days: Vec<&BillDay> = own.days.values().collect();
    assert_eq!(days[0].quantity(UsageType::NatBytes), 21 * BYTES_PER_GB / 2);
    assert_eq!(days[0].quantity(UsageType::RegionalBytes), 7 * BYTES_PER_GB);
    assert_eq!(days[0].quantity(UsageType::NatProvisionedGbps), 24);
    assert_eq!(days[0].nat_bytes(), 45 * BYTES_PER_GB / 2);
    assert_eq!(days[0].nat_bytes_cost.to_string(), "0.840");
    assert_eq!(days[0].nat_hours_cost.to_string(), "30.204");
    assert_eq!(days[0].endpoints_cost.to_string(), "0.264");
    assert!(!days[0].estimated && days[1].estimated);
    assert_eq!(days[1].nat_bytes(), 0);
    let quantity = |account: &str, region: &str| {
        bills.of(account, region).unwrap().days[&"2026-10-12".parse().unwrap()].nat_bytes()
            / BYTES_PER_GB
    };
    assert_eq!(
        (quantity(OWN, "us-east-1"), quantity(OTHER, "eu-west-1")),
        (1, 3)
    );
    assert_eq!(quantity(OTHER, "us-east-1"), 0, "known to be nothing");
    assert_eq!(
        bills.of("999999999999", "eu-west-1"),
        None,
        "nobody asked for it"
    );
}

#[tokio::test]
async fn only_usage_records_of_exact_names_are_asked_for() {
    let rule = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
        .match_requests(|request| {
            let filters = request.filter().unwrap().and();
            let values = |key: &Dimension| {
                let found = filters
                    .iter()
                    .filter_map(|one| one.dimensions())
                    .find(|one| one.key() == Some(key));
                found.unwrap().values().to_vec()
            };
            values(&Dimension::RecordType) == ["Usage"]
                && values(&Dimension::LinkedAccount) == [OWN, OTHER]
                && values(&Dimension::UsageType).contains(&"EU-RegionalNatGateway-Bytes".to_owned())
                && !values(&Dimension::UsageType).contains(&"APN1-NatGateway-Bytes".to_owned())
        })
        .then_output(|| GetCostAndUsageOutput::builder().build());
    let client = mocked!(aws_sdk_costexplorer, [&rule]);
    ask(&client, 20, &mut 0).await.unwrap();
}

#[tokio::test]
async fn other_currencies_stay_apart_and_negative_lines_are_remembered() {
    let rule = aws_smithy_mocks::mock!(Client::get_cost_and_usage).then_output(|| {
        GetCostAndUsageOutput::builder()
            .results_by_time(result(
                "2026-10-12",
                &[
                    ("EU-NatGateway-Bytes", OWN, "10", "4.2", "EUR"),
                    ("EU-NatGateway-Bytes", OTHER, "10", "0.48", "USD"),
                    ("EU-NatGateway-Bytes", OTHER, "-2", "-0.096", "USD"),
                ],
                false,
            ))
            .build()
    });
    let bills = ask(&mocked!(aws_sdk_costexplorer, [&rule]), 20, &mut 0)
        .await
        .unwrap();
    let day = "2026-10-12".parse().unwrap();
    let own = bills.of(OWN, "eu-west-1").unwrap();
    assert_eq!(own.days[&day].nat_bytes_cost, Decimal::ZERO);
    assert_eq!(own.other_currencies["EUR"].to_string(), "4.2");
    assert_eq!(
        own.days[&day].nat_bytes(),
        10 * BYTES_PER_GB,
        "the quantity has no currency"
    );
    let other = bills.of(OTHER, "eu-west-1").unwrap();
    assert_eq!(other.negative_days, [day]);
    assert_eq!(other.days[&day].nat_bytes(), 8 * BYTES_PER_GB);
}

#[tokio::test]
async fn a_history_with_too_many_pages_is_an_error_not_a_part_of_it() {
    let page = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
        .sequence()
        .output(|| {
            GetCostAndUsageOutput::builder()
                .next_page_token("more")
                .build()
        })
        .repeatedly()
        .build();
    let client = mocked!(aws_sdk_costexplorer, [&page]);
    let mut pages = 1;
    let error = ask(&client, 3, &mut pages).await.unwrap_err();
    assert_eq!(error.fault_type(), "CostExplorer.TooManyPages");
    assert_eq!(
        (pages, page.num_calls()),
        (3, 2),
        "pages asked for before count too"
    );
}

#[tokio::test]
async fn an_amount_that_is_no_number_is_an_error_that_shows_it() {
    let rule = aws_smithy_mocks::mock!(Client::get_cost_and_usage).then_output(|| {
        let row = ("EU-NatGateway-Bytes", OWN, "many", "1", "USD");
        GetCostAndUsageOutput::builder()
            .results_by_time(result("2026-10-12", &[row], false))
            .build()
    });
    let error = ask(&mocked!(aws_sdk_costexplorer, [&rule]), 20, &mut 0)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Cost Explorer sent UsageQuantity `many`, which is no number"
    );
}
