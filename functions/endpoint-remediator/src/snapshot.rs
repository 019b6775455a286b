//! The network of one VPC as a plan sees it: own types, one order, one hash.
//!
//! It holds what decisions rest on and nothing else: free addresses, for instance, steer a plan but do not belong to
//! its hash, since they change by the minute. It refuses to know how the network was read.

use serde::{Deserialize, Serialize};
use tollkeeper::canonical::{self, NotCanonical};
use tollkeeper::plan::EndpointKind;
use tollkeeper::time::Day;

use crate::acl::NetworkAcl;
use crate::change::{Change, Direction, Peer};
use crate::exception::Exception;
use crate::owner::Owner;
use crate::plan::group_name;
use crate::policy;
use crate::reach;

/// What of a VPC a plan looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) vpc_id: String,
    /// Short names: `s3`, `lambda`.
    pub(crate) services: Vec<String>,
    /// Groups named in the request.
    pub(crate) groups: Vec<String>,
}

/// One VPC at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) vpc: Vpc,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) route_tables: Vec<RouteTable>,
    pub(crate) groups: Vec<Group>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) services: Vec<Service>,
    /// Those that guard a subnet.
    #[serde(default)]
    pub(crate) network_acls: Vec<NetworkAcl>,
    /// What owners have set apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) exceptions: Vec<Exception>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vpc {
    pub(crate) id: String,
    /// Account that owns it: another one than ours for a shared VPC.
    pub(crate) owner: String,
    pub(crate) cidrs: Vec<String>,
    pub(crate) dns_support: bool,
    pub(crate) dns_hostnames: bool,
    /// What its DHCP options name: `AmazonProvidedDNS` or addresses; none without options.
    #[serde(default)]
    pub(crate) dns_servers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) zone: String,
    /// The table it is associated with, the main one where none is named.
    pub(crate) route_table: String,
    /// IPv4 range; empty for a subnet of IPv6 alone.
    #[serde(default)]
    pub(crate) cidr: String,
    /// Changes by the minute, so it is neither hashed nor kept.
    #[serde(skip)]
    pub(crate) free_addresses: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RouteTable {
    pub(crate) id: String,
    /// Where 0.0.0.0/0 leads: `igw-…`, `nat-…`, `tgw-…`.
    pub(crate) default_target: Option<String>,
    /// Gateway endpoints (of the services in scope) it has a route to.
    pub(crate) endpoint_routes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) owner: Owner,
    pub(crate) ingress: Vec<Rule>,
    pub(crate) egress: Vec<Rule>,
}

/// One rule for one peer; ports are both 0 where the protocol has none or all are meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// `tcp`, `udp`, … or `-1` for all.
    pub(crate) protocol: String,
    pub(crate) from_port: u16,
    pub(crate) to_port: u16,
    pub(crate) peer: Peer<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    /// Short name.
    pub(crate) service: String,
    pub(crate) kind: EndpointKind,
    pub(crate) state: EndpointState,
    pub(crate) private_dns: bool,
    pub(crate) subnets: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) route_tables: Vec<String>,
    pub(crate) owner: Owner,
    /// Its policy in its one spelling; absent for full access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
}

/// AWS's states, told apart as far as decisions need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndpointState {
    /// Not yet usable: pending, or waiting for the owner of the service.
    Pending,
    Available,
    Deleting,
    Deleted,
    /// Rejected, failed, expired or partial.
    Failed,
}

/// An endpoint service as DescribeVpcEndpointServices offers it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Service {
    /// Short name; a vendor's in full (`com.amazonaws.vpce.us-east-1.vpce-svc-…`).
    pub(crate) name: String,
    pub(crate) kind: EndpointKind,
    pub(crate) zones: Vec<String>,
    /// Names that private DNS would answer for, as AWS spells them; none where it has no private DNS.
    #[serde(default)]
    pub(crate) dns_names: Vec<String>,
    /// Whether its endpoints may have a policy.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub(crate) takes_policy: bool,
    /// Whether its owner has to accept each endpoint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) needs_acceptance: bool,
}

fn yes() -> bool {
    true
}

