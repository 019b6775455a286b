//! A model of the few EC2 calls with their real semantics, for the tests of plan and engine: routes follow the
//! association, private DNS cannot overlap, a group in use stays, tokens make creation idempotent, endpoints become
//! available and go away only after a while, and any call can fail before or after it took effect.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use tollkeeper::plan::{EndpointKind, KafkaPollers, PlanRequest};

use crate::change::{Change, Peer};
use crate::network::{Network, NetworkError, Stamp};
use crate::owner::Owner;
use crate::snapshot::{
    Endpoint, EndpointState, Group, RouteTable, Rule, Scope, Service, Snapshot, Subnet, Vpc,
};

/// When an injected crash happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    Before,
    After,
}

/// The modelled VPC.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) world: RefCell<Snapshot>,
    /// Ids by client token and step, as tags would find them.
    made: RefCell<BTreeMap<(String, u32), String>>,
    /// Looks left until a pending or deleting endpoint settles.
    settling: RefCell<BTreeMap<String, u32>>,
    looks_to_settle: u32,
    pub(crate) calls: Cell<u32>,
    crash: Cell<Option<(u32, Crash)>>,
}

impl Model {
    pub(crate) fn new(world: Snapshot) -> Self {
        Self {
            world: RefCell::new(world.sorted()),
            made: RefCell::default(),
            settling: RefCell::default(),
            looks_to_settle: 2,
            calls: Cell::new(0),
            crash: Cell::new(None),
        }
    }

    /// The call with this number (from 1) of all changing calls crashes.
    pub(crate) fn crash_at(&self, call: u32, crash: Crash) {
        self.calls.set(0);
        self.crash.set(Some((call, crash)));
    }

    /// No crash from here on.
    pub(crate) fn calm(&self) {
        self.crash.set(None);
    }

    fn call<T>(&self, effect: impl FnOnce() -> Result<T, NetworkError>) -> Result<T, NetworkError> {
        self.calls.set(self.calls.get() + 1);
        let crash = self.crash.get().filter(|(at, _)| *at == self.calls.get());
        if crash.is_some() {
            self.crash.set(None);
        }
        match crash {
            Some((_, Crash::Before)) => Err(error("Crash", "before the call")),
            Some((_, Crash::After)) => {
                effect()?;
                Err(error("Crash", "after the call"))
            }
            None => effect(),
        }
    }

    fn settle(&self, id: &str) {
        let mut settling = self.settling.borrow_mut();
        let Some(left) = settling.get_mut(id) else {
            return;
        };
        *left = left.saturating_sub(1);
        if *left > 0 {
            return;
        }
        settling.remove(id);
        let mut world = self.world.borrow_mut();
        for endpoint in world.endpoints.iter_mut().filter(|e| e.id == id) {
            if endpoint.state == EndpointState::Pending {
                endpoint.state = EndpointState::Available;
            }
        }
        world
            .endpoints
            .retain(|e| e.id != id || e.state != EndpointState::Deleting);
    }

    fn create(&self, change: &Change<String>, stamp: &Stamp) -> Result<String, NetworkError> {
        let key = (stamp.client_token.clone(), stamp.step);
        if let Some(id) = self.made.borrow().get(&key) {
            return Ok(id.clone());
        }
        let mut world = self.world.borrow_mut();
        let owner = Owner::Tollkeeper {
            plan_id: stamp.plan_id.clone(),
        };
        let id = match change {
            Change::CreateGroup { name, .. } => {
                if world.groups.iter().any(|group| group.name == *name) {
                    return Err(error("InvalidGroup.Duplicate", name));
                }
                let id = format!("sg-made-{}", stamp.step);
                let mut group = group(&id, name);
                group.owner = owner;
                world.groups.push(group);
                id
            }
            Change::CreateGatewayEndpoint { service } => {
                let id = format!("vpce-made-{}", stamp.step);
                world
                    .endpoints
                    .push(endpoint(&id, service, EndpointKind::Gateway, owner));
                id
            }
            Change::CreateInterfaceEndpoint {
                service,
                subnets,
                group,
                ..
            } => {
                let id = format!("vpce-made-{}", stamp.step);
                let mut made = endpoint(&id, service, EndpointKind::Interface, owner);
                made.state = EndpointState::Pending;
                made.subnets.clone_from(subnets);
                made.groups = vec![group.clone()];
                world.endpoints.push(made);
                self.settling
                    .borrow_mut()
                    .insert(id.clone(), self.looks_to_settle);
                id
            }
            _ => unreachable!("creates nothing"),
        };
        self.made.borrow_mut().insert(key, id.clone());
        Ok(id)
    }

