//! A model of the few EC2 calls with their real semantics, for the proofs of plan and engine.
//!
//! Endpoints are pending and deleting for a while; tokens make creation idempotent; routes of a gateway endpoint follow
//! the association and drop open connections; private DNS cannot overlap; a group in use stays; quotas hold; reads lag
//! behind writes; calls are throttled, or the run dies before or after one of them.

mod endpoints;
mod example;
mod faults;
mod groups;
mod lag;
pub(crate) mod oracle;
mod rows;
mod stage;
mod world;
pub(crate) mod worlds;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;

use crate::change::Change;
use crate::network::{Network, NetworkError, Stamp};
use crate::snapshot::{Endpoint, EndpointState, Group, Scope, Snapshot};
pub(crate) use example::{evidence, foreign_endpoint, group, request, snapshot};
pub(crate) use faults::{Crash, Fuse, Weather};
pub(crate) use rows::MemoryRows;
pub(crate) use stage::Stage;
pub(crate) use world::{Client, Quotas, World};

use lag::Lag;
use oracle::Path;

/// The modelled VPC.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) world: RefCell<World>,
    pub(crate) stage: Rc<Stage>,
    pub(crate) weather: Weather,
    pub(crate) fuse: Fuse,
    /// Calls by what they ask for, throttled ones too.
    pub(crate) calls: RefCell<BTreeMap<&'static str, u32>>,
    /// Connections that a change of routes has cut, by table and service.
    pub(crate) dropped: RefCell<BTreeMap<(String, String), u32>>,
    /// Lock counters under which changes took effect, in that order.
    pub(crate) tenures: RefCell<Vec<i64>>,
    /// Who reached what at the start, and who lost it at any moment since.
    reached: BTreeSet<Path>,
    pub(crate) lost: RefCell<BTreeSet<Path>>,
    /// What each client token made, and with which parameters.
    tokens: RefCell<BTreeMap<String, (Change<String>, String)>>,
    /// What tags find.
    tags: RefCell<BTreeMap<(String, u32), String>>,
    /// When a pending or deleting endpoint settles.
    settles: RefCell<BTreeMap<String, Timestamp>>,
    lag: Lag,
    refusals_left: Cell<u32>,
    made: Cell<u32>,
    /// Turns with every observation: the API promises no order.
    order: Cell<usize>,
}

impl Model {
    pub(crate) fn new(world: World, weather: Weather) -> Self {
        Self {
            reached: oracle::reached(&world),
            world: RefCell::new(world),
            stage: Stage::new(),
            weather,
            fuse: Fuse::default(),
            calls: RefCell::default(),
            dropped: RefCell::default(),
            tenures: RefCell::default(),
            lost: RefCell::default(),
            tokens: RefCell::default(),
            tags: RefCell::default(),
            settles: RefCell::default(),
            lag: Lag::default(),
            refusals_left: Cell::new(weather.unsuccessful),
            made: Cell::new(0),
            order: Cell::new(0),
        }
    }

    /// The number of calls so far.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.borrow().values().sum()
    }

    /// An hour later everything has settled and every read is true.
    pub(crate) fn rest(&self) {
        self.stage.advance(std::time::Duration::from_hours(1));
        self.settle();
    }

    /// One call arrives at EC2.
    async fn arrive(&self, operation: &'static str) -> Result<(), NetworkError> {
        self.stage.turn().await;
        self.stage.advance(self.weather.latency);
        *self.calls.borrow_mut().entry(operation).or_insert(0) += 1;
        self.settle();
        if self.is_throttled() {
            return Err(error("RequestLimitExceeded", operation));
        }
        Ok(())
    }

    /// About one call in so many, in no rhythm.
    fn is_throttled(&self) -> bool {
        let mixed = self.calls().wrapping_mul(0x9E37_79B1) >> 16;
        let one_in = self.weather.throttle_every;
        one_in > 0 && mixed.is_multiple_of(one_in)
    }

    /// One changing call: it can crash, and is watched for whom it cuts off.
    async fn effect<T>(
        &self,
        operation: &'static str,
        effect: impl FnOnce() -> Result<T, NetworkError>,
    ) -> Result<T, NetworkError> {
        self.arrive(operation).await?;
        self.fuse.around(
            || {
                let result = effect()?;
                self.tenures.borrow_mut().push(self.stage.tenure());
                let now = oracle::reached(&self.world.borrow());
                let lost = self.reached.difference(&now).copied();
                self.lost.borrow_mut().extend(lost);
                Ok(result)
            },
            |when| error("Crash", when),
        )
    }

    fn settle(&self) {
        let now = self.stage.now();
        let mut settles = self.settles.borrow_mut();
        let mut world = self.world.borrow_mut();
        for (id, _) in settles.extract_if(.., |_, at| *at <= now) {
            let World { network, .. } = &mut *world;
            for endpoint in network.endpoints.iter_mut().filter(|e| e.id == id) {
                endpoint.state = match endpoint.state {
                    EndpointState::Pending => EndpointState::Available,
                    EndpointState::Deleting => EndpointState::Deleted,
                    other => other,
                };
                if endpoint.state == EndpointState::Deleted {
                    for subnet in &mut network.subnets {
                        let had_one = endpoint.subnets.contains(&subnet.id);
                        subnet.free_addresses += u32::from(had_one);
                    }
                }
            }
        }
    }

    fn next_id(&self, prefix: &str) -> String {
        self.made.set(self.made.get() + 1);
        format!("{prefix}-made-{:03}", self.made.get())
    }
}

