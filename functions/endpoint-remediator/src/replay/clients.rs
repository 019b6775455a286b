//! Who has which address in the VPC now, and in which groups.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::reach;
use crate::snapshot::Group;

/// A network interface of the VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) id: String,
    pub(crate) subnet: String,
    pub(crate) groups: Vec<String>,
    /// Private IPv4 addresses, secondary ones too.
    pub(crate) addresses: Vec<Ipv4Addr>,
    /// Delegated IPv4 prefixes (`10.0.3.16/28`): every address in one is its own.
    pub(crate) prefixes: Vec<String>,
    /// Whether it is one of an interface endpoint.
    pub(crate) is_endpoint: bool,
}

/// What talks in the VPC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Clients {
    pub(crate) interfaces: Vec<Interface>,
    /// Every group of the VPC.
    pub(crate) groups: Vec<Group>,
    /// Interfaces of its NAT gateways.
    pub(crate) gateways: Vec<String>,
}

/// Interfaces by address.
#[derive(Debug)]
pub(crate) struct Directory<'a> {
    by_address: BTreeMap<Ipv4Addr, &'a Interface>,
    /// Base and length of each delegated prefix.
    by_prefix: Vec<((u32, u32), &'a Interface)>,
}

impl<'a> Directory<'a> {
    pub(crate) fn of(interfaces: &'a [Interface]) -> Self {
        let own = |interface: &'a Interface| {
            let addresses = interface.addresses.iter();
            addresses.map(move |address| (*address, interface))
        };
        let prefixes = |interface: &'a Interface| {
            let ranges = interface
                .prefixes
                .iter()
                .filter_map(|cidr| reach::range(cidr));
            ranges.map(move |range| (range, interface))
        };
        Self {
            by_address: interfaces.iter().flat_map(own).collect(),
            by_prefix: interfaces.iter().flat_map(prefixes).collect(),
        }
    }

    /// The interface that has an address now.
    pub(crate) fn interface(&self, address: IpAddr) -> Option<&'a Interface> {
        let IpAddr::V4(address) = address else {
            return None;
        };
        let lies_in = |(base, bits): (u32, u32)| {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            u32::from(address) & !host == base & !host
        };
        let mut prefixes = self.by_prefix.iter();
        self.by_address.get(&address).copied().or_else(|| {
            let found = prefixes.find(|(range, _)| lies_in(*range));
            found.map(|(_, interface)| *interface)
        })
    }
}