    fn modify(&self, change: &Change<String>, on: bool) -> Result<(), NetworkError> {
        let mut world = self.world.borrow_mut();
        match change {
            Change::Allow {
                group,
                direction,
                port,
                peer,
            } => {
                let found = world.groups.iter_mut().find(|found| found.id == *group);
                let rules = found.ok_or_else(|| error("InvalidGroup.NotFound", group))?;
                let rule = Rule::tcp(*port, peer.clone());
                let rules = rules.rules_mut(*direction);
                if on == rules.contains(&rule) {
                    return Err(error("InvalidPermission", "duplicate or not found"));
                }
                rules.retain(|known| *known != rule);
                if on {
                    rules.push(rule);
                }
            }
            Change::AssociateRouteTable {
                endpoint,
                route_table,
            } => {
                let found = world.endpoints.iter_mut().find(|e| e.id == *endpoint);
                let found =
                    found.ok_or_else(|| error("InvalidVpcEndpointId.NotFound", endpoint))?;
                if on == found.route_tables.contains(route_table) {
                    return Err(error("RouteAlreadyExists", route_table));
                }
                found.route_tables.retain(|table| table != route_table);
                if on {
                    found.route_tables.push(route_table.clone());
                }
                for table in world
                    .route_tables
                    .iter_mut()
                    .filter(|t| t.id == *route_table)
                {
                    table.endpoint_routes.retain(|id| id != endpoint);
                    if on {
                        table.endpoint_routes.push(endpoint.clone());
                    }
                }
            }
            Change::SwitchPrivateDnsOn { service, endpoint } => {
                let clash = world
                    .endpoints
                    .iter()
                    .any(|e| e.service == *service && e.id != *endpoint && e.private_dns);
                if on && clash {
                    return Err(error("InvalidParameter", "conflicting DNS domain"));
                }
                let found = world.endpoints.iter_mut().find(|e| e.id == *endpoint);
                let found =
                    found.ok_or_else(|| error("InvalidVpcEndpointId.NotFound", endpoint))?;
                if found.state != EndpointState::Available {
                    return Err(error("IncorrectState", endpoint));
                }
                found.private_dns = on;
            }
            Change::SetPolicy {
                endpoint,
                policy,
                replaces,
                ..
            } => {
                let found = world.endpoints.iter_mut().find(|e| e.id == *endpoint);
                let found =
                    found.ok_or_else(|| error("InvalidVpcEndpointId.NotFound", endpoint))?;
                found.policy = crate::policy::normal_form(if on { policy } else { replaces });
            }
            _ => unreachable!("not a modification"),
        }
        Ok(())
    }

    fn delete(&self, change: &Change<String>, id: &str) -> Result<(), NetworkError> {
        let mut world = self.world.borrow_mut();
        if matches!(change, Change::CreateGroup { .. }) {
            let own = Peer::Group(id.to_owned());
            let referenced = world.groups.iter().any(|group| {
                group
                    .ingress
                    .iter()
                    .chain(&group.egress)
                    .any(|rule| rule.peer == own)
            });
            let attached = world
                .endpoints
                .iter()
                .any(|e| e.groups.iter().any(|g| g == id));
            if referenced || attached {
                return Err(error("DependencyViolation", id));
            }
            world.groups.retain(|group| group.id != id);
            return Ok(());
        }
        let Some(found) = world.endpoints.iter_mut().find(|e| e.id == id) else {
            return Ok(());
        };
        found.state = EndpointState::Deleting;
        self.settling
            .borrow_mut()
            .insert(id.to_owned(), self.looks_to_settle);
        for table in &mut world.route_tables {
            table.endpoint_routes.retain(|known| known != id);
        }
        Ok(())
    }
}

impl Network for Model {
    async fn observe(&self, _: &Scope) -> Result<Option<Snapshot>, NetworkError> {
        Ok(Some(self.world.borrow().clone().sorted()))
    }

    async fn group(&self, id: &str) -> Result<Option<Group>, NetworkError> {
        Ok(self.world.borrow().group(id).cloned())
    }

    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, NetworkError> {
        self.settle(id);
        Ok(self.world.borrow().endpoint(id).cloned())
    }

    async fn made(
        &self,
        _: &Change<String>,
        stamp: &Stamp,
    ) -> Result<Option<String>, NetworkError> {
        let key = (stamp.client_token.clone(), stamp.step);
        let known = self.made.borrow().get(&key).cloned();
        let world = self.world.borrow();
        Ok(known.filter(|id| world.group(id).is_some() || world.endpoint(id).is_some()))
    }

