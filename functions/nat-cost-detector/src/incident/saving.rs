//! What the remedy of an incident saved on the day that resolved it, against the baseline frozen when it opened.
//!
//! Bytes seen on the new path, at the NAT's price, less what the endpoints cost, is a measurement. The fall of the
//! NAT's own bytes is an upper bound only: load may have fallen too. Gateway endpoints are measured by nothing.

use rust_decimal::Decimal;
use tollkeeper::finding::RealisedSaving;
use tollkeeper::money::{Money, cents};
use tollkeeper::plan::{EndpointKind, PlanState, PlanSummary, PlannedEndpoint};
use tollkeeper::prices::{RegionPrices, gb};
use tollkeeper::time::Day;

/// The endpoints that plans of an incident built and that are in use.
pub fn endpoints_of<'a>(plans: &'a [PlanSummary], incident_id: &str) -> Vec<&'a PlannedEndpoint> {
    plans
        .iter()
        .filter(|plan| plan.incident_id.as_deref() == Some(incident_id))
        .filter(|plan| matches!(plan.state, PlanState::Applied | PlanState::Verified))
        .flat_map(|plan| &plan.endpoints)
        .filter(|endpoint| endpoint.endpoint_id.is_some())
        .collect()
}

/// What was saved on a day. `seen` are the bytes on each interface endpoint, in the order of `endpoints` without the
/// gateway ones; `None` where CloudWatch shows none.
pub fn realised(
    day: Day,
    endpoints: &[&PlannedEndpoint],
    seen: Option<u64>,
    peak_bytes: u64,
    observed: u64,
    prices: &RegionPrices,
) -> RealisedSaving {
    let interface: Vec<&&PlannedEndpoint> = endpoints
        .iter()
        .filter(|endpoint| endpoint.kind == EndpointKind::Interface)
        .collect();
    let zone_hours = Decimal::from(
        24 * interface
            .iter()
            .map(|endpoint| endpoint.zones.len())
            .sum::<usize>(),
    );
    let hours_cost = zone_hours * prices.endpoint_zone_hour();
    let seen = seen.filter(|_| !interface.is_empty());
    let cost = hours_cost + gb(seen.unwrap_or(0)) * prices.endpoint_gb();
    let measured = seen.map(|bytes| prices.nat_bytes(bytes) - cost);
    let fall = prices.nat_bytes(peak_bytes.saturating_sub(observed));
    let gateways = endpoints.len() - interface.len();
    RealisedSaving {
        day,
        endpoint_bytes: seen,
        measured_a_day: measured.map(money),
        upper_bound_a_day: money((fall - cost).max(Decimal::ZERO)),
        endpoints_cost_a_day: money(cost),
        how: how(interface.len(), gateways, seen.is_some()),
    }
}

fn how(interface: usize, gateways: usize, measured: bool) -> String {
    if interface + gateways == 0 {
        return "No applied plan names this incident: the fall against its largest day may be less load, or a change \
                made elsewhere"
            .to_owned();
    }
    let mut text = if measured {
        format!(
            "Measured: CloudWatch's bytes on {interface} interface endpoint(s) at the NAT gateway's price, less their \
             hours and bytes. "
        )
    } else if interface > 0 {
        format!(
            "CloudWatch shows no bytes on the {interface} interface endpoint(s), so nothing is measured. "
        )
    } else {
        String::new()
    };
    if gateways > 0 {
        use std::fmt::Write as _;
        let _ = write!(
            text,
            "{gateways} gateway endpoint(s) have no metric and cost nothing: what they took is in the upper bound only. "
        );
    }
    text.push_str(
        "Upper bound: the fall of the NAT gateways' bytes against the incident's largest day at their price, less what \
         the endpoints cost; load may have fallen too.",
    );
    text
}

fn money(amount: Decimal) -> Money {
    Money::usd(cents(amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollkeeper::prices;

    const GB: u64 = 1 << 30;

    fn endpoint(kind: EndpointKind) -> PlannedEndpoint {
        PlannedEndpoint {
            service: "lambda".to_owned(),
            kind,
            endpoint_id: Some("vpce-1".to_owned()),
            zones: match kind {
                EndpointKind::Gateway => Vec::new(),
                EndpointKind::Interface => vec!["us-east-1a".to_owned(), "us-east-1b".to_owned()],
            },
        }
    }

    fn saving(endpoints: &[&PlannedEndpoint], seen: Option<u64>) -> RealisedSaving {
        let day = "2026-10-16".parse().unwrap();
        let prices = prices::for_region("us-east-1").unwrap();
        realised(day, endpoints, seen, 3_400 * GB, 100 * GB, prices)
    }

    #[test]
    fn bytes_on_the_new_path_less_its_cost_are_the_measured_saving() {
        let interface = endpoint(EndpointKind::Interface);
        let saving = saving(&[&interface], Some(3_200 * GB));
        assert_eq!(saving.endpoints_cost_a_day.to_string(), "$32.48");
        assert_eq!(saving.measured_a_day.unwrap().to_string(), "$111.52");
        assert_eq!(saving.upper_bound_a_day.to_string(), "$116.02");
    }

    #[test]
    fn what_nothing_measures_is_absent_and_not_zero() {
        let gateway = endpoint(EndpointKind::Gateway);
        let only_gateway = saving(&[&gateway], Some(5));
        assert_eq!(
            (only_gateway.endpoint_bytes, only_gateway.measured_a_day),
            (None, None)
        );
        assert!(only_gateway.how.contains("have no metric"));
        assert!(saving(&[], None).how.starts_with("No applied plan"));
    }

    #[test]
    fn only_endpoints_in_use_of_plans_for_the_incident_count() {
        let plan = |state, incident: Option<&str>| PlanSummary {
            schema: tollkeeper::plan::SCHEMA.to_owned(),
            plan_id: "plan-1".to_owned(),
            plan_hash: "sha256:0".to_owned(),
            incident_id: incident.map(str::to_owned),
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            services: vec!["lambda".to_owned()],
            state,
            created_at: "2026-10-14T07:00:00Z".parse().unwrap(),
            applied_at: None,
            endpoints: vec![endpoint(EndpointKind::Interface)],
            monthly_cost: Money::usd(Decimal::ZERO),
        };
        let plans = [
            plan(PlanState::Applied, Some("mine")),
            plan(PlanState::Verified, Some("mine")),
            plan(PlanState::RolledBack, Some("mine")),
            plan(PlanState::Applied, Some("other")),
            plan(PlanState::Applied, None),
        ];
        assert_eq!(endpoints_of(&plans, "mine").len(), 2);
    }
}
