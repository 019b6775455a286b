//! What the remedy of an incident saved on the day that resolved it, against the baseline frozen when it opened.
//!
//! Bytes seen on the new path, at the NAT's price, less what the endpoints cost, is a measurement. The fall of the
//! NAT's own bytes is an upper bound only: load may have fallen too. Gateway endpoints are measured by nothing.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use tollkeeper::finding::RealisedSaving;
use tollkeeper::money::{Money, cents};
use tollkeeper::plan::{EndpointKind, PlanState, PlanSummary, PlannedEndpoint};
use tollkeeper::prices::{RegionPrices, gb};
use tollkeeper::time::Day;

use crate::measure::usage_type::UsageType;
use crate::tell::text::human_bytes;

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

/// What is known of the endpoints that took the traffic over, on the day in question.
#[derive(Clone, Copy)]
pub struct NewPath<'a> {
    /// Endpoints that plans of the incident built.
    pub endpoints: &'a [&'a PlannedEndpoint],
    /// Bytes on the interface endpoints; `None` where CloudWatch shows none.
    pub seen: Option<u64>,
    /// What the bill says all interface endpoints of the place cost, dollars; `None` while it is an estimate.
    pub billed_endpoints: Option<Decimal>,
    /// Their zone-hours by the bill; `None` with them.
    pub billed_zone_hours: Option<u64>,
}

impl NewPath<'_> {
    fn interface(&self) -> impl Iterator<Item = &PlannedEndpoint> {
        self.endpoints
            .iter()
            .copied()
            .filter(|endpoint| endpoint.kind == EndpointKind::Interface)
    }

    fn seen(&self) -> Option<u64> {
        self.seen.filter(|_| self.interface().next().is_some())
    }

    /// What the endpoints cost, and whether the bill says so: it tells endpoints apart only where the place has no
    /// others. Otherwise list price.
    fn cost(&self, prices: &RegionPrices) -> (Decimal, bool) {
        let zones: usize = self.interface().map(|endpoint| endpoint.zones.len()).sum();
        let zone_hours = 24 * zones as u64;
        match (self.billed_endpoints, self.billed_zone_hours) {
            (Some(cost), Some(hours)) if hours > 0 && hours == zone_hours => (cost, true),
            _ => {
                let hours = Decimal::from(zone_hours) * prices.endpoint_zone_hour();
                let bytes = gb(self.seen().unwrap_or(0)) * prices.endpoint_gb();
                (hours + bytes, false)
            }
        }
    }
}

/// What was saved on a day: `peak` is the incident's largest daily quantity, `observed` the day's, in the series' unit.
pub fn realised(
    day: Day,
    path: NewPath<'_>,
    usage_type: UsageType,
    peak: u64,
    observed: u64,
    prices: &RegionPrices,
) -> RealisedSaving {
    let seen = path.seen();
    let (cost, from_bill) = path.cost(prices);
    let measured = seen.map(|bytes| prices.nat_bytes(bytes) - cost);
    let fallen = peak.saturating_sub(observed);
    let fall = usage_type.price(fallen, prices).unwrap_or_default();
    let interface = path.interface().count();
    let gateways = path.endpoints.len() - interface;
    let mut how = how(interface, gateways, seen.is_some(), from_bill);
    if let Some(bytes) = seen.filter(|bytes| *bytes > fallen) {
        // More on the new path than left the old one: load grew, or it is traffic that never went through the gateways.
        let least = (prices.nat_bytes(fallen) - cost).max(Decimal::ZERO);
        let _ = write!(
            how,
            " The endpoints carried {} where the gateways lost {}: the difference is growth, or traffic that never went \
             through them. Counting only what they lost, {} a day is measured.",
            human_bytes(bytes),
            human_bytes(fallen),
            money(least),
        );
    }
    RealisedSaving {
        day,
        endpoint_bytes: seen,
        measured_a_day: measured.map(money),
        upper_bound_a_day: money((fall - cost).max(Decimal::ZERO)),
        endpoints_cost_a_day: money(cost),
        how,
    }
}

