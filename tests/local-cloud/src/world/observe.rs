//! Reads the VPC from EC2 as it stands now, for `network`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, IpPermission, RouteTable, SecurityGroup, VpcEndpoint};

use super::error::{Error, call};
use super::network::{InterfaceEndpoint, Network, Peer, Rule};

/// Observes a VPC. One page of each kind is all a world of this size has.
pub(super) async fn observe(ec2: &Client, vpc: &str) -> Result<Network, Error> {
    let in_vpc = || Filter::builder().name("vpc-id").values(vpc).build();
    let tables = ec2
        .describe_route_tables()
        .filters(in_vpc())
        .send()
        .await
        .map_err(call("describe route tables"))?;
    let groups = ec2
        .describe_security_groups()
        .filters(in_vpc())
        .send()
        .await
        .map_err(call("describe groups"))?;
    let endpoints = ec2
        .describe_vpc_endpoints()
        .filters(in_vpc())
        .send()
        .await
        .map_err(call("describe endpoints"))?;
    let available: Vec<_> = endpoints
        .vpc_endpoints()
        .iter()
        .filter(|endpoint| is_available(endpoint))
        .collect();
    Ok(Network {
        nat_of_subnet: nat_of_subnet(tables.route_tables()),
        gateway_endpoints: gateway_endpoints(tables.route_tables(), &available),
        interface_endpoints: available
            .iter()
            .filter_map(|endpoint| interface_endpoint(endpoint, groups.security_groups()))
            .collect(),
        egress: groups
            .security_groups()
            .iter()
            .map(|group| {
                (
                    group.group_id().unwrap_or_default().to_owned(),
                    rules(group.ip_permissions_egress()),
                )
            })
            .collect(),
    })
}

fn is_available(endpoint: &VpcEndpoint) -> bool {
    endpoint
        .state()
        .is_some_and(|state| state.as_str().eq_ignore_ascii_case("available"))
}

fn subnets(table: &RouteTable) -> impl Iterator<Item = &str> {
    table
        .associations()
        .iter()
        .filter_map(|association| association.subnet_id())
}

fn nat_of_subnet(tables: &[RouteTable]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for table in tables {
        let default = table
            .routes()
            .iter()
            .find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"));
        let Some(nat) = default.and_then(|route| route.nat_gateway_id()) else {
            continue;
        };
        found.extend(subnets(table).map(|subnet| (subnet.to_owned(), nat.to_owned())));
    }
    found
}

/// An association alone moves nothing: the route must be there.
fn gateway_endpoints(
    tables: &[RouteTable],
    endpoints: &[&VpcEndpoint],
) -> BTreeMap<(String, &'static str), String> {
    let mut found = BTreeMap::new();
    for table in tables {
        for route in table
            .routes()
            .iter()
            .filter(|route| route.destination_prefix_list_id().is_some())
        {
            let target = route.gateway_id().unwrap_or_default();
            let endpoint = endpoints
                .iter()
                .find(|endpoint| endpoint.vpc_endpoint_id() == Some(target));
            let service = endpoint
                .and_then(|endpoint| endpoint.service_name())
                .unwrap_or_default();
            let service = match service.rsplit('.').next() {
                Some("s3") => "s3",
                Some("dynamodb") => "dynamodb",
                _ => continue,
            };
            found.extend(
                subnets(table).map(|subnet| ((subnet.to_owned(), service), target.to_owned())),
            );
        }
    }
    found
}

fn interface_endpoint(
    endpoint: &VpcEndpoint,
    groups: &[SecurityGroup],
) -> Option<InterfaceEndpoint> {
    endpoint
        .vpc_endpoint_type()?
        .as_str()
        .eq_ignore_ascii_case("interface")
        .then_some(())?;
    let service_name = endpoint.service_name()?.to_owned();
    let own: BTreeSet<String> = endpoint
        .groups()
        .iter()
        .filter_map(|group| group.group_id().map(str::to_owned))
        .collect();
    let of_own = |group: &&SecurityGroup| group.group_id().is_some_and(|id| own.contains(id));
    Some(InterfaceEndpoint {
        id: endpoint.vpc_endpoint_id()?.to_owned(),
        service: service_name.rsplit('.').next()?.to_owned(),
        service_name,
        // One interface a subnet, one subnet a zone: AWS refuses two subnets of one zone.
        zones: u32::try_from(endpoint.subnet_ids().len()).unwrap_or(u32::MAX),
        private_dns: endpoint.private_dns_enabled() == Some(true),
        ingress: groups
            .iter()
            .filter(of_own)
            .flat_map(|group| rules(group.ip_permissions()))
            .collect(),
        groups: own,
    })
}

fn rules(permissions: &[IpPermission]) -> Vec<Rule> {
    let of_one = |permission: &IpPermission| {
        let port = |number: Option<i32>, default| {
            number
                .and_then(|port| u16::try_from(port).ok())
                .unwrap_or(default)
        };
        let ports = match permission.ip_protocol() {
            Some("tcp") => (
                port(permission.from_port(), 0),
                port(permission.to_port(), u16::MAX),
            ),
            Some("-1") => (0, u16::MAX),
            _ => return Vec::new(),
        };
        let ranges = permission
            .ip_ranges()
            .iter()
            .filter_map(|range| peer_range(range.cidr_ip()?));
        let groups = permission
            .user_id_group_pairs()
            .iter()
            .filter_map(|pair| Some(Peer::Group(pair.group_id()?.to_owned())));
        ranges
            .chain(groups)
            .map(|peer| Rule { ports, peer })
            .collect()
    };
    permissions.iter().flat_map(of_one).collect()
}

fn peer_range(text: &str) -> Option<Peer> {
    let (address, length) = text.split_once('/')?;
    Some(Peer::Range(
        address.parse::<Ipv4Addr>().ok()?,
        length.parse().ok()?,
    ))
}
