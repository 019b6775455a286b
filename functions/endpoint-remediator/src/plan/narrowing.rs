//! Fewer clients for endpoints that are there: a plan of its own, once an endpoint is proved.
//!
//! An endpoint's group admits the whole VPC, because private DNS moves the whole VPC to it. Narrowing puts the ranges and
//! groups that are asked for in the place of that. Whoever is left out loses the service altogether: its name goes on
//! leading to the endpoint. So it widens nothing, keeps everybody who is let out to the endpoint by name, and touches
//! only groups that this product made. It refuses to know who uses the endpoint: the replay of flow logs says that.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use tollkeeper::plan::{EndpointKind, PlanRequest};

use super::draft::Draft;
use super::{Place, Plan, PlanError, Sealed, normalise, of_existing, seal};
use crate::change::{Change, Direction, Peer, Target};
use crate::owner::Owner;
use crate::preflight::Evidence;
use crate::reach::{self, HTTPS};
use crate::snapshot::{Endpoint, Group, Rule, Scope, Snapshot};

const CLIENTS: &str =
    "security groups (sg-…), subnets (subnet-…) or IPv4 ranges (10.0.1.0/24), at least one";

/// A request for a plan that narrows whom endpoints admit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NarrowingAsk {
    pub(crate) vpc_id: String,
    /// Services whose interface endpoints are narrowed.
    pub(crate) services: Vec<String>,
    /// Whom they admit from then on, on TCP 443: groups, subnets, IPv4 ranges.
    pub(crate) admit: Vec<String>,
}

/// The request in one order, checked; and what has to be looked at to plan it.
pub(super) fn normalise_narrowing(
    mut ask: NarrowingAsk,
) -> Result<(NarrowingAsk, Scope), PlanError> {
    for one in &mut ask.admit {
        if let Some(range) = as_network(one) {
            *one = range;
        } else if !(one.starts_with("sg-") || one.starts_with("subnet-")) {
            return Err(wrong("admit", one.clone(), CLIENTS));
        }
    }
    if ask.admit.is_empty() {
        return Err(wrong("admit", "[]".to_owned(), CLIENTS));
    }
    ask.admit.sort();
    ask.admit.dedup();
    let (request, mut scope) = normalise(PlanRequest::of(&ask.vpc_id, ask.services.clone()))?;
    ask.services = request.services;
    let groups = ask.admit.iter().filter(|one| one.starts_with("sg-"));
    scope.groups = groups.cloned().collect();
    Ok((ask, scope))
}

/// Plans a normalised request on a snapshot.
pub(super) fn make_narrowing(
    place: &Place,
    ask: &NarrowingAsk,
    snapshot: &Snapshot,
    attempt: u32,
) -> Result<Sealed, PlanError> {
    let (snapshot, request) = (
        snapshot.clone().sorted(),
        PlanRequest::of(&ask.vpc_id, ask.services.clone()),
    );
    let nothing_asked = Evidence::default();
    let admitted = admitted(ask, &snapshot)?;
    let mut draft = Draft::new(&snapshot, &request, &nothing_asked);
    for service in &ask.services {
        if draft.is_set_apart(service) {
            continue;
        }
        let of_service = |endpoint: &&Endpoint| {
            endpoint.service == *service && endpoint.kind == EndpointKind::Interface
        };
        let endpoints: Vec<&Endpoint> = snapshot.endpoints.iter().filter(of_service).collect();
        if endpoints.is_empty() {
            draft.leave(format!(
                "{service}: {} has no interface endpoint for it; gateway endpoints are narrowed by their policy",
                ask.vpc_id
            ));
        }
        for endpoint in endpoints {
            match narrow(&mut draft, endpoint, &admitted) {
                Ok(()) => {}
                Err(Refusal::Leave(why)) => draft.leave(format!("{service}: {why}")),
                Err(Refusal::Wider(one)) => {
                    return Err(wrong(
                        "admit",
                        one,
                        "clients that the endpoint's group admits today: narrowing widens nothing",
                    ));
                }
            }
        }
    }
    seal(Plan {
        narrowing: Some(ask.clone()),
        ..of_existing(place, draft, attempt)?
    })
}

