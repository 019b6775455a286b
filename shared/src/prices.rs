//! List prices of NAT gateways and VPC endpoints by region, and the arithmetic on them.
//!
//! A region that the table lacks is an error that names it, never a silent default. Discounts, credits and free
//! tiers are not known here: the bill knows what was paid, this table what a remedy would cost at list price.
//! Source: the public AWS price list, see [`AS_OF`] and each row's own note.

mod beside;

use rust_decimal::Decimal;

use crate::money::group_thousands;

pub use beside::{
    ListPrice, NAT_INSTANCE, NAT_INSTANCE_BYTES_A_SECOND, http_api_million, rest_api_million,
    web_acl,
};

/// The day the table was last compared with its sources.
pub const AS_OF: &str = "2026-11-21";

/// Where the figures come from, for reports.
pub const SOURCE: &str =
    "AWS list prices (aws.amazon.com/vpc/pricing, aws.amazon.com/privatelink/pricing)";

/// Hours in a billing month, as AWS's own calculator counts them.
pub const HOURS_A_MONTH: u32 = 730;

/// Bytes in one billed gigabyte. AWS bills NAT and endpoint traffic by 2^30 bytes; the detector prints the bill's
/// quantity against CloudWatch's bytes, so a wrong unit would show as a coverage of 93 or 107 %.
pub const BYTES_PER_GB: u64 = 1 << 30;

/// A region that the table does not price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no prices for region `{region}`: the table of {AS_OF} covers {}",
    known_regions()
)]
pub struct UnknownRegion {
    /// The region asked for.
    pub region: String,
}

/// List prices of one region, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionPrices {
    /// Region code, `eu-west-1`.
    pub region: &'static str,
    /// What usage types start with in this region's bill: `EU-`, empty for us-east-1.
    pub usage_prefix: &'static str,
    /// How sure the row is: `true` where two sources agree.
    pub confirmed: bool,
    nat_mills: i64,
    endpoint_hour_mills: i64,
}

const fn row(
    region: &'static str,
    usage_prefix: &'static str,
    nat_mills: i64,
    endpoint_hour_mills: i64,
    confirmed: bool,
) -> RegionPrices {
    RegionPrices {
        region,
        usage_prefix,
        confirmed,
        nat_mills,
        endpoint_hour_mills,
    }
}

/// Mills (thousandths of a dollar): NAT per hour and per GB (equal everywhere so far), endpoint per zone-hour.
const TABLE: [RegionPrices; 7] = [
    row("ap-northeast-1", "APN1-", 62, 14, true),
    row("ap-southeast-1", "APS1-", 59, 13, true),
    // Jakarta: taken from Singapore's row, whose transfer prices it shares; no second source.
    row("ap-southeast-3", "APS4-", 59, 13, false),
    row("eu-central-1", "EUC1-", 52, 12, true),
    row("eu-west-1", "EU-", 48, 11, true),
    row("us-east-1", "", 45, 10, true),
    row("us-west-2", "USW2-", 45, 10, true),
];

/// Interface endpoint price per GB by monthly volume in the region: up to 1 PB, the next 4 PB, beyond.
/// Mills per GB, and the tier's width in GB (1 PB = 2^20 GB).
const ENDPOINT_GB_TIERS: [(i64, Option<u64>); 3] =
    [(10, Some(1 << 20)), (6, Some(4 << 20)), (4, None)];

/// The prices of a region.
pub fn for_region(region: &str) -> Result<&'static RegionPrices, UnknownRegion> {
    TABLE
        .iter()
        .find(|row| row.region == region)
        .ok_or_else(|| UnknownRegion {
            region: region.to_owned(),
        })
}

/// The regions the table prices, in order.
pub fn regions() -> impl Iterator<Item = &'static RegionPrices> {
    TABLE.iter()
}

fn known_regions() -> String {
    TABLE.map(|row| row.region).join(", ")
}

impl RegionPrices {
    /// A NAT gateway's price for an hour.
    pub fn nat_hour(&self) -> Decimal {
        Decimal::new(self.nat_mills, 3)
    }

    /// A NAT gateway's price for a GB, either direction.
    pub fn nat_gb(&self) -> Decimal {
        Decimal::new(self.nat_mills, 3)
    }

    /// An interface endpoint's price for an hour in one zone.
    pub fn endpoint_zone_hour(&self) -> Decimal {
        Decimal::new(self.endpoint_hour_mills, 3)
    }

    /// An interface endpoint's price for a GB of the first petabyte of a month.
    pub fn endpoint_gb(&self) -> Decimal {
        Decimal::new(ENDPOINT_GB_TIERS[0].0, 3)
    }

    /// What a volume of bytes costs at the NAT gateway, without its hours.
    pub fn nat_bytes(&self, bytes: u64) -> Decimal {
        gb(bytes) * self.nat_gb()
    }

