//! Who had an address when: stays of interfaces at their addresses, kept over the nights.
//!
//! EC2 shows the present only; a flow log of last week names addresses that may since have moved. So every night's
//! observation is merged into stays with first and last sight. This module refuses to know where they are kept and
//! which day it is: the observation's time is an argument.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::network::{Interface, Network};

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

    /// The interfaces of NAT gateways.
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
mod tests {
    use super::*;
    use crate::fixture;
    use proptest::prelude::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_791_900_000 + hour * 3600).unwrap()
    }

    fn interface(id: &str, address: &str) -> Interface {
        Interface {
            id: id.to_owned(),
            addresses: vec![address.parse().unwrap()],
            attached_at: None,
            ..fixture::interface("eni-web")
        }
    }

    fn apply(stays: &mut Vec<Stay>, seen: &[Interface], now: Timestamp) {
        let changed = observe(stays, seen, now);
        *stays = merge(std::mem::take(stays), changed);
    }

    fn who(stays: &[Stay], from: i64, to: i64) -> String {
        let inventory = Inventory::new(stays, &Network::default());
        let address = "10.0.1.5".parse().unwrap();
        match inventory.holder(
            address,
            &fixture::interface("eni-web").source.vpc_id,
            at(from),
            at(to),
        ) {
            Holder::Known(interface) => interface.id.clone(),
            Holder::Assumed(interface) => format!("{}?", interface.id),
            Holder::Ambiguous => "ambiguous".to_owned(),
            Holder::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn a_reused_address_belongs_to_whoever_had_it_then() {
        let mut stays = Vec::new();
        apply(&mut stays, &[interface("eni-1", "10.0.1.5")], at(0));
        apply(&mut stays, &[interface("eni-1", "10.0.1.5")], at(24));
        apply(&mut stays, &[interface("eni-2", "10.0.1.5")], at(48));
        assert_eq!(who(&stays, 10, 20), "eni-1");
        assert_eq!(who(&stays, 50, 60), "eni-2");
        assert_eq!(who(&stays, 40, 60), "ambiguous");
        assert_eq!(
            who(&stays, -20, -10),
            "ambiguous",
            "before both, either could have been it"
        );
    }

    #[test]
    fn a_time_before_every_sight_falls_back_to_the_only_holder_and_says_so() {
        let mut stays = Vec::new();
        assert_eq!(who(&stays, 0, 1), "unknown");
        apply(&mut stays, &[interface("eni-1", "10.0.1.5")], at(100));
        assert_eq!(who(&stays, 0, 24), "eni-1?");
        stays[0].interface.attached_at = Some(at(-5));
        assert_eq!(
            who(&stays, 0, 24),
            "eni-1",
            "the attachment's time is known"
        );
    }

    proptest! {
        #[test]
        fn stays_of_an_interface_never_overlap_and_observing_twice_changes_nothing(
            nights in proptest::collection::vec(proptest::collection::vec((0u8..4, 0u8..4), 0..5), 1..12)
        ) {
            let mut stays = Vec::new();
            for (night, seen) in nights.iter().enumerate() {
                let seen: BTreeMap<u8, u8> = seen.iter().copied().collect();
                let seen: Vec<Interface> = seen.iter()
                    .map(|(id, address)| interface(&format!("eni-{id}"), &format!("10.0.1.{address}")))
                    .collect();
                let now = at(24 * i64::try_from(night).unwrap());
                apply(&mut stays, &seen, now);
                prop_assert_eq!(observe(&stays, &seen, now), vec![]);
                for interface in &seen {
                    let open = stays.iter().filter(|stay| stay.interface.id == interface.id && stay.gone.is_none());
                    prop_assert_eq!(open.count(), 1);
                }
            }
            for one in &stays {
                for other in &stays {
                    if one.interface.id == other.interface.id && one.first_seen < other.first_seen {
                        prop_assert!(one.gone.is_some_and(|gone| gone <= other.first_seen));
                    }
                }
            }
        }
    }
}
