//! The few changes this product makes to a network, each with one inverse.
//!
//! In a plan a change may refer to what an earlier step makes (`Change<Target>`); before it is done every reference is
//! a concrete id (`Change<String>`). This module refuses to know how a change is carried out.

use serde::{Deserialize, Serialize};

/// A resource that exists, or that an earlier step makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// An existing resource.
    Id(String),
    /// What the step with this number makes.
    Step(u32),
}

/// One numbered change of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// From 1, in the order they are done.
    pub(crate) number: u32,
    pub(crate) change: Change<Target>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Change<R> {
    /// A security group for the endpoint of a service.
    CreateGroup { name: String, service: String },
    /// A rule: TCP on one port.
    Allow {
        group: R,
        direction: Direction,
        port: u16,
        peer: Peer<R>,
    },
    /// Takes away a rule that was there before: TCP on one port.
    Revoke {
        group: R,
        direction: Direction,
        port: u16,
        peer: Peer<R>,
    },
    /// A gateway endpoint without route tables: it changes nobody's path yet.
    CreateGatewayEndpoint { service: String },
    /// Routes of one table to a gateway endpoint.
    AssociateRouteTable { endpoint: R, route_table: String },
    /// An interface endpoint with private DNS off: it changes nobody's path yet.
    CreateInterfaceEndpoint {
        service: String,
        subnets: Vec<String>,
        zones: Vec<String>,
        group: R,
    },
    /// From here on the whole VPC reaches the service through the endpoint.
    SwitchPrivateDnsOn { service: String, endpoint: R },
    /// Another policy for an endpoint; both as JSON text.
    SetPolicy {
        service: String,
        endpoint: R,
        policy: String,
        /// What it takes the place of, and goes back to.
        replaces: String,
    },
}

/// Seen from the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

/// The far end of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Peer<R> {
    /// Addresses, IPv4 or IPv6.
    Cidr(String),
    /// Members of a group.
    Group(R),
    /// A prefix list; read, never made.
    PrefixList(String),
}

/// What undoes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Inverse {
    /// It was so before: nothing is undone.
    Nothing,
    DeleteGroup,
    RevokeRule,
    RestoreRule,
    DeleteEndpoint,
    DisassociateRouteTable,
    SwitchPrivateDnsOff,
    RestorePolicy,
}

impl Change<Target> {
    /// The change with every reference replaced by the id that `made` knows for a step; `None` where a step that it
    /// refers to has made nothing yet.
    pub(crate) fn resolve(&self, made: impl Fn(u32) -> Option<String>) -> Option<Change<String>> {
        let id = |target: &Target| match target {
            Target::Id(id) => Some(id.clone()),
            Target::Step(number) => made(*number),
        };
        let far_end = |peer: &Peer<Target>| {
            Some(match peer {
                Peer::Cidr(cidr) => Peer::Cidr(cidr.clone()),
                Peer::PrefixList(list) => Peer::PrefixList(list.clone()),
                Peer::Group(group) => Peer::Group(id(group)?),
            })
        };
        Some(match self {
            Self::CreateGroup { name, service } => Change::CreateGroup {
                name: name.clone(),
                service: service.clone(),
            },
            Self::Allow {
                group,
                direction,
                port,
                peer,
            } => Change::Allow {
                group: id(group)?,
                direction: *direction,
                port: *port,
                peer: far_end(peer)?,
            },
            Self::Revoke {
                group,
                direction,
                port,
                peer,
            } => Change::Revoke {
                group: id(group)?,
                direction: *direction,
                port: *port,
                peer: far_end(peer)?,
            },
            Self::CreateGatewayEndpoint { service } => Change::CreateGatewayEndpoint {
                service: service.clone(),
            },
            Self::AssociateRouteTable {
                endpoint,
                route_table,
            } => Change::AssociateRouteTable {
                endpoint: id(endpoint)?,
                route_table: route_table.clone(),
            },
            Self::CreateInterfaceEndpoint {
                service,
                subnets,
                zones,
                group,
            } => Change::CreateInterfaceEndpoint {
                service: service.clone(),
                subnets: subnets.clone(),
                zones: zones.clone(),
                group: id(group)?,
            },
            Self::SwitchPrivateDnsOn { service, endpoint } => Change::SwitchPrivateDnsOn {
                service: service.clone(),
                endpoint: id(endpoint)?,
            },
            Self::SetPolicy {
                service,
                endpoint,
                policy,
                replaces,
            } => Change::SetPolicy {
                service: service.clone(),
                endpoint: id(endpoint)?,
                policy: policy.clone(),
                replaces: replaces.clone(),
            },
        })
    }
}

