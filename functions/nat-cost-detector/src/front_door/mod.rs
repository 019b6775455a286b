//! API Gateway against an Application Load Balancer, from what was really used: what each way costs, what the gateway
//! does for nothing and would have to be paid for elsewhere, and from which volume on the load balancer is cheaper.
//!
//! Pure. What is billed is taken from the bill; what would be is priced from the list. Capacity units of a load
//! balancer that does not exist yet are a range: nobody knows how many requests will share a connection.

mod text;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use tollkeeper::money::{Money, cents};
use tollkeeper::prices::{self, RegionPrices};
use tollkeeper::time::Day;

/// Name and version of the answer's shape.
pub const SCHEMA: &str = "front-door/v1";

/// New connections a second in one capacity unit. The other measures: 1 GB an hour (targets that are no functions),
/// 3,000 open connections, 1,000 rule evaluations a second beyond ten rules.
const CONNECTIONS_A_UNIT: u64 = 25;
const HOUR: u64 = 3_600;
/// List price of a million Lambda invocations, without their duration, dollars (aws.amazon.com/lambda/pricing).
const INVOCATIONS_MILLION: Decimal = Decimal::from_parts(20, 0, 0, false, 2);

/// What a front door is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorKind {
    /// REST API of API Gateway.
    RestApi,
    /// HTTP API of API Gateway.
    HttpApi,
    /// Application Load Balancer.
    LoadBalancer,
}

/// A front door as CloudWatch counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// What it is.
    pub kind: DoorKind,
    /// Its name or id.
    pub name: String,
    /// Requests by hour (Unix seconds).
    pub requests: BTreeMap<i64, u64>,
    /// Bytes of all hours, where CloudWatch counts them.
    pub bytes: Option<u64>,
}

impl Door {
    /// Requests of all hours.
    pub fn total(&self) -> u64 {
        self.requests
            .values()
            .fold(0, |sum, hour| sum.saturating_add(*hour))
    }
}

/// What the bill says of the front doors; amounts are unblended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bill {
    /// Requests to REST APIs and their cost.
    pub rest: (Decimal, Decimal),
    /// Requests to HTTP APIs and their cost.
    pub http: (Decimal, Decimal),
    /// What else API Gateway cost: caches, WebSockets.
    pub gateway_rest: Decimal,
    /// Bytes that API Gateway sent out (GB) and their cost.
    pub gateway_out: (Decimal, Decimal),
    /// Hours of Application Load Balancers and their cost.
    pub balancer_hours: (Decimal, Decimal),
    /// Their capacity-unit hours and cost.
    pub balancer_units: (Decimal, Decimal),
    /// Web application firewall.
    pub firewall: Decimal,
}

/// All that a comparison is made from.
#[derive(Clone, Copy)]
pub struct Usage<'a> {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// The bill; `None` where it could not be read.
    pub bill: Option<&'a Bill>,
    /// CloudWatch's front doors.
    pub doors: &'a [Door],
    /// List prices of the region.
    pub prices: &'a RegionPrices,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// Region.
    pub region: String,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// What was paid, by the bill.
    pub paid: Vec<Line>,
    /// Requests by front door, largest first.
    pub doors: Vec<DoorTotal>,
    /// What API Gateway's requests would cost behind a load balancer; absent without requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_balancer: Option<Range>,
    /// What the load balancers' requests would cost at a REST and at an HTTP API.
    pub behind_gateway: Vec<Line>,
    /// What the gateway does for nothing, and what it costs without one.
    pub for_free: Vec<Free>,
    /// Requests a month from which a load balancer is cheaper.
    pub break_even: Vec<BreakEven>,
    /// What the figures do not cover.
    pub notes: Vec<String>,
}

/// A line of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// For what.
    pub what: String,
    /// How much.
    pub cost: Money,
}

/// A front door's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoorTotal {
    /// What it is.
    pub kind: DoorKind,
    /// Its name or id.
    pub name: String,
    /// Its requests.
    pub requests: u64,
    /// Requests of its busiest hour.
    pub busiest_hour: u64,
}

/// The cost of something of which only bounds are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Range {
    /// Connections are kept: bytes alone make the capacity units.
    pub low: Money,
    /// Every request opens a connection of its own.
    pub high: Money,
    /// How it was reckoned.
    pub how: String,
}

/// Something that API Gateway includes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Free {
    /// What.
    pub what: &'static str,
    /// What takes its place behind a load balancer.
    pub instead: String,
    /// Its price for the requests of these days; absent where it is work, not a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
}