impl Network for Model {
    async fn observe(&self, scope: &Scope) -> Result<Option<Snapshot>, NetworkError> {
        self.arrive("observe").await?;
        // A page each of VPC, DHCP options, two attributes, endpoints, tables, subnets, ACLs, groups; and one for each
        // service.
        let more = u32::try_from(8 + scope.services.len()).unwrap();
        *self.calls.borrow_mut().entry("observe").or_insert(0) += more;
        let mut seen = self.world.borrow().network.clone();
        let endpoints = seen.endpoints.iter();
        seen.endpoints = endpoints
            .filter_map(|endpoint| self.seen_endpoint(&endpoint.id))
            .filter(|endpoint| scope.concerns_endpoint(endpoint))
            .collect();
        let groups = seen.groups.iter();
        let groups: Vec<Group> = groups
            .filter_map(|group| self.seen_group(&group.id))
            .collect();
        seen.groups = groups;
        seen.groups
            .retain(|group| scope.concerns_group(group, &seen.endpoints, &seen.vpc.cidrs));
        for table in &mut seen.route_tables {
            table
                .endpoint_routes
                .retain(|id| seen.endpoints.iter().any(|endpoint| endpoint.id == *id));
        }
        seen.services
            .retain(|service| scope.services.contains(&service.name));
        let order = self.order.get();
        self.order.set(order + 1);
        turn_around(&mut seen.subnets, order);
        turn_around(&mut seen.route_tables, order);
        turn_around(&mut seen.groups, order);
        turn_around(&mut seen.endpoints, order);
        turn_around(&mut seen.services, order);
        turn_around(&mut seen.vpc.cidrs, order);
        turn_around(&mut seen.network_acls, order);
        for acl in &mut seen.network_acls {
            turn_around(&mut acl.subnets, order);
            turn_around(&mut acl.entries, order);
        }
        Ok(Some(seen))
    }

    async fn group(&self, id: &str) -> Result<Option<Group>, NetworkError> {
        self.arrive("group").await?;
        Ok(self.seen_group(id))
    }

    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, NetworkError> {
        self.arrive("endpoint").await?;
        Ok(self.seen_endpoint(id))
    }

    async fn users_of_group(&self, id: &str) -> Result<Vec<String>, NetworkError> {
        self.arrive("users").await?;
        Ok(self.users(id))
    }

    async fn made(
        &self,
        change: &Change<String>,
        stamp: &Stamp,
    ) -> Result<Option<String>, NetworkError> {
        self.arrive("made").await?;
        let key = (stamp.plan_id.clone(), stamp.step);
        let Some(id) = self.tags.borrow().get(&key).cloned() else {
            return Ok(None);
        };
        let is_seen = if matches!(change, Change::CreateGroup { .. }) {
            self.seen_group(&id).is_some()
        } else {
            self.seen_endpoint(&id)
                .is_some_and(|endpoint| endpoint.state != EndpointState::Deleted)
        };
        Ok(is_seen.then_some(id))
    }

    async fn change(
        &self,
        change: &Change<String>,
        stamp: &Stamp,
    ) -> Result<Option<String>, NetworkError> {
        self.effect("change", || match change {
            Change::CreateGroup { name, .. } => self.create_group(name, stamp).map(Some),
            Change::CreateGatewayEndpoint { .. } | Change::CreateInterfaceEndpoint { .. } => {
                self.create_endpoint(change, stamp).map(Some)
            }
            Change::Allow {
                group,
                direction,
                port,
                peer,
            } => self
                .authorize(group, *direction, *port, peer)
                .map(|()| None),
            Change::Revoke {
                group,
                direction,
                port,
                peer,
            } => match self.revoke(group, *direction, *port, peer) {
                Err(error) if error.code == "InvalidPermission.NotFound" => Ok(None),
                done => done.map(|()| None),
            },
            Change::AssociateRouteTable {
                endpoint,
                route_table,
            } => self.associate(endpoint, route_table).map(|()| None),
            Change::SwitchPrivateDnsOn { endpoint, .. } => {
                self.private_dns(endpoint, true).map(|()| None)
            }
            Change::SetPolicy {
                endpoint, policy, ..
            } => self.set_policy(endpoint, policy).map(|()| None),
        })
        .await
    }

    async fn undo(
        &self,
        change: &Change<String>,
        created: Option<&str>,
        _: &Stamp,
    ) -> Result<(), NetworkError> {
        self.effect("undo", || match change {
            Change::CreateGroup { .. } => self.delete_group(created.unwrap()),
            Change::CreateGatewayEndpoint { .. } | Change::CreateInterfaceEndpoint { .. } => {
                self.delete_endpoint(created.unwrap())
            }
            Change::Allow {
                group,
                direction,
                port,
                peer,
            } => self.revoke(group, *direction, *port, peer),
            Change::Revoke {
                group,
                direction,
                port,
                peer,
            } => self.authorize(group, *direction, *port, peer),
            Change::AssociateRouteTable {
                endpoint,
                route_table,
            } => self.disassociate(endpoint, route_table),
            Change::SwitchPrivateDnsOn { endpoint, .. } => self.private_dns(endpoint, false),
            Change::SetPolicy {
                endpoint, replaces, ..
            } => self.set_policy(endpoint, replaces),
        })
        .await
    }
}

fn turn_around<T>(items: &mut [T], by: usize) {
    if !items.is_empty() {
        items.rotate_left(by % items.len());
    }
    if by % 2 == 1 {
        items.reverse();
    }
}

fn error(code: &str, detail: &str) -> NetworkError {
    NetworkError {
        operation: "Model",
        code: code.to_owned(),
        detail: detail.to_owned(),
    }
}
