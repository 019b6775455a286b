//! What a reader of an audit should know of a network, beside the advice: nothing here has a price to save.

use std::collections::BTreeSet;

use super::{Standing, vpcs_that_pay};
use crate::advise::zones::{break_even, gateway_in, zone_of_gateway};
use crate::measure::network::{EndpointType, NatGateway, Network};
use crate::measure::topology::{FlowLog, WayOut};

/// Fields without which the two sides of a NAT gateway cannot be joined.
const PACKET_ADDRESSES: [&str; 2] = ["pkt-srcaddr", "pkt-dstaddr"];

/// Remarks, one a sentence.
pub fn remarks(standing: Standing<'_>) -> Vec<String> {
    let network = standing.network;
    let mut remarks = nat_instances(network);
    remarks.extend(crossings_without_a_gateway(standing));
    remarks.extend(centralised(network));
    remarks.extend(hubs(network));
    remarks.extend(shared(network));
    remarks.extend(unresolved(network));
    remarks.extend(flow_logs(network));
    remarks
}

fn nat_instances(network: &Network) -> Vec<String> {
    network
        .nat_instances()
        .iter()
        .map(|instance| {
            format!(
                "{} acts as a NAT for {}: it costs no bytes, has no redundancy of its own, and nothing here measures it",
                instance.interface.source.name,
                instance.route_tables.join(", ")
            )
        })
        .collect()
}

fn crossings_without_a_gateway(standing: Standing<'_>) -> Vec<String> {
    let network = standing.network;
    let mut zones = BTreeSet::new();
    for (id, subnet) in &network.subnets {
        let WayOut::Nat(nat) = network.way_out(id) else {
            continue;
        };
        let nat_zone = network
            .nat(&nat)
            .and_then(|nat| zone_of_gateway(network, nat));
        let crosses = nat_zone.is_some_and(|zone| zone != subnet.zone) && !subnet.zone.is_empty();
        if crosses && gateway_in(network, &subnet.vpc_id, &subnet.zone).is_none() {
            zones.insert((subnet.vpc_id.as_str(), subnet.zone.as_str()));
        }
    }
    zones
        .into_iter()
        .map(|(vpc, zone)| {
            format!(
                "{vpc} has no NAT gateway in {zone}, whose subnets leave through another zone at ${} a GB: one of its \
                 own pays above {} GB a month",
                standing.prices.cross_zone_gb().dollars.normalize(),
                break_even(standing.prices)
            )
        })
        .collect()
}

fn centralised(network: &Network) -> Vec<String> {
    vpcs_that_pay(network)
        .into_iter()
        .filter_map(|vpc| {
            let hubs: BTreeSet<String> = network
                .route_tables
                .iter()
                .filter(|table| table.vpc_id == vpc)
                .filter_map(|table| match table.way_out() {
                    WayOut::TransitGateway(id) => Some(id),
                    _ => None,
                })
                .collect();
            let hubs: Vec<String> = hubs.into_iter().collect();
            (!hubs.is_empty()).then(|| {
                format!(
                    "{vpc} leaves through {}: its endpoints belong in it, not in the VPC of the NAT gateways",
                    hubs.join(", ")
                )
            })
        })
        .collect()
}

/// VPCs whose NAT gateways others can use through a Transit Gateway.
fn hubs(network: &Network) -> Vec<String> {
    let with_nats: BTreeSet<&str> = network
        .nats
        .iter()
        .filter(|nat| nat.state == "available")
        .map(|nat| nat.vpc_id.as_str())
        .collect();
    with_nats
        .into_iter()
        .filter_map(|vpc| {
            let hubs: Vec<&str> = network
                .transit_gateways_of(vpc)
                .map(|attachment| attachment.transit_gateway_id.as_str())
                .collect();
            let others: Vec<String> = network
                .transit_attachments
                .iter()
                .filter(|other| other.vpc_id != vpc && hubs.contains(&other.transit_gateway_id.as_str()))
                .map(|other| match other.vpc_owner.as_str() {
                    "" => other.vpc_id.clone(),
                    owner if owner == network.account => other.vpc_id.clone(),
                    owner => format!("{} of account {owner}", other.vpc_id),
                })
                .collect();
            (!others.is_empty()).then(|| {
                format!(
                    "Others can leave through the NAT gateways of {vpc} by way of {}: {}. Sources of other accounts \
                     have no names here",
                    hubs.join(", "),
                    others.join(", ")
                )
            })
        })
        .collect()
}

fn shared(network: &Network) -> Vec<String> {
    network
        .vpcs
        .keys()
        .filter_map(|vpc| {
            let owner = network.foreign_owner(vpc)?;
            Some(format!(
                "{vpc} is shared by account {owner}, which pays for its NAT gateways and alone can change it"
            ))
        })
        .collect()
}

/// Endpoints of AWS services that nobody reaches by the service's own name.
fn unresolved(network: &Network) -> Vec<String> {
    network
        .endpoints
        .iter()
        .filter(|endpoint| {
            endpoint.kind == EndpointType::Interface
                && endpoint.available
                && !endpoint.private_dns
                && !endpoint.requester_managed
        })
        .filter_map(|endpoint| {
            let service = endpoint.service()?;
            Some(format!(
                "{} ({service}) has private DNS off: only clients that name it use it, the others go past it",
                endpoint.id
            ))
        })
        .collect()
}

/// What flow logs can say of each gateway.
fn flow_logs(network: &Network) -> Vec<String> {
    let knows = |log: &FlowLog| {
        PACKET_ADDRESSES
            .iter()
            .all(|field| log.format.contains(field))
    };
    let in_service = |nat: &&NatGateway| nat.state == "available";
    network
        .nats
        .iter()
        .filter(in_service)
        .filter_map(|nat| {
            let logs: Vec<&FlowLog> = network.flow_logs_of(nat).collect();
            let named = |log: &FlowLog| format!("{} to {}", log.id, log.destination);
            if logs.is_empty() {
                return Some(format!("{} has no flow log that works: nobody can say who uses it", nat.id));
            }
            if logs.iter().any(|log| knows(log)) {
                return None;
            }
            let logs: Vec<String> = logs.into_iter().map(named).collect();
            Some(format!(
                "The flow logs of {} ({}) lack pkt-srcaddr and pkt-dstaddr: they cannot say who is behind it",
                nat.id,
                logs.join(", ")
            ))
        })
        .collect()
}
