//! The bill: daily NAT and endpoint usage of one account and region from Cost Explorer.
//!
//! $0.01 a page; `End` is exclusive; amounts are text. Usage types are matched by their exact suffix after the
//! region's prefix: `NatGateway-Bytes` must not also take in `RegionalNatGateway-Bytes`.
//! Source: <https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html>

use std::collections::BTreeMap;

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity, Group, GroupDefinition,
    GroupDefinitionType, ResultByTime,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use tollkeeper::prices::BYTES_PER_GB;
use tollkeeper::time::Day;

use crate::fault::{CallError, DetectorError};

const OPERATION: &str = "ce:GetCostAndUsage";
/// NAT gateways are billed under the first, endpoints under the second.
const SERVICES: [&str; 2] = ["EC2 - Other", "Amazon Virtual Private Cloud"];

/// One day of the bill. Absent usage is zero: the bill lists what was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BillDay {
    /// Bytes processed by zonal NAT gateways.
    pub nat_bytes: u64,
    /// What they cost, unblended dollars.
    pub nat_bytes_cost: Decimal,
    /// What the gateways' hours cost, unblended dollars.
    pub nat_hours_cost: Decimal,
    /// What interface endpoints cost, hours and bytes, unblended dollars.
    pub endpoints_cost: Decimal,
    /// The bill may still change.
    pub estimated: bool,
}

/// A stretch of the bill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bill {
    /// Days the bill knows.
    pub days: BTreeMap<Day, BillDay>,
    /// Pages asked for.
    pub pages: u32,
}

/// Whose bill.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Account: an organisation's payer sees all of them.
    pub account: &'a str,
    /// Region.
    pub region: &'a str,
    /// Most pages to ask for.
    pub max_pages: u32,
}

/// The bill from one day to another, both included.
pub async fn bill(
    client: &Client,
    scope: Scope<'_>,
    from: Day,
    to: Day,
) -> Result<Bill, DetectorError> {
    let mut bill = Bill::default();
    let mut token: Option<String> = None;
    loop {
        if bill.pages == scope.max_pages {
            return Err(DetectorError::TooManyPages(scope.max_pages));
        }
        let reply = client
            .get_cost_and_usage()
            .time_period(interval(from, to.next())?)
            .granularity(Granularity::Daily)
            .metrics("UsageQuantity")
            .metrics("UnblendedCost")
            .filter(filter(scope))
            .group_by(
                GroupDefinition::builder()
                    .r#type(GroupDefinitionType::Dimension)
                    .key("USAGE_TYPE")
                    .build(),
            )
            .set_next_page_token(token.take())
            .send()
            .await
            .map_err(|error| CallError::of(OPERATION, &error))?;
        bill.pages += 1;
        for result in reply.results_by_time() {
            add(&mut bill.days, result)?;
        }
        match reply.next_page_token {
            Some(next) if !next.is_empty() => token = Some(next),
            _ => return Ok(bill),
        }
    }
}

fn interval(from: Day, end: Day) -> Result<DateInterval, DetectorError> {
    DateInterval::builder()
        .start(from.to_string())
        .end(end.to_string())
        .build()
        .map_err(|error| DetectorError::BillShape(error.to_string()))
}

fn filter(scope: Scope<'_>) -> Expression {
    let one = |key: Dimension, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Expression::builder()
            .dimensions(
                DimensionValues::builder()
                    .key(key)
                    .set_values(Some(values))
                    .build(),
            )
            .build()
    };
    Expression::builder()
        .and(one(Dimension::Service, &SERVICES))
        .and(one(Dimension::Region, &[scope.region]))
        .and(one(Dimension::LinkedAccount, &[scope.account]))
        .build()
}

/// A day's groups may be spread over pages: they are added up.
fn add(days: &mut BTreeMap<Day, BillDay>, result: &ResultByTime) -> Result<(), DetectorError> {
    let start = result
        .time_period()
        .map(DateInterval::start)
        .unwrap_or_default();
    let day: Day = start
        .parse()
        .map_err(|_| DetectorError::BillShape(format!("a period that starts on `{start}`")))?;
    let entry = days.entry(day).or_default();
    entry.estimated |= result.estimated();
    for group in result.groups() {
        let usage_type = group.keys().first().map_or("", String::as_str);
        let cost = amount(group, "UnblendedCost")?;
        match suffix(usage_type) {
            Some("NatGateway-Bytes") => {
                let bytes = amount(group, "UsageQuantity")? * Decimal::from(BYTES_PER_GB);
                entry.nat_bytes += bytes.round().to_u64().unwrap_or(0);
                entry.nat_bytes_cost += cost;
            }
            Some("NatGateway-Hours") => entry.nat_hours_cost += cost,
            Some("VpcEndpoint-Hours" | "VpcEndpoint-Bytes") => entry.endpoints_cost += cost,
            _ => {}
        }
    }
    Ok(())
}

