//! Which way the invocations of Kafka pollers take: read from endpoints and route tables.

use std::collections::BTreeSet;

use serde::Serialize;

use super::poller_prices::POLLERS_NEED;
use crate::measure::network::{Endpoint, EndpointType, KafkaMapping, Network};
use crate::measure::topology::WayOut;

/// The way that invocations take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "through", rename_all = "snake_case")]
pub enum PollerPath {
    /// Provisioned pollers invoke past the VPC.
    Nothing,
    /// The pollers are in no VPC: the brokers are reached over the internet.
    NoVpc,
    /// An endpoint of the Lambda API with private DNS.
    LambdaEndpoint {
        /// The endpoints.
        endpoint_ids: Vec<String>,
    },
    /// NAT gateways: every batch is paid for by the GB.
    NatGateways {
        /// The gateways.
        nat_gateway_ids: Vec<String>,
    },
    /// A Transit Gateway, and whatever is behind it.
    TransitGateways {
        /// The gateways.
        transit_gateway_ids: Vec<String>,
    },
    /// An instance that forwards.
    NatInstances {
        /// Its interfaces.
        interface_ids: Vec<String>,
    },
    /// No subnet leads out: the pollers cannot reach the Lambda API.
    NoWay,
    /// Subnets or route tables are not known.
    Unknown,
}

/// The endpoints in service that the Lambda API's name leads to in a VPC.
pub fn lambda_endpoints<'a>(network: &'a Network, vpc_id: &str) -> Vec<&'a Endpoint> {
    let serves = |endpoint: &&Endpoint| {
        endpoint.vpc_id == vpc_id
            && endpoint.private_dns
            && endpoint.serves(EndpointType::Interface, POLLERS_NEED[0])
    };
    network.endpoints.iter().filter(serves).collect()
}

/// The way that the invocations of mappings with these subnets take.
pub(super) fn path(
    group: &[&KafkaMapping],
    vpc_id: &str,
    subnets: &[String],
    network: &Network,
) -> PollerPath {
    if group.iter().all(|mapping| !mapping.is_on_demand()) {
        return PollerPath::Nothing;
    }
    if subnets.is_empty() {
        let self_managed = group.iter().all(|mapping| mapping.cluster_arn.is_none());
        return if self_managed {
            PollerPath::NoVpc
        } else {
            PollerPath::Unknown
        };
    }
    let endpoints = lambda_endpoints(network, vpc_id);
    if !endpoints.is_empty() {
        let endpoint_ids = endpoints.iter().map(|endpoint| endpoint.id.clone());
        return PollerPath::LambdaEndpoint {
            endpoint_ids: endpoint_ids.collect(),
        };
    }
    let ways: BTreeSet<WayOut> = subnets
        .iter()
        .map(|subnet| network.way_out(subnet))
        .collect();
    of_ways(&ways)
}

/// The dearest of the subnets' ways: a poller may sit in any of them.
fn of_ways(ways: &BTreeSet<WayOut>) -> PollerPath {
    let ids = |of: fn(&WayOut) -> Option<&String>| -> Vec<String> {
        ways.iter().filter_map(of).cloned().collect()
    };
    let nats = ids(|way| match way {
        WayOut::Nat(id) => Some(id),
        _ => None,
    });
    let transit = ids(|way| match way {
        WayOut::TransitGateway(id) => Some(id),
        _ => None,
    });
    let instances = ids(|way| match way {
        WayOut::Interface(id) => Some(id),
        _ => None,
    });
    if !nats.is_empty() {
        PollerPath::NatGateways {
            nat_gateway_ids: nats,
        }
    } else if !transit.is_empty() {
        PollerPath::TransitGateways {
            transit_gateway_ids: transit,
        }
    } else if !instances.is_empty() {
        PollerPath::NatInstances {
            interface_ids: instances,
        }
    } else if ways
        .iter()
        .all(|way| matches!(way, WayOut::Nowhere | WayOut::InternetGateway))
    {
        PollerPath::NoWay
    } else {
        PollerPath::Unknown
    }
}

impl PollerPath {
    /// Whether bytes on it cost NAT processing, here or behind a Transit Gateway.
    pub fn is_paid_by_volume(&self) -> bool {
        matches!(
            self,
            Self::NatGateways { .. } | Self::TransitGateways { .. }
        )
    }
}
