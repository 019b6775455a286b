//! Usage types of the bill: which of them matter, by their exact names.
//!
//! A name is a region's prefix (`EU-`, none in us-east-1) and a suffix. Both are matched whole: `NatGateway-Bytes` is
//! also the end of `RegionalNatGateway-Bytes`, which is another product.
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-billing-usage-reports.html> and the price list, where
//! provisioned bandwidth is billed by the Gbps-hour and its bytes cost nothing.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use tollkeeper::prices::{BYTES_PER_GB, RegionPrices};

/// A usage type without its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageType {
    /// Bytes through zonal gateways.
    NatBytes,
    /// Hours of zonal gateways.
    NatHours,
    /// Bytes through zonal gateways with provisioned bandwidth: free of charge.
    NatProvisionedBytes,
    /// Gbps-hours of zonal gateways with provisioned bandwidth.
    NatProvisionedGbps,
    /// Hours of zonal gateways with provisioned bandwidth.
    NatProvisionedHours,
    /// Bytes through regional gateways.
    RegionalBytes,
    /// Hours of regional gateways, counted in each zone.
    RegionalHours,
    /// Bytes through regional gateways with provisioned bandwidth.
    RegionalProvisionedBytes,
    /// Gbps-hours of regional gateways with provisioned bandwidth.
    RegionalProvisionedGbps,
    /// Hours of regional gateways with provisioned bandwidth.
    RegionalProvisionedHours,
    /// Zone-hours of interface endpoints.
    EndpointHours,
    /// Bytes through interface endpoints.
    EndpointBytes,
}

/// What a quantity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes; the bill says gigabytes of 2^30.
    Bytes,
    /// Hours of a gateway, or zone-hours.
    Hours,
    /// Hours of a provisioned Gbps.
    GbpsHours,
}

/// Services as the bill spells them: NAT gateways are under the first, endpoints under the second.
pub const BILLED_UNDER: [&str; 2] = ["EC2 - Other", "Amazon Virtual Private Cloud"];

/// Prefixes by which the bill also knows a region, besides the price table's.
const OTHER_PREFIXES: [(&str, &str); 2] = [("us-east-1", "USE1-"), ("eu-west-1", "EUW1-")];

impl UsageType {
    /// All, in the order of the enum.
    pub const ALL: [Self; 12] = [
        Self::NatBytes,
        Self::NatHours,
        Self::NatProvisionedBytes,
        Self::NatProvisionedGbps,
        Self::NatProvisionedHours,
        Self::RegionalBytes,
        Self::RegionalHours,
        Self::RegionalProvisionedBytes,
        Self::RegionalProvisionedGbps,
        Self::RegionalProvisionedHours,
        Self::EndpointHours,
        Self::EndpointBytes,
    ];

    /// The name without its region's prefix: what a series is called.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::NatBytes => "NatGateway-Bytes",
            Self::NatHours => "NatGateway-Hours",
            Self::NatProvisionedBytes => "NatGateway-Prvd-Bytes",
            Self::NatProvisionedGbps => "NatGateway-Prvd-Gbps",
            Self::NatProvisionedHours => "NatGateway-Prvd-Hours",
            Self::RegionalBytes => "RegionalNatGateway-Bytes",
            Self::RegionalHours => "RegionalNatGateway-Hours",
            Self::RegionalProvisionedBytes => "RegionalNatGateway-Prvd-Bytes",
            Self::RegionalProvisionedGbps => "RegionalNatGateway-Prvd-Gbps",
            Self::RegionalProvisionedHours => "RegionalNatGateway-Prvd-Hours",
            Self::EndpointHours => "VpcEndpoint-Hours",
            Self::EndpointBytes => "VpcEndpoint-Bytes",
        }
    }

    /// What its quantity counts.
    pub fn unit(self) -> Unit {
        match self {
            Self::NatBytes
            | Self::NatProvisionedBytes
            | Self::RegionalBytes
            | Self::RegionalProvisionedBytes
            | Self::EndpointBytes => Unit::Bytes,
            Self::NatHours
            | Self::NatProvisionedHours
            | Self::RegionalHours
            | Self::RegionalProvisionedHours
            | Self::EndpointHours => Unit::Hours,
            Self::NatProvisionedGbps | Self::RegionalProvisionedGbps => Unit::GbpsHours,
        }
    }

    /// Whether it is a NAT gateway's, not an endpoint's.
    pub fn is_nat(self) -> bool {
        !matches!(self, Self::EndpointHours | Self::EndpointBytes)
    }

    /// Bytes of NAT gateways, whatever they cost: what CloudWatch counts too.
    pub fn is_nat_bytes(self) -> bool {
        self.is_nat() && self.unit() == Unit::Bytes
    }

    /// Whether a rise costs money at a price that is known, so that it is judged. Bytes of provisioned gateways are
    /// free, and the price of a Gbps-hour is in no table of ours: both are measured, and neither is judged.
    pub fn is_judged(self) -> bool {
        matches!(
            self,
            Self::NatBytes | Self::NatHours | Self::RegionalBytes | Self::RegionalHours
        )
    }

    /// List price of a quantity, dollars; `None` where no list price is known.
    pub fn price(self, quantity: u64, prices: &RegionPrices) -> Option<Decimal> {
        match self {
            Self::NatBytes | Self::RegionalBytes => Some(prices.nat_bytes(quantity)),
            Self::NatHours | Self::RegionalHours => {
                Some(Decimal::from(quantity) * prices.nat_hour())
            }
            Self::NatProvisionedBytes | Self::RegionalProvisionedBytes => Some(Decimal::ZERO),
            Self::EndpointHours => Some(Decimal::from(quantity) * prices.endpoint_zone_hour()),
            Self::EndpointBytes => Some(prices.endpoint_bytes_a_month(quantity)),
            Self::NatProvisionedGbps
            | Self::NatProvisionedHours
            | Self::RegionalProvisionedGbps
            | Self::RegionalProvisionedHours => None,
        }
    }

    /// The bill's quantity in this product's unit: bytes, or whole hours. Never negative.
    pub fn quantity(self, billed: Decimal) -> u64 {
        let quantity = match self.unit() {
            Unit::Bytes => billed * Decimal::from(BYTES_PER_GB),
            Unit::Hours | Unit::GbpsHours => billed,
        };
        quantity
            .max(Decimal::ZERO)
            .round()
            .to_u64()
            .unwrap_or(u64::MAX)
    }

    /// The bill's names of this usage type in a region.
    pub fn names(self, region: &RegionPrices) -> impl Iterator<Item = String> {
        prefixes(region).map(move |prefix| format!("{prefix}{}", self.suffix()))
    }

    /// Region and usage type of a name in the bill, if it is one of these regions' and one that matters.
    pub fn parse(name: &str, regions: &[&'static RegionPrices]) -> Option<(&'static str, Self)> {
        regions.iter().find_map(|region| {
            Self::ALL
                .into_iter()
                .find(|usage| is(name, usage.suffix(), region))
                .map(|usage| (region.region, usage))
        })
    }
}

