//! Whom endpoints admit after a plan that narrows them.
//!
//! Such a plan moves nobody: what counts is who was seen at the endpoint's own interfaces, and whether its group still
//! admits them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::clients::{Clients, Interface};
use crate::change::{Change, Direction, Peer, Target};
use crate::plan::Plan;
use crate::reach::{self, HTTPS};
use crate::snapshot::{Rule, Snapshot};

/// An endpoint whose group a plan narrows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Narrowed<'a> {
    pub(crate) service: &'a str,
    group: &'a str,
    /// Peers of its group on 443 after the plan.
    admits: BTreeSet<Peer<String>>,
}

/// The interface of an endpoint, as flow logs name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    pub(crate) service: Arc<str>,
    pub(crate) addresses: Vec<Ipv4Addr>,
}

/// The endpoints that a plan narrows; none where it is a plan of another kind.
pub(super) fn of<'a>(plan: &'a Plan, snapshot: &'a Snapshot) -> Vec<Narrowed<'a>> {
    if plan.narrowing.is_none() {
        return Vec::new();
    }
    let mut changed: BTreeMap<&str, BTreeSet<Peer<String>>> = BTreeMap::new();
    for step in &plan.steps {
        let (Change::Allow { group, peer, .. } | Change::Revoke { group, peer, .. }) = &step.change
        else {
            continue;
        };
        let (Target::Id(group), Some(peer)) = (group, existing(peer)) else {
            continue;
        };
        let admits = changed
            .entry(group)
            .or_insert_with(|| today(group, snapshot));
        if matches!(step.change, Change::Allow { .. }) {
            admits.insert(peer);
        } else {
            admits.remove(&peer);
        }
    }
    let worn_by = |group: &str| {
        let mut endpoints = snapshot.endpoints.iter();
        endpoints.find(|endpoint| endpoint.groups.iter().any(|id| id == group))
    };
    let narrowed = changed.into_iter().filter_map(|(group, admits)| {
        Some(Narrowed {
            service: &worn_by(group)?.service,
            group,
            admits,
        })
    });
    narrowed.collect()
}

impl Narrowed<'_> {
    /// Whether a client is still let in; `None` where it depends on groups that nobody knows any more.
    pub(super) fn admits(&self, address: IpAddr, client: Option<&Interface>) -> Option<bool> {
        let own = format!("{address}/32");
        let in_range =
            |peer: &Peer<String>| matches!(peer, Peer::Cidr(cidr) if reach::contains(cidr, &own));
        if self.admits.iter().any(in_range) {
            return Some(true);
        }
        let mut groups = self.admits.iter().filter_map(|peer| match peer {
            Peer::Group(id) => Some(id),
            Peer::Cidr(_) | Peer::PrefixList(_) => None,
        });
        match client {
            Some(client) => Some(groups.any(|group| client.groups.contains(group))),
            None => groups.next().is_none().then_some(false),
        }
    }

    /// The endpoint's interfaces: of those of endpoints, the ones that wear its group.
    pub(crate) fn doors(&self, clients: &Clients) -> impl Iterator<Item = (String, Door)> {
        let service: Arc<str> = Arc::from(self.service);
        let interfaces = clients.interfaces.iter();
        let own = interfaces
            .filter(|one| one.is_endpoint && one.groups.iter().any(|id| id == self.group));
        own.map(move |one| {
            let door = Door {
                service: Arc::clone(&service),
                addresses: one.addresses.clone(),
            };
            (one.id.clone(), door)
        })
    }
}

fn today(group: &str, snapshot: &Snapshot) -> BTreeSet<Peer<String>> {
    let rules = snapshot
        .group(group)
        .map(|group| group.rules(Direction::Ingress));
    let https = |rule: &&Rule| reach::covers_port(rule, HTTPS);
    let rules = rules.unwrap_or_default().iter().filter(https);
    rules.map(|rule| rule.peer.clone()).collect()
}

fn existing(peer: &Peer<Target>) -> Option<Peer<String>> {
    Some(match peer {
        Peer::Cidr(cidr) => Peer::Cidr(cidr.clone()),
        Peer::PrefixList(list) => Peer::PrefixList(list.clone()),
        Peer::Group(Target::Id(id)) => Peer::Group(id.clone()),
        Peer::Group(Target::Step(_)) => return None,
    })
}
