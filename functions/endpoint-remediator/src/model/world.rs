//! All there is in the modelled VPC, as it truly is: what AWS shows of it, and what a snapshot leaves out.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::snapshot::{EndpointState, Snapshot};

/// The truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    /// Every group and endpoint of the VPC, also deleted ones.
    pub(crate) network: Snapshot,
    pub(crate) quotas: Quotas,
    /// First address of each subnet's block.
    pub(crate) blocks: BTreeMap<String, Ipv4Addr>,
    pub(crate) clients: Vec<Client>,
    /// Open connections through a table's default route, by table and service.
    pub(crate) open: BTreeMap<(String, String), u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quotas {
    pub(crate) interface_endpoints: usize,
    pub(crate) gateway_endpoints: usize,
    /// Rules of one group in one direction.
    pub(crate) rules: usize,
}

/// An interface that talks to services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) subnet: String,
    pub(crate) groups: Vec<String>,
    /// Port of its own end: where answers go.
    pub(crate) port: u16,
}

impl World {
    /// A network with AWS's default quotas and nobody in it.
    pub(crate) fn of(network: Snapshot) -> Self {
        Self {
            network: network.sorted(),
            quotas: Quotas {
                interface_endpoints: 50,
                gateway_endpoints: 20,
                rules: 60,
            },
            blocks: BTreeMap::new(),
            clients: Vec::new(),
            open: BTreeMap::new(),
        }
    }

    /// The world without what AWS lists for a while after its deletion, in one order.
    pub(crate) fn remaining(&self) -> Self {
        let mut world = self.clone();
        let endpoints = &mut world.network.endpoints;
        endpoints.retain(|endpoint| endpoint.state != EndpointState::Deleted);
        world.network = world.network.sorted();
        world
    }
}
