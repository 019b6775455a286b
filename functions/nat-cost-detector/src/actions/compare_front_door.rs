//! `compare-front-door`: API Gateway against a load balancer over thirty days, from real usage. Read-only.

use tollkeeper::prices::{self, RegionPrices};
use tollkeeper::time::Day;

use crate::App;
use crate::adapters::usage::{self, Answer, Question};
use crate::adapters::{front_doors, identity};
use crate::fault::DetectorError;
use crate::front_door::{self, Bill, Comparison, Usage};
use crate::measure::usage_type;
use crate::progress::Progress;

/// Days that are compared.
const DAYS: i64 = 30;
/// As the bill spells them; which of the two names of load balancing a bill uses depends on its age.
const SERVICES: [&str; 4] = [
    "Amazon API Gateway",
    "Amazon Elastic Load Balancing",
    "Elastic Load Balancing",
    "AWS WAF",
];
/// Operations of Application Load Balancers: network ones have usage types of the same names.
const APPLICATION: &str = "LoadBalancing:Application";

/// Compares the thirty days up to and including `day`. What cannot be read is said in the answer, which goes on.
pub async fn run(app: &App, day: Day, progress: Progress) -> Result<Comparison, DetectorError> {
    let region = app.region.as_deref().ok_or(DetectorError::NoRegion)?;
    let prices = prices::for_region(region)?;
    let account = identity::account(&app.clients.sts).await?;
    let from = day.plus(1 - DAYS);
    let question = Question {
        services: &SERVICES,
        region,
        account: Some(&account),
        by: ["USAGE_TYPE", "OPERATION"],
        from,
        to: day,
        max_pages: app.config.max_pages,
    };
    let (answer, doors) = progress
        .during(
            "reading the bill and the requests of thirty days",
            Box::pin(async {
                tokio::join!(
                    usage::ask(&app.clients.cost_explorer, question),
                    front_doors::observe(&app.clients.cloudwatch, from, day),
                )
            }),
        )
        .await;
    let mut notes = Vec::new();
    let bill = match answer {
        Ok(answer) => {
            let estimate = if answer.estimated {
                ", which may still change for the last days"
            } else {
                ""
            };
            notes.push(format!(
                "The bill took {} Cost Explorer page(s), a cent each{estimate}",
                answer.pages
            ));
            notes.extend(answer.left_out());
            Some(bill(&answer, prices))
        }
        Err(error) => {
            notes.push(format!("The bill could not be read: {error}"));
            None
        }
    };
    let doors = doors.unwrap_or_else(|error| {
        notes.push(format!(
            "CloudWatch could not be read, requests are unknown: {error}"
        ));
        Vec::new()
    });
    let mut comparison = front_door::compare(Usage {
        from,
        to: day,
        bill: bill.as_ref(),
        doors: &doors,
        prices,
    });
    comparison.notes.splice(0..0, notes);
    Ok(comparison)
}

fn bill(answer: &Answer, region: &RegionPrices) -> Bill {
    let mut bill = Bill::default();
    for ([usage_type, operation], used) in &answer.rows {
        let is = |name| usage_type::is(usage_type, name, region);
        let slot = if is("ApiGatewayRequest") {
            &mut bill.rest
        } else if is("ApiGatewayHttpRequest") {
            &mut bill.http
        } else if is("LoadBalancerUsage") && operation == APPLICATION {
            &mut bill.balancer_hours
        } else if is("LCUUsage") && operation == APPLICATION {
            &mut bill.balancer_units
        } else {
            if is("DataTransfer-Out-Bytes") && !operation.starts_with("LoadBalancing") {
                bill.gateway_out.0 += used.quantity;
                bill.gateway_out.1 += used.cost;
            } else if usage_type.contains("ApiGateway") || usage_type.contains("APIGateway") {
                bill.gateway_rest += used.cost;
            } else if usage_type.contains("WebACL") || usage_type.contains("WAF") {
                bill.firewall += used.cost;
            }
            continue;
        };
        slot.0 += used.quantity;
        slot.1 += used.cost;
    }
    bill
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::usage::Used;
    use rust_decimal::Decimal;

    #[test]
    fn lines_of_the_bill_are_told_by_usage_type_and_operation() {
        let row = |usage_type: &str, operation: &str, quantity: i64, cost: i64| {
            let used = Used {
                quantity: Decimal::from(quantity),
                cost: Decimal::from(cost),
            };
            ([usage_type.to_owned(), operation.to_owned()], used)
        };
        let answer = Answer {
            rows: [
                row("USE1-ApiGatewayRequest", "ApiGatewayRequest", 1_000, 3),
                row("USE1-ApiGatewayHttpRequest", "ApiGatewayHttpApi", 500, 1),
                row("USE1-ApiGatewayCacheUsage:0.5GB", "Cache", 720, 14),
                row("USE1-DataTransfer-Out-Bytes", "ApiGatewayRequest", 7, 2),
                row(
                    "DataTransfer-Out-Bytes",
                    "LoadBalancing:Application",
                    70,
                    20,
                ),
                row("LoadBalancerUsage", "LoadBalancing:Application", 720, 16),
                row("LoadBalancerUsage", "LoadBalancing:Network", 720, 16),
                row("LCUUsage", "LoadBalancing:Application", 90, 9),
                row("USE1-WebACLV2", "", 1, 5),
            ]
            .into(),
            ..Answer::default()
        };
        let pair = |quantity: i64, cost: i64| (Decimal::from(quantity), Decimal::from(cost));
        let expected = Bill {
            rest: pair(1_000, 3),
            http: pair(500, 1),
            gateway_rest: Decimal::from(14),
            gateway_out: pair(7, 2),
            balancer_hours: pair(720, 16),
            balancer_units: pair(90, 9),
            firewall: Decimal::from(5),
        };
        let region = prices::for_region("us-east-1").unwrap();
        assert_eq!(bill(&answer, region), expected);
    }
}
