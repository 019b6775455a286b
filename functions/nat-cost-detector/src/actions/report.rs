//! `report`: the month so far by account, NAT gateway and service. Read-only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollkeeper::money::{Money, cents};
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use crate::App;
use crate::adapters::usage::{self, Answer, Question};
use crate::advise::far_end;
use crate::config::ExplainSource;
use crate::detect::detect;
use crate::explain::causes::volume;
use crate::fault::DetectorError;
use crate::measure::inventory::{self, Inventory};
use crate::measure::study::{Gaps, Observed};
use crate::measure::usage_type::{BILLED_UNDER, Unit, UsageType};
use crate::progress::Progress;
use crate::tell::month::{AccountCost, MonthReport, ServiceCost};
use crate::tell::report::GatewayCost;

/// Last days whose flow logs are read for the services: each is a day's files.
const FLOW_LOG_DAYS: i64 = 7;

/// Reports the month of `day` up to and including it. What cannot be read is said in the report, which goes on.
pub async fn run(
    app: &App,
    day: Day,
    now: Timestamp,
    progress: Progress,
) -> Result<MonthReport, DetectorError> {
    let from = first_of_month(day);
    let observed = progress
        .during(
            "reading the bill, the network and CloudWatch",
            Box::pin(app.observe(day, Gaps::Note)),
        )
        .await?;
    let mut notes = observed.notes.clone();
    let accounts = Box::pin(accounts(app, &observed, from, &mut notes, progress)).await;
    let (services, days_read) = services(app, &observed, from, now, &mut notes, progress).await;
    Ok(MonthReport {
        region: observed.subject.region.clone(),
        from,
        to: day,
        accounts,
        gateways: gateways(&observed, from),
        services,
        flow_log_days: days_read,
        notes,
    })
}

fn first_of_month(day: Day) -> Day {
    day.plus(1 - i64::from(day.date().day()))
}

async fn accounts(
    app: &App,
    observed: &Observed,
    from: Day,
    notes: &mut Vec<String>,
    progress: Progress,
) -> Vec<AccountCost> {
    let question = Question {
        services: &BILLED_UNDER,
        region: &observed.subject.region,
        account: None,
        by: ["LINKED_ACCOUNT", "USAGE_TYPE"],
        from,
        to: observed.subject.day,
        max_pages: app.config.max_pages,
    };
    let asked = Box::pin(usage::ask(&app.clients.cost_explorer, question));
    match progress.during("reading the bill by account", asked).await {
        Ok(answer) => {
            notes.push(format!(
                "{} Cost Explorer page(s), a cent each{}",
                answer.pages + observed.bill.pages,
                if answer.estimated {
                    "; the last days of the bill may still change"
                } else {
                    ""
                }
            ));
            notes.extend(answer.left_out());
            by_account(&answer, observed.prices)
        }
        Err(error) => {
            notes.push(format!("Without the bill by account ({error})"));
            Vec::new()
        }
    }
}

/// Accounts that paid for NAT gateways or endpoints, dearest first.
fn by_account(answer: &Answer, region: &'static RegionPrices) -> Vec<AccountCost> {
    let mut sums: BTreeMap<&str, [Decimal; 3]> = BTreeMap::new();
    for ([account, usage_type], used) in &answer.rows {
        let Some((_, usage_type)) = UsageType::parse(usage_type, &[region]) else {
            continue;
        };
        let slot = match usage_type.unit() {
            _ if !usage_type.is_nat() => 2,
            Unit::Bytes => 0,
            Unit::Hours | Unit::GbpsHours => 1,
        };
        sums.entry(account).or_default()[slot] += used.cost;
    }
    let money = |amount| Money {
        amount: cents(amount),
        currency: answer.currency.clone(),
    };
    let mut accounts: Vec<AccountCost> = sums
        .into_iter()
        .map(|(account, [bytes, hours, endpoints])| AccountCost {
            account: account.to_owned(),
            nat_bytes: money(bytes),
            nat_hours: money(hours),
            interface_endpoints: money(endpoints),
            total: money(bytes + hours + endpoints),
        })
        .collect();
    accounts.sort_by_key(|account| std::cmp::Reverse(account.total.amount));
    accounts
}

