//! Who reaches what: DNS answer, path by routes, groups and network ACLs on both ends. Shares no code with the product's own reading of
//! rules, which it is there to check.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use tollkeeper::plan::EndpointKind;

use super::world::{Client, World};
use crate::acl::AclEntry;
use crate::change::{Direction, Peer};
use crate::snapshot::{Endpoint, EndpointState, Rule};

/// A client (by its place in the world) and the service it reaches.
pub(crate) type Path = (usize, &'static str);

/// Names that clients ask for, each with the public address it has outside the VPC.
const NAMES: [(&str, Ipv4Addr); 6] = [
    ("dynamodb", Ipv4Addr::new(52, 94, 0, 1)),
    ("execute-api", Ipv4Addr::new(52, 94, 0, 2)),
    ("lambda", Ipv4Addr::new(52, 94, 0, 3)),
    ("s3", Ipv4Addr::new(54, 231, 0, 4)),
    ("sqs", Ipv4Addr::new(52, 94, 0, 5)),
    ("sts", Ipv4Addr::new(52, 94, 0, 6)),
];

/// Names that stay public although an endpoint's private DNS covers them, so that they fail there: the public APIs of
/// API Gateway.
const NOT_BEHIND_ITS_ENDPOINT: &str = "execute-api";

/// Everything that anybody reaches in this world.
pub(crate) fn reached(world: &World) -> BTreeSet<Path> {
    let clients = world.clients.iter().enumerate();
    clients
        .flat_map(|(number, client)| {
            let services = NAMES
                .iter()
                .filter(|(name, public)| reaches(world, client, name, *public));
            services.map(move |(name, _)| (number, *name))
        })
        .collect()
}

/// Whether one client reaches one service by its ordinary name.
pub(crate) fn reaches_service(world: &World, client: &Client, service: &str) -> bool {
    let mut names = NAMES.iter();
    names.any(|(name, public)| *name == service && reaches(world, client, name, *public))
}

fn reaches(world: &World, client: &Client, service: &str, public: Ipv4Addr) -> bool {
    match private_answer(world, service) {
        Some(_) if service == NOT_BEHIND_ITS_ENDPOINT => false,
        Some(endpoint) => endpoint.subnets.iter().all(|subnet| {
            let interface = address(world, subnet, 200);
            leaves(world, client, interface, &endpoint.groups)
                && enters(world, client, endpoint)
                && (*subnet == client.subnet || crosses(world, client, subnet, interface))
        }),
        None => {
            has_way_out(world, client, service)
                && leaves(world, client, public, &[])
                && goes_and_comes(world, client, public)
        }
    }
}

/// The endpoint that the service's name leads to inside the VPC.
fn private_answer<'a>(world: &'a World, service: &str) -> Option<&'a Endpoint> {
    let vpc = &world.network.vpc;
    let mut endpoints = world.network.endpoints.iter();
    let answering = |endpoint: &&Endpoint| {
        endpoint.service == service
            && endpoint.kind == EndpointKind::Interface
            && endpoint.private_dns
            && endpoint.state == EndpointState::Available
    };
    endpoints
        .find(answering)
        .filter(|_| vpc.dns_support && vpc.dns_hostnames)
}

/// A route to the service's prefix list, or a default route.
fn has_way_out(world: &World, client: &Client, service: &str) -> bool {
    let network = &world.network;
    let subnet = network
        .subnets
        .iter()
        .find(|subnet| subnet.id == client.subnet);
    let table = subnet.and_then(|subnet| {
        let mut tables = network.route_tables.iter();
        tables.find(|table| table.id == subnet.route_table)
    });
    table.is_some_and(|table| {
        let by_gateway = table.endpoint_routes.iter().any(|id| {
            let endpoint = network.endpoints.iter().find(|endpoint| endpoint.id == *id);
            endpoint.is_some_and(|endpoint| endpoint.service == service)
        });
        by_gateway || table.default_target.is_some()
    })
}

