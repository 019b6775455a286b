//! What lies around NAT gateways: which route leads to which of them, whose addresses are whose, and tags.
//!
//! A source whose address is in no interface of the gateway's VPC came from elsewhere, as a rule through a Transit
//! Gateway: the route back names it. All of it is as EC2 shows it now; this module refuses to guess what it was.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use tollkeeper::finding::{Source, SourceKind};

use crate::measure::network::{Interface, Network, Subnet};
use crate::measure::topology::{self, Target, WayOut};

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a range of addresses")]
pub struct NotACidr(String);

impl FromStr for Cidr {
    type Err = NotACidr;
    fn from_str(text: &str) -> Result<Self, NotACidr> {
        let wrong = || NotACidr(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let length: u8 = length.parse().map_err(|_| wrong())?;
        if length > if address.is_ipv4() { 32 } else { 128 } {
            return Err(wrong());
        }
        Ok(Self { address, length })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl Cidr {
    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                u128::from(u32::from(own) ^ u32::from(other)) << 96
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => u128::from(own) ^ u128::from(other),
            _ => return false,
        };
        // All bits up to the length agree.
        differ
            .checked_shr(128 - u32::from(self.length))
            .unwrap_or(0)
            == 0
    }
}

/// A route table, as far as NAT gateways and Transit Gateways are concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// Its VPC.
    pub vpc_id: String,
    /// Whether subnets without a table of their own use it.
    pub main: bool,
    /// Subnets that are told to use it.
    pub subnets: Vec<String>,
    /// The NAT gateway of its default route.
    pub nat_gateway_id: Option<String>,
    /// Ranges that are reached through a Transit Gateway, and its id.
    pub transit: Vec<(Cidr, String)>,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// All route tables; empty where they could not be read.
    pub route_tables: Vec<RouteTable>,
    /// Ranges of the region's VPCs, with their ids.
    pub vpcs: Vec<(Cidr, String)>,
    /// Values of tags by resource and key.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
}

impl RouteTable {
    fn of(table: &topology::RouteTable) -> Self {
        let transit = table.routes.iter().filter_map(|route| match &route.target {
            Target::TransitGateway(id) => Some((route.destination.parse().ok()?, id.clone())),
            _ => None,
        });
        Self {
            vpc_id: table.vpc_id.clone(),
            main: table.main,
            subnets: table.subnets.clone(),
            nat_gateway_id: match table.way_out() {
                WayOut::Nat(id) => Some(id),
                _ => None,
            },
            transit: transit.collect(),
        }
    }
}

impl Surroundings {
    /// What a network shows, and the tags of its resources.
    pub fn of(network: &Network, tags: BTreeMap<String, BTreeMap<String, String>>) -> Self {
        let ranges = network.vpcs.iter().flat_map(|(id, vpc)| {
            let ranges = vpc.cidrs.iter().filter_map(|range| range.parse().ok());
            ranges.map(|range| (range, id.clone()))
        });
        let mut vpcs: Vec<(Cidr, String)> = ranges.collect();
        vpcs.sort();
        vpcs.dedup();
        Self {
            route_tables: network.route_tables.iter().map(RouteTable::of).collect(),
            vpcs,
            tags,
        }
    }

    /// The NAT gateway that a subnet's default route leads to.
    pub fn nat_of(&self, subnet_id: &str, subnets: &BTreeMap<String, Subnet>) -> Option<&str> {
        let own = |table: &&RouteTable| table.subnets.iter().any(|id| id == subnet_id);
        let vpc = subnets.get(subnet_id).map(|subnet| subnet.vpc_id.as_str());
        let main = |table: &&RouteTable| table.main && Some(table.vpc_id.as_str()) == vpc;
        let mut tables = self.route_tables.iter();
        let table = tables.clone().find(own).or_else(|| tables.find(main))?;
        table.nat_gateway_id.as_deref()
    }

    /// The range and the Transit Gateway through which a VPC reaches an address; the narrowest range counts.
    pub fn behind(&self, vpc_id: &str, address: IpAddr) -> Option<(Cidr, &str)> {
        let inside = |(range, id): &(Cidr, String)| range.contains(address) && id == vpc_id;
        if self.vpcs.iter().any(inside) {
            return None;
        }
        let tables = self
            .route_tables
            .iter()
            .filter(|table| table.vpc_id == vpc_id);
        tables
            .flat_map(|table| &table.transit)
            .filter(|(range, _)| range.contains(address))
            .max_by_key(|(range, _)| range.length)
            .map(|(range, id)| (*range, id.as_str()))
    }

    /// The one other VPC of the region that has an address; `None` where several do, or none.
    pub fn vpc_of(&self, address: IpAddr) -> Option<&str> {
        let mut found = self
            .vpcs
            .iter()
            .filter(|(range, _)| range.contains(address));
        match (found.next(), found.next()) {
            (Some((_, id)), None) => Some(id),
            _ => None,
        }
    }

