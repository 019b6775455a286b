//! Proofs of plan and engine over random worlds of the model.

mod crashing;
mod living;
mod narrowed;
mod racing;
mod refusals;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt;
use tollkeeper::aws::Versioned;

use crate::engine::{Engine, EngineError, Journal, Keep, Outcome, Pace};
use crate::journal::{Entry, PreImage};
use crate::model::worlds::{ACCOUNT, Case};
use crate::model::{Model, Stage};
use crate::network::Network;
use crate::plan::{Place, Sealed, make, normalise};
use crate::snapshot::Snapshot;
use crate::store::StoreError;

/// The pace of the product.
pub(crate) const PACE: Pace = crate::actions::PACE;

/// What one invocation may take before it hands over.
const INVOCATION: Duration = Duration::from_mins(1);

/// Entries in memory, with the ledger's optimistic versions; a write can crash as a call can.
pub(crate) struct Kept<'a> {
    model: &'a Model,
    pub(crate) journal: RefCell<Journal>,
}

impl<'a> Kept<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        Self {
            model,
            journal: RefCell::default(),
        }
    }
}

impl Keep for Kept<'_> {
    async fn keep(&self, entry: &mut Versioned<Entry>) -> Result<(), StoreError> {
        let write = || {
            let mut kept = self.journal.borrow_mut();
            let stored = kept.get(&entry.item.step).map_or(0, |entry| entry.version);
            assert_eq!(stored, entry.version, "only one writer");
            entry.version += 1;
            kept.insert(entry.item.step, entry.clone());
            Ok(())
        };
        let crashed = |when: &str| StoreError::Overtaken {
            what: format!("crash {when}"),
        };
        self.model.fuse.around(write, crashed)
    }

    async fn hold(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

pub(crate) fn place() -> Place {
    Place {
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
    }
}

/// What the product sees of the world.
fn observe(model: &Model, case: &Case) -> Snapshot {
    let (_, scope) = normalise(case.request.clone()).unwrap();
    loop {
        // Throttling passes.
        if let Ok(seen) = model.observe(&scope).now_or_never().unwrap() {
            return seen.unwrap();
        }
    }
}

fn plan(case: &Case, seen: &Snapshot) -> Sealed {
    let (request, _) = normalise(case.request.clone()).unwrap();
    make(&place(), &request, seen, &crate::model::evidence(), 0).unwrap()
}

/// The world less the plan's own traces is the one it was made for: what `apply` checks before each run.
fn is_recognised(model: &Model, case: &Case, plan: &Sealed, kept: &Kept<'_>) -> bool {
    let journal = kept.journal.borrow();
    let ours = journal
        .values()
        .filter(|entry| entry.item.pre_image == PreImage::Absent);
    let seen = observe(model, case).without(&plan.id, ours.map(|entry| &entry.item.change));
    seen.hash().unwrap() == plan.plan.snapshot_hash
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Apply,
    Undo,
}

/// One invocation: a run with the time that Lambda gives it.
pub(crate) fn invoke(
    model: &Model,
    kept: &Kept<'_>,
    plan: &Sealed,
    is_undo: bool,
) -> Result<Outcome, EngineError> {
    let engine: Engine<'_, Model, Kept<'_>, Rc<Stage>> = Engine {
        network: model,
        journal: kept,
        plan_id: &plan.id,
        vpc_id: "vpc-1",
        fencing: 1,
        clock: model.stage.clone(),
        stop_at: model.stage.now().checked_add(INVOCATION).unwrap(),
        pace: PACE,
    };
    // Each run knows what the ledger has, and nothing else.
    let mut journal = kept.journal.borrow().clone();
    let run = async {
        if is_undo {
            engine.undo(&mut journal).await
        } else {
            engine.apply(&plan.plan.steps, &mut journal).await
        }
    };
    run.now_or_never().expect("a model alone never waits")
}

/// Invocation after invocation until it is done or fails.
fn drive(
    model: &Model,
    kept: &Kept<'_>,
    plan: &Sealed,
    direction: Direction,
) -> Result<(), EngineError> {
    for _ in 0..100 {
        match invoke(model, kept, plan, direction == Direction::Undo)? {
            Outcome::Finished => return Ok(()),
            Outcome::OutOfTime { .. } => {}
        }
    }
    panic!("{direction:?} of {} never ends", plan.id);
}

/// Whether a run ended because the test let it crash.
fn is_crash(result: &Result<(), EngineError>) -> bool {
    match result {
        Err(EngineError::Network { cause, .. }) => cause.code == "Crash",
        Err(EngineError::Store(_)) => true,
        _ => false,
    }
}
