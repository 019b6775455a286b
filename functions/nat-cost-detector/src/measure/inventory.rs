//! Who had an address when: stays of interfaces at their addresses, kept over the nights.
//!
//! EC2 shows the present only; a flow log of last week names addresses that may since have moved. So every night's
//! observation is merged into stays with first and last sight. This module refuses to know where they are kept and
//! which day it is: the observation's time is an argument.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::measure::network::{Interface, Network};

/// An interface at its addresses, for as long as it was seen there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// The interface as last seen.
    pub interface: Interface,
    /// When it was first seen here.
    pub first_seen: Timestamp,
    /// When it was last seen here.
    pub last_seen: Timestamp,
    /// When it was first missed; absent while it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
}

impl Stay {
    fn begins(interface: &Interface, now: Timestamp) -> Self {
        Self {
            interface: interface.clone(),
            first_seen: now,
            last_seen: now,
            gone: None,
        }
    }

    /// An attachment's time is known for certain; before it, or without one, only what was seen counts.
    fn start(&self) -> Timestamp {
        self.interface
            .attached_at
            .map_or(self.first_seen, |attached| attached.min(self.first_seen))
    }

    fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.start() < to && self.gone.is_none_or(|gone| gone > from)
    }
}

/// The stays that an observation begins, prolongs or ends; the others stay as they are.
///
/// Observing the same thing again at the same time changes nothing.
pub fn observe(known: &[Stay], seen: &[Interface], now: Timestamp) -> Vec<Stay> {
    let open: HashMap<&str, &Stay> = known
        .iter()
        .filter(|stay| stay.gone.is_none())
        .map(|stay| (stay.interface.id.as_str(), stay))
        .collect();
    let present: HashMap<&str, &Interface> = seen
        .iter()
        .map(|interface| (interface.id.as_str(), interface))
        .collect();
    let mut changed = Vec::new();
    for interface in seen {
        match open.get(interface.id.as_str()) {
            Some(stay) if stay.interface.addresses == interface.addresses => changed.push(Stay {
                interface: interface.clone(),
                last_seen: stay.last_seen.max(now),
                ..(*stay).clone()
            }),
            Some(stay) => {
                changed.push(ended(stay, now));
                changed.push(Stay::begins(interface, now));
            }
            None => changed.push(Stay::begins(interface, now)),
        }
    }
    changed.extend(
        known
            .iter()
            .filter(|stay| stay.gone.is_none() && !present.contains_key(stay.interface.id.as_str()))
            .map(|stay| ended(stay, now)),
    );
    changed.retain(|stay| !known.contains(stay));
    changed
}

/// The stays after an observation.
pub fn merge(mut known: Vec<Stay>, changed: Vec<Stay>) -> Vec<Stay> {
    for stay in changed {
        let same = |other: &&mut Stay| {
            other.interface.id == stay.interface.id && other.first_seen == stay.first_seen
        };
        match known.iter_mut().find(same) {
            Some(slot) => *slot = stay,
            None => known.push(stay),
        }
    }
    known
}

fn ended(stay: &Stay, now: Timestamp) -> Stay {
    Stay {
        gone: Some(now.max(stay.first_seen)),
        ..stay.clone()
    }
}

/// Who had an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder<'a> {
    /// One interface held it in that time.
    Known(&'a Interface),
    /// No stay covers the time; this is the only interface ever seen there.
    Assumed(&'a Interface),
    /// More than one interface held it, or could have.
    Ambiguous,
    /// No interface was ever seen there.
    Unknown,
}

/// Stays by address, and the interfaces of NAT gateways, also of deleted ones.
#[derive(Debug, Default)]
pub struct Inventory {
    by_address: HashMap<IpAddr, Vec<Stay>>,
    /// The latest sight of each interface that is no NAT gateway's.
    by_id: HashMap<String, Stay>,
    nats: BTreeMap<String, Nat>,
}

/// The NAT gateway behind an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nat {
    /// `nat-…`.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
}

impl Inventory {
    /// An inventory of stays and of what EC2 shows now.
    pub fn new(stays: &[Stay], network: &Network) -> Self {
        let mut inventory = Self::default();
        for stay in stays {
            if let Some(nat) = &stay.interface.nat_gateway_id {
                inventory.add_nat(&stay.interface.id, nat, &stay.interface.source.vpc_id);
                continue;
            }
            let latest = inventory
                .by_id
                .entry(stay.interface.id.clone())
                .or_insert_with(|| stay.clone());
            if stay.last_seen > latest.last_seen {
                *latest = stay.clone();
            }
            for address in &stay.interface.addresses {
                inventory
                    .by_address
                    .entry(*address)
                    .or_default()
                    .push(stay.clone());
            }
        }
        for nat in &network.nats {
            for interface in &nat.interface_ids {
                inventory.add_nat(interface, &nat.id, &nat.vpc_id);
            }
            // A regional gateway has no interface: its records carry its own id.
            if nat.interface_ids.is_empty() {
                inventory.add_nat(&nat.id, &nat.id, &nat.vpc_id);
            }
        }
        inventory
    }

    fn add_nat(&mut self, interface: &str, nat: &str, vpc: &str) {
        self.nats.insert(
            interface.to_owned(),
            Nat {
                id: nat.to_owned(),
                vpc_id: vpc.to_owned(),
            },
        );
    }

    /// The NAT gateway that an interface is or was.
    pub fn nat(&self, interface: &str) -> Option<&Nat> {
        self.nats.get(interface)
    }

    /// The NAT gateway of an id.
    pub fn nat_by_id(&self, id: &str) -> Option<&Nat> {
        self.nats.values().find(|nat| nat.id == id)
    }

    /// An interface as last seen, unless it is a NAT gateway's.
    pub fn interface(&self, id: &str) -> Option<&Interface> {
        self.by_id.get(id).map(|stay| &stay.interface)
    }

    /// The interfaces of NAT gateways, and the ids of those that have none (regional ones).
    pub fn nat_interfaces(&self) -> impl Iterator<Item = &str> {
        self.nats.keys().map(String::as_str)
    }

    /// Who held an address behind a VPC's NAT gateway between two moments. The VPC's own interfaces go first: other
    /// VPCs may use the same address, and only reach the gateway where none of its own has it.
    pub fn holder(
        &self,
        address: IpAddr,
        vpc_id: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Holder<'_> {
        let Some(stays) = self.by_address.get(&address) else {
            return Holder::Unknown;
        };
        let own: Vec<&Stay> = stays
            .iter()
            .filter(|stay| stay.interface.source.vpc_id == vpc_id)
            .collect();
        let candidates = if own.is_empty() {
            stays.iter().collect()
        } else {
            own
        };
        let then = distinct(
            candidates
                .iter()
                .filter(|stay| stay.overlaps(from, to))
                .copied(),
        );
        match then.as_slice() {
            [one] => return Holder::Known(one),
            [] => {}
            _ => return Holder::Ambiguous,
        }
        match distinct(candidates.into_iter()).as_slice() {
            [one] => Holder::Assumed(one),
            _ => Holder::Ambiguous,
        }
    }
}

/// The latest sight of each interface.
fn distinct<'a>(stays: impl Iterator<Item = &'a Stay>) -> Vec<&'a Interface> {
    let mut latest: BTreeMap<&str, &Stay> = BTreeMap::new();
    for stay in stays {
        let slot = latest.entry(stay.interface.id.as_str()).or_insert(stay);
        if stay.last_seen > slot.last_seen {
            *slot = stay;
        }
    }
    latest.into_values().map(|stay| &stay.interface).collect()
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