impl Scope {
    /// Deleted and failed endpoints stay listed for a while and stand in nobody's way.
    pub(crate) fn concerns_endpoint(&self, endpoint: &Endpoint) -> bool {
        self.services.contains(&endpoint.service)
            && !matches!(
                endpoint.state,
                EndpointState::Deleted | EndpointState::Failed
            )
    }

    /// The groups named, those of endpoints in scope (there, or to be made), those that are let out to these by name, and
    /// those whose members a move into the VPC would cut off. Others change every day and do not matter here.
    pub(crate) fn concerns_group(
        &self,
        group: &Group,
        endpoints: &[Endpoint],
        vpc_cidrs: &[String],
    ) -> bool {
        let is_made_for = |service: &String| group_name(service) == group.name;
        let is_worn = |id: &String| endpoints.iter().any(|found| found.groups.contains(id));
        let names_one =
            |rule: &Rule| matches!(&rule.peer, Peer::Group(id) if *id != group.id && is_worn(id));
        self.groups.contains(&group.id)
            || self.services.iter().any(is_made_for)
            || is_worn(&group.id)
            || group.egress.iter().any(names_one)
            || reach::loses_services(&group.egress, vpc_cidrs)
    }
}

impl Snapshot {
    /// The same network in one order, whatever order the API answered in.
    #[must_use]
    pub(crate) fn sorted(mut self) -> Self {
        self.vpc.cidrs.sort();
        self.vpc.dns_servers.sort();
        for table in &mut self.route_tables {
            table.endpoint_routes.sort();
        }
        for group in &mut self.groups {
            group.ingress.sort();
            group.egress.sort();
        }
        for endpoint in &mut self.endpoints {
            endpoint.subnets.sort();
            endpoint.groups.sort();
            endpoint.route_tables.sort();
        }
        for service in &mut self.services {
            service.zones.sort();
            service.dns_names.sort();
        }
        for acl in &mut self.network_acls {
            acl.subnets.sort();
            acl.entries.sort();
        }
        self.exceptions.sort();
        self.subnets.sort();
        self.route_tables.sort();
        self.groups.sort();
        self.endpoints.sort();
        self.services.sort();
        self.network_acls.sort();
        self
    }

    /// Hash of the sorted network.
    pub(crate) fn hash(&self) -> Result<String, NotCanonical> {
        canonical::hash(&self.clone().sorted())
    }

    /// The ACL that guards a subnet; EC2 leaves none without.
    pub(crate) fn acl_of(&self, subnet: &str) -> Option<&NetworkAcl> {
        let guards = |acl: &&NetworkAcl| acl.subnets.iter().any(|id| id == subnet);
        self.network_acls.iter().find(guards)
    }

    /// The network on a day: exceptions that have run out are gone.
    #[must_use]
    pub(crate) fn on(mut self, day: Day) -> Self {
        self.exceptions.retain(|exception| exception.holds_on(day));
        self
    }

    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub(crate) fn endpoint(&self, id: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.id == id)
    }

    /// The network without what a plan has (or may have) changed so far: what it looked like when the plan was made,
    /// unless somebody else changed it. Made things go by their tag, changes to others' things by the journal.
    #[must_use]
    pub(crate) fn without<'a>(
        mut self,
        plan_id: &str,
        changes: impl Iterator<Item = &'a Change<String>>,
    ) -> Self {
        let endpoints = &mut self.endpoints;
        let made: Vec<String> = endpoints
            .extract_if(.., |endpoint| endpoint.owner.is_plan(plan_id))
            .map(|endpoint| endpoint.id)
            .collect();
        for table in &mut self.route_tables {
            table.endpoint_routes.retain(|id| !made.contains(id));
        }
        self.groups.retain(|group| !group.owner.is_plan(plan_id));
        for change in changes {
            self.take_back(change);
        }
        self
    }

    fn take_back(&mut self, change: &Change<String>) {
        match change {
            Change::Allow {
                group,
                direction,
                port,
                peer,
            } => {
                let added = Rule::tcp(*port, peer.clone());
                for found in self.groups.iter_mut().filter(|found| found.id == *group) {
                    found.rules_mut(*direction).retain(|rule| *rule != added);
                }
            }
            Change::Revoke {
                group,
                direction,
                port,
                peer,
            } => {
                let taken = Rule::tcp(*port, peer.clone());
                for found in self.groups.iter_mut().filter(|found| found.id == *group) {
                    let rules = found.rules_mut(*direction);
                    if !rules.contains(&taken) {
                        rules.push(taken.clone());
                    }
                }
            }
            Change::AssociateRouteTable {
                endpoint,
                route_table,
            } => {
                for found in self.endpoints.iter_mut().filter(|e| e.id == *endpoint) {
                    found.route_tables.retain(|table| table != route_table);
                }
                for table in self
                    .route_tables
                    .iter_mut()
                    .filter(|t| t.id == *route_table)
                {
                    table.endpoint_routes.retain(|id| id != endpoint);
                }
            }
            Change::SetPolicy {
                endpoint,
                policy: set,
                replaces,
                ..
            } => {
                // Only what the plan set: a third policy is somebody else's.
                let is_set = |found: &&mut Endpoint| {
                    found.id == *endpoint && policy::same(found.policy.as_deref(), Some(set))
                };
                for found in self.endpoints.iter_mut().filter(is_set) {
                    found.policy = policy::normal_form(replaces);
                }
            }
            _ => {}
        }
    }
}