    /// A source as its tags name it, where it has one of the keys: the instance's or else the interface's.
    pub fn tagged(
        &self,
        source: &Source,
        interface: &Interface,
        keys: &[String],
    ) -> Option<Source> {
        let value = |key: &String| {
            [&source.id, &interface.id]
                .into_iter()
                .find_map(|id| Some(format!("{key}={}", self.tags.get(id)?.get(key)?)))
        };
        let name = keys.iter().filter_map(value).collect::<Vec<_>>().join(", ");
        (!name.is_empty()).then(|| Source {
            kind: SourceKind::Tag,
            id: name.clone(),
            name,
            subnet_id: source.subnet_id.clone(),
            vpc_id: source.vpc_id.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use proptest::prelude::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_shows_which_routes_lead_to_which_gateways_and_whose_ranges_are_whose() {
        let mut network = fixture::routed();
        network.route_tables.push(topology::RouteTable {
            vpc_id: fixture::VPC.to_owned(),
            routes: vec![topology::Route {
                destination: "10.9.0.0/16".to_owned(),
                target: Target::TransitGateway("tgw-1".to_owned()),
                active: true,
            }],
            ..topology::RouteTable::default()
        });
        let around = Surroundings::of(&network, BTreeMap::new());
        assert_eq!(around.nat_of("subnet-a", &network.subnets), Some("nat-a"));
        assert_eq!(around.nat_of("subnet-b", &network.subnets), Some("nat-b"));
        assert_eq!(
            around.vpc_of("10.0.1.5".parse().unwrap()),
            Some(fixture::VPC)
        );
        let (range, gateway) = around
            .behind(fixture::VPC, "10.9.1.1".parse().unwrap())
            .unwrap();
        assert_eq!((range, gateway), (cidr("10.9.0.0/16"), "tgw-1"));
    }

    #[test]
    fn a_subnet_without_a_table_of_its_own_follows_the_main_one() {
        let table = |main, subnets: &[&str], nat: Option<&str>| RouteTable {
            vpc_id: fixture::VPC.to_owned(),
            main,
            subnets: subnets.iter().map(|id| (*id).to_owned()).collect(),
            nat_gateway_id: nat.map(str::to_owned),
            transit: Vec::new(),
        };
        let around = Surroundings {
            route_tables: vec![
                table(true, &[], Some("nat-b")),
                table(false, &["subnet-a"], Some("nat-a")),
            ],
            ..Surroundings::default()
        };
        let subnets = fixture::network().subnets;
        assert_eq!(around.nat_of("subnet-a", &subnets), Some("nat-a"));
        assert_eq!(around.nat_of("subnet-b", &subnets), Some("nat-b"));
        assert_eq!(around.nat_of("subnet-elsewhere", &subnets), None);
    }

    #[test]
    fn the_narrowest_range_names_the_transit_gateway_and_the_vpcs_own_are_not_behind_it() {
        let around = Surroundings {
            route_tables: vec![RouteTable {
                vpc_id: "vpc-1".to_owned(),
                transit: vec![
                    (cidr("10.0.0.0/8"), "tgw-wide".to_owned()),
                    (cidr("10.9.0.0/16"), "tgw-narrow".to_owned()),
                ],
                ..RouteTable::default()
            }],
            vpcs: vec![
                (cidr("10.0.0.0/16"), "vpc-1".to_owned()),
                (cidr("10.9.0.0/16"), "vpc-9".to_owned()),
            ],
            ..Surroundings::default()
        };
        let behind = |address: &str| {
            let found = around.behind("vpc-1", address.parse().unwrap());
            found.map(|(range, id)| format!("{range} {id}"))
        };
        assert_eq!(
            behind("10.9.1.1").as_deref(),
            Some("10.9.0.0/16 tgw-narrow")
        );
        assert_eq!(behind("10.8.1.1").as_deref(), Some("10.0.0.0/8 tgw-wide"));
        assert_eq!(behind("10.0.1.1"), None);
        assert_eq!(around.vpc_of("10.9.1.1".parse().unwrap()), Some("vpc-9"));
        assert_eq!(around.vpc_of("10.8.1.1".parse().unwrap()), None);
    }

    #[test]
    fn a_source_goes_by_its_instances_tags_and_without_them_by_its_name() {
        let web = fixture::interface("eni-web");
        let around = Surroundings {
            tags: [
                ("i-web", "team", "shop"),
                ("eni-web", "team", "other"),
                ("eni-web", "service", "web"),
            ]
            .into_iter()
            .fold(
                BTreeMap::new(),
                |mut tags: BTreeMap<_, BTreeMap<_, _>>, (id, key, value)| {
                    tags.entry(id.to_owned())
                        .or_default()
                        .insert(key.to_owned(), value.to_owned());
                    tags
                },
            ),
            ..Surroundings::default()
        };
        let keys = ["team".to_owned(), "service".to_owned()];
        let tagged = around.tagged(&web.source, &web, &keys).unwrap();
        assert_eq!(
            (tagged.kind, tagged.name.as_str()),
            (SourceKind::Tag, "team=shop, service=web")
        );
        let builder = fixture::interface("eni-builder");
        assert_eq!(around.tagged(&builder.source, &builder, &keys), None);
    }

    proptest! {
        #[test]
        fn an_address_lies_in_a_range_if_their_first_bits_agree(own in any::<u32>(), other in any::<u32>(), length in 0u8..=32) {
            let range = Cidr { address: IpAddr::V4(own.into()), length };
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            prop_assert_eq!(range.contains(IpAddr::V4(other.into())), own & mask == other & mask);
            prop_assert!(range.contains(IpAddr::V4(own.into())));
        }
    }
}
