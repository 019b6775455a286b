//! What the network ACLs of subnets let through.
//!
//! An ACL keeps no state: a connection needs its way there and its way back admitted, at both ends. Rules are asked in
//! the order of their numbers and the first that fits decides, packet by packet; so a range may pass in part, and which
//! part is worked out exactly. Knows TCP over IPv4. What no rule admits is refused, as AWS's last rule `*` has it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::change::Direction;
use crate::reach;

/// An ACL of the VPC and the subnets it guards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct NetworkAcl {
    pub(crate) id: String,
    pub(crate) subnets: Vec<String>,
    pub(crate) entries: Vec<AclEntry>,
}

/// One numbered rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct AclEntry {
    /// Seen from the subnet.
    pub(crate) direction: Direction,
    /// 1 to 32,766; above that AWS's own last rule, one for each family.
    pub(crate) number: u16,
    /// The protocol's number as EC2 spells it: `6` for TCP, `17` for UDP, `-1` for all.
    pub(crate) protocol: String,
    /// 0 to 65,535 where the rule names no ports.
    pub(crate) from_port: u16,
    pub(crate) to_port: u16,
    /// IPv4 or IPv6 range of the far end.
    pub(crate) cidr: String,
    pub(crate) allow: bool,
}

/// First and last port, both included.
pub(crate) type Ports = (u16, u16);

/// The ports that clients take for their own end: all that a client of AWS may choose from.
pub(crate) const EPHEMERAL: Ports = (1024, u16::MAX);

/// Addresses times destination ports: a rectangle of what may be asked of an ACL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Area {
    /// First and last address, both included.
    pub(crate) addresses: (u32, u32),
    pub(crate) ports: Ports,
}

/// What an ACL does with what was asked, part by part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Passage {
    pub(crate) admitted: Vec<Area>,
    pub(crate) refused: Vec<Area>,
}

impl NetworkAcl {
    /// Whether TCP passes for every far address of the IPv4 range on every one of the destination ports. Ports are those
    /// that packets of this direction go to: of the service on the way there, ephemeral ones on the way back.
    pub(crate) fn admits(&self, direction: Direction, cidr: &str, ports: Ports) -> bool {
        let asked = Area::of(cidr, ports);
        asked.is_some_and(|asked| self.passage(direction, &[asked]).refused.is_empty())
    }

    /// Which parts of the areas pass in a direction.
    pub(crate) fn passage(&self, direction: Direction, asked: &[Area]) -> Passage {
        let fits = |entry: &&AclEntry| {
            entry.direction == direction && matches!(entry.protocol.as_str(), "6" | "tcp" | "-1")
        };
        let mut entries: Vec<&AclEntry> = self.entries.iter().filter(fits).collect();
        entries.sort_by_key(|entry| entry.number);
        let (mut open, mut passage) = (asked.to_vec(), Passage::default());
        for entry in entries {
            let Some(ruled) = entry.area() else { continue };
            let decided = if entry.allow {
                &mut passage.admitted
            } else {
                &mut passage.refused
            };
            let mut left = Vec::with_capacity(open.len());
            for area in open {
                match area.common(&ruled) {
                    None => left.push(area),
                    Some(part) => {
                        decided.push(part);
                        left.extend(area.around(&part));
                    }
                }
            }
            open = left;
        }
        passage.refused.extend(open);
        passage
    }
}

impl AclEntry {
    /// `None` for an IPv6 rule.
    fn area(&self) -> Option<Area> {
        let ports = match self.protocol.as_str() {
            "-1" => (0, u16::MAX),
            _ => (self.from_port, self.to_port),
        };
        Area::of(&self.cidr, ports)
    }
}

impl Area {
    /// `None` where the range is no IPv4 one.
    pub(crate) fn of(cidr: &str, ports: Ports) -> Option<Self> {
        let (base, bits) = reach::range(cidr)?;
        let host = u32::MAX.checked_shr(bits).unwrap_or(0);
        let first = base & !host;
        Some(Self {
            addresses: (first, first | host),
            ports,
        })
    }

    fn common(&self, other: &Self) -> Option<Self> {
        Some(Self {
            addresses: overlap(self.addresses, other.addresses)?,
            ports: overlap(self.ports, other.ports)?,
        })
    }