    /// What a month's volume of bytes costs through interface endpoints, tier by tier, without their hours.
    pub fn endpoint_bytes_a_month(&self, bytes: u64) -> Decimal {
        let mut left = gb(bytes);
        let mut cost = Decimal::ZERO;
        for (mills, width) in ENDPOINT_GB_TIERS {
            let step = width.map_or(left, |width| left.min(Decimal::from(width)));
            cost += step * Decimal::new(mills, 3);
            left -= step;
        }
        cost
    }

    /// What one interface endpoint costs a month in so many zones, without its bytes.
    pub fn endpoint_hours_a_month(&self, zones: u32) -> Decimal {
        Decimal::from(zones) * self.endpoint_zone_hour() * Decimal::from(HOURS_A_MONTH)
    }

    /// The monthly volume (GB) above which one interface endpoint in so many zones is cheaper than the NAT
    /// gateway's processing: zones × hourly × 730 / (NAT per GB − endpoint per GB).
    pub fn break_even_gb_a_month(&self, zones: u32) -> Decimal {
        self.endpoint_hours_a_month(zones) / (self.nat_gb() - self.endpoint_gb())
    }

    /// What moving a month's volume from the NAT gateway to one interface endpoint saves; negative below break-even.
    pub fn interface_endpoint_saving_a_month(&self, bytes: u64, zones: u32) -> Decimal {
        self.nat_bytes(bytes)
            - self.endpoint_bytes_a_month(bytes)
            - self.endpoint_hours_a_month(zones)
    }

    /// What moving a month's volume to a gateway endpoint saves: gateway endpoints cost nothing.
    pub fn gateway_endpoint_saving_a_month(&self, bytes: u64) -> Decimal {
        self.nat_bytes(bytes)
    }
}

/// Price of an hour of one Kafka event poller unit (provisioned mode; 20 MB/s), us-east-1 list price.
pub fn event_poller_unit_hour() -> Decimal {
    Decimal::new(185, 3)
}

/// Bytes as billed gigabytes, exactly.
pub fn gb(bytes: u64) -> Decimal {
    Decimal::from(bytes) / Decimal::from(BYTES_PER_GB)
}

/// A volume in the gigabytes that the bill counts (2^30 bytes), one place: `4,000.0 GB`.
pub fn human_bytes(bytes: u64) -> String {
    let gb = gb(bytes);
    if bytes > 0 && gb < Decimal::new(1, 1) {
        return "under 0.1 GB".to_owned();
    }
    let text = format!("{:.1}", gb.round_dp(1));
    let (whole, tenth) = text.split_once('.').unwrap_or((&text, "0"));
    format!("{}.{tenth} GB", group_thousands(whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_unknown_region_is_an_error_that_names_it() {
        let error = for_region("mars-north-1").unwrap_err();
        insta::assert_snapshot!(error, @"no prices for region `mars-north-1`: the table of 2026-11-21 covers ap-northeast-1, ap-southeast-1, ap-southeast-3, eu-central-1, eu-west-1, us-east-1, us-west-2");
    }

    #[test]
    fn break_even_volumes_are_the_published_ones() {
        let volume = |region: &str| {
            for_region(region)
                .unwrap()
                .break_even_gb_a_month(1)
                .round()
                .to_string()
        };
        assert_eq!(volume("us-east-1"), "209");
        assert_eq!(volume("eu-west-1"), "211");
        assert_eq!(volume("ap-northeast-1"), "197");
    }

    #[test]
    fn endpoint_volume_is_priced_tier_by_tier() {
        let prices = for_region("us-east-1").unwrap();
        let petabyte = BYTES_PER_GB << 20;
        assert_eq!(
            prices.endpoint_bytes_a_month(petabyte),
            Decimal::new(1_048_576, 2)
        );
        let six = prices.endpoint_bytes_a_month(6 * petabyte);
        // 1 PB at .010, 4 PB at .006, 1 PB at .004.
        assert_eq!(
            six,
            Decimal::from(1u32 << 20) * Decimal::new(10 + 24 + 4, 3)
        );
    }

    proptest! {
        #[test]
        fn saving_is_zero_at_break_even_and_grows_with_volume(
            row in 0..TABLE.len(), zones in 1u32..6, bytes in 0u64..(BYTES_PER_GB << 20)
        ) {
            let prices = &TABLE[row];
            let saving = prices.interface_endpoint_saving_a_month(bytes, zones);
            let above = gb(bytes) > prices.break_even_gb_a_month(zones);
            prop_assert_eq!(above, saving > Decimal::ZERO);
            prop_assert!(prices.gateway_endpoint_saving_a_month(bytes) >= saving);
        }
    }

    #[test]
    fn volumes_are_the_bills_gigabytes() {
        assert_eq!(human_bytes(3_400 << 30), "3,400.0 GB");
        assert_eq!(human_bytes((1 << 30) + (1 << 29)), "1.5 GB");
        assert_eq!(human_bytes(5), "under 0.1 GB");
        assert_eq!(human_bytes(0), "0.0 GB");
    }
}
