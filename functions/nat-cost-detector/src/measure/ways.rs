//! Which way traffic takes out of a network, and who stands in it.
//!
//! Pure, over what was observed. What could not be read stays unknown: every answer here has a word for it. Group
//! rules, network ACLs and policies are not looked at; the remediator does that before it changes anything.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::network::{Interface, NatGateway, Network, Subnet};
use super::topology::{FlowLog, RouteTable, TransitAttachment, WayOut};

/// An instance that acts as a NAT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatInstance<'a> {
    /// The interface that default routes lead to.
    pub interface: &'a Interface,
    /// Route tables that lead to it.
    pub route_tables: Vec<&'a str>,
}

impl Network {
    /// The route table that a subnet uses: its own, or its VPC's main one.
    pub fn table_of(&self, subnet_id: &str) -> Option<&RouteTable> {
        let own = |table: &&RouteTable| table.subnets.iter().any(|subnet| subnet == subnet_id);
        self.route_tables.iter().find(own).or_else(|| {
            let vpc_id = &self.subnets.get(subnet_id)?.vpc_id;
            let mut tables = self.route_tables.iter();
            tables.find(|table| table.main && table.vpc_id == *vpc_id)
        })
    }

    /// The way out of a subnet.
    pub fn way_out(&self, subnet_id: &str) -> WayOut {
        self.table_of(subnet_id)
            .map_or(WayOut::Unknown, RouteTable::way_out)
    }

    /// The subnets of a VPC with their ids.
    pub fn subnets_of<'a>(
        &'a self,
        vpc_id: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Subnet)> {
        self.subnets
            .iter()
            .filter(move |(_, subnet)| subnet.vpc_id == vpc_id)
            .map(|(id, subnet)| (id.as_str(), subnet))
    }

    /// The route tables of a VPC that some subnet without an internet gateway uses.
    pub fn private_tables<'a>(&'a self, vpc_id: &'a str) -> BTreeSet<&'a str> {
        self.subnets_of(vpc_id)
            .filter_map(|(id, _)| self.table_of(id))
            .filter(|table| table.way_out() != WayOut::InternetGateway)
            .map(|table| table.id.as_str())
            .collect()
    }

    /// The zones in which a VPC has subnets that are not public, as far as the route tables show.
    pub fn private_zones<'a>(&'a self, vpc_id: &'a str) -> BTreeSet<&'a str> {
        self.subnets_of(vpc_id)
            .filter(|(id, _)| self.way_out(id) != WayOut::InternetGateway)
            .map(|(_, subnet)| subnet.zone.as_str())
            .filter(|zone| !zone.is_empty())
            .collect()
    }

    /// The zones of these in which no private subnet of a VPC has so many addresses left; one that EC2 says nothing
    /// about counts as roomy.
    pub fn crowded_zones<'a>(
        &self,
        vpc_id: &str,
        zones: &'a [String],
        addresses: u32,
    ) -> Vec<&'a str> {
        let has_room = |zone: &str| {
            self.subnets_of(vpc_id).any(|(id, subnet)| {
                subnet.zone == zone
                    && self.way_out(id) != WayOut::InternetGateway
                    && subnet.free_addresses.is_none_or(|free| free >= addresses)
            })
        };
        let zones = zones.iter().map(String::as_str);
        zones.filter(|zone| !has_room(zone)).collect()
    }

    /// A NAT gateway by its id.
    pub fn nat(&self, id: &str) -> Option<&NatGateway> {
        self.nats.iter().find(|nat| nat.id == id)
    }

    /// The account that owns a VPC, where it is known to be another one. A VPC's subnets have its owner.
    pub fn foreign_owner<'a>(&'a self, vpc_id: &'a str) -> Option<&'a str> {
        let own = self.vpcs.get(vpc_id).map(|vpc| vpc.owner.as_str());
        let owner = own
            .into_iter()
            .chain(
                self.subnets_of(vpc_id)
                    .map(|(_, subnet)| subnet.owner.as_str()),
            )
            .find(|owner| !owner.is_empty())?;
        (!self.account.is_empty() && owner != self.account).then_some(owner)
    }

    /// The Transit Gateways that a VPC is attached to.
    pub fn transit_gateways_of<'a>(
        &'a self,
        vpc_id: &'a str,
    ) -> impl Iterator<Item = &'a TransitAttachment> {
        let mut attachments = self.transit_attachments.iter();
        std::iter::from_fn(move || attachments.find(|attachment| attachment.vpc_id == vpc_id))
    }

    /// Whether an address can be of another network that reaches this VPC's gateways through a Transit Gateway: the
    /// VPC is attached to one and its own ranges, as far as they are known, do not hold the address.
    pub fn may_come_through_transit(&self, vpc_id: &str, address: IpAddr) -> bool {
        self.transit_gateways_of(vpc_id).next().is_some()
            && !self
                .vpcs
                .get(vpc_id)
                .is_some_and(|vpc| vpc.contains(address))
    }

    /// Instances that act as NAT: source/destination check off, and a default route leads to them.
    pub fn nat_instances(&self) -> Vec<NatInstance<'_>> {
        self.interfaces
            .iter()
            .filter(|interface| interface.details.forwards)
            .filter_map(|interface| {
                let leads_here = |table: &&RouteTable| matches!(table.way_out(), WayOut::Interface(id) if id == interface.id);
                let tables = self.route_tables.iter().filter(leads_here);
                let route_tables: Vec<&str> = tables.map(|table| table.id.as_str()).collect();
                (!route_tables.is_empty()).then_some(NatInstance {
                    interface,
                    route_tables,
                })
            })
            .collect()
    }

    /// The working flow logs that record a NAT gateway: on one of its interfaces, its subnet, its VPC or itself.
    pub fn flow_logs_of<'a>(&'a self, nat: &'a NatGateway) -> impl Iterator<Item = &'a FlowLog> {
        self.flow_logs.iter().filter(move |log| {
            let on = log.resource_id.as_str();
            log.works
                && (on == nat.id
                    || on == nat.vpc_id
                    || nat.subnet_id.as_deref() == Some(on)
                    || nat.interface_ids.iter().any(|interface| interface == on))
        })
    }
}

#[cfg(test)]
#[path = "ways_tests.rs"]
mod tests;