/// An address in a subnet.
fn address(world: &World, subnet: &str, host: u8) -> Ipv4Addr {
    let first = world.blocks.get(subnet).copied();
    let [a, b, c, _] = first.unwrap_or(Ipv4Addr::new(10, 0, 0, 0)).octets();
    Ipv4Addr::new(a, b, c, host)
}

/// Whether packets pass the ACLs of both subnets, there and back.
fn crosses(world: &World, client: &Client, subnet: &str, interface: Ipv4Addr) -> bool {
    let own = address(world, &client.subnet, 17);
    goes_and_comes(world, client, interface)
        && admitted(world, subnet, Direction::Ingress, own, 443)
        && admitted(world, subnet, Direction::Egress, own, client.port)
}

/// Whether the ACL of the client's own subnet lets packets to an address out and the answers in.
fn goes_and_comes(world: &World, client: &Client, far: Ipv4Addr) -> bool {
    let subnet = &client.subnet;
    admitted(world, subnet, Direction::Egress, far, 443)
        && admitted(world, subnet, Direction::Ingress, far, client.port)
}

/// What the first rule says that fits a TCP packet; the last one refuses.
fn admitted(world: &World, subnet: &str, way: Direction, far: Ipv4Addr, port: u16) -> bool {
    let acls = &world.network.network_acls;
    let guard = acls
        .iter()
        .find(|acl| acl.subnets.contains(&subnet.to_owned()));
    let fits = |rule: &&AclEntry| {
        let is_tcp = match rule.protocol.as_str() {
            "-1" => true,
            "6" => rule.from_port <= port && port <= rule.to_port,
            _ => false,
        };
        rule.direction == way && is_tcp && lies_in(&rule.cidr, far)
    };
    let rules = guard.into_iter().flat_map(|acl| &acl.entries).filter(fits);
    rules
        .min_by_key(|rule| rule.number)
        .is_some_and(|rule| rule.allow)
}

/// Whether a client's groups let it out to an address that wears `far_groups`.
fn leaves(world: &World, client: &Client, to: Ipv4Addr, far_groups: &[String]) -> bool {
    let mut rules = rules_of(world, &client.groups, |group| &group.egress);
    rules.any(|rule| is_https(rule) && names(&rule.peer, to, far_groups))
}

/// Whether an endpoint's groups let a client in.
fn enters(world: &World, client: &Client, endpoint: &Endpoint) -> bool {
    let from = address(world, &client.subnet, 17);
    let mut rules = rules_of(world, &endpoint.groups, |group| &group.ingress);
    rules.any(|rule| is_https(rule) && names(&rule.peer, from, &client.groups))
}

fn rules_of<'a>(
    world: &'a World,
    groups: &'a [String],
    side: impl Fn(&'a crate::snapshot::Group) -> &'a Vec<Rule>,
) -> impl Iterator<Item = &'a Rule> {
    let all = world.network.groups.iter();
    let worn = all.filter(move |group| groups.contains(&group.id));
    worn.flat_map(side)
}

fn is_https(rule: &Rule) -> bool {
    rule.protocol == "-1" || rule.protocol == "tcp" && rule.from_port <= 443 && 443 <= rule.to_port
}

fn names(peer: &Peer<String>, address: Ipv4Addr, wears: &[String]) -> bool {
    match peer {
        Peer::Group(id) => wears.contains(id),
        Peer::Cidr(cidr) => lies_in(cidr, address),
        // The world knows two lists: one of S3's addresses, one of all AWS's.
        Peer::PrefixList(list) => match address.octets() {
            [54, 231, ..] => true,
            [52, 94, ..] => list == "pl-aws",
            _ => false,
        },
    }
}

fn lies_in(cidr: &str, address: Ipv4Addr) -> bool {
    let Some((first, length)) = cidr.split_once('/') else {
        return false;
    };
    let (Ok(first), Ok(length)) = (first.parse::<Ipv4Addr>(), length.parse::<u32>()) else {
        return false;
    };
    (u32::from(first) ^ u32::from(address)).leading_zeros() >= length
}