impl<R> Change<R> {
    /// What undoes it once it has been done.
    pub(crate) fn inverse(&self) -> Inverse {
        match self {
            Self::CreateGroup { .. } => Inverse::DeleteGroup,
            Self::Allow { .. } => Inverse::RevokeRule,
            Self::Revoke { .. } => Inverse::RestoreRule,
            Self::CreateGatewayEndpoint { .. } | Self::CreateInterfaceEndpoint { .. } => {
                Inverse::DeleteEndpoint
            }
            Self::AssociateRouteTable { .. } => Inverse::DisassociateRouteTable,
            Self::SwitchPrivateDnsOn { .. } => Inverse::SwitchPrivateDnsOff,
            Self::SetPolicy { .. } => Inverse::RestorePolicy,
        }
    }

    /// The resource it changes; `None` where it makes one.
    pub(crate) fn changes(&self) -> Option<&R> {
        match self {
            Self::Allow { group: id, .. }
            | Self::Revoke { group: id, .. }
            | Self::AssociateRouteTable { endpoint: id, .. }
            | Self::SwitchPrivateDnsOn { endpoint: id, .. }
            | Self::SetPolicy { endpoint: id, .. } => Some(id),
            Self::CreateGroup { .. }
            | Self::CreateGatewayEndpoint { .. }
            | Self::CreateInterfaceEndpoint { .. } => None,
        }
    }

    /// Whether it makes a resource with an id of its own.
    pub(crate) fn creates(&self) -> bool {
        matches!(
            self.inverse(),
            Inverse::DeleteGroup | Inverse::DeleteEndpoint
        )
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::Step(number) => write!(f, "what step {number} makes"),
        }
    }
}

impl<R: std::fmt::Display> std::fmt::Display for Peer<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cidr(text) | Self::PrefixList(text) => f.write_str(text),
            Self::Group(group) => write!(f, "{group}"),
        }
    }
}

/// One line for people.
impl<R: std::fmt::Display> std::fmt::Display for Change<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CreateGroup { name, service } => {
                write!(f, "create security group {name} for the {service} endpoint")
            }
            Self::Allow {
                group,
                direction: Direction::Ingress,
                port,
                peer,
            } => write!(f, "let {peer} in on TCP {port} at {group}"),
            Self::Allow {
                group,
                direction: Direction::Egress,
                port,
                peer,
            } => write!(f, "let {group} out on TCP {port} to {peer}"),
            Self::Revoke {
                group,
                direction: Direction::Ingress,
                port,
                peer,
            } => write!(f, "let {peer} in on TCP {port} at {group} no longer"),
            Self::Revoke {
                group,
                direction: Direction::Egress,
                port,
                peer,
            } => write!(f, "let {group} out on TCP {port} to {peer} no longer"),
            Self::CreateGatewayEndpoint { service } => {
                write!(
                    f,
                    "create gateway endpoint for {service}, no route table yet"
                )
            }
            Self::AssociateRouteTable {
                endpoint,
                route_table,
            } => write!(f, "give route table {route_table} the route to {endpoint}"),
            Self::CreateInterfaceEndpoint {
                service,
                subnets,
                zones,
                ..
            } => write!(
                f,
                "create interface endpoint for {service} in {} ({}), private DNS off",
                subnets.join(", "),
                zones.join(", ")
            ),
            Self::SwitchPrivateDnsOn { service, endpoint } => {
                write!(f, "switch private DNS on for {service} ({endpoint})")
            }
            Self::SetPolicy {
                service, endpoint, ..
            } => write!(f, "set the policy of the {service} endpoint {endpoint}"),
        }
    }
}