    /// What is left of this area outside the other one: up to four rectangles.
    pub(crate) fn without(&self, other: &Self) -> Vec<Self> {
        match self.common(other) {
            None => vec![*self],
            Some(part) => self.around(&part).collect(),
        }
    }

    /// What lies around a part of this area.
    fn around(self, part: &Self) -> impl Iterator<Item = Self> {
        let part = *part;
        let beside = around(self.addresses, part.addresses).map(move |addresses| Self {
            addresses,
            ports: self.ports,
        });
        let same_addresses = around(self.ports, part.ports).map(move |ports| Self {
            addresses: part.addresses,
            ports,
        });
        beside.chain(same_addresses)
    }
}

impl std::fmt::Display for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, last) = self.addresses;
        let (from, to) = self.ports;
        write!(f, "{}", Ipv4Addr::from(first))?;
        if first != last {
            write!(f, "-{}", Ipv4Addr::from(last))?;
        }
        write!(f, " on TCP {from}")?;
        if from != to {
            write!(f, "-{to}")?;
        }
        Ok(())
    }
}

fn overlap<T: Ord + Copy>(one: (T, T), other: (T, T)) -> Option<(T, T)> {
    let (first, last) = (one.0.max(other.0), one.1.min(other.1));
    (first <= last).then_some((first, last))
}

