//! Endpoints: idempotent creation, routes that follow the association, private DNS that cannot overlap, quotas.

use tollkeeper::plan::EndpointKind;

use super::{Model, error, example};
use crate::change::Change;
use crate::network::{NetworkError, Stamp};
use crate::owner::Owner;
use crate::snapshot::{Endpoint, EndpointState};

impl Model {
    pub(super) fn create_endpoint(
        &self,
        change: &Change<String>,
        stamp: &Stamp,
    ) -> Result<String, NetworkError> {
        if let Some((known, id)) = self.tokens.borrow().get(&stamp.client_token) {
            if known == change {
                return Ok(id.clone());
            }
            return Err(error("IdempotentParameterMismatch", &stamp.client_token));
        }
        let id = self.next_id("vpce");
        let owner = Owner::Tollkeeper {
            plan_id: stamp.plan_id.clone(),
        };
        let made = match change {
            Change::CreateGatewayEndpoint { service } => {
                example::endpoint(&id, service, EndpointKind::Gateway, owner)
            }
            Change::CreateInterfaceEndpoint {
                service,
                subnets,
                group,
                ..
            } => {
                if self.seen_group(group).is_none() {
                    return Err(error("InvalidSecurityGroupID.NotFound", group));
                }
                Endpoint {
                    subnets: subnets.clone(),
                    groups: vec![group.clone()],
                    ..example::endpoint(&id, service, EndpointKind::Interface, owner)
                }
            }
            other => unreachable!("{other} makes no endpoint"),
        };
        self.check_offer_and_quota(&made)?;
        self.take_addresses(&made)?;
        self.endpoint_changes(&id);
        let pending = Endpoint {
            state: EndpointState::Pending,
            ..made
        };
        self.world.borrow_mut().network.endpoints.push(pending);
        self.settles_later(&id);
        self.tokens
            .borrow_mut()
            .insert(stamp.client_token.clone(), (change.clone(), id.clone()));
        self.tag(stamp, &id);
        Ok(id)
    }

    pub(super) fn tag(&self, stamp: &Stamp, id: &str) {
        let key = (stamp.plan_id.clone(), stamp.step);
        self.tags.borrow_mut().insert(key, id.to_owned());
    }

    fn settles_later(&self, id: &str) {
        let at = self.stage.now().checked_add(self.weather.settle).unwrap();
        self.settles.borrow_mut().insert(id.to_owned(), at);
    }

    fn check_offer_and_quota(&self, made: &Endpoint) -> Result<(), NetworkError> {
        let world = self.world.borrow();
        let mut offers = world.network.services.iter();
        if !offers.any(|offer| offer.name == made.service && offer.kind == made.kind) {
            return Err(error("InvalidServiceName", &made.service));
        }
        let endpoints = world.network.endpoints.iter();
        let live = endpoints.filter(|endpoint| {
            endpoint.kind == made.kind
                && !matches!(
                    endpoint.state,
                    EndpointState::Deleted | EndpointState::Failed
                )
        });
        let most = match made.kind {
            EndpointKind::Gateway => world.quotas.gateway_endpoints,
            EndpointKind::Interface => world.quotas.interface_endpoints,
        };
        if live.count() >= most {
            return Err(error("VpcEndpointLimitExceeded", &made.service));
        }
        Ok(())
    }

    fn take_addresses(&self, made: &Endpoint) -> Result<(), NetworkError> {
        let network = &mut self.world.borrow_mut().network;
        let mut offers = network.services.iter();
        let offer = offers.find(|offer| offer.name == made.service && offer.kind == made.kind);
        let offered = offer.map(|offer| offer.zones.clone()).unwrap_or_default();
        let mut zones = Vec::new();
        for id in &made.subnets {
            let subnet = network.subnets.iter().find(|subnet| subnet.id == *id);
            let subnet = subnet.ok_or_else(|| error("InvalidSubnetID.NotFound", id))?;
            if zones.contains(&subnet.zone) {
                return Err(error("DuplicateSubnetsInSameZone", id));
            }
            if !offered.contains(&subnet.zone) {
                let what = "does not support the availability zone of the subnet";
                return Err(error("InvalidParameter", what));
            }
            if subnet.free_addresses == 0 {
                return Err(error("InsufficientFreeAddressesInSubnet", id));
            }
            zones.push(subnet.zone.clone());
        }
        for subnet in &mut network.subnets {
            subnet.free_addresses -= u32::from(made.subnets.contains(&subnet.id));
        }
        Ok(())
    }