fn how(interface: usize, gateways: usize, measured: bool, from_bill: bool) -> String {
    if interface + gateways == 0 {
        return "No applied plan names this incident: the fall against its largest day may be less load, or a change \
                made elsewhere"
            .to_owned();
    }
    let mut text = if measured {
        format!(
            "Measured: CloudWatch's bytes on {interface} interface endpoint(s) at the NAT gateway's price, less their \
             hours and bytes {}. ",
            if from_bill {
                "by the bill"
            } else {
                "at list price (the bill is an estimate, or does not tell them apart)"
            }
        )
    } else if interface > 0 {
        format!(
            "CloudWatch shows no bytes on the {interface} interface endpoint(s), so nothing is measured. "
        )
    } else {
        String::new()
    };
    if gateways > 0 {
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

    fn saving_of(path: NewPath<'_>) -> RealisedSaving {
        let day = "2026-10-16".parse().unwrap();
        let prices = prices::for_region("us-east-1").unwrap();
        realised(day, path, UsageType::NatBytes, 3_400 * GB, 100 * GB, prices)
    }

    fn saving(endpoints: &[&PlannedEndpoint], seen: Option<u64>) -> RealisedSaving {
        saving_of(NewPath {
            endpoints,
            seen,
            billed_endpoints: None,
            billed_zone_hours: None,
        })
    }

    #[test]
    fn bytes_on_the_new_path_less_its_cost_are_the_measured_saving() {
        let interface = endpoint(EndpointKind::Interface);
        let saving = saving(&[&interface], Some(3_200 * GB));
        assert_eq!(saving.endpoints_cost_a_day.to_string(), "$32.48");
        assert_eq!(saving.measured_a_day.unwrap().to_string(), "$111.52");
        assert_eq!(saving.upper_bound_a_day.to_string(), "$116.02");
        assert!(saving.how.contains("at list price"), "{}", saving.how);
    }

    #[test]
    fn the_bill_says_what_the_endpoints_cost_where_the_place_has_no_others() {
        let interface = endpoint(EndpointKind::Interface);
        let billed = |zone_hours| {
            saving_of(NewPath {
                endpoints: &[&interface],
                seen: Some(3_200 * GB),
                billed_endpoints: Some(Decimal::new(30_00, 2)),
                billed_zone_hours: Some(zone_hours),
            })
        };
        let alone = billed(48);
        assert_eq!(alone.endpoints_cost_a_day.to_string(), "$30.00");
        assert_eq!(alone.measured_a_day.unwrap().to_string(), "$114.00");
        assert!(alone.how.contains("by the bill"), "{}", alone.how);
        assert_eq!(
            billed(72).endpoints_cost_a_day.to_string(),
            "$32.48",
            "another endpoint's hours are in it"
        );
    }

    #[test]
    fn more_on_the_new_path_than_left_the_old_one_is_said() {
        let interface = endpoint(EndpointKind::Interface);
        let saving = saving(&[&interface], Some(5_000 * GB));
        let words = "carried 5,000.0 GB where the gateways lost 3,300.0 GB";
        assert!(
            saving.how.contains(words) && saving.how.contains("$98.02 a day is measured"),
            "{}",
            saving.how
        );
    }

    #[test]
    fn hours_of_gateways_are_priced_as_hours() {
        let day = "2026-10-16".parse().unwrap();
        let prices = prices::for_region("us-east-1").unwrap();
        let path = NewPath {
            endpoints: &[],
            seen: None,
            billed_endpoints: None,
            billed_zone_hours: None,
        };
        let saving = realised(day, path, UsageType::NatHours, 240, 48, prices);
        assert_eq!(saving.upper_bound_a_day.to_string(), "$8.64");
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
            unknowns: Vec::new(),
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
