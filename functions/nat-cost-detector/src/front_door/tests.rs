use super::*;

fn door(kind: DoorKind, name: &str, an_hour: u64) -> Door {
    Door {
        kind,
        name: name.to_owned(),
        requests: (0..720).map(|hour| (hour * 3_600, an_hour)).collect(),
        bytes: None,
    }
}

/// The source material's case: a REST API of 2.8 thousand million requests a month.
fn compared(doors: &[Door], bill: Option<&Bill>) -> Comparison {
    compare(Usage {
        from: "2026-09-14".parse().unwrap(),
        to: "2026-10-13".parse().unwrap(),
        bill,
        doors,
        prices: prices::for_region("us-east-1").unwrap(),
    })
}

#[test]
fn a_person_reads_what_a_move_costs_what_it_loses_and_from_when_it_pays() {
    let bill = Bill {
        rest: (Decimal::from(2_800_000_000u64), Decimal::from(9_800)),
        gateway_out: (Decimal::from(5_600), Decimal::from(504)),
        ..Bill::default()
    };
    let doors = [
        door(DoorKind::RestApi, "shop", 3_888_889),
        door(DoorKind::LoadBalancer, "app/web/1", 1_000),
    ];
    insta::assert_snapshot!(compared(&doors, Some(&bill)).to_text(), @r#"
API Gateway against Application Load Balancers in us-east-1, 2026-09-14 to 2026-10-13

What you paid (bill)
  $9,800.00  API Gateway, REST API requests
    $504.00  API Gateway, transfer out (a load balancer's costs the same)

Requests (CloudWatch)
  2,800,000,080  REST API shop            busiest hour 3,888,889
        720,000  load balancer app/web/1  busiest hour 1,000

API Gateway's requests behind a load balancer
  $61.00 to $265.09. One Application Load Balancer at list price. Low: connections are kept open, the GB sent out make the capacity units. High: every request opens a connection of its own, 25 new ones a second make a unit, by the requests of each hour.

The other way round
  $0.72  the load balancers' requests at an HTTP API
  $2.52  the load balancers' requests at a REST API

What the gateway does for nothing
   $1,686.00  throttling: a rate-based rule of WAF (one web ACL, one rule), by address only; by key or client: this stack's rate-limiter, whose Redis and invocations come on top
     $560.00  authorisation: IAM, and JWT at HTTP APIs, are included in the gateway. A load balancer signs users in by OIDC itself; another check is a call of your own function: priced as one Lambda invocation a request, without its duration
  not priced  request validation: your application checks what it is sent: work, not a price
  not priced  WAF hook: REST APIs and load balancers take the same web ACL at the same price; HTTP APIs take none

Cheaper from so many requests a month
   4,815,147  a load balancer alone against a REST API
   7,977,273  a load balancer with a rate limit by WAF against a REST API
  18,027,440  a load balancer alone against an HTTP API
  72,080,358  a load balancer with a rate limit by WAF against an HTTP API

What this rests on
  - CloudWatch counts 100.0 % of the billed API requests (HTTP APIs bill one for each 512 KB)
  - Prices of API Gateway and WAF are us-east-1's first tier; large volumes cost less. Not priced: moving, TLS certificates, logs, a second load balancer for another VPC, VPC links that would no longer be needed
"#);
}

#[test]
fn without_bill_and_requests_the_break_even_volumes_are_still_given() {
    insta::assert_snapshot!(compared(&[], None).to_text(), @r#"
API Gateway against Application Load Balancers in us-east-1, 2026-09-14 to 2026-10-13

What the gateway does for nothing
       $6.00  throttling: a rate-based rule of WAF (one web ACL, one rule), by address only; by key or client: this stack's rate-limiter, whose Redis and invocations come on top
  not priced  authorisation: IAM, and JWT at HTTP APIs, are included in the gateway. A load balancer signs users in by OIDC itself; another check is a call of your own function: priced as one Lambda invocation a request, without its duration
  not priced  request validation: your application checks what it is sent: work, not a price
  not priced  WAF hook: REST APIs and load balancers take the same web ACL at the same price; HTTP APIs take none

Cheaper from so many requests a month
   4,815,147  a load balancer alone against a REST API
   7,977,273  a load balancer with a rate limit by WAF against a REST API
  18,027,440  a load balancer alone against an HTTP API
  72,080,358  a load balancer with a rate limit by WAF against an HTTP API

What this rests on
  - CloudWatch shows no API and no Application Load Balancer with requests in the last two weeks: only the break-even volumes can be given
  - Without the bill: what was paid, and the bytes sent out, are unknown; they count as none
  - Prices of API Gateway and WAF are us-east-1's first tier; large volumes cost less. Not priced: moving, TLS certificates, logs, a second load balancer for another VPC, VPC links that would no longer be needed
"#);
}

#[test]
fn the_dear_bound_is_what_25_new_connections_a_second_cost() {
    // 25 requests a second make 90,000 an hour: one unit in each of 720 hours, beside the load balancer's hours.
    let range = compared(&[door(DoorKind::HttpApi, "a", 90_000)], None)
        .behind_balancer
        .unwrap();
    assert_eq!(range.low.amount, Decimal::new(1_620, 2));
    assert_eq!(range.high.amount, Decimal::new(1_620 + 576, 2));
}

#[test]
fn at_the_break_even_volume_both_ways_cost_the_same() {
    let rows = break_even(prices::for_region("us-east-1").unwrap());
    let requests = Decimal::from(rows[0].requests_a_month.unwrap());
    let millions = requests / Decimal::from(1_000_000);
    let gateway = millions * Decimal::new(350, 2);
    let balancer = Decimal::new(225, 4) * Decimal::from(730)
        + requests / Decimal::from(90_000) * Decimal::new(8, 3);
    assert!(
        (gateway - balancer).abs() < Decimal::new(1, 2),
        "{gateway} {balancer}"
    );
}