/// From which volume a load balancer is cheaper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakEven {
    /// Than what, and with what beside the load balancer.
    pub against: String,
    /// Requests a month; absent where the load balancer never is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_a_month: Option<u64>,
}

/// Compares.
pub fn compare(usage: Usage<'_>) -> Comparison {
    let gateway = requests(usage.doors, |kind| kind != DoorKind::LoadBalancer);
    let balancer = requests(usage.doors, |kind| kind == DoorKind::LoadBalancer);
    Comparison {
        schema: SCHEMA,
        region: usage.prices.region.to_owned(),
        from: usage.from,
        to: usage.to,
        paid: usage.bill.map(paid).unwrap_or_default(),
        doors: totals(usage.doors),
        behind_balancer: (gateway > 0).then(|| behind_balancer(usage)),
        behind_gateway: if balancer > 0 {
            behind_gateway(balancer)
        } else {
            Vec::new()
        },
        for_free: for_free(gateway.max(balancer), usage),
        break_even: break_even(usage.prices),
        notes: notes(usage),
    }
}

fn requests(doors: &[Door], wanted: impl Fn(DoorKind) -> bool) -> u64 {
    doors
        .iter()
        .filter(|door| wanted(door.kind))
        .fold(0, |sum, door| sum.saturating_add(door.total()))
}

fn totals(doors: &[Door]) -> Vec<DoorTotal> {
    let mut totals: Vec<DoorTotal> = doors
        .iter()
        .map(|door| DoorTotal {
            kind: door.kind,
            name: door.name.clone(),
            requests: door.total(),
            busiest_hour: door.requests.values().max().copied().unwrap_or(0),
        })
        .collect();
    totals.sort_by_key(|door| std::cmp::Reverse(door.requests));
    totals
}

fn paid(bill: &Bill) -> Vec<Line> {
    let lines = [
        ("API Gateway, REST API requests", bill.rest.1),
        ("API Gateway, HTTP API requests", bill.http.1),
        ("API Gateway, caches and WebSockets", bill.gateway_rest),
        (
            "API Gateway, transfer out (a load balancer's costs the same)",
            bill.gateway_out.1,
        ),
        ("Application Load Balancers, hours", bill.balancer_hours.1),
        (
            "Application Load Balancers, capacity units",
            bill.balancer_units.1,
        ),
        ("WAF", bill.firewall),
    ];
    let mut lines: Vec<Line> = lines
        .into_iter()
        .filter(|(_, cost)| !cost.is_zero())
        .map(|(what, cost)| line(what, cost))
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.cost.amount));
    lines
}

/// One load balancer for these days, and the capacity units of API Gateway's requests.
fn behind_balancer(usage: Usage<'_>) -> Range {
    let hours = Decimal::from(usage.to.days_since(usage.from) + 1) * Decimal::from(24);
    let base = hours * usage.prices.load_balancer_hour().dollars;
    let unit = usage.prices.load_balancer_unit_hour().dollars;
    let mut by_hour: BTreeMap<i64, u64> = BTreeMap::new();
    let gateway = usage
        .doors
        .iter()
        .filter(|door| door.kind != DoorKind::LoadBalancer);
    for (hour, count) in gateway.flat_map(|door| &door.requests) {
        *by_hour.entry(*hour).or_default() += count;
    }
    // Bytes are known for all hours together only: they are a unit an hour for each GB, however they are spread.
    let by_bytes = usage.bill.map_or(Decimal::ZERO, |bill| bill.gateway_out.0);
    let by_connections: Decimal = by_hour
        .values()
        .map(|count| Decimal::from(*count) / Decimal::from(HOUR * CONNECTIONS_A_UNIT))
        .sum();
    Range {
        low: money(base + by_bytes * unit),
        high: money(base + by_bytes.max(by_connections) * unit),
        how: "One Application Load Balancer at list price. Low: connections are kept open, the GB sent out make the \
              capacity units. High: every request opens a connection of its own, 25 new ones a second make a unit, by \
              the requests of each hour"
            .to_owned(),
    }
}

fn behind_gateway(requests: u64) -> Vec<Line> {
    let millions = Decimal::from(requests) / Decimal::from(1_000_000);
    vec![
        line(
            "the load balancers' requests at an HTTP API",
            millions * prices::http_api_million().dollars,
        ),
        line(
            "the load balancers' requests at a REST API",
            millions * prices::rest_api_million().dollars,
        ),
    ]
}