/// A usage type without its region's prefix (`EU-`, `APN1-`), if it is one of the four that matter.
fn suffix(usage_type: &str) -> Option<&'static str> {
    [
        "NatGateway-Bytes",
        "NatGateway-Hours",
        "VpcEndpoint-Hours",
        "VpcEndpoint-Bytes",
    ]
    .into_iter()
    .find(|suffix| {
        usage_type.strip_suffix(suffix).is_some_and(|prefix| {
            let code = prefix.strip_suffix('-').unwrap_or(prefix);
            (prefix.is_empty() || prefix.ends_with('-'))
                && code
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        })
    })
}

fn amount(group: &Group, metric: &str) -> Result<Decimal, DetectorError> {
    let text = group
        .metrics()
        .and_then(|metrics| metrics.get(metric))
        .and_then(|value| value.amount())
        .unwrap_or("0");
    text.parse()
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| DetectorError::BillShape(format!("{metric} `{text}`, which is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_costexplorer::operation::get_cost_and_usage::GetCostAndUsageOutput;
    use aws_sdk_costexplorer::types::MetricValue;
    use tollkeeper::error::Fault;

    fn result(day: &str, rows: &[(&str, &str, &str)], estimated: bool) -> ResultByTime {
        let day: Day = day.parse().unwrap();
        let mut result = ResultByTime::builder()
            .time_period(interval(day, day.next()).unwrap())
            .estimated(estimated);
        for (usage_type, quantity, cost) in rows {
            let metric = |amount: &str| MetricValue::builder().amount(amount).build();
            result = result.groups(
                Group::builder()
                    .keys(*usage_type)
                    .metrics("UsageQuantity", metric(quantity))
                    .metrics("UnblendedCost", metric(cost))
                    .build(),
            );
        }
        result.build()
    }

    async fn ask(client: &Client, max_pages: u32) -> Result<Bill, DetectorError> {
        let scope = Scope {
            account: "123456789012",
            region: "eu-west-1",
            max_pages,
        };
        bill(
            client,
            scope,
            "2026-10-12".parse().unwrap(),
            "2026-10-13".parse().unwrap(),
        )
        .await
    }

    #[tokio::test]
    async fn all_pages_are_read_and_only_exact_usage_types_count() {
        let first = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
            .match_requests(|request| {
                let period = request.time_period().unwrap();
                request.next_page_token().is_none() && period.end() == "2026-10-14"
            })
            .then_output(|| {
                GetCostAndUsageOutput::builder()
                    .results_by_time(result(
                        "2026-10-12",
                        &[
                            ("EU-NatGateway-Bytes", "10.5", "0.504"),
                            ("EU-RegionalNatGateway-Bytes", "7", "1"),
                            ("EU-NatGateway-Prvd-Bytes", "7", "1"),
                            ("EU-NatGateway-Hours", "48", "2.304"),
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
                        &[("EU-VpcEndpoint-Hours", "24", "0.264")],
                        false,
                    ))
                    .results_by_time(result("2026-10-13", &[], true))
                    .build()
            });
        let bill = ask(&mocked!(aws_sdk_costexplorer, [&first, &second]), 20)
            .await
            .unwrap();
        assert_eq!(bill.pages, 2);
        let days: Vec<&BillDay> = bill.days.values().collect();
        assert_eq!(days[0].nat_bytes, 21 * BYTES_PER_GB / 2);
        assert_eq!(
            (
                days[0].nat_bytes_cost,
                days[0].nat_hours_cost,
                days[0].endpoints_cost
            ),
            (
                Decimal::new(504, 3),
                Decimal::new(2304, 3),
                Decimal::new(264, 3)
            )
        );
        assert_eq!(
            *days[1],
            BillDay {
                estimated: true,
                ..BillDay::default()
            }
        );
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
        let error = ask(&mocked!(aws_sdk_costexplorer, [&page]), 3)
            .await
            .unwrap_err();
        assert_eq!(error.fault_type(), "CostExplorer.TooManyPages");
    }

    #[test]
    fn usage_types_are_matched_exactly_behind_the_prefix() {
        assert_eq!(suffix("NatGateway-Bytes"), Some("NatGateway-Bytes"));
        assert_eq!(suffix("APN1-VpcEndpoint-Bytes"), Some("VpcEndpoint-Bytes"));
        for other in [
            "RegionalNatGateway-Bytes",
            "EU-RegionalNatGateway-Bytes",
            "NatGateway-Prvd-Bytes",
            "EUNatGateway-Bytes",
        ] {
            assert_eq!(suffix(other), None, "{other}");
        }
    }
}
