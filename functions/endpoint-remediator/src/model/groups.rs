//! Security groups: names are unique, rules are counted, a group in use stays.

use super::{Model, error, group};
use crate::change::{Direction, Peer};
use crate::network::{NetworkError, Stamp};
use crate::owner::Owner;
use crate::snapshot::{EndpointState, Rule};

impl Model {
    pub(super) fn create_group(&self, name: &str, stamp: &Stamp) -> Result<String, NetworkError> {
        let is_taken = |name: &str| {
            let groups = &self.world.borrow().network.groups;
            groups.iter().any(|group| group.name == name)
        };
        if is_taken(name) {
            return Err(error("InvalidGroup.Duplicate", name));
        }
        let id = self.next_id("sg");
        self.group_changes(&id);
        let mut made = group(&id, name);
        made.owner = Owner::Tollkeeper {
            plan_id: stamp.plan_id.clone(),
        };
        self.world.borrow_mut().network.groups.push(made);
        self.tag(stamp, &id);
        Ok(id)
    }

    /// A group that a write names must have been seen by EC2's own copies.
    fn known_group(&self, id: &str) -> Result<(), NetworkError> {
        match self.seen_group(id) {
            Some(_) => Ok(()),
            None => Err(error("InvalidGroup.NotFound", id)),
        }
    }

    pub(super) fn authorize(
        &self,
        group: &str,
        direction: Direction,
        port: u16,
        peer: &Peer<String>,
    ) -> Result<(), NetworkError> {
        self.known_group(group)?;
        if let Peer::Group(id) = peer {
            self.known_group(id)?;
        }
        self.group_changes(group);
        let mut world = self.world.borrow_mut();
        let most = world.quotas.rules;
        let groups = &mut world.network.groups;
        let found = groups.iter_mut().find(|found| found.id == group);
        let rules = found
            .ok_or_else(|| error("InvalidGroup.NotFound", group))?
            .rules_mut(direction);
        let rule = Rule::tcp(port, peer.clone());
        if rules.contains(&rule) {
            // InvalidPermission.Duplicate: it is so already.
            return Ok(());
        }
        if rules.len() >= most {
            return Err(error("RulesPerSecurityGroupLimitExceeded", group));
        }
        rules.push(rule);
        Ok(())
    }

    pub(super) fn revoke(
        &self,
        group: &str,
        direction: Direction,
        port: u16,
        peer: &Peer<String>,
    ) -> Result<(), NetworkError> {
        self.known_group(group)?;
        self.group_changes(group);
        let mut world = self.world.borrow_mut();
        let groups = &mut world.network.groups;
        let found = groups.iter_mut().find(|found| found.id == group);
        let rules = found
            .ok_or_else(|| error("InvalidGroup.NotFound", group))?
            .rules_mut(direction);
        let rule = Rule::tcp(port, peer.clone());
        let before = rules.len();
        rules.retain(|known| *known != rule);
        if rules.len() == before {
            return Err(error("InvalidPermission.NotFound", group));
        }
        Ok(())
    }

    pub(super) fn delete_group(&self, id: &str) -> Result<(), NetworkError> {
        self.known_group(id)?;
        if !self.users(id).is_empty() {
            return Err(error("DependencyViolation", id));
        }
        if self.world.borrow().network.group(id).is_none() {
            return Err(error("InvalidGroup.NotFound", id));
        }
        self.group_changes(id);
        let groups = &mut self.world.borrow_mut().network.groups;
        groups.retain(|group| group.id != id);
        Ok(())
    }
    /// Endpoints and clients that wear a group, and other groups that name it.
    pub(super) fn users(&self, id: &str) -> Vec<String> {
        let own = Peer::Group(id.to_owned());
        let world = self.world.borrow();
        let naming = world.network.groups.iter().filter(|group| {
            let mut rules = group.ingress.iter().chain(&group.egress);
            group.id != id && rules.any(|rule| rule.peer == own)
        });
        let mut users: Vec<String> = naming.map(|group| group.id.clone()).collect();
        let wears = |groups: &[String]| groups.iter().any(|group| group == id);
        let endpoints = world.network.endpoints.iter();
        let wearing = endpoints
            .filter(|endpoint| endpoint.state != EndpointState::Deleted && wears(&endpoint.groups));
        users.extend(wearing.map(|endpoint| endpoint.id.clone()));
        let clients = world.clients.iter().filter(|client| wears(&client.groups));
        users.extend(clients.map(|client| format!("a client in {}", client.subnet)));
        users
    }
}
