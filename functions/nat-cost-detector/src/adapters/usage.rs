//! The bill by any two dimensions over a stretch of days: for reports, not for judging.

use std::collections::BTreeMap;

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{Dimension, Group};
use rust_decimal::Decimal;
use tollkeeper::time::Day;

use super::cost_and_usage;
use crate::fault::DetectorError;

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
    /// The currency of the rows' costs: the first that a cost was in; empty where nothing cost anything.
    pub currency: String,
    /// Costs in other currencies, which are in no row: currencies are never added up.
    pub other_currencies: BTreeMap<String, Decimal>,
}

impl Answer {
    /// What is in no row, in words.
    pub fn left_out(&self) -> impl Iterator<Item = String> {
        self.other_currencies.iter().map(|(currency, cost)| {
            format!("{cost} {currency} of the bill are in another currency and not added up")
        })
    }
}

/// Asks the bill.
pub async fn ask(client: &Client, question: Question<'_>) -> Result<Answer, DetectorError> {
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    let mut only = vec![
        (Dimension::Service, owned(question.services)),
        (Dimension::Region, owned(&[question.region])),
    ];
    only.extend(
        question
            .account
            .map(|account| (Dimension::LinkedAccount, owned(&[account]))),
    );
    let asked = cost_and_usage::Question {
        from: question.from,
        to: question.to,
        only,
        by: question.by,
        max_pages: question.max_pages,
    };
    let mut answer = Answer::default();
    let mut pages = 0;
    cost_and_usage::ask(client, asked, &mut pages, |result| {
        answer.estimated |= result.estimated();
        result
            .groups()
            .iter()
            .try_for_each(|group| add(&mut answer, group))
    })
    .await?;
    answer.pages = pages;
    Ok(answer)
}

fn add(answer: &mut Answer, group: &Group) -> Result<(), DetectorError> {
    let key = cost_and_usage::keys(group)?.map(str::to_owned);
    let amounts = cost_and_usage::amounts(group)?;
    let used = answer.rows.entry(key).or_default();
    used.quantity += amounts.quantity;
    if amounts.cost.is_zero() {
        return Ok(());
    }
    let currency = amounts.currency.unwrap_or_default();
    if answer.currency.is_empty() {
        currency.clone_into(&mut answer.currency);
    }
    if answer.currency == currency {
        used.cost += amounts.cost;
    } else {
        let other = answer.other_currencies.entry(currency.to_owned());
        *other.or_default() += amounts.cost;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_costexplorer::operation::get_cost_and_usage::GetCostAndUsageOutput;
    use aws_sdk_costexplorer::types::{MetricValue, ResultByTime};
    use tollkeeper::error::Fault;

    fn page(rows: &[(&str, &str, &str)], next: Option<&str>) -> GetCostAndUsageOutput {
        page_in("USD", rows, next)
    }

    fn page_in(
        currency: &str,
        rows: &[(&str, &str, &str)],
        next: Option<&str>,
    ) -> GetCostAndUsageOutput {
        let metric =
            |amount: &str, unit: &str| MetricValue::builder().amount(amount).unit(unit).build();
        let mut result = ResultByTime::builder().estimated(false);
        for (account, usage_type, cost) in rows {
            let group = Group::builder()
                .keys(*account)
                .keys(*usage_type)
                .metrics("UsageQuantity", metric("2", "GB"))
                .metrics("UnblendedCost", metric(cost, currency));
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
                    && request.filter().unwrap().and().len() == 3
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

    #[tokio::test]
    async fn small_amounts_are_read_and_currencies_never_added_up() {
        let row = [("1", "NatGateway-Bytes", "4.5E-7")];
        let dollars = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
            .then_output(move || page(&row, Some("more")));
        let yuan = aws_smithy_mocks::mock!(Client::get_cost_and_usage)
            .then_output(move || page_in("CNY", &row, None));
        let client = mocked!(aws_sdk_costexplorer, [&dollars, &yuan]);
        let answer = ask(&client, question()).await.unwrap();
        let small = Decimal::new(45, 8);
        let rows: Vec<_> = answer.rows.values().collect();
        assert_eq!(
            rows,
            [&Used {
                quantity: Decimal::from(4),
                cost: small
            }]
        );
        assert_eq!(answer.currency, "USD");
        assert_eq!(
            answer.other_currencies,
            BTreeMap::from([("CNY".to_owned(), small)])
        );
    }
}