/// Why an endpoint is not narrowed.
enum Refusal {
    Leave(String),
    /// One who is asked for and not admitted today.
    Wider(String),
}

/// New rules first, then those that go.
fn narrow(
    draft: &mut Draft<'_>,
    endpoint: &Endpoint,
    admitted: &BTreeSet<Peer<String>>,
) -> Result<(), Refusal> {
    let snapshot = draft.snapshot;
    let group = only_group(snapshot, endpoint)?;
    let today: BTreeSet<&Peer<String>> = https_rules(group)?;
    for one in admitted {
        if !is_admitted(one, &today, &snapshot.vpc.cidrs) {
            return Err(Refusal::Wider(one.to_string()));
        }
    }
    for named in let_out_by_name(snapshot, group) {
        if !admitted.contains(&Peer::Group(named.id.clone())) {
            return Err(Refusal::Leave(format!(
                "{} ({}) is let out to {} by name and would be left out: admit it too, or take that rule away first",
                named.id, named.name, group.id
            )));
        }
    }
    let gone: Vec<&Peer<String>> = today
        .iter()
        .copied()
        .filter(|peer| !admitted.contains(peer))
        .collect();
    if gone.is_empty() {
        let id = &endpoint.id;
        return Err(Refusal::Leave(format!("{id} admits nobody else already")));
    }
    let own = Target::Id(group.id.clone());
    for one in admitted.iter().filter(|one| !today.contains(one)) {
        draft.step(Change::Allow {
            group: own.clone(),
            direction: Direction::Ingress,
            port: HTTPS,
            peer: target(one),
        });
    }
    for one in gone {
        draft.step(Change::Revoke {
            group: own.clone(),
            direction: Direction::Ingress,
            port: HTTPS,
            peer: target(one),
        });
    }
    warn(draft, endpoint, admitted);
    Ok(())
}

fn warn(draft: &mut Draft<'_>, endpoint: &Endpoint, admitted: &BTreeSet<Peer<String>>) {
    let (service, id) = (&endpoint.service, &endpoint.id);
    let whom: Vec<String> = admitted.iter().map(ToString::to_string).collect();
    let whom = whom.join(", ");
    draft.warn(if endpoint.private_dns {
        format!(
            "Whoever is not in {whom} loses {service} altogether, also where it could go through a NAT gateway: private \
             DNS leads its name to {id}"
        )
    } else {
        format!("Whoever is not in {whom} cannot use {id} any more; its private DNS is off")
    });
    draft.warn(
        "Open connections go on until they end or fall silent (security groups follow them): who is left out may notice \
         hours later"
            .to_owned(),
    );
}

/// The one group that lets clients in, where this product made it.
fn only_group<'a>(snapshot: &'a Snapshot, endpoint: &Endpoint) -> Result<&'a Group, Refusal> {
    let leave = |why: String| Refusal::Leave(why);
    let mut admitting = Vec::new();
    for id in &endpoint.groups {
        let group = snapshot
            .group(id)
            .ok_or_else(|| leave(format!("group {id} of {} could not be read", endpoint.id)))?;
        if group
            .ingress
            .iter()
            .any(|rule| reach::covers_port(rule, HTTPS))
        {
            admitting.push(group);
        }
    }
    let (group, others) = match admitting.as_slice() {
        [group] => (*group, Vec::new()),
        [] => return Err(leave(format!("no group of {} admits anybody", endpoint.id))),
        several => (
            several[0],
            several.iter().map(|one| one.id.as_str()).collect(),
        ),
    };
    if !others.is_empty() {
        return Err(leave(format!(
            "several groups of {} admit clients ({}): narrowing one would change nothing",
            endpoint.id,
            others.join(", ")
        )));
    }
    let wearers = snapshot.endpoints.iter();
    let mut wearers = wearers.filter(|one| one.groups.contains(&group.id) && one.id != endpoint.id);
    if let Some(other) = wearers.next() {
        return Err(leave(format!("{} is worn by {} too", group.id, other.id)));
    }
    match &group.owner {
        Owner::Tollkeeper { .. } => Ok(group),
        other => {
            let owned = other
                .declares_it_elsewhere()
                .unwrap_or_else(|| "was not made by a plan".to_owned());
            Err(leave(format!(
                "its group {} ({}) {owned}; its owner would narrow it",
                group.id, group.name
            )))
        }
    }
}

