//! The bill: daily NAT and endpoint usage by account and region from Cost Explorer.
//!
//! Only usage types that matter are asked for, by their exact names, so that one page holds months of many accounts.

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{Dimension, ResultByTime};
use rust_decimal::Decimal;
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use super::cost_and_usage::{self, Amounts, Question};
use crate::fault::DetectorError;
use crate::measure::bill::Usage;
pub use crate::measure::bill::{Bill, BillDay, Bills};
use crate::measure::usage_type::{BILLED_UNDER, UsageType};

const DOLLARS: &str = "USD";

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
    let names = scope.regions.iter().flat_map(|region| {
        UsageType::ALL
            .into_iter()
            .flat_map(|usage_type| usage_type.names(region))
    });
    let question = Question {
        from,
        to,
        only: vec![
            (Dimension::Service, BILLED_UNDER.map(str::to_owned).to_vec()),
            (Dimension::UsageType, names.collect()),
            (Dimension::LinkedAccount, scope.accounts.to_vec()),
        ],
        by: ["USAGE_TYPE", "LINKED_ACCOUNT"],
        max_pages: scope.max_pages,
    };
    let before = *pages;
    cost_and_usage::ask(client, question, pages, |result| {
        add(&mut bills, scope, result)
    })
    .await?;
    bills.pages = *pages - before;
    Ok(bills)
}

fn add(bills: &mut Bills, scope: Scope<'_>, result: &ResultByTime) -> Result<(), DetectorError> {
    let day = cost_and_usage::day(result)?;
    for bill in bills.places.values_mut() {
        bill.days.entry(day).or_default().estimated |= result.estimated();
    }
    for group in result.groups() {
        let [name, account] = cost_and_usage::keys(group)?;
        let Some((region, usage_type)) = UsageType::parse(name, scope.regions) else {
            continue;
        };
        if let Some(bill) = bills.places.get_mut(&(account.to_owned(), region)) {
            add_group(bill, day, usage_type, cost_and_usage::amounts(group)?);
        }
    }
    Ok(())
}

fn add_group(bill: &mut Bill, day: Day, usage_type: UsageType, amounts: Amounts<'_>) {
    let Amounts {
        quantity,
        cost,
        currency,
    } = amounts;
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
}

#[cfg(test)]
#[path = "cost_explorer_tests.rs"]
mod tests;
