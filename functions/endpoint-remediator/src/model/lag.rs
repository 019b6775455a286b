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

    fn still_shown<T: Clone>(&self, old: &Old<T>, id: &str) -> Option<Option<T>> {
        let now = self.stage.now();
        let old = old.borrow();
        let mut versions = old.get(id)?.iter();
        let shown = versions.find(|(until, _)| now < *until)?;
        Some(shown.1.clone())
    }

    pub(super) fn seen_group(&self, id: &str) -> Option<Group> {
        let shown = self.still_shown(&self.lag.groups, id);
        shown.unwrap_or_else(|| self.world.borrow().network.group(id).cloned())
    }

    pub(super) fn seen_endpoint(&self, id: &str) -> Option<Endpoint> {
        let shown = self.still_shown(&self.lag.endpoints, id);
        shown.unwrap_or_else(|| self.world.borrow().network.endpoint(id).cloned())
    }
}
