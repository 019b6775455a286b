//! The network as it is after a plan, as far as a client's way to a planned service goes.
//!
//! Reads the plan's steps on its snapshot. Where an endpoint's address within its subnet, or the client's own port,
//! decides, the answer is that it depends.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::clients::Interface;
use super::narrowed::{self, Narrowed};
use crate::acl::{AclEntry, Area, EPHEMERAL, NetworkAcl, Ports};
use crate::change::{Change, Direction, Peer, Target};
use crate::plan::Plan;
use crate::reach::{self, HTTPS};
use crate::snapshot::{Group, Rule, Snapshot, Subnet};

const HTTPS_ONLY: Ports = (HTTPS, HTTPS);

/// What a plan changes on the ways to services.
#[derive(Debug)]
pub(crate) struct After<'a> {
    snapshot: &'a Snapshot,
    /// Route tables that get a route to the service.
    routes: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Services whose names will lead to an endpoint.
    pub(crate) endpoints: Vec<Endpoint<'a>>,
    /// Endpoints that admit fewer clients.
    pub(crate) narrowed: Vec<Narrowed<'a>>,
}

/// An interface endpoint to be.
#[derive(Debug, Default)]
pub(crate) struct Endpoint<'a> {
    pub(crate) service: &'a str,
    subnets: Vec<&'a str>,
    /// Whom its group admits on 443.
    admits: Vec<&'a Peer<Target>>,
    /// Groups that are let out to it on 443.
    lets_out: BTreeSet<&'a str>,
}

/// What stands in a client's way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Obstacle {
    /// The client's groups, to this subnet.
    Groups(String),
    /// An ACL, in a direction seen from its subnet.
    Acl(String, Direction),
    /// The endpoint's group does not admit the client.
    EndpointGroup,
    /// No obstacle for sure: it depends.
    Depends(Doubt),
}

/// What is not known of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    /// Part of the endpoint's subnet is reached, or part of the client's ports: which are used is not known.
    Part,
    /// A prefix list that may hold the endpoint's subnet.
    PrefixList,
    /// A group, a subnet or an ACL that the snapshot lacks.
    Unread,
}

impl<'a> After<'a> {
    pub(crate) fn of(plan: &'a Plan, snapshot: &'a Snapshot) -> Self {
        let mut made: BTreeMap<u32, &'a str> = BTreeMap::new();
        let mut routes: BTreeMap<&'a str, BTreeSet<&'a str>> = BTreeMap::new();
        let mut by_service: BTreeMap<&'a str, Endpoint<'a>> = BTreeMap::new();
        let mut switched = BTreeSet::new();
        for step in &plan.steps {
            match &step.change {
                Change::CreateGroup { service, .. } | Change::CreateGatewayEndpoint { service } => {
                    made.insert(step.number, service);
                }
                Change::CreateInterfaceEndpoint {
                    service, subnets, ..
                } => {
                    let endpoint = by_service.entry(service).or_default();
                    endpoint.subnets = subnets.iter().map(String::as_str).collect();
                }
                Change::AssociateRouteTable {
                    endpoint,
                    route_table,
                } => {
                    let service = match endpoint {
                        Target::Step(number) => made.get(number).copied(),
                        Target::Id(id) => snapshot.endpoint(id).map(|found| found.service.as_str()),
                    };
                    if let Some(service) = service {
                        routes.entry(service).or_default().insert(route_table);
                    }
                }
                Change::Allow {
                    group: Target::Step(number),
                    direction: Direction::Ingress,
                    port: HTTPS,
                    peer,
                } => {
                    if let Some(service) = made.get(number) {
                        by_service.entry(service).or_default().admits.push(peer);
                    }
                }
                Change::Allow {
                    group: Target::Id(group),
                    direction: Direction::Egress,
                    port: HTTPS,
                    peer: Peer::Group(Target::Step(number)),
                } => {
                    if let Some(service) = made.get(number) {
                        by_service
                            .entry(service)
                            .or_default()
                            .lets_out
                            .insert(group);
                    }
                }
                Change::SwitchPrivateDnsOn { service, .. } => {
                    switched.insert(service.as_str());
                }
                Change::Allow { .. } | Change::Revoke { .. } | Change::SetPolicy { .. } => {}
            }
        }
        let named = by_service.into_iter().map(|(service, endpoint)| Endpoint {
            service,
            ..endpoint
        });
        Self {
            snapshot,
            narrowed: narrowed::of(plan, snapshot),
            routes,
            endpoints: named
                .filter(|endpoint| switched.contains(endpoint.service))
                .collect(),
        }
    }