/// What of `whole` lies before and after its part.
fn around<T>(whole: (T, T), part: (T, T)) -> impl Iterator<Item = (T, T)>
where
    T: Ord + Copy + From<u8> + std::ops::Add<Output = T> + std::ops::Sub<Output = T>,
{
    let one = T::from(1);
    let before = (whole.0 < part.0).then(|| (whole.0, part.0 - one));
    let after = (part.1 < whole.1).then(|| (part.1 + one, whole.1));
    before.into_iter().chain(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(number: u16, protocol: &str, ports: Ports, cidr: &str, allow: bool) -> AclEntry {
        AclEntry {
            direction: Direction::Egress,
            number,
            protocol: protocol.to_owned(),
            from_port: ports.0,
            to_port: ports.1,
            cidr: cidr.to_owned(),
            allow,
        }
    }

    fn acl(entries: Vec<AclEntry>) -> NetworkAcl {
        NetworkAcl {
            id: "acl-1".to_owned(),
            subnets: Vec::new(),
            entries,
        }
    }

    fn lets_out(entries: Vec<AclEntry>, cidr: &str, ports: Ports) -> bool {
        acl(entries).admits(Direction::Egress, cidr, ports)
    }

    const HTTPS: Ports = (443, 443);

    #[test]
    fn the_default_acl_admits_everything_and_one_without_rules_nothing() {
        let all = entry(100, "-1", (0, 65_535), "0.0.0.0/0", true);
        let last = entry(32_767, "-1", (0, 65_535), "0.0.0.0/0", false);
        assert!(lets_out(vec![last.clone(), all], "10.0.0.0/16", HTTPS));
        assert!(!lets_out(vec![last], "10.0.0.0/16", HTTPS));
        assert!(!lets_out(Vec::new(), "10.0.0.0/16", HTTPS));
    }

    #[test]
    fn the_rule_with_the_lower_number_decides_whatever_the_order_they_are_listed_in() {
        let allow = |number| entry(number, "6", HTTPS, "10.0.0.0/16", true);
        let deny = entry(20, "6", HTTPS, "10.0.0.0/16", false);
        assert!(lets_out(
            vec![deny.clone(), allow(10)],
            "10.0.0.0/24",
            HTTPS
        ));
        assert!(!lets_out(vec![allow(30), deny], "10.0.0.0/24", HTTPS));
    }

    #[test]
    fn an_earlier_refusal_of_a_part_refuses_the_range() {
        let rules = vec![
            entry(10, "6", (0, 65_535), "10.0.0.77/32", false),
            entry(20, "6", (0, 65_535), "0.0.0.0/0", true),
        ];
        assert!(!lets_out(rules.clone(), "10.0.0.0/24", HTTPS));
        assert!(lets_out(rules, "10.0.1.0/24", HTTPS));
        let one_port = vec![
            entry(10, "6", (3389, 3389), "0.0.0.0/0", false),
            entry(20, "6", EPHEMERAL, "0.0.0.0/0", true),
        ];
        assert!(!lets_out(one_port, "10.0.0.0/24", EPHEMERAL));
    }

    #[test]
    fn rules_that_only_together_cover_a_range_admit_it() {
        let halves = vec![
            entry(10, "6", HTTPS, "10.0.0.0/25", true),
            entry(20, "6", (0, 1023), "10.0.0.128/25", true),
        ];
        assert!(lets_out(halves.clone(), "10.0.0.0/24", HTTPS));
        assert!(!lets_out(halves, "10.0.0.0/23", HTTPS));
    }

    #[test]
    fn other_directions_protocols_and_families_admit_nothing() {
        let mut inward = entry(10, "6", HTTPS, "0.0.0.0/0", true);
        inward.direction = Direction::Ingress;
        let datagrams = entry(20, "17", HTTPS, "0.0.0.0/0", true);
        let v6 = entry(30, "6", HTTPS, "::/0", true);
        assert!(!lets_out(vec![inward, datagrams, v6], "10.0.0.0/24", HTTPS));
    }

    #[test]
    fn a_part_is_named_as_people_write_it() {
        let rule = entry(10, "6", (0, 1023), "10.0.0.0/25", true);
        let asked = Area::of("10.0.0.0/24", HTTPS).unwrap();
        let passage = acl(vec![rule]).passage(Direction::Egress, &[asked]);
        assert_eq!(
            passage.admitted[0].to_string(),
            "10.0.0.0-10.0.0.127 on TCP 443"
        );
        assert_eq!(
            passage.refused[0].to_string(),
            "10.0.0.128-10.0.0.255 on TCP 443"
        );
    }

    /// A packet at a time, as AWS does it.
    fn passes(entries: &[AclEntry], address: Ipv4Addr, port: u16) -> bool {
        let mut entries: Vec<&AclEntry> = entries.iter().collect();
        entries.sort_by_key(|entry| entry.number);
        let fits = |entry: &&AclEntry| {
            let (base, bits) = entry.cidr.split_once('/').unwrap();
            let base: Ipv4Addr = base.parse().unwrap();
            let differs = u32::from(base) ^ u32::from(address);
            let in_range = differs.leading_zeros() >= bits.parse().unwrap();
            in_range
                && match entry.protocol.as_str() {
                    "-1" => true,
                    "6" => (entry.from_port..=entry.to_port).contains(&port),
                    _ => false,
                }
        };
        entries
            .into_iter()
            .find(fits)
            .is_some_and(|entry| entry.allow)
    }

    fn entries() -> impl Strategy<Value = Vec<AclEntry>> {
        let one = (
            1..9_u16,
            prop_oneof![Just("6"), Just("-1"), Just("17")],
            (0..12_u16, 0..6_u16),
            (0..32_u8, 24..=32_u8),
            any::<bool>(),
        );
        let entry = |(number, protocol, (from, more), (host, bits), allow)| {
            let cidr = format!("10.0.0.{host}/{bits}");
            entry(number, protocol, (from, from + more), &cidr, allow)
        };
        proptest::collection::vec(one.prop_map(entry), 0..7).prop_map(|mut entries| {
            // EC2 refuses a second rule of the same number.
            entries.sort_by_key(|entry| entry.number);
            entries.dedup_by_key(|entry| entry.number);
            entries
        })
    }

    proptest! {
        #[test]
        fn an_area_is_split_as_packets_are_one_by_one(entries in entries()) {
            let asked = Area::of("10.0.0.0/27", (2, 13)).unwrap();
            let passage = acl(entries.clone()).passage(Direction::Egress, &[asked]);
            let within = |areas: &[Area], address: u32, port: u16| {
                areas.iter().filter(|area| {
                    (area.addresses.0..=area.addresses.1).contains(&address)
                        && (area.ports.0..=area.ports.1).contains(&port)
                }).count()
            };
            for host in 0..32 {
                for port in 2..=13 {
                    let address = Ipv4Addr::new(10, 0, 0, host);
                    let expected = if passes(&entries, address, port) { (1, 0) } else { (0, 1) };
                    let found = (
                        within(&passage.admitted, address.into(), port),
                        within(&passage.refused, address.into(), port),
                    );
                    prop_assert_eq!(found, expected, "{} {}", address, port);
                }
            }
        }
    }
}
