//! Who would lose a service because a network ACL stands between a client and the endpoint's interface.
//!
//! Private DNS moves every client of the VPC, so every subnet that reaches AWS's public addresses today must reach every
//! interface of the endpoint, there and back. Traffic inside a subnet passes no ACL. Where the answers come back on
//! some ephemeral ports only today, those are the ports asked for: no less is admitted afterwards than before.

use std::collections::{BTreeMap, BTreeSet};

use crate::acl::{Area, EPHEMERAL, NetworkAcl, Ports};
use crate::change::Direction;
use crate::reach::{HTTPS, PRIVATE};
use crate::snapshot::{Snapshot, Subnet};

const TO_SERVICE: Ports = (HTTPS, HTTPS);

/// A subnet whose clients must reach the endpoint.
#[derive(Debug)]
struct Client<'a> {
    subnet: &'a Subnet,
    acl: &'a NetworkAcl,
    /// Where answers must come back to.
    ports: Vec<Ports>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Clients<'a> {
    snapshot: &'a Snapshot,
    clients: Vec<Client<'a>>,
}

impl<'a> Clients<'a> {
    /// Subnets that reach AWS's public addresses today, and `pollers`, which must reach the endpoint whatever they reach.
    pub(crate) fn of(snapshot: &'a Snapshot, pollers: &BTreeSet<&str>) -> Self {
        let outward: BTreeSet<&str> = snapshot
            .route_tables
            .iter()
            .filter(|table| table.default_target.is_some())
            .map(|table| table.id.as_str())
            .collect();
        let mut known: BTreeMap<&str, Vec<Ports>> = BTreeMap::new();
        let mut client = |subnet: &'a Subnet| {
            let acl = snapshot.acl_of(&subnet.id)?;
            let mut ports = Vec::new();
            if outward.contains(subnet.route_table.as_str()) {
                let today = known.entry(&acl.id).or_insert_with(|| answered_today(acl));
                ports.clone_from(today);
            }
            if ports.is_empty() && pollers.contains(subnet.id.as_str()) {
                ports.push(EPHEMERAL);
            }
            (!ports.is_empty()).then_some(Client { subnet, acl, ports })
        };
        Self {
            clients: snapshot.subnets.iter().filter_map(&mut client).collect(),
            snapshot,
        }
    }

    /// The way that an ACL would refuse to a client if the endpoint had an interface in `at`; `None` if all pass.
    pub(crate) fn cut_off_by(&self, at: &Subnet) -> Option<String> {
        let acl = self.snapshot.acl_of(&at.id)?;
        let others = self.clients.iter().filter(|one| one.subnet.id != at.id);
        let others: Vec<&Client<'_>> = others.collect();
        if all_pass(acl, at, &others) {
            return None;
        }
        others.iter().find_map(|client| client.refusal(acl, at))
    }
}

impl Client<'_> {
    /// Where calls come from, as the endpoint's ACL sees them; `None` without an IPv4 range.
    fn asks(&self) -> Option<Area> {
        Area::of(&self.subnet.cidr, TO_SERVICE)
    }

    /// Answers on their way back, as the endpoint's ACL sees them.
    fn answers(&self) -> impl Iterator<Item = Area> {
        let area = |ports: &Ports| Area::of(&self.subnet.cidr, *ports);
        self.ports.iter().filter_map(area)
    }

    /// The first of the four ways to and from an interface in `at` that does not pass, for people.
    fn refusal(&self, acl: &NetworkAcl, at: &Subnet) -> Option<String> {
        let (Some(here), Some(there)) = (self.asks(), Area::of(&at.cidr, TO_SERVICE)) else {
            return Some(format!("{} or {} has no IPv4 range", self.subnet.id, at.id));
        };
        let (own, near) = (self.acl, self.subnet);
        let back = self.ports.iter().map(|ports| Area {
            ports: *ports,
            ..there
        });
        let (back, answers): (Vec<Area>, Vec<Area>) = (back.collect(), self.answers().collect());
        let (out, inward) = (Direction::Egress, Direction::Ingress);
        refused(own, near, out, at, &[there])
            .or_else(|| refused(acl, at, inward, near, &[here]))
            .or_else(|| refused(acl, at, out, near, &answers))
            .or_else(|| refused(own, near, inward, at, &back))
    }
}