/// Whom a group admits on 443, where rules for that port alone say it.
fn https_rules(group: &Group) -> Result<BTreeSet<&Peer<String>>, Refusal> {
    let mut peers = BTreeSet::new();
    for rule in &group.ingress {
        if *rule == Rule::tcp(HTTPS, rule.peer.clone()) {
            peers.insert(&rule.peer);
        } else if reach::covers_port(rule, HTTPS) {
            return Err(Refusal::Leave(format!(
                "{} admits {} on more than TCP {HTTPS}, by a rule that no plan made; take it away first",
                group.id, rule.peer
            )));
        }
    }
    Ok(peers)
}

/// Members of a group count as admitted where all of the VPC is.
fn is_admitted(one: &Peer<String>, today: &BTreeSet<&Peer<String>>, vpc_cidrs: &[String]) -> bool {
    let holds = |range: &str| {
        let mut ranges = today.iter();
        ranges.any(|peer| matches!(peer, Peer::Cidr(cidr) if reach::contains(cidr, range)))
    };
    today.contains(one)
        || match one {
            Peer::Cidr(range) => holds(range),
            Peer::Group(_) => vpc_cidrs.iter().all(|range| holds(range)),
            Peer::PrefixList(_) => false,
        }
}

/// Groups whose egress rules name a group on 443.
fn let_out_by_name<'a>(
    snapshot: &'a Snapshot,
    group: &'a Group,
) -> impl Iterator<Item = &'a Group> {
    let own = Peer::Group(group.id.clone());
    let groups = snapshot.groups.iter();
    groups.filter(move |other| {
        let names_it = |rule: &Rule| reach::covers_port(rule, HTTPS) && rule.peer == own;
        other.id != group.id && other.egress.iter().any(names_it)
    })
}

/// The peers of the rules to be: a subnet is its range.
fn admitted(ask: &NarrowingAsk, snapshot: &Snapshot) -> Result<BTreeSet<Peer<String>>, PlanError> {
    let missing = |kind, id: &String| PlanError::NotInVpc {
        vpc_id: ask.vpc_id.clone(),
        kind,
        id: id.clone(),
    };
    let peer = |one: &String| {
        if one.starts_with("sg-") {
            let found = snapshot.group(one);
            let group = found.ok_or_else(|| missing("security group", one))?;
            return Ok(Peer::Group(group.id.clone()));
        }
        if one.starts_with("subnet-") {
            let mut subnets = snapshot.subnets.iter();
            let found = subnets.find(|subnet| subnet.id == *one);
            let subnet = found.ok_or_else(|| missing("subnet", one))?;
            if subnet.cidr.is_empty() {
                let expected = "a subnet with an IPv4 range";
                return Err(wrong("admit", one.clone(), expected));
            }
            return Ok(Peer::Cidr(subnet.cidr.clone()));
        }
        Ok(Peer::Cidr(one.clone()))
    };
    ask.admit.iter().map(peer).collect()
}

/// A range as EC2 keeps it: 10.0.1.7/24 is 10.0.1.0/24.
fn as_network(text: &str) -> Option<String> {
    let (base, bits) = reach::range(text)?;
    let host = u32::MAX.checked_shr(bits).unwrap_or(0);
    Some(format!("{}/{bits}", Ipv4Addr::from(base & !host)))
}

fn target(peer: &Peer<String>) -> Peer<Target> {
    match peer {
        Peer::Cidr(cidr) => Peer::Cidr(cidr.clone()),
        Peer::PrefixList(list) => Peer::PrefixList(list.clone()),
        Peer::Group(id) => Peer::Group(Target::Id(id.clone())),
    }
}

fn wrong(field: &'static str, value: String, expected: &'static str) -> PlanError {
    PlanError::Request {
        field,
        value,
        expected,
    }
}

#[cfg(test)]
#[path = "narrowing_tests.rs"]
mod tests;