    async fn change(
        &self,
        change: &Change<String>,
        stamp: &Stamp,
    ) -> Result<Option<String>, NetworkError> {
        self.call(|| {
            if change.creates() {
                self.create(change, stamp).map(Some)
            } else {
                self.modify(change, true).map(|()| None)
            }
        })
    }

    async fn undo(
        &self,
        change: &Change<String>,
        created: Option<&str>,
    ) -> Result<(), NetworkError> {
        self.call(|| match created {
            Some(id) => self.delete(change, id),
            None => self.modify(change, false),
        })
    }
}

fn error(code: &str, detail: &str) -> NetworkError {
    NetworkError {
        operation: "Model",
        code: code.to_owned(),
        detail: detail.to_owned(),
    }
}

fn endpoint(id: &str, service: &str, kind: EndpointKind, owner: Owner) -> Endpoint {
    Endpoint {
        id: id.to_owned(),
        service: service.to_owned(),
        kind,
        state: EndpointState::Available,
        private_dns: false,
        subnets: Vec::new(),
        groups: Vec::new(),
        route_tables: Vec::new(),
        owner,
        policy: None,
    }
}

/// An endpoint that somebody else made.
pub(crate) fn foreign_endpoint(id: &str, service: &str, kind: EndpointKind) -> Endpoint {
    endpoint(id, service, kind, Owner::Unknown)
}

/// A group with the rule that AWS gives every new one: everything may leave.
pub(crate) fn group(id: &str, name: &str) -> Group {
    Group {
        id: id.to_owned(),
        name: name.to_owned(),
        owner: Owner::Unknown,
        ingress: Vec::new(),
        egress: vec![Rule {
            protocol: "-1".to_owned(),
            from_port: 0,
            to_port: 0,
            peer: Peer::Cidr("0.0.0.0/0".to_owned()),
        }],
    }
}

/// Two zones, a public and a private subnet in each, a table each, pollers whose egress is narrow.
pub(crate) fn snapshot() -> Snapshot {
    let text = |text: &str| text.to_owned();
    let subnet = |id: &str, zone: &str, table: &str| Subnet {
        id: text(id),
        zone: text(zone),
        route_table: text(table),
        free_addresses: 200,
    };
    let table = |id: &str, target: &str| RouteTable {
        id: text(id),
        default_target: Some(text(target)),
        endpoint_routes: Vec::new(),
    };
    let service = |name: &str, kind| Service {
        name: text(name),
        kind,
        zones: vec![text("us-east-1a"), text("us-east-1b")],
    };
    let mut pollers = group("sg-pollers", "pollers");
    pollers.egress = vec![Rule::tcp(443, Peer::PrefixList(text("pl-public")))];
    let mut brokers = group("sg-brokers", "brokers");
    brokers.ingress = vec![Rule::tcp(9098, Peer::Group(text("sg-pollers")))];
    Snapshot {
        vpc: Vpc {
            id: text("vpc-1"),
            owner: text("123456789012"),
            cidrs: vec![text("10.0.0.0/16")],
            dns_support: true,
            dns_hostnames: true,
        },
        subnets: vec![
            subnet("subnet-public-a", "us-east-1a", "rtb-public"),
            subnet("subnet-public-b", "us-east-1b", "rtb-public"),
            subnet("subnet-private-a", "us-east-1a", "rtb-a"),
            subnet("subnet-private-b", "us-east-1b", "rtb-b"),
        ],
        route_tables: vec![
            table("rtb-public", "igw-1"),
            table("rtb-a", "nat-a"),
            table("rtb-b", "nat-b"),
        ],
        groups: vec![pollers, brokers],
        endpoints: Vec::new(),
        services: vec![
            service("s3", EndpointKind::Gateway),
            service("s3", EndpointKind::Interface),
            service("dynamodb", EndpointKind::Gateway),
            service("lambda", EndpointKind::Interface),
            service("sts", EndpointKind::Interface),
        ],
    }
}

/// The whole story's request: S3 by routes, Lambda and STS for the pollers.
pub(crate) fn request() -> PlanRequest {
    PlanRequest {
        vpc_id: "vpc-1".to_owned(),
        services: ["sts", "s3", "lambda"].map(str::to_owned).to_vec(),
        kafka_pollers: vec![KafkaPollers {
            subnets: vec!["subnet-private-a".to_owned(), "subnet-private-b".to_owned()],
            security_group: "sg-pollers".to_owned(),
            broker_security_group: "sg-brokers".to_owned(),
            broker_port: 9098,
        }],
        incident_id: Some("123456789012/us-east-1/NatGateway-Bytes/2026-10-13".to_owned()),
    }
}