impl Group {
    pub(crate) fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    pub(crate) fn rules_mut(&mut self, direction: Direction) -> &mut Vec<Rule> {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }
}

impl Rule {
    /// TCP on one port.
    pub(crate) fn tcp(port: u16, peer: Peer<String>) -> Self {
        Self {
            protocol: "tcp".to_owned(),
            from_port: port,
            to_port: port,
            peer,
        }
    }
}

impl EndpointState {
    /// Reads AWS's word whatever its case: the wire says `available`, the model `Available`.
    pub(crate) fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "available" => Self::Available,
            "pending" | "pendingacceptance" => Self::Pending,
            "deleting" => Self::Deleting,
            "deleted" => Self::Deleted,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    #[test]
    fn a_state_is_read_whatever_its_case() {
        for word in ["available", "Available", "AVAILABLE"] {
            assert_eq!(EndpointState::of(word), EndpointState::Available);
        }
        assert_eq!(
            EndpointState::of("pendingAcceptance"),
            EndpointState::Pending
        );
        assert_eq!(EndpointState::of("rejected"), EndpointState::Failed);
    }

    #[test]
    fn the_acl_of_a_subnet_is_the_one_that_names_it() {
        let mut snapshot = model::snapshot();
        let mut own = snapshot.network_acls[0].clone();
        own.id = "acl-own".to_owned();
        own.subnets = snapshot.network_acls[0].subnets.split_off(3);
        snapshot.network_acls.push(own);
        let found = |subnet: &str| snapshot.acl_of(subnet).map(|acl| acl.id.as_str());
        assert_eq!(found("subnet-private-b"), Some("acl-own"));
        assert_eq!(found("subnet-private-a"), Some("acl-default"));
        assert_eq!(found("subnet-elsewhere"), None);
    }

    #[test]
    fn free_addresses_do_not_move_the_hash_but_routes_acls_and_dns_servers_do() {
        let snapshot = model::snapshot();
        let mut busy = snapshot.clone();
        busy.subnets[0].free_addresses = 3;
        assert_eq!(busy.hash().unwrap(), snapshot.hash().unwrap());
        let mut moved = snapshot.clone();
        moved.route_tables[0].default_target = Some("tgw-1".to_owned());
        assert_ne!(moved.hash().unwrap(), snapshot.hash().unwrap());
        let mut guarded = snapshot.clone();
        guarded.network_acls[0].entries[0].allow = false;
        assert_ne!(guarded.hash().unwrap(), snapshot.hash().unwrap());
        let mut resolved = snapshot.clone();
        resolved.vpc.dns_servers = vec!["10.0.0.53".to_owned()];
        assert_ne!(resolved.hash().unwrap(), snapshot.hash().unwrap());
    }
}
