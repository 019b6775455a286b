//! The SDK's shapes to ours. Total: an absent field becomes the value that decides nothing.

use std::collections::BTreeMap;

use aws_sdk_ec2::types;
use tollkeeper::plan::EndpointKind;

use super::Ec2;
use crate::acl::{AclEntry, LAST_OWN_RULE, NetworkAcl};
use crate::change::{Direction, Peer};
use crate::owner::Owner;
use crate::policy::normal_form;
use crate::reach;
use crate::snapshot::{Endpoint, EndpointState, Group, RouteTable, Rule};

pub(super) fn tags(tags: &[types::Tag]) -> BTreeMap<String, String> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    tags.iter()
        .map(|tag| (text(tag.key()), text(tag.value())))
        .collect()
}

fn owned(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

impl Ec2 {
    /// An endpoint; `None` for kinds that this product does not handle.
    pub(super) fn endpoint_of(&self, from: &types::VpcEndpoint) -> Option<Endpoint> {
        let kind = kind(from.vpc_endpoint_type()?.as_str())?;
        let state = from.state().map_or("", types::State::as_str);
        let group = |group: &types::SecurityGroupIdentifier| owned(group.group_id());
        Some(Endpoint {
            id: owned(from.vpc_endpoint_id()),
            service: self
                .short_name(from.service_name().unwrap_or_default())
                .to_owned(),
            kind,
            state: EndpointState::of(state),
            private_dns: from.private_dns_enabled() == Some(true),
            subnets: from.subnet_ids().to_vec(),
            groups: from.groups().iter().map(group).collect(),
            route_tables: from.route_table_ids().to_vec(),
            owner: Owner::of(&tags(from.tags())),
            policy: from.policy_document().and_then(normal_form),
        })
    }
}

pub(super) fn kind(word: &str) -> Option<EndpointKind> {
    match word.to_ascii_lowercase().as_str() {
        "gateway" => Some(EndpointKind::Gateway),
        "interface" => Some(EndpointKind::Interface),
        _ => None,
    }
}

pub(super) fn group(from: &types::SecurityGroup) -> Group {
    Group {
        id: owned(from.group_id()),
        name: owned(from.group_name()),
        owner: Owner::of(&tags(from.tags())),
        ingress: rules(from.ip_permissions()),
        egress: rules(from.ip_permissions_egress()),
    }
}

fn rules(permissions: &[types::IpPermission]) -> Vec<Rule> {
    permissions.iter().flat_map(rules_of).collect()
}

fn rules_of(permission: &types::IpPermission) -> Vec<Rule> {
    let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    let v4 = permission
        .ip_ranges()
        .iter()
        .map(|range| Peer::Cidr(owned(range.cidr_ip())));
    let v6 = permission
        .ipv6_ranges()
        .iter()
        .map(|range| Peer::Cidr(owned(range.cidr_ipv6())));
    let groups = permission.user_id_group_pairs().iter();
    let groups = groups.map(|pair| Peer::Group(owned(pair.group_id())));
    let lists = permission.prefix_list_ids().iter();
    let lists = lists.map(|list| Peer::PrefixList(owned(list.prefix_list_id())));
    let rule = |peer| Rule {
        protocol: owned(permission.ip_protocol()),
        from_port: port(permission.from_port()),
        to_port: port(permission.to_port()),
        peer,
    };
    v4.chain(v6).chain(groups).chain(lists).map(rule).collect()
}

pub(super) fn network_acl(from: &types::NetworkAcl) -> NetworkAcl {
    let associations = from.associations().iter();
    let subnets = associations.filter_map(types::NetworkAclAssociation::subnet_id);
    let entries = from.entries().iter().map(acl_entry);
    NetworkAcl {
        id: owned(from.network_acl_id()),
        subnets: subnets.map(str::to_owned).collect(),
        // AWS's own last rules refuse what no other admits, which goes without saying.
        entries: entries
            .filter(|entry| entry.number <= LAST_OWN_RULE)
            .collect(),
    }
}

fn acl_entry(from: &types::NetworkAclEntry) -> AclEntry {
    let direction = match from.egress() {
        Some(true) => Direction::Egress,
        _ => Direction::Ingress,
    };
    let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
    let ports = from.port_range();
    AclEntry {
        direction,
        number: port(from.rule_number()).unwrap_or(u16::MAX),
        protocol: owned(from.protocol()),
        from_port: port(ports.and_then(types::PortRange::from)).unwrap_or(0),
        to_port: port(ports.and_then(types::PortRange::to)).unwrap_or(u16::MAX),
        cidr: owned(from.cidr_block().or(from.ipv6_cidr_block())),
        allow: from.rule_action() == Some(&types::RuleAction::Allow),
    }
}

/// Names of a service's private DNS.
pub(super) fn dns_names(from: &types::ServiceDetail) -> Vec<String> {
    let listed = from.private_dns_names().iter();
    let listed = listed.filter_map(types::PrivateDnsDetails::private_dns_name);
    let mut names: Vec<String> = listed
        .chain(from.private_dns_name())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The servers that DHCP options name.
pub(super) fn dns_servers(from: &types::DhcpOptions) -> Vec<String> {
    let configurations = from.dhcp_configurations().iter();
    let named = configurations.filter(|item| item.key() == Some("domain-name-servers"));
    let values = named.flat_map(types::DhcpConfiguration::values);
    let servers = values.filter_map(types::AttributeValue::value);
    servers.map(str::to_owned).collect()
}

/// A table with those of its endpoint routes that lead to `endpoints`.
pub(super) fn route_table(from: &types::RouteTable, endpoints: &[Endpoint]) -> RouteTable {
    let routes = from.routes();
    let gateways = routes.iter().filter_map(types::Route::gateway_id);
    let is_known = |id: &&str| endpoints.iter().any(|endpoint| endpoint.id == **id);
    RouteTable {
        id: owned(from.route_table_id()),
        default_target: default_route(routes).and_then(target).map(str::to_owned),
        endpoint_routes: gateways.filter(is_known).map(str::to_owned).collect(),
    }
}

/// The widest of those that hold public addresses by the million: 0.0.0.0/0, or the halves it is often split in.
fn default_route(routes: &[types::Route]) -> Option<&types::Route> {
    /// No private range is wider than a /8.
    const WIDE: u32 = 7;
    let bits = |route: &&types::Route| Some(reach::range(route.destination_cidr_block()?)?.1);
    let wide = routes
        .iter()
        .filter(|route| bits(route).is_some_and(|bits| bits <= WIDE));
    wide.min_by_key(|route| (bits(route), route.destination_cidr_block()))
}

fn target(route: &types::Route) -> Option<&str> {
    route
        .gateway_id()
        .or_else(|| route.nat_gateway_id())
        .or_else(|| route.transit_gateway_id())
        .or_else(|| route.network_interface_id())
        .or_else(|| route.instance_id())
        .or_else(|| route.vpc_peering_connection_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: &[(&str, &str)]) -> RouteTable {
        let route = |(range, gateway): &(&str, &str)| {
            let route = types::Route::builder().destination_cidr_block(*range);
            route.gateway_id(*gateway).build()
        };
        let table = types::RouteTable::builder().route_table_id("rtb-1");
        let table = table.set_routes(Some(routes.iter().map(route).collect()));
        route_table(&table.build(), &[])
    }

    #[test]
    fn a_default_route_is_seen_whole_or_in_halves_and_no_private_range_is_one() {
        for (routes, expected) in [
            (
                &[("10.0.0.0/16", "local"), ("0.0.0.0/0", "igw-1")][..],
                Some("igw-1"),
            ),
            (
                &[("128.0.0.0/1", "nat-1"), ("0.0.0.0/1", "nat-1")],
                Some("nat-1"),
            ),
            (
                &[("0.0.0.0/1", "nat-1"), ("0.0.0.0/0", "igw-1")],
                Some("igw-1"),
            ),
            (&[("10.0.0.0/8", "tgw-1"), ("52.94.0.0/16", "nat-1")], None),
        ] {
            assert_eq!(
                table(routes).default_target.as_deref(),
                expected,
                "{routes:?}"
            );
        }
    }
}
