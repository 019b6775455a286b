//! The bill by any two dimensions over a stretch of days: for reports, not for judging.
//!
//! One question costs $0.01 a page. Source:
//! <https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html>

use std::collections::BTreeMap;

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity, Group, GroupDefinition,
    GroupDefinitionType,
};
use rust_decimal::Decimal;
use tollkeeper::time::Day;

use crate::fault::{CallError, DetectorError};

const OPERATION: &str = "ce:GetCostAndUsage";

/// What is asked of the bill.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Services as the bill spells them.
    pub services: &'a [&'a str],
    /// Region.
    pub region: &'a str,
    /// One account; all that the caller's bill shows where there is none.
    pub account: Option<&'a str>,
    /// The two dimensions to group by.
    pub by: [&'static str; 2],
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Most pages to ask for.
    pub max_pages: u32,
}

/// What was used, and what it cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// In the usage type's unit.
    pub quantity: Decimal,
    /// Unblended, in the bill's currency.
    pub cost: Decimal,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Sums over the days, by the two dimensions' values.
    pub rows: BTreeMap<[String; 2], Used>,
    /// Pages asked for.
    pub pages: u32,
    /// Whether a day of it may still change.
    pub estimated: bool,
    /// The bill's currency; empty where nothing was used.
    pub currency: String,
}

/// Asks the bill.
pub async fn ask(client: &Client, question: Question<'_>) -> Result<Answer, DetectorError> {
    let mut answer = Answer::default();
    let mut token: Option<String> = None;
    loop {
        if answer.pages == question.max_pages {
            return Err(DetectorError::TooManyPages(question.max_pages));
        }
        let reply = client
            .get_cost_and_usage()
            .time_period(interval(question)?)
            .granularity(Granularity::Daily)
            .metrics("UsageQuantity")
            .metrics("UnblendedCost")
            .filter(filter(question))
            .set_group_by(Some(question.by.map(dimension).to_vec()))
            .set_next_page_token(token.take())
            .send()
            .await
            .map_err(|error| CallError::of(OPERATION, &error))?;
        answer.pages += 1;
        for result in reply.results_by_time() {
            answer.estimated |= result.estimated();
            for group in result.groups() {
                add(&mut answer, group)?;
            }
        }
        match reply.next_page_token {
            Some(next) if !next.is_empty() => token = Some(next),
            _ => return Ok(answer),
        }
    }
}

fn interval(question: Question<'_>) -> Result<DateInterval, DetectorError> {
    DateInterval::builder()
        .start(question.from.to_string())
        .end(question.to.next().to_string())
        .build()
        .map_err(|error| DetectorError::BillShape(error.to_string()))
}

fn dimension(key: &'static str) -> GroupDefinition {
    GroupDefinition::builder()
        .r#type(GroupDefinitionType::Dimension)
        .key(key)
        .build()
}

fn filter(question: Question<'_>) -> Expression {
    let one = |key: Dimension, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let values = DimensionValues::builder().key(key).set_values(Some(values));
        Expression::builder().dimensions(values.build()).build()
    };
    let mut filter = Expression::builder()
        .and(one(Dimension::Service, question.services))
        .and(one(Dimension::Region, &[question.region]));
    if let Some(account) = question.account {
        filter = filter.and(one(Dimension::LinkedAccount, &[account]));
    }
    filter.build()
}

fn add(answer: &mut Answer, group: &Group) -> Result<(), DetectorError> {
    let [first, second] = group.keys() else {
        let keys = group.keys().len();
        return Err(DetectorError::BillShape(format!(
            "a group of {keys} keys, two were asked for"
        )));
    };
    let used = answer
        .rows
        .entry([first.clone(), second.clone()])
        .or_default();
    used.quantity += amount(group, "UsageQuantity")?;
    used.cost += amount(group, "UnblendedCost")?;
    let cost = group
        .metrics()
        .and_then(|metrics| metrics.get("UnblendedCost"));
    if let Some(currency) = cost.and_then(|cost| cost.unit()) {
        currency.clone_into(&mut answer.currency);
    }
    Ok(())
}

