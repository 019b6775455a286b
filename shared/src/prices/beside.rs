//! Prices of what stands beside NAT gateways and endpoints: Transit Gateways, zones, NAT instances, front doors.
//!
//! Each figure says whether two sources agree on it. Sources: aws.amazon.com/transit-gateway/pricing, /ec2/pricing,
//! /elasticloadbalancing/pricing, /api-gateway/pricing and /waf/pricing, with public copies of the price list, as of
//! [`super::AS_OF`].

use rust_decimal::Decimal;

use super::{HOURS_A_MONTH, RegionPrices};

/// The instance that a NAT instance is priced as: the smallest of the family that such images are made for.
pub const NAT_INSTANCE: &str = "t4g.nano";
/// Bytes a second that [`NAT_INSTANCE`] sustains (32 Mbit/s); what is above is borrowed for minutes at most.
/// Source: docs.aws.amazon.com/ec2/latest/instancetypes/gp.html, network specifications.
pub const NAT_INSTANCE_BYTES_A_SECOND: u64 = 4_000_000;

/// A list price and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListPrice {
    /// US dollars a unit.
    pub dollars: Decimal,
    /// Whether two sources agree on it.
    pub confirmed: bool,
}

/// Hundredths of a mill (10⁻⁵ dollars) an hour.
struct Hourly {
    region: &'static str,
    transit_attachment: i64,
    nat_instance: i64,
    load_balancer: i64,
    confirmed: bool,
}

const fn row(
    region: &'static str,
    transit_attachment: i64,
    nat_instance: i64,
    load_balancer: i64,
    confirmed: bool,
) -> Hourly {
    Hourly {
        region,
        transit_attachment,
        nat_instance,
        load_balancer,
        confirmed,
    }
}

/// In the order of the table of regions. Only the first region's and us-west-2's figures have a second source.
const HOURLY: [Hourly; 7] = [
    row("ap-northeast-1", 7_000, 540, 2_430, false),
    row("ap-southeast-1", 7_000, 530, 2_520, false),
    row("ap-southeast-3", 7_000, 530, 2_520, false),
    row("eu-central-1", 6_000, 480, 2_700, false),
    row("eu-west-1", 5_000, 460, 2_520, false),
    row("us-east-1", 5_000, 420, 2_250, true),
    row("us-west-2", 5_000, 420, 2_250, true),
];

impl RegionPrices {
    fn hourly(&self) -> &'static Hourly {
        // Both tables name the same regions; a test says so.
        HOURLY
            .iter()
            .find(|row| row.region == self.region)
            .unwrap_or(&HOURLY[0])
    }

    fn listed(&self, mills_per_100: i64) -> ListPrice {
        ListPrice {
            dollars: Decimal::new(mills_per_100, 5),
            confirmed: self.hourly().confirmed,
        }
    }

    /// A Transit Gateway's price for a GB that is sent to it.
    pub fn transit_gateway_gb(&self) -> ListPrice {
        self.listed(2_000)
    }

    /// A Transit Gateway attachment's price for an hour.
    pub fn transit_gateway_attachment_hour(&self) -> ListPrice {
        self.listed(self.hourly().transit_attachment)
    }

    /// What a GB between two zones costs at one end; the other end pays as much again.
    pub fn cross_zone_gb(&self) -> ListPrice {
        self.listed(1_000)
    }

    /// An hour of [`NAT_INSTANCE`], on demand.
    pub fn nat_instance_hour(&self) -> ListPrice {
        self.listed(self.hourly().nat_instance)
    }

    /// An hour of a public IPv4 address: a NAT gateway's and a NAT instance's alike.
    pub fn public_address_hour(&self) -> ListPrice {
        self.listed(500)
    }

    /// An hour of an Application Load Balancer, without its capacity units.
    pub fn load_balancer_hour(&self) -> ListPrice {
        self.listed(self.hourly().load_balancer)
    }

    /// An hour of one load balancer capacity unit (LCU).
    pub fn load_balancer_unit_hour(&self) -> ListPrice {
        self.listed(800)
    }

    /// A NAT gateway's hours of a month.
    pub fn nat_hours_a_month(&self, gateways: u32) -> Decimal {
        Decimal::from(gateways) * self.nat_hour() * Decimal::from(HOURS_A_MONTH)
    }
}

/// A million requests to a REST API of API Gateway, first tier of a month, us-east-1.
pub fn rest_api_million() -> ListPrice {
    confirmed(Decimal::new(350, 2))
}

/// A million requests to an HTTP API of API Gateway, first tier of a month, us-east-1.
pub fn http_api_million() -> ListPrice {
    confirmed(Decimal::ONE)
}

/// AWS WAF: a web ACL a month, a rule a month, a million requests.
pub fn web_acl() -> (ListPrice, ListPrice, ListPrice) {
    (
        confirmed(Decimal::from(5)),
        confirmed(Decimal::ONE),
        confirmed(Decimal::new(60, 2)),
    )
}

fn confirmed(dollars: Decimal) -> ListPrice {
    ListPrice {
        dollars,
        confirmed: true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{for_region, regions};
    use super::*;

    #[test]
    fn every_region_of_the_table_has_a_row_of_its_own_here() {
        let here: Vec<&str> = HOURLY.iter().map(|row| row.region).collect();
        let there: Vec<&str> = regions().map(|row| row.region).collect();
        assert_eq!(here, there);
    }

    #[test]
    fn prices_are_those_of_the_public_pages() {
        let virginia = for_region("us-east-1").unwrap();
        let dollars = |price: ListPrice| price.dollars.normalize().to_string();
        assert_eq!(dollars(virginia.transit_gateway_gb()), "0.02");
        assert_eq!(dollars(virginia.transit_gateway_attachment_hour()), "0.05");
        assert_eq!(dollars(virginia.cross_zone_gb()), "0.01");
        assert_eq!(dollars(virginia.nat_instance_hour()), "0.0042");
        assert_eq!(dollars(virginia.load_balancer_hour()), "0.0225");
        assert_eq!(dollars(virginia.load_balancer_unit_hour()), "0.008");
        assert_eq!(virginia.nat_hours_a_month(2), Decimal::new(6_570, 2));
        let tokyo = for_region("ap-northeast-1").unwrap();
        assert!(!tokyo.nat_instance_hour().confirmed, "one source only");
    }
}