/// Whether a name in the bill is exactly this one behind one of the region's prefixes.
pub fn is(name: &str, suffix: &str, region: &RegionPrices) -> bool {
    prefixes(region).any(|prefix| name.strip_prefix(prefix) == Some(suffix))
}

fn prefixes(region: &RegionPrices) -> impl Iterator<Item = &'static str> {
    let others = OTHER_PREFIXES
        .into_iter()
        .filter(|(known, _)| *known == region.region)
        .map(|(_, prefix)| prefix);
    std::iter::once(region.usage_prefix).chain(others.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollkeeper::prices;

    #[test]
    fn names_are_matched_whole_prefix_and_suffix() {
        let regions: Vec<_> = ["us-east-1", "eu-west-1"]
            .map(|region| prices::for_region(region).unwrap())
            .to_vec();
        let parse = |name| UsageType::parse(name, &regions);
        assert_eq!(
            parse("NatGateway-Bytes"),
            Some(("us-east-1", UsageType::NatBytes))
        );
        assert_eq!(
            parse("USE1-VpcEndpoint-Hours"),
            Some(("us-east-1", UsageType::EndpointHours))
        );
        assert_eq!(
            parse("EU-RegionalNatGateway-Bytes"),
            Some(("eu-west-1", UsageType::RegionalBytes))
        );
        assert_eq!(
            parse("EU-NatGateway-Prvd-Gbps"),
            Some(("eu-west-1", UsageType::NatProvisionedGbps))
        );
        for other in [
            "EUNatGateway-Bytes",
            "APN1-NatGateway-Bytes",
            "EU-EU-NatGateway-Bytes",
            "NatGateway-Bytes-2",
            "XNatGateway-Bytes",
            "EU-VpcEndpoint-GWLBE-Bytes",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn every_usage_type_of_every_region_is_found_by_each_of_its_names_and_no_two_share_one() {
        let regions: Vec<_> = prices::regions().collect();
        let mut seen = std::collections::BTreeSet::new();
        for region in &regions {
            for usage in UsageType::ALL {
                for name in usage.names(region) {
                    assert_eq!(
                        UsageType::parse(&name, &regions),
                        Some((region.region, usage))
                    );
                    assert!(seen.insert(name));
                }
            }
        }
    }

    #[test]
    fn bytes_are_gigabytes_of_the_bill_and_a_negative_sum_is_nothing() {
        let billed: Decimal = "10.5".parse().unwrap();
        assert_eq!(UsageType::NatBytes.quantity(billed), 21 * BYTES_PER_GB / 2);
        assert_eq!(UsageType::NatHours.quantity(Decimal::from(48)), 48);
        assert_eq!(UsageType::NatBytes.quantity(Decimal::from(-1)), 0);
    }
}
