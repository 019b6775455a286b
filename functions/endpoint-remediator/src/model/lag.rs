//! Eventual consistency: for a while, reads answer as if the last write had not been.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Model;
use crate::snapshot::{Endpoint, Group};

/// What reads still show of each resource, until a moment, oldest first; `None`: nothing yet.
type Old<T> = RefCell<BTreeMap<String, Vec<(Timestamp, Option<T>)>>>;

#[derive(Debug, Default)]
pub(super) struct Lag {
    groups: Old<Group>,
    endpoints: Old<Endpoint>,
}

impl Model {
    /// Before a write: reads may go on to show what is there now.
    pub(super) fn group_changes(&self, id: &str) {
        let before = self.world.borrow().network.group(id).cloned();
        self.remember(&self.lag.groups, id, before);
    }

    /// Before a write: reads may go on to show what is there now.
    pub(super) fn endpoint_changes(&self, id: &str) {
        let before = self.world.borrow().network.endpoint(id).cloned();
        self.remember(&self.lag.endpoints, id, before);
    }

    fn remember<T>(&self, old: &Old<T>, id: &str, before: Option<T>) {
        let until = self.stage.now().checked_add(self.weather.lag).unwrap();
        let mut old = old.borrow_mut();
        old.entry(id.to_owned()).or_default().push((until, before));
    }

    fn seen<T: Clone>(
        &self,
        old: &Old<T>,
        id: &str,
        truth: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        let now = self.stage.now();
        let old = old.borrow();
        let mut versions = old.get(id).into_iter().flatten();
        match versions.find(|(until, _)| now < *until) {
            Some((_, shown)) => shown.clone(),
            None => truth(),
        }
    }

    pub(super) fn seen_group(&self, id: &str) -> Option<Group> {
        let truth = || self.world.borrow().network.group(id).cloned();
        self.seen(&self.lag.groups, id, truth)
    }

    pub(super) fn seen_endpoint(&self, id: &str) -> Option<Endpoint> {
        let truth = || self.world.borrow().network.endpoint(id).cloned();
        self.seen(&self.lag.endpoints, id, truth)
    }
}