fn for_free(requests: u64, usage: Usage<'_>) -> Vec<Free> {
    let millions = Decimal::from(requests) / Decimal::from(1_000_000);
    let (acl, rule, million) = prices::web_acl();
    let months = Decimal::from(usage.to.days_since(usage.from) + 1) / Decimal::from(30);
    let limit = (acl.dollars + rule.dollars) * months + million.dollars * millions;
    let free = |what, instead: String, cost: Option<Decimal>| Free {
        what,
        instead,
        cost: cost.map(money),
    };
    vec![
        free(
            "throttling",
            "a rate-based rule of WAF (one web ACL, one rule), by address only; by key or client: this stack's \
             rate-limiter, whose Redis and invocations come on top"
                .to_owned(),
            Some(limit),
        ),
        free(
            "authorisation",
            "IAM, and JWT at HTTP APIs, are included in the gateway. A load balancer signs users in by OIDC itself; \
             another check is a call of your own function: priced as one Lambda invocation a request, without its \
             duration"
                .to_owned(),
            (requests > 0).then(|| INVOCATIONS_MILLION * millions),
        ),
        free(
            "request validation",
            "your application checks what it is sent: work, not a price".to_owned(),
            None,
        ),
        free(
            "WAF hook",
            "REST APIs and load balancers take the same web ACL at the same price; HTTP APIs take none".to_owned(),
            None,
        ),
    ]
}

/// Fixed monthly cost over what a million requests cost less; connections are taken as not kept (the dear bound).
fn break_even(prices: &RegionPrices) -> Vec<BreakEven> {
    let million = Decimal::from(1_000_000);
    let fixed = prices.load_balancer_hour().dollars * Decimal::from(prices::HOURS_A_MONTH);
    let unit = prices.load_balancer_unit_hour().dollars;
    let variable = million / Decimal::from(HOUR * CONNECTIONS_A_UNIT) * unit;
    let (acl, rule, waf) = prices::web_acl();
    let with_limit = (fixed + acl.dollars + rule.dollars, variable + waf.dollars);
    let gateways = [
        ("a REST API", prices::rest_api_million().dollars),
        ("an HTTP API", prices::http_api_million().dollars),
    ];
    let ways = [
        ("a load balancer alone", (fixed, variable)),
        ("a load balancer with a rate limit by WAF", with_limit),
    ];
    let mut rows = Vec::new();
    for (gateway, price) in gateways {
        for (way, (fixed, variable)) in ways {
            let saved = price - variable;
            rows.push(BreakEven {
                against: format!("{way} against {gateway}"),
                requests_a_month: (saved > Decimal::ZERO)
                    .then(|| (fixed / saved * million).ceil())
                    .and_then(|requests| requests.try_into().ok()),
            });
        }
    }
    rows
}

fn notes(usage: Usage<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if usage.doors.is_empty() {
        notes.push(
            "CloudWatch shows no API and no Application Load Balancer with requests in the last two weeks: only the \
             break-even volumes can be given"
                .to_owned(),
        );
    }
    if usage.bill.is_none() {
        notes.push("Without the bill: what was paid, and the bytes sent out, are unknown; they count as none".to_owned());
    }
    let counted = requests(usage.doors, |kind| kind != DoorKind::LoadBalancer);
    if let Some(bill) = usage.bill
        && !(bill.rest.0 + bill.http.0).is_zero()
    {
        let percent = Decimal::from(counted) * Decimal::ONE_HUNDRED / (bill.rest.0 + bill.http.0);
        notes.push(format!(
            "CloudWatch counts {} % of the billed API requests (HTTP APIs bill one for each 512 KB)",
            percent.round_dp(1)
        ));
    }
    if !usage.prices.load_balancer_hour().confirmed {
        notes.push(format!(
            "Prices of load balancers in {} rest on one source only",
            usage.prices.region
        ));
    }
    notes.push(
        "Prices of API Gateway and WAF are us-east-1's first tier; large volumes cost less. Not priced: moving, TLS \
         certificates, logs, a second load balancer for another VPC, VPC links that would no longer be needed"
            .to_owned(),
    );
    notes
}

fn line(what: &str, cost: Decimal) -> Line {
    Line {
        what: what.to_owned(),
        cost: money(cost),
    }
}

fn money(amount: Decimal) -> Money {
    Money::usd(cents(amount))
}

#[cfg(test)]
mod tests;