fn gateways(observed: &Observed, from: Day) -> Vec<GatewayCost> {
    let days = from..=observed.subject.day;
    let mut gateways: Vec<GatewayCost> = observed
        .nats
        .iter()
        .map(|(nat, bytes)| GatewayCost {
            nat_gateway_id: nat.clone(),
            processed: volume(
                bytes.range(days.clone()).map(|(_, b)| b).sum(),
                observed.prices,
            ),
        })
        .collect();
    gateways.sort_by_key(|gateway| std::cmp::Reverse(gateway.processed.bytes));
    gateways
}

/// Far ends by flow logs of the last days of the month so far, dearest first, and how many days were read.
async fn services(
    app: &App,
    observed: &Observed,
    from: Day,
    now: Timestamp,
    notes: &mut Vec<String>,
    progress: Progress,
) -> (Vec<ServiceCost>, u64) {
    if app.config.explain == ExplainSource::None {
        notes.push("No flow logs are named (FLOW_LOGS_LOCATION): the services behind the gateways are unknown".to_owned());
        return (Vec::new(), 0);
    }
    let day = observed.subject.day;
    let verdict = detect(
        &observed.volumes,
        day,
        observed.volume(),
        app.config.gates,
        observed.prices,
    );
    let mut quality = observed.quality(&verdict, app);
    let known = quality.notes.len();
    let stays = inventory::observe(&[], &observed.network.interfaces, now);
    let inventory = Inventory::new(&stays, &observed.network);
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut days_read = 0;
    for back in 0..FLOW_LOG_DAYS.min(day.days_since(from) + 1) {
        let day = day.plus(-back);
        let what = format!("reading the flow logs of {day}");
        let flows = Box::pin(app.flows_of(observed, &inventory, day, &mut quality));
        let Some(flows) = progress.during(&what, flows).await else {
            continue;
        };
        days_read += 1;
        for (flow, figures) in &flows {
            let bytes = sums
                .entry(far_end(&flow.service, &flow.service_region))
                .or_default();
            *bytes = bytes.saturating_add(figures.bytes);
        }
    }
    notes.extend(quality.notes.split_off(known));
    let mut services: Vec<ServiceCost> = sums
        .into_iter()
        .map(|(far_end, bytes)| ServiceCost {
            far_end,
            processed: volume(bytes, observed.prices),
        })
        .collect();
    services.sort_by_key(|service| std::cmp::Reverse(service.processed.bytes));
    (services, days_read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::usage::Used;
    use tollkeeper::prices;

    #[test]
    fn a_month_begins_on_its_first_day() {
        let first = |day: &str| first_of_month(day.parse().unwrap()).to_string();
        assert_eq!(first("2026-10-13"), "2026-10-01");
        assert_eq!(first("2026-10-01"), "2026-10-01");
        assert_eq!(first("2024-02-29"), "2024-02-01");
    }

    #[test]
    fn accounts_are_ranked_by_what_they_paid_and_other_usage_is_left_out() {
        let row = |account: &str, usage_type: &str, cost: i64| {
            let used = Used {
                quantity: Decimal::ONE,
                cost: Decimal::new(cost, 2),
            };
            ([account.to_owned(), usage_type.to_owned()], used)
        };
        let answer = Answer {
            rows: [
                row("1", "EU-NatGateway-Bytes", 150),
                row("1", "NatGateway-Bytes", 7_000),
                row("1", "EBS:VolumeUsage", 90_000),
                row("2", "EU-NatGateway-Hours", 1_000),
                row("2", "EU-RegionalNatGateway-Bytes", 1),
                row("2", "EU-RegionalNatGateway-Prvd-Gbps", 500),
                row("2", "EU-VpcEndpoint-Hours", 25),
                row("3", "EBS:VolumeUsage", 5),
            ]
            .into(),
            currency: "USD".to_owned(),
            ..Answer::default()
        };
        let region = prices::for_region("eu-west-1").unwrap();
        let seen: Vec<_> = by_account(&answer, region)
            .into_iter()
            .map(|a| {
                format!(
                    "{} {} {} {} {}",
                    a.account, a.nat_bytes, a.nat_hours, a.interface_endpoints, a.total
                )
            })
            .collect();
        assert_eq!(
            seen,
            ["2 $0.01 $15.00 $0.25 $15.26", "1 $1.50 $0.00 $0.00 $1.50"]
        );
    }
}
