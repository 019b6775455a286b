//! What the three ways of Kafka pollers cost a month: NAT gateway, interface endpoints, provisioned pollers.

use rust_decimal::Decimal;
use tollkeeper::prices::{self, RegionPrices};

/// Days that a month of days like the one under analysis has.
pub const DAYS_A_MONTH: u64 = 30;
/// What pollers on demand need: lambda to hand over batches, sts to become the function's role.
pub const POLLERS_NEED: [&str; 2] = ["lambda", "sts"];
/// Bytes a second of one event poller unit.
const POLLER_UNIT_RATE: u64 = 20_000_000;
/// Fewest units a mapping is priced with.
const LEAST_UNITS: u64 = 2;

/// A way's price: what it costs whether or not anything moves, and with a month's volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WayPrice {
    /// Dollars a month without any bytes.
    pub fixed: Decimal,
    /// Dollars a month with the bytes.
    pub total: Decimal,
}

/// Through the NAT gateways, whose hours others pay for as well.
pub fn nat(prices: &RegionPrices, month_bytes: u64) -> WayPrice {
    WayPrice {
        fixed: Decimal::ZERO,
        total: prices.nat_bytes(month_bytes),
    }
}

/// Through one endpoint for each needed service, with an interface in so many zones.
pub fn endpoints(prices: &RegionPrices, zones: u32, month_bytes: u64) -> WayPrice {
    let fixed = prices.endpoint_hours_a_month(interfaces(zones));
    WayPrice {
        fixed,
        total: fixed + prices.endpoint_bytes_a_month(month_bytes),
    }
}

/// Interfaces that the endpoints have in so many zones.
pub fn interfaces(zones: u32) -> u32 {
    zones.saturating_mul(u32::try_from(POLLERS_NEED.len()).unwrap_or(u32::MAX))
}

/// Provisioned pollers for the month's mean rate: so many event poller units by the hour, nothing by the GB.
pub fn provisioned(month_bytes: u64) -> WayPrice {
    let fixed = Decimal::from(event_poller_units(month_bytes))
        * prices::event_poller_unit_hour()
        * Decimal::from(prices::HOURS_A_MONTH);
    WayPrice {
        fixed,
        total: fixed,
    }
}

/// Event poller units that carry the month's mean rate.
pub fn event_poller_units(month_bytes: u64) -> u64 {
    let rate = month_bytes / (DAYS_A_MONTH * 86_400);
    rate.div_ceil(POLLER_UNIT_RATE).max(LEAST_UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_of_150_dollars_a_day_costs_35_through_endpoints_and_under_14_provisioned() {
        let prices = prices::for_region("us-east-1").unwrap();
        let month = 100_000 << 30;
        let a_day = |way: WayPrice| (way.total / Decimal::from(30)).round_dp(2).to_string();
        assert_eq!(a_day(nat(prices, month)), "150.00");
        assert_eq!(a_day(endpoints(prices, 3, month)), "34.79");
        assert_eq!(a_day(provisioned(month)), "13.50");
        assert_eq!(event_poller_units(month), 3);
    }
}