    /// The endpoint that a write names: seen by EC2's own copies, and available.
    fn usable(&self, id: &str) -> Result<Endpoint, NetworkError> {
        let missing = || error("InvalidVpcEndpointId.NotFound", id);
        self.seen_endpoint(id).ok_or_else(missing)?;
        let endpoint = self.world.borrow().network.endpoint(id).cloned();
        match endpoint {
            None => Err(missing()),
            Some(gone) if gone.state == EndpointState::Deleted => Err(missing()),
            Some(usable) if usable.state == EndpointState::Available => Ok(usable),
            Some(_) => Err(error("IncorrectState", id)),
        }
    }

    fn modify(&self, id: &str, change: impl FnOnce(&mut Endpoint)) {
        self.endpoint_changes(id);
        let endpoints = &mut self.world.borrow_mut().network.endpoints;
        if let Some(found) = endpoints.iter_mut().find(|endpoint| endpoint.id == id) {
            change(found);
        }
    }

    pub(super) fn associate(&self, id: &str, table: &str) -> Result<(), NetworkError> {
        let endpoint = self.usable(id)?;
        if endpoint.kind != EndpointKind::Gateway {
            return Err(error("InvalidParameter", "not a gateway endpoint"));
        }
        {
            let world = self.world.borrow();
            let mut tables = world.network.route_tables.iter();
            let found = tables
                .find(|found| found.id == table)
                .ok_or_else(|| error("InvalidRouteTableID.NotFound", table))?;
            let of_service = |route: &String| {
                let other = world.network.endpoint(route);
                other.is_some_and(|other| other.service == endpoint.service)
            };
            if found.endpoint_routes.iter().any(of_service) {
                return Err(error("RouteAlreadyExists", table));
            }
        }
        self.modify(id, |endpoint| endpoint.route_tables.push(table.to_owned()));
        self.route(id, table, true, &endpoint.service);
        Ok(())
    }

    pub(super) fn disassociate(&self, id: &str, table: &str) -> Result<(), NetworkError> {
        let endpoint = self.usable(id)?;
        if !endpoint.route_tables.iter().any(|own| own == table) {
            return Err(error("InvalidRouteTableID.NotFound", table));
        }
        self.modify(id, |endpoint| {
            endpoint.route_tables.retain(|own| own != table);
        });
        self.route(id, table, false, &endpoint.service);
        Ok(())
    }

    /// The route comes or goes, and with it every open connection.
    fn route(&self, id: &str, table: &str, is_there: bool, service: &str) {
        let mut world = self.world.borrow_mut();
        let tables = world.network.route_tables.iter_mut();
        for found in tables.filter(|found| found.id == table) {
            found.endpoint_routes.retain(|route| route != id);
            if is_there {
                found.endpoint_routes.push(id.to_owned());
            }
        }
        let key = (table.to_owned(), service.to_owned());
        let open = world.open.get(&key).copied().unwrap_or(0);
        *self.dropped.borrow_mut().entry(key).or_insert(0) += open;
    }

    pub(super) fn private_dns(&self, id: &str, on: bool) -> Result<(), NetworkError> {
        let endpoint = self.usable(id)?;
        {
            let network = &self.world.borrow().network;
            if on && !(network.vpc.dns_support && network.vpc.dns_hostnames) {
                return Err(error(
                    "InvalidParameter",
                    "the VPC's DNS attributes are off",
                ));
            }
            let clash = network.endpoints.iter().any(|other| {
                other.id != id
                    && other.service == endpoint.service
                    && other.private_dns
                    && other.state != EndpointState::Deleted
            });
            if on && clash {
                let what = "private-dns-enabled cannot be set because there is already a \
                            conflicting DNS domain";
                return Err(error("InvalidParameter", what));
            }
        }
        self.modify(id, |endpoint| endpoint.private_dns = on);
        Ok(())
    }

    /// The call succeeds; what it answers can still be an entry in `Unsuccessful`.
    pub(super) fn delete_endpoint(&self, id: &str) -> Result<(), NetworkError> {
        let missing = || error("InvalidVpcEndpointId.NotFound", id);
        self.seen_endpoint(id).ok_or_else(missing)?;
        if self.refusals_left.get() > 0 {
            self.refusals_left.set(self.refusals_left.get() - 1);
            return Err(error("IncorrectState", id));
        }
        let endpoint = self.world.borrow().network.endpoint(id).cloned();
        let endpoint = endpoint.ok_or_else(missing)?;
        match endpoint.state {
            EndpointState::Deleted => return Err(missing()),
            EndpointState::Deleting => return Ok(()),
            _ => {}
        }
        for table in &endpoint.route_tables {
            self.route(id, table, false, &endpoint.service);
        }
        self.modify(id, |endpoint| {
            endpoint.state = EndpointState::Deleting;
            endpoint.route_tables.clear();
            endpoint.private_dns = false;
        });
        self.settles_later(id);
        Ok(())
    }
}
