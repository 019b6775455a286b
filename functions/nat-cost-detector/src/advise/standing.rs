//! What is set up badly now, whether or not a day was out of the ordinary: for audits.
//!
//! What nothing goes through costs its hours, and that is known. What routes are missing costs by the GB, and without
//! flow logs nobody knows how many: such advice is given only where it costs nothing, and says that its saving is
//! unknown. With flow logs [`super::advise`] prices the same gaps, so they are left to it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, Remedy};
use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use super::month::money;
use super::order::in_order;
use crate::explain::attribute::Flows;
use crate::measure::network::Network;
use crate::measure::topology::WayOut;

mod idle;
mod ipv6;
mod remarks;
mod routes;

pub use remarks::remarks;

/// What went through gateways and endpoints in a window of days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many days.
    pub days: u32,
    /// When the window begins; what is younger is not judged.
    pub since: Timestamp,
    /// Bytes of each NAT gateway; absent where CloudWatch did not say.
    pub nat_bytes: BTreeMap<String, u64>,
    /// Bytes of each interface endpoint; absent where CloudWatch did not say.
    pub endpoint_bytes: BTreeMap<String, u64>,
}

impl Usage {
    /// Days without a byte after which a gateway or an endpoint counts as idle.
    pub const IDLE_DAYS: u32 = 14;

    /// The first day of the window that ends with a day.
    pub fn first_day(day: Day) -> Day {
        day.plus(1 - i64::from(Self::IDLE_DAYS))
    }

    /// What went through in the window that ends with a day.
    pub fn until(
        day: Day,
        nat_bytes: BTreeMap<String, u64>,
        endpoint_bytes: BTreeMap<String, u64>,
    ) -> Self {
        Self {
            days: Self::IDLE_DAYS,
            since: Self::first_day(day).start(),
            nat_bytes,
            endpoint_bytes,
        }
    }
}

/// What is judged.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// The network as it is now.
    pub network: &'a Network,
    /// What went through it.
    pub usage: &'a Usage,
    /// List prices of the region.
    pub prices: &'static RegionPrices,
    /// A day's flows, where flow logs were read: then missing routes are priced already.
    pub flows: Option<&'a Flows>,
}

/// What is set up badly, in the order to put it right.
pub fn set_up_badly(standing: Standing<'_>) -> Vec<Advice> {
    let mut advice = idle::gateways(standing);
    advice.extend(idle::endpoints(standing));
    for vpc in vpcs_that_pay(standing.network) {
        if let Some(flows) = standing.flows {
            advice.extend(ipv6::remedy(standing, flows, vpc));
            continue;
        }
        advice.extend(routes::missing_endpoints(standing, vpc));
        advice.extend(routes::missing_routes(standing, vpc));
        advice.extend(routes::crossing_subnets(standing, vpc));
    }
    in_order(advice)
}

/// Gateways that nothing goes through: all there is to say where hours of gateways are the trouble.
pub fn idle_gateways(standing: Standing<'_>) -> Vec<Advice> {
    in_order(idle::gateways(standing))
}

/// VPCs whose private subnets leave through NAT gateways, here or behind a Transit Gateway.
fn vpcs_that_pay(network: &Network) -> BTreeSet<&str> {
    network
        .route_tables
        .iter()
        .filter(|table| {
            matches!(table.way_out(), WayOut::Nat(_) | WayOut::TransitGateway(_))
                && network
                    .private_tables(&table.vpc_id)
                    .contains(table.id.as_str())
        })
        .map(|table| table.vpc_id.as_str())
        .collect()
}

/// A remedy that costs nothing.
fn free(remedy: Remedy, vpc_id: &str) -> Advice {
    Advice {
        remedy,
        title: String::new(),
        vpc_id: vpc_id.to_owned(),
        services: Vec::new(),
        zones: Vec::new(),
        monthly_cost: money(Decimal::ZERO),
        monthly_saving: money(Decimal::ZERO),
        break_even_gb_a_month: None,
        does_not_cover: Vec::new(),
        plan_request: None,
    }
}

#[cfg(test)]
mod tests;
