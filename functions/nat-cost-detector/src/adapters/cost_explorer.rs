//! The bill: daily NAT and endpoint usage by account and region from Cost Explorer.
//!
//! $0.01 a page; `End` is exclusive; amounts are text; the SDK tries a page up to three times. Only usage types that
//! matter are asked for, by their exact names, so that one page holds months of many accounts. Only usage records
//! count: credits, refunds, taxes and discounts are other record types and left out.
//! Source: <https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html>

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity, Group, GroupDefinition,
    GroupDefinitionType, MetricValue, ResultByTime,
};
use rust_decimal::Decimal;
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::fault::{CallError, DetectorError};
use crate::measure::bill::Usage;
pub use crate::measure::bill::{Bill, BillDay, Bills};
use crate::measure::usage_type::UsageType;

const OPERATION: &str = "ce:GetCostAndUsage";
const DOLLARS: &str = "USD";
/// NAT gateways are billed under the first, endpoints under the second.
const SERVICES: [&str; 2] = ["EC2 - Other", "Amazon Virtual Private Cloud"];
/// What was used, as against credits, refunds, taxes, fees and discounts.
const RECORD_TYPE: &str = "Usage";

/// Whose bill.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Accounts: an organisation's payer sees all of them, any other account itself.
    pub accounts: &'a [String],
    /// Regions.
    pub regions: &'a [&'static RegionPrices],
    /// Most pages to ask for.
    pub max_pages: u32,
}

/// The bills of accounts and regions from one day to another, both included. `pages` is raised with every page asked
/// for, also where the answer is an error in the end: each costs a cent.
pub async fn bills(
    client: &Client,
    scope: Scope<'_>,
    from: Day,
    to: Day,
    pages: &mut u32,
) -> Result<Bills, DetectorError> {
    let mut bills = Bills::default();
    for account in scope.accounts {
        for region in scope.regions {
            let key = (account.clone(), region.region);
            bills.places.insert(key, Bill::default());
        }
    }
    let mut token: Option<String> = None;
    loop {
        if *pages >= scope.max_pages {
            return Err(DetectorError::TooManyPages(scope.max_pages));
        }
        *pages += 1;
        bills.pages += 1;
        let reply = client
            .get_cost_and_usage()
            .time_period(interval(from, to.next())?)
            .granularity(Granularity::Daily)
            .metrics("UsageQuantity")
            .metrics("UnblendedCost")
            .filter(filter(scope))
            .group_by(by("USAGE_TYPE"))
            .group_by(by("LINKED_ACCOUNT"))
            .set_next_page_token(token.take())
            .send()
            .await
            .map_err(|error| CallError::of(OPERATION, &error))?;
        for result in reply.results_by_time() {
            add(&mut bills, scope, result)?;
        }
        match reply.next_page_token {
            Some(next) if !next.is_empty() => token = Some(next),
            _ => return Ok(bills),
        }
    }
}

fn by(dimension: &str) -> GroupDefinition {
    GroupDefinition::builder()
        .r#type(GroupDefinitionType::Dimension)
        .key(dimension)
        .build()
}

fn interval(from: Day, end: Day) -> Result<DateInterval, DetectorError> {
    DateInterval::builder()
        .start(from.to_string())
        .end(end.to_string())
        .build()
        .map_err(|error| DetectorError::BillShape(error.to_string()))
}

fn filter(scope: Scope<'_>) -> Expression {
    let one = |key: Dimension, values: Vec<String>| {
        Expression::builder()
            .dimensions(
                DimensionValues::builder()
                    .key(key)
                    .set_values(Some(values))
                    .build(),
            )
            .build()
    };
    let names = scope.regions.iter().flat_map(|region| {
        UsageType::ALL
            .into_iter()
            .flat_map(|usage_type| usage_type.names(region))
    });
    Expression::builder()
        .and(one(
            Dimension::Service,
            SERVICES.map(str::to_owned).to_vec(),
        ))
        .and(one(Dimension::UsageType, names.collect()))
        .and(one(Dimension::LinkedAccount, scope.accounts.to_vec()))
        .and(one(Dimension::RecordType, vec![RECORD_TYPE.to_owned()]))
        .build()
}

/// A day's groups may be spread over pages: they are added up.
fn add(bills: &mut Bills, scope: Scope<'_>, result: &ResultByTime) -> Result<(), DetectorError> {
    let start = result
        .time_period()
        .map(DateInterval::start)
        .unwrap_or_default();
    let day: Day = start
        .parse()
        .map_err(|_| DetectorError::BillShape(format!("a period that starts on `{start}`")))?;
    for bill in bills.places.values_mut() {
        bill.days.entry(day).or_default().estimated |= result.estimated();
    }
    for group in result.groups() {
        let mut keys = group.keys().iter().map(String::as_str);
        let (name, account) = (keys.next(), keys.next());
        let place = UsageType::parse(name.unwrap_or_default(), scope.regions);
        let Some(((region, usage_type), account)) = place.zip(account) else {
            continue;
        };
        if let Some(bill) = bills.places.get_mut(&(account.to_owned(), region)) {
            add_group(bill, day, usage_type, group)?;
        }
    }
    Ok(())
}

fn add_group(
    bill: &mut Bill,
    day: Day,
    usage_type: UsageType,
    group: &Group,
) -> Result<(), DetectorError> {
    let (quantity, _) = amount(group, "UsageQuantity")?;
    let (cost, currency) = amount(group, "UnblendedCost")?;
    if (quantity.is_sign_negative() || cost.is_sign_negative())
        && !(quantity.is_zero() && cost.is_zero())
    {
        bill.negative_days.push(day);
        bill.negative_days.dedup();
    }
    let in_dollars = currency.is_none_or(|currency| currency == DOLLARS);
    if !in_dollars && !cost.is_zero() {
        let name = currency.unwrap_or_default().to_owned();
        *bill.other_currencies.entry(name).or_default() += cost;
    }
    let cost = if in_dollars { cost } else { Decimal::ZERO };
    let entry = bill.days.entry(day).or_default();
    entry.add(usage_type, Usage { quantity, cost });
    Ok(())
}

fn amount<'a>(group: &'a Group, metric: &str) -> Result<(Decimal, Option<&'a str>), DetectorError> {
    let value: Option<&MetricValue> = group.metrics().and_then(|metrics| metrics.get(metric));
    let text = value.and_then(MetricValue::amount).unwrap_or("0");
    let amount = text
        .parse()
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| DetectorError::BillShape(format!("{metric} `{text}`, which is no number")))?;
    Ok((amount, value.and_then(MetricValue::unit)))
}

#[cfg(test)]
#[path = "cost_explorer_tests.rs"]
mod tests;