fn amount(group: &Group, metric: &str) -> Result<Decimal, DetectorError> {
    let metrics = group.metrics();
    let text = metrics
        .and_then(|metrics| metrics.get(metric))
        .and_then(|value| value.amount())
        .unwrap_or("0");
    text.parse()
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| DetectorError::BillShape(format!("{metric} `{text}`, which is no number")))
}

/// Whether a usage type is this one behind its region's prefix (`EU-`, `USE1-`).
pub fn is(usage_type: &str, name: &str) -> bool {
    usage_type.strip_suffix(name).is_some_and(|prefix| {
        let code = prefix.strip_suffix('-').unwrap_or(prefix);
        (prefix.is_empty() || prefix.ends_with('-'))
            && code
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_costexplorer::operation::get_cost_and_usage::GetCostAndUsageOutput;
    use aws_sdk_costexplorer::types::{MetricValue, ResultByTime};
    use tollkeeper::error::Fault;

    fn page(rows: &[(&str, &str, &str)], next: Option<&str>) -> GetCostAndUsageOutput {
        let metric =
            |amount: &str, unit: &str| MetricValue::builder().amount(amount).unit(unit).build();
        let mut result = ResultByTime::builder().estimated(false);
        for (account, usage_type, cost) in rows {
            let group = Group::builder()
                .keys(*account)
                .keys(*usage_type)
                .metrics("UsageQuantity", metric("2", "GB"))
                .metrics("UnblendedCost", metric(cost, "USD"));
            result = result.groups(group.build());
        }
        GetCostAndUsageOutput::builder()
            .results_by_time(result.build())
            .set_next_page_token(next.map(str::to_owned))
            .build()
    }

    fn question() -> Question<'static> {
        Question {
            services: &["EC2 - Other"],
            region: "us-east-1",
            account: None,
            by: ["LINKED_ACCOUNT", "USAGE_TYPE"],
            from: "2026-10-01".parse().unwrap(),
            to: "2026-10-13".parse().unwrap(),
            max_pages: 3,
        }
    }

    #[tokio::test]
    async fn days_and_pages_are_added_up_by_both_dimensions() {
        let first = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
            .match_requests(|request| {
                let period = request.time_period().unwrap();
                request.next_page_token().is_none()
                    && (period.start(), period.end()) == ("2026-10-01", "2026-10-14")
                    && request.group_by().len() == 2
                    && request.filter().unwrap().and().len() == 2
            })
            .then_output(|| {
                page(
                    &[
                        ("1", "NatGateway-Bytes", "1.50"),
                        ("2", "NatGateway-Bytes", "4"),
                    ],
                    Some("more"),
                )
            });
        let second = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
            .match_requests(|request| request.next_page_token() == Some("more"))
            .then_output(|| page(&[("1", "NatGateway-Bytes", "0.25")], None));
        let client = mocked!(aws_sdk_costexplorer, [&first, &second]);
        let answer = ask(&client, question()).await.unwrap();
        let key = ["1".to_owned(), "NatGateway-Bytes".to_owned()];
        assert_eq!(answer.rows[&key].cost, Decimal::new(175, 2));
        assert_eq!(answer.rows[&key].quantity, Decimal::from(4));
        assert_eq!((answer.pages, answer.currency.as_str()), (2, "USD"));
    }

    #[tokio::test]
    async fn a_bill_of_too_many_pages_is_an_error_not_a_part_of_it() {
        let endless = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
            .sequence()
            .output(|| page(&[], Some("more")))
            .repeatedly()
            .build();
        let client = mocked!(aws_sdk_costexplorer, [&endless]);
        let error = ask(&client, question()).await.unwrap_err();
        assert_eq!(error.fault_type(), "CostExplorer.TooManyPages");
    }

    #[test]
    fn usage_types_are_matched_exactly_behind_the_prefix() {
        assert!(
            is("NatGateway-Bytes", "NatGateway-Bytes")
                && is("EU-NatGateway-Bytes", "NatGateway-Bytes")
        );
        for other in [
            "RegionalNatGateway-Bytes",
            "EU-RegionalNatGateway-Bytes",
            "xNatGateway-Bytes",
        ] {
            assert!(!is(other, "NatGateway-Bytes"), "{other}");
        }
    }
}
