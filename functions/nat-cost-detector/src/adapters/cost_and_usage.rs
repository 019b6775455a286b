//! One question to Cost Explorer's `GetCostAndUsage`, page after page.
//!
//! $0.01 a page, and the SDK tries a page up to three times; `End` is exclusive; amounts are text. Only usage records
//! are asked for: credits, refunds, taxes, fees and discounts are other record types. This module refuses to know what
//! the groups mean.
//! Source: <https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html>

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity, Group, GroupDefinition,
    GroupDefinitionType, MetricValue, ResultByTime,
};
use rust_decimal::Decimal;
use tollkeeper::time::Day;

use crate::fault::{CallError, DetectorError};

const OPERATION: &str = "ce:GetCostAndUsage";
const QUANTITY: &str = "UsageQuantity";
const COST: &str = "UnblendedCost";
/// What was used, as against credits, refunds, taxes, fees and discounts.
const RECORD_TYPE: &str = "Usage";

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// First day.
    pub(super) from: Day,
    /// Last day.
    pub(super) to: Day,
    /// Values that dimensions may have; all must hold.
    pub(super) only: Vec<(Dimension, Vec<String>)>,
    /// The two dimensions to group by.
    pub(super) by: [&'static str; 2],
    /// Most pages to ask for, those in `pages` already included.
    pub(super) max_pages: u32,
}

/// A group's figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amounts<'a> {
    /// In the usage type's unit.
    pub(super) quantity: Decimal,
    /// Unblended.
    pub(super) cost: Decimal,
    /// Of the cost, `USD`; absent where the bill does not say.
    pub(super) currency: Option<&'a str>,
}

/// Hands the days of every page to `each`. `pages` is raised with every page asked for, also where the outcome is an
/// error: each costs a cent. A day's groups may be spread over pages.
pub(super) async fn ask(
    client: &Client,
    question: Question,
    pages: &mut u32,
    mut each: impl FnMut(&ResultByTime) -> Result<(), DetectorError>,
) -> Result<(), DetectorError> {
    let period = DateInterval::builder()
        .start(question.from.to_string())
        .end(question.to.next().to_string())
        .build()
        .map_err(|error| DetectorError::BillShape(error.to_string()))?;
    let filter = filter(question.only);
    let mut token: Option<String> = None;
    loop {
        if *pages >= question.max_pages {
            return Err(DetectorError::TooManyPages(question.max_pages));
        }
        *pages += 1;
        let reply = client
            .get_cost_and_usage()
            .time_period(period.clone())
            .granularity(Granularity::Daily)
            .metrics(QUANTITY)
            .metrics(COST)
            .filter(filter.clone())
            .set_group_by(Some(question.by.map(dimension).to_vec()))
            .set_next_page_token(token.take())
            .send()
            .await
            .map_err(|error| CallError::of(OPERATION, &error))?;
        reply.results_by_time().iter().try_for_each(&mut each)?;
        match reply.next_page_token {
            Some(next) if !next.is_empty() => token = Some(next),
            _ => return Ok(()),
        }
    }
}

fn filter(only: Vec<(Dimension, Vec<String>)>) -> Expression {
    let usage = (Dimension::RecordType, vec![RECORD_TYPE.to_owned()]);
    let each = only.into_iter().chain([usage]).map(|(key, values)| {
        let values = DimensionValues::builder().key(key).set_values(Some(values));
        Expression::builder().dimensions(values.build()).build()
    });
    Expression::builder().set_and(Some(each.collect())).build()
}

fn dimension(key: &'static str) -> GroupDefinition {
    GroupDefinition::builder()
        .r#type(GroupDefinitionType::Dimension)
        .key(key)
        .build()
}

/// The day a result is of.
pub(super) fn day(result: &ResultByTime) -> Result<Day, DetectorError> {
    let start = result
        .time_period()
        .map(DateInterval::start)
        .unwrap_or_default();
    start
        .parse()
        .map_err(|_| DetectorError::BillShape(format!("a period that starts on `{start}`")))
}

/// The values of the two dimensions.
pub(super) fn keys(group: &Group) -> Result<[&str; 2], DetectorError> {
    match group.keys() {
        [first, second] => Ok([first, second]),
        keys => Err(DetectorError::BillShape(format!(
            "a group of {} key(s), two were asked for",
            keys.len()
        ))),
    }
}

/// The figures; what is absent is nothing.
pub(super) fn amounts(group: &Group) -> Result<Amounts<'_>, DetectorError> {
    let value = |metric| group.metrics().and_then(|metrics| metrics.get(metric));
    Ok(Amounts {
        quantity: amount(QUANTITY, value(QUANTITY))?,
        cost: amount(COST, value(COST))?,
        currency: value(COST).and_then(MetricValue::unit),
    })
}

/// Small amounts are written `1.5E-7`.
fn amount(metric: &str, value: Option<&MetricValue>) -> Result<Decimal, DetectorError> {
    let text = value.and_then(MetricValue::amount).unwrap_or("0");
    text.parse()
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| DetectorError::BillShape(format!("{metric} `{text}`, which is no number")))
}
