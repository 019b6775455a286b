//! What leads out of a network, as EC2 shows it: route tables, VPCs, Transit Gateways, and the flow logs that exist.

use std::net::IpAddr;

/// Where IPv4 traffic goes that no other route takes.
const ANYWHERE: &str = "0.0.0.0/0";

/// A VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vpc {
    /// Account that owns it; empty where unknown.
    pub owner: String,
    /// Its IPv4 and IPv6 ranges.
    pub cidrs: Vec<String>,
}

/// A route table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// `rtb-…`.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Whether subnets without a table of their own use it.
    pub main: bool,
    /// Subnets associated with it by name.
    pub subnets: Vec<String>,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Range or prefix list.
    pub destination: String,
    /// Where it leads.
    pub target: Target,
    /// `false` where the target is gone (a black hole).
    pub active: bool,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A NAT gateway.
    Nat(String),
    /// An internet gateway.
    InternetGateway(String),
    /// An egress-only internet gateway.
    EgressOnly(String),
    /// A Transit Gateway.
    TransitGateway(String),
    /// An interface, mostly of an instance that forwards.
    Interface(String),
    /// A VPC endpoint.
    Endpoint(String),
    /// The VPC itself, a peering, a virtual private gateway, …
    Other(String),
}

/// A VPC attached to a Transit Gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitAttachment {
    /// `tgw-attach-…`.
    pub id: String,
    /// `tgw-…`.
    pub transit_gateway_id: String,
    /// The VPC.
    pub vpc_id: String,
    /// Account that owns the VPC.
    pub vpc_owner: String,
}

/// A flow log that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlowLog {
    /// `fl-…`.
    pub id: String,
    /// VPC, subnet, interface, NAT gateway or Transit Gateway that it records.
    pub resource_id: String,
    /// `s3`, `cloud-watch-logs` or `kinesis-data-firehose`.
    pub destination_type: String,
    /// ARN of the bucket (and prefix), or name of the log group.
    pub destination: String,
    /// Its fields, `${version} ${account-id} …`.
    pub format: String,
    /// `parquet` or `plain-text`; empty where the destination is none of S3.
    pub file_format: String,
    /// Whether it is active and its delivery works.
    pub works: bool,
}

/// The way that a subnet's traffic takes to the internet and to AWS's public addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WayOut {
    /// A NAT gateway.
    Nat(String),
    /// An internet gateway: the subnet is public.
    InternetGateway,
    /// A Transit Gateway, to wherever it leads.
    TransitGateway(String),
    /// An interface of an instance that forwards.
    Interface(String),
    /// Some other target.
    Other(String),
    /// No default route, or one into a black hole.
    Nowhere,
    /// The route tables could not be read, or do not show the subnet's.
    Unknown,
}

impl RouteTable {
    /// Where the default route for IPv4 leads.
    pub fn way_out(&self) -> WayOut {
        let default = self
            .routes
            .iter()
            .find(|route| route.destination == ANYWHERE && route.active);
        match default.map(|route| &route.target) {
            None => WayOut::Nowhere,
            Some(Target::Nat(id)) => WayOut::Nat(id.clone()),
            Some(Target::InternetGateway(_)) => WayOut::InternetGateway,
            Some(Target::TransitGateway(id)) => WayOut::TransitGateway(id.clone()),
            Some(Target::Interface(id)) => WayOut::Interface(id.clone()),
            Some(Target::EgressOnly(id) | Target::Endpoint(id) | Target::Other(id)) => {
                WayOut::Other(id.clone())
            }
        }
    }
}

impl Vpc {
    /// Whether it has an IPv6 range.
    pub fn has_ipv6(&self) -> bool {
        self.cidrs.iter().any(|cidr| cidr.contains(':'))
    }

    /// Whether an address lies in one of its ranges.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.cidrs.iter().any(|cidr| in_range(cidr, address))
    }
}

fn in_range(cidr: &str, address: IpAddr) -> bool {
    let Some((base, length)) = cidr.split_once('/') else {
        return false;
    };
    let Ok(length) = length.parse::<u32>() else {
        return false;
    };
    match (base.parse(), address) {
        (Ok(IpAddr::V4(base)), IpAddr::V4(address)) => {
            let apart = u32::from(base) ^ u32::from(address);
            length <= 32 && apart.checked_shr(32 - length).unwrap_or(0) == 0
        }
        (Ok(IpAddr::V6(base)), IpAddr::V6(address)) => {
            let apart = u128::from(base) ^ u128::from(address);
            length <= 128 && apart.checked_shr(128 - length).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_addresses_of_their_own_family() {
        let holds = |cidr, address: &str| in_range(cidr, address.parse().unwrap());
        assert!(holds("10.0.0.0/16", "10.0.255.1"));
        assert!(!holds("10.0.0.0/16", "10.1.0.1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(holds("10.0.0.1/32", "10.0.0.1") && !holds("10.0.0.1/32", "10.0.0.2"));
        assert!(holds("2600:1f18::/56", "2600:1f18::1") && !holds("2600:1f18::/56", "10.0.0.1"));
        assert!(!holds("ten/8", "10.0.0.1") && !holds("10.0.0.0/40", "10.0.0.1"));
    }
}
