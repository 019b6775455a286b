//! Time and turns of the model. A run alone has time pass as it pauses; of several runs, each call is a turn that a
//! scheduler grants.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Clock;

/// What all parts of one model share.
#[derive(Debug)]
pub(crate) struct Stage {
    now: Cell<Timestamp>,
    is_race: Cell<bool>,
    /// The run whose turn it is.
    actor: Cell<usize>,
    /// Since when a run has a call in flight.
    in_flight: RefCell<BTreeMap<usize, Timestamp>>,
    /// Lock counter under which each run works.
    tenures: RefCell<BTreeMap<usize, i64>>,
}

impl Stage {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new("2026-10-14T06:30:00Z".parse().unwrap()),
            is_race: Cell::new(false),
            actor: Cell::new(0),
            in_flight: RefCell::default(),
            tenures: RefCell::default(),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now.get()
    }

    pub(crate) fn advance(&self, length: Duration) {
        self.now.set(self.now.get().checked_add(length).unwrap());
    }

    /// From here on every call waits for its turn.
    pub(crate) fn race(&self, is_race: bool) {
        self.is_race.set(is_race);
    }

    pub(crate) fn give_turn(&self, actor: usize) {
        self.actor.set(actor);
    }

    /// A run that died has no call in flight.
    pub(crate) fn forget(&self, actor: usize) {
        self.in_flight.borrow_mut().remove(&actor);
    }

    pub(crate) fn works_under(&self, fencing: i64) {
        self.tenures.borrow_mut().insert(self.actor.get(), fencing);
    }

    pub(crate) fn tenure(&self) -> i64 {
        let tenures = self.tenures.borrow();
        tenures.get(&self.actor.get()).copied().unwrap_or(0)
    }

    /// The oldest call in flight: whose, and since when.
    pub(crate) fn oldest_in_flight(&self) -> Option<(usize, Timestamp)> {
        let in_flight = self.in_flight.borrow();
        let oldest = in_flight.iter().min_by_key(|(_, since)| **since);
        oldest.map(|(actor, since)| (*actor, *since))
    }

    /// A call leaves for AWS and takes effect when the run is next given its turn.
    pub(crate) async fn turn(&self) {
        if !self.is_race.get() {
            return;
        }
        let actor = self.actor.get();
        self.in_flight.borrow_mut().insert(actor, self.now());
        next_turn().await;
        self.in_flight.borrow_mut().remove(&actor);
    }
}

impl Clock for Rc<Stage> {
    fn now(&self) -> Timestamp {
        Stage::now(self)
    }

    async fn pause(&self, length: Duration) {
        if !self.is_race.get() {
            return self.advance(length);
        }
        let wake = Stage::now(self).checked_add(length).unwrap();
        while Stage::now(self) < wake {
            next_turn().await;
        }
    }
}

async fn next_turn() {
    let mut is_mine = false;
    std::future::poll_fn(|_| {
        if is_mine {
            return Poll::Ready(());
        }
        is_mine = true;
        Poll::Pending
    })
    .await;
}
