//! Instances' traffic that went through a NAT gateway which recorded nothing of use itself.
//!
//! At an instance the gateway is named by the next hop (version 11). Without it, a traffic path through the VPC or no
//! word at all is followed along the subnet's default route; any other path went elsewhere. Downloads name no way: they
//! are taken to come back the way that the uploads to the same far end went. What no route leads to a gateway is
//! left out, and its volume told.

use std::collections::{BTreeMap, BTreeSet};

use tollkeeper::flow_log::Leg;
use tollkeeper::rollup::CellKey;
use tollkeeper::services::Label;
use tollkeeper::time::Hour;

use crate::explain::attribute::{Certainty, Directory};
use crate::explain::traffic::{Crossing, DayTraffic, Way};
use crate::measure::inventory::Nat;
use crate::measure::network::Interface;

/// A sum at an instance that went through a gateway.
#[derive(Debug)]
pub struct Passage<'a> {
    /// The gateway.
    pub nat: &'a Nat,
    /// The instance's interface.
    pub interface: &'a Interface,
    /// Direction and far end.
    pub cell: CellKey<'a>,
    /// The hour.
    pub hour: Hour,
    /// Bytes.
    pub bytes: u64,
    /// How the gateway is known.
    pub certainty: Certainty,
}

/// What the instances' side shows.
#[derive(Debug, Default)]
pub struct Passages<'a> {
    /// Through gateways that did not record.
    pub through: Vec<Passage<'a>>,
    /// Bytes to or from public addresses that nothing says the way of.
    pub unplaced_bytes: u64,
}

/// Where traffic between a source and a far end goes.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Through(&'a Nat, Certainty),
    Elsewhere,
    Unplaced,
}

type FarEnd<'a> = (&'a str, Label<'a>);

/// Passages of a day through gateways other than those that recorded.
pub fn passages<'a>(traffic: &'a DayTraffic, directory: Directory<'a>) -> Passages<'a> {
    let recorded: BTreeSet<&str> = traffic
        .recorders()
        .into_iter()
        .filter_map(|recorder| directory.inventory.nat(recorder))
        .map(|nat| nat.id.as_str())
        .collect();
    let ways = upload_ways(traffic, directory);
    let mut found = Passages::default();
    for (crossing, hour, cell, bytes) in cells(traffic) {
        let Some(interface) = directory.inventory.interface(crossing.interface) else {
            found.unplaced_bytes = found.unplaced_bytes.saturating_add(bytes);
            continue;
        };
        let place = match cell.leg {
            Leg::A => place(crossing.way, interface, directory),
            Leg::D => ways.get(&(crossing.interface, cell.remote)).map_or_else(
                || place(Way::Unsaid, interface, directory),
                |(place, _)| *place,
            ),
        };
        match place {
            Place::Through(nat, certainty) if !recorded.contains(nat.id.as_str()) => {
                found.through.push(Passage {
                    nat,
                    interface,
                    cell,
                    hour,
                    bytes,
                    certainty,
                });
            }
            Place::Through(..) | Place::Elsewhere => {}
            Place::Unplaced => found.unplaced_bytes = found.unplaced_bytes.saturating_add(bytes),
        }
    }
    found
}

fn cells(traffic: &DayTraffic) -> impl Iterator<Item = (Crossing<'_>, Hour, CellKey<'_>, u64)> {
    traffic.instances.iter().flat_map(|((name, hour), sums)| {
        let crossing = Crossing::parse(name);
        sums.cells.iter().filter_map(move |(cell, sums)| {
            // Every cell was written by `CellKey` itself.
            let cell = CellKey::parse(cell).ok()?;
            Some((crossing, *hour, cell, sums.bytes))
        })
    })
}

/// The way that most of the uploads to each far end went.
fn upload_ways<'a>(
    traffic: &'a DayTraffic,
    directory: Directory<'a>,
) -> BTreeMap<FarEnd<'a>, (Place<'a>, u64)> {
    let mut by_way: BTreeMap<(FarEnd<'a>, String), (Place<'a>, u64)> = BTreeMap::new();
    for (crossing, _, cell, bytes) in cells(traffic) {
        if cell.leg != Leg::A {
            continue;
        }
        let Some(interface) = directory.inventory.interface(crossing.interface) else {
            continue;
        };
        let place = place(crossing.way, interface, directory);
        let key = (
            (crossing.interface, cell.remote),
            format!("{:?}", crossing.way),
        );
        by_way.entry(key).or_insert((place, 0)).1 += bytes;
    }
    let mut ways: BTreeMap<FarEnd<'a>, (Place<'a>, u64)> = BTreeMap::new();
    for ((far_end, _), (place, bytes)) in by_way {
        let slot = ways.entry(far_end).or_insert((place, bytes));
        if bytes > slot.1 {
            *slot = (place, bytes);
        }
    }
    ways
}

fn place<'a>(way: Way<'a>, interface: &Interface, directory: Directory<'a>) -> Place<'a> {
    match way {
        Way::To(hop) => match directory.inventory.nat(hop) {
            Some(nat) => Place::Through(nat, Certainty::Known),
            None => Place::Elsewhere,
        },
        Way::Elsewhere => Place::Elsewhere,
        Way::InVpc | Way::Unsaid => routed(way, interface, directory),
    }
}

fn routed<'a>(way: Way<'_>, interface: &Interface, directory: Directory<'a>) -> Place<'a> {
    let around = directory.surroundings;
    let subnet = &interface.source.subnet_id;
    if let Some(id) = around.nat_of(subnet, directory.subnets) {
        return directory
            .inventory
            .nat_by_id(id)
            .map_or(Place::Unplaced, |nat| {
                Place::Through(nat, Certainty::Routed)
            });
    }
    if around.route_tables.is_empty() || way == Way::InVpc {
        Place::Unplaced
    } else {
        // Its routes are known, and none leads to a gateway.
        Place::Elsewhere
    }
}