/// The four ways of all clients at once: a VPC has many subnets and few ACLs.
fn all_pass(acl: &NetworkAcl, at: &Subnet, clients: &[&Client<'_>]) -> bool {
    let asking: Option<Vec<Area>> = clients.iter().map(|client| client.asks()).collect();
    let Some(asking) = asking else { return false };
    let answers: Vec<Area> = clients.iter().flat_map(|client| client.answers()).collect();
    let far_ends: BTreeMap<(&str, &[Ports]), &NetworkAcl> = clients
        .iter()
        .map(|client| {
            (
                (client.acl.id.as_str(), client.ports.as_slice()),
                client.acl,
            )
        })
        .collect();
    let far_ends_pass = far_ends.iter().all(|((_, ports), far)| {
        let mut ports = ports.iter();
        far.admits(Direction::Egress, &at.cidr, TO_SERVICE)
            && ports.all(|ports| far.admits(Direction::Ingress, &at.cidr, *ports))
    });
    let passes = |way, areas: &[Area]| acl.passage(way, areas).refused.is_empty();
    far_ends_pass && passes(Direction::Ingress, &asking) && passes(Direction::Egress, &answers)
}

/// What the ACL of `near` refuses of packets out to or in from `far`.
fn refused(
    acl: &NetworkAcl,
    near: &Subnet,
    direction: Direction,
    far: &Subnet,
    asked: &[Area],
) -> Option<String> {
    let refused = acl.passage(direction, asked).refused;
    let first = refused.first()?;
    let way = match direction {
        Direction::Egress => "out to",
        Direction::Ingress => "in from",
    };
    Some(format!(
        "network ACL {} of {} refuses {first}, {way} {}",
        acl.id, near.id, far.id
    ))
}

/// Ports on which answers of public addresses reach the subnets of this ACL; none where nothing goes out on 443.
fn answered_today(acl: &NetworkAcl) -> Vec<Ports> {
    if acl
        .passage(Direction::Egress, &public(TO_SERVICE))
        .admitted
        .is_empty()
    {
        return Vec::new();
    }
    let admitted = acl.passage(Direction::Ingress, &public(EPHEMERAL)).admitted;
    merged(admitted.iter().map(|area| area.ports).collect())
}

/// Every address that is not private.
fn public(ports: Ports) -> Vec<Area> {
    let everything = Area::of("0.0.0.0/0", ports).into_iter().collect();
    let private = PRIVATE.iter().filter_map(|range| Area::of(range, ports));
    private.fold(everything, |left: Vec<Area>, range| {
        left.iter().flat_map(|area| area.without(&range)).collect()
    })
}

/// The same ports in as few stretches as there are.
fn merged(mut ports: Vec<Ports>) -> Vec<Ports> {
    ports.sort_unstable();
    let mut merged: Vec<Ports> = Vec::new();
    for (from, to) in ports {
        match merged.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// ACLs of these tables' subnets that let only a part of AWS's public addresses through on 443: they see the same
/// addresses whether a packet goes to a NAT gateway or to a gateway endpoint.
pub(crate) fn partly_open<'a>(snapshot: &'a Snapshot, tables: &BTreeSet<String>) -> Vec<&'a str> {
    let subnets = snapshot.subnets.iter();
    let of_tables = subnets.filter(|subnet| tables.contains(&subnet.route_table));
    let ids: BTreeSet<&str> = of_tables
        .filter_map(|subnet| snapshot.acl_of(&subnet.id))
        .filter(|acl| {
            let passage = acl.passage(Direction::Egress, &public(TO_SERVICE));
            !passage.admitted.is_empty() && !passage.refused.is_empty()
        })
        .map(|acl| acl.id.as_str())
        .collect();
    ids.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::AclEntry;
    use crate::model;

    const ALL: Ports = (0, u16::MAX);

    /// The example network, in which a subnet has an ACL of its own: these rules, and none after them.
    fn guarded(subnet: &str, ingress: &[(Ports, &str)], egress: &[(Ports, &str)]) -> Snapshot {
        let mut snapshot = model::snapshot();
        let rules = |direction, rules: &[(Ports, &str)]| {
            let numbered = (10..).zip(rules.iter());
            let rule = move |(number, (ports, cidr)): (u16, &(Ports, &str))| AclEntry {
                direction,
                number,
                protocol: "6".to_owned(),
                from_port: ports.0,
                to_port: ports.1,
                cidr: (*cidr).to_owned(),
                allow: true,
            };
            numbered.map(rule).collect::<Vec<_>>()
        };
        let mut entries = rules(Direction::Ingress, ingress);
        entries.extend(rules(Direction::Egress, egress));
        snapshot.network_acls[0].subnets.retain(|id| id != subnet);
        snapshot.network_acls.push(NetworkAcl {
            id: "acl-own".to_owned(),
            subnets: vec![subnet.to_owned()],
            entries,
        });
        snapshot
    }

    fn cut_off(snapshot: &Snapshot, at: &str, pollers: &[&str]) -> Option<String> {
        let clients = Clients::of(snapshot, &pollers.iter().copied().collect());
        let subnet = snapshot.subnets.iter().find(|subnet| subnet.id == at);
        clients.cut_off_by(subnet.unwrap())
    }

    #[test]
    fn the_acl_that_aws_documents_for_private_subnets_cuts_nobody_off() {
        let out = [(TO_SERVICE, "0.0.0.0/0"), (EPHEMERAL, "10.0.0.0/16")];
        let inward = [((32_768, 65_535), "0.0.0.0/0"), (TO_SERVICE, "10.0.0.0/16")];
        let snapshot = guarded("subnet-private-b", &inward, &out);
        assert_eq!(cut_off(&snapshot, "subnet-private-a", &[]), None);
        // Answers to others come back on other ports than this subnet's own.
        assert_eq!(cut_off(&snapshot, "subnet-private-b", &[]), None);
    }

    #[test]
    fn each_of_the_four_ways_that_an_acl_refuses_is_named() {
        let (any, vpc) = ((ALL, "0.0.0.0/0"), (ALL, "10.0.0.0/16"));
        let told = |ingress: &[_], egress: &[_], at| {
            cut_off(&guarded("subnet-private-b", ingress, egress), at, &[]).unwrap()
        };
        let public_only = (ALL, "52.0.0.0/8");
        insta::assert_snapshot!(told(&[any], &[public_only], "subnet-private-a"), @"network ACL acl-own of subnet-private-b refuses 10.0.2.0-10.0.2.255 on TCP 443, out to subnet-private-a");
        insta::assert_snapshot!(told(&[public_only], &[any], "subnet-private-a"), @"network ACL acl-own of subnet-private-b refuses 10.0.2.0-10.0.2.255 on TCP 1024-65535, in from subnet-private-a");
        insta::assert_snapshot!(told(&[public_only], &[vpc], "subnet-private-b"), @"network ACL acl-own of subnet-private-b refuses 10.0.0.0-10.0.0.255 on TCP 443, in from subnet-public-a");
        insta::assert_snapshot!(told(&[vpc], &[public_only], "subnet-private-b"), @"network ACL acl-own of subnet-private-b refuses 10.0.0.0-10.0.0.255 on TCP 1024-65535, out to subnet-public-a");
    }

    #[test]
    fn a_subnet_that_reaches_no_service_today_loses_none_unless_pollers_are_to() {
        let silent = guarded(
            "subnet-private-b",
            &[(ALL, "10.0.0.0/16")],
            &[((9098, 9098), "10.0.0.0/16")],
        );
        assert_eq!(cut_off(&silent, "subnet-private-a", &[]), None);
        assert!(cut_off(&silent, "subnet-private-a", &["subnet-private-b"]).is_some());
        let mut isolated = guarded("subnet-private-b", &[], &[]);
        isolated.route_tables[2].default_target = None;
        assert_eq!(cut_off(&isolated, "subnet-private-a", &[]), None);
        assert!(cut_off(&isolated, "subnet-private-a", &["subnet-private-b"]).is_some());
    }

    #[test]
    fn pollers_and_clients_behind_one_acl_ask_for_ports_of_their_own() {
        let inward = [((32_768, 65_535), "0.0.0.0/0"), (TO_SERVICE, "10.0.0.0/16")];
        let mut snapshot = guarded("subnet-private-b", &inward, &[(ALL, "0.0.0.0/0")]);
        let mut isolated = snapshot.subnets[3].clone();
        isolated.id = "subnet-pollers".to_owned();
        isolated.cidr = "10.0.9.0/24".to_owned();
        isolated.route_table = "rtb-none".to_owned();
        snapshot.subnets.push(isolated);
        snapshot.network_acls[1]
            .subnets
            .push("subnet-pollers".to_owned());
        assert_eq!(cut_off(&snapshot, "subnet-private-a", &[]), None);
        let why = cut_off(&snapshot, "subnet-private-a", &["subnet-pollers"]).unwrap();
        assert!(why.contains("TCP 1024-32767"), "{why}");
    }

    #[test]
    fn an_acl_that_names_public_ranges_is_pointed_out_where_routes_change() {
        let tables = BTreeSet::from(["rtb-b".to_owned()]);
        let narrow = guarded(
            "subnet-private-b",
            &[(ALL, "0.0.0.0/0")],
            &[(ALL, "52.0.0.0/8")],
        );
        assert_eq!(partly_open(&narrow, &tables), ["acl-own"]);
        assert!(partly_open(&model::snapshot(), &tables).is_empty());
    }
}