    /// Services that route tables get routes to, and those whose names will lead to an endpoint.
    pub(crate) fn services(&self) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
        let endpoints = self.endpoints.iter().map(|endpoint| endpoint.service);
        (self.routes.keys().copied().collect(), endpoints.collect())
    }

    /// Whether a subnet's table gets a route to a service; `None` where the subnet is not known.
    pub(crate) fn gets_route(&self, subnet: &str, service: &str) -> Option<bool> {
        let subnet = self.subnet(subnet)?;
        let tables = self.routes.get(service);
        Some(tables.is_some_and(|tables| tables.contains(subnet.route_table.as_str())))
    }

    /// The subnet whose range an address lies in.
    pub(crate) fn subnet_of(&self, address: IpAddr) -> Option<&'a str> {
        let one = format!("{address}/32");
        let mut subnets = self.snapshot.subnets.iter();
        let found = subnets.find(|subnet| reach::contains(&subnet.cidr, &one));
        found.map(|subnet| subnet.id.as_str())
    }

    fn subnet(&self, id: &str) -> Option<&'a Subnet> {
        self.snapshot.subnets.iter().find(|subnet| subnet.id == id)
    }

    /// What stands between a client and an endpoint on 443, from one of its addresses; the worst of it.
    pub(crate) fn obstacle(
        &self,
        client: &Interface,
        groups: &[&Group],
        address: IpAddr,
        endpoint: &Endpoint<'_>,
    ) -> Option<Obstacle> {
        let own = format!("{address}/32");
        let entering = entering(client, endpoint, &own);
        let per_subnet = endpoint
            .subnets
            .iter()
            .flat_map(|id| match self.subnet(id) {
                Some(to) if !to.cidr.is_empty() => {
                    let leaving = leaving(client, groups, endpoint, to);
                    [leaving]
                        .into_iter()
                        .chain(self.acls(client, to, &own))
                        .flatten()
                        .collect()
                }
                _ => vec![Obstacle::Depends(Doubt::Unread)],
            });
        let mut all: Vec<Obstacle> = per_subnet.chain(entering).collect();
        // What is for sure comes before what depends.
        all.sort_by_key(|obstacle| matches!(obstacle, Obstacle::Depends(_)));
        all.into_iter().next()
    }

    /// ACLs keep no state: there and back, at both ends. Within one subnet none is asked.
    fn acls(&self, client: &Interface, to: &Subnet, own: &str) -> Vec<Option<Obstacle>> {
        if client.subnet == to.id {
            return Vec::new();
        }
        let (near, far) = (
            self.snapshot.acl_of(&client.subnet),
            self.snapshot.acl_of(&to.id),
        );
        let (Some(near), Some(far)) = (near, far) else {
            return vec![Some(Obstacle::Depends(Doubt::Unread))];
        };
        vec![
            guarded(near, Direction::Egress, &to.cidr, HTTPS_ONLY),
            guarded(far, Direction::Ingress, own, HTTPS_ONLY),
            guarded(far, Direction::Egress, own, EPHEMERAL),
            guarded(near, Direction::Ingress, &to.cidr, EPHEMERAL),
        ]
    }
}

/// Whether the endpoint's own group keeps a client out.
fn entering(client: &Interface, endpoint: &Endpoint<'_>, own: &str) -> Option<Obstacle> {
    let admits = |peer: &&Peer<Target>| match peer {
        Peer::Cidr(cidr) => reach::contains(cidr, own),
        Peer::Group(Target::Id(id)) => client.groups.contains(id),
        Peer::Group(Target::Step(_)) | Peer::PrefixList(_) => false,
    };
    let is_in = endpoint.admits.iter().any(admits);
    (!is_in).then_some(Obstacle::EndpointGroup)
}

fn guarded(acl: &NetworkAcl, direction: Direction, cidr: &str, ports: Ports) -> Option<Obstacle> {
    match passage(acl, direction, cidr, ports) {
        Passes::All => None,
        Passes::Some => Some(Obstacle::Depends(Doubt::Part)),
        Passes::None => Some(Obstacle::Acl(acl.id.clone(), direction)),
    }
}

/// A client's groups let it out where any of them does.
fn leaving(
    client: &Interface,
    groups: &[&Group],
    endpoint: &Endpoint<'_>,
    to: &Subnet,
) -> Option<Obstacle> {
    let worn = || client.groups.iter().map(String::as_str);
    if worn().any(|group| endpoint.lets_out.contains(group)) {
        return None;
    }
    let rules: Vec<&Rule> = groups.iter().flat_map(|group| &group.egress).collect();
    // Rules of groups only ever admit: as an ACL of theirs they are asked in any order.
    let as_acl = NetworkAcl {
        id: String::new(),
        subnets: Vec::new(),
        entries: rules.iter().filter_map(|rule| as_entry(rule)).collect(),
    };
    match passage(&as_acl, Direction::Egress, &to.cidr, HTTPS_ONLY) {
        Passes::All => None,
        _ if groups.len() < client.groups.len() => Some(Obstacle::Depends(Doubt::Unread)),
        Passes::Some => Some(Obstacle::Depends(Doubt::Part)),
        Passes::None if rules.iter().any(|rule| is_https_list(rule)) => {
            Some(Obstacle::Depends(Doubt::PrefixList))
        }
        Passes::None => Some(Obstacle::Groups(to.id.clone())),
    }
}

fn as_entry(rule: &Rule) -> Option<AclEntry> {
    let Peer::Cidr(cidr) = &rule.peer else {
        return None;
    };
    Some(AclEntry {
        direction: Direction::Egress,
        number: 1,
        protocol: rule.protocol.clone(),
        from_port: rule.from_port,
        to_port: rule.to_port,
        cidr: cidr.clone(),
        allow: true,
    })
}

fn is_https_list(rule: &Rule) -> bool {
    reach::covers_port(rule, HTTPS) && matches!(rule.peer, Peer::PrefixList(_))
}

/// How much of what is asked passes.
enum Passes {
    All,
    Some,
    None,
}

fn passage(acl: &NetworkAcl, direction: Direction, cidr: &str, ports: Ports) -> Passes {
    let Some(asked) = Area::of(cidr, ports) else {
        return Passes::None;
    };
    let passage = acl.passage(direction, &[asked]);
    match (passage.refused.is_empty(), passage.admitted.is_empty()) {
        (true, _) => Passes::All,
        (false, false) => Passes::Some,
        (false, true) => Passes::None,
    }
}
