use std::cell::RefCell;

use proptest::prelude::*;

use super::*;
use crate::journal::Progress;
use crate::model::{self, Crash, Model};
use crate::plan::{Place, Sealed, make, normalise};
use crate::snapshot::Snapshot;

/// Entries in memory, with the ledger's optimistic versions.
#[derive(Default)]
pub(super) struct Kept(pub(super) RefCell<Journal>);

impl Keep for Kept {
    async fn keep(&self, entry: &mut Versioned<Entry>) -> Result<(), StoreError> {
        let mut kept = self.0.borrow_mut();
        let stored = kept.get(&entry.item.step).map_or(0, |entry| entry.version);
        assert_eq!(stored, entry.version, "only one writer");
        entry.version += 1;
        kept.insert(entry.item.step, entry.clone());
        Ok(())
    }

    async fn hold(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn far() -> Timestamp {
    Timestamp::MAX
}

fn engine<'a>(model: &'a Model, kept: &'a Kept, plan_id: &'a str) -> Engine<'a, Model, Kept> {
    Engine {
        network: model,
        journal: kept,
        plan_id,
        vpc_id: "vpc-1",
        fencing: 1,
        clock: || Timestamp::UNIX_EPOCH,
        stop_at: far(),
        pace: Pace {
            first: Duration::from_micros(1),
            most: Duration::from_micros(1),
        },
    }
}

fn sealed(world: &Snapshot) -> Sealed {
    let (request, _) = normalise(model::request()).unwrap();
    let place = Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    };
    make(&place, &request, world, 0).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

pub(super) fn run_apply(model: &Model, kept: &Kept, plan: &Sealed) -> Result<Outcome, EngineError> {
    let mut journal = kept.0.borrow().clone();
    block_on(engine(model, kept, &plan.id).apply(&plan.plan.steps, &mut journal))
}

pub(super) fn run_undo(model: &Model, kept: &Kept, plan: &Sealed) -> Result<Outcome, EngineError> {
    let mut journal = kept.0.borrow().clone();
    block_on(engine(model, kept, &plan.id).undo(&mut journal))
}

/// What a plan must have left: each service served once, from each private table and subnet.
fn assert_applied_once(world: &Snapshot, plan: &Sealed) {
    assert_eq!(world.endpoints.len(), 3);
    for service in ["lambda", "sts"] {
        let endpoint = world
            .endpoints
            .iter()
            .find(|e| e.service == service)
            .unwrap();
        assert!(endpoint.private_dns);
        assert_eq!(endpoint.subnets.len(), 2);
    }
    let gateway = world.endpoints.iter().find(|e| e.service == "s3").unwrap();
    assert_eq!(gateway.route_tables.len(), 2);
    assert_eq!(world.groups.len(), 4);
    let again = sealed(world);
    assert_eq!(again.plan.steps, [], "nothing is left to plan");
    assert_ne!(again.id, plan.id);
}

#[test]
fn a_plan_is_applied_and_undone_to_what_was_before() {
    let model = Model::new(model::snapshot());
    let before = model.world.borrow().clone().sorted();
    let (plan, kept) = (sealed(&before), Kept::default());
    assert_eq!(run_apply(&model, &kept, &plan).unwrap(), Outcome::Finished);
    assert_applied_once(&model.world.borrow().clone(), &plan);
    assert_eq!(run_undo(&model, &kept, &plan).unwrap(), Outcome::Finished);
    assert_eq!(model.world.borrow().clone().sorted(), before);
}

#[test]
fn applying_twice_calls_nothing_twice() {
    let model = Model::new(model::snapshot());
    let (plan, kept) = (sealed(&model.world.borrow()), Kept::default());
    run_apply(&model, &kept, &plan).unwrap();
    let calls = model.calls.get();
    run_apply(&model, &kept, &plan).unwrap();
    assert_eq!(model.calls.get(), calls);
}

#[test]
fn a_run_out_of_time_goes_on_where_it_stopped() {
    let model = Model::new(model::snapshot());
    let (plan, kept) = (sealed(&model.world.borrow()), Kept::default());
    let mut late = engine(&model, &kept, &plan.id);
    late.stop_at = Timestamp::UNIX_EPOCH;
    let outcome = block_on(late.apply(&plan.plan.steps, &mut Journal::new())).unwrap();
    assert!(matches!(outcome, Outcome::OutOfTime { .. }));
    assert_eq!(model.calls.get(), 0);
    assert_eq!(run_apply(&model, &kept, &plan).unwrap(), Outcome::Finished);
}

#[test]
fn a_rule_that_was_there_before_is_not_revoked() {
    let mut world = model::snapshot();
    let plan = sealed(&world);
    // Somebody adds the very rule between plan and apply; the engine alone does not mind.
    let brokers = crate::change::Peer::Group("sg-brokers".to_owned());
    world.groups[0].egress.push(Rule::tcp(9098, brokers));
    let (model, kept) = (Model::new(world), Kept::default());
    let before = model.world.borrow().clone().sorted();
    run_apply(&model, &kept, &plan).unwrap();
    run_undo(&model, &kept, &plan).unwrap();
    assert_eq!(model.world.borrow().clone().sorted(), before);
}

#[test]
fn an_endpoint_that_others_came_to_use_is_not_deleted() {
    let model = Model::new(model::snapshot());
    let (plan, kept) = (sealed(&model.world.borrow()), Kept::default());
    run_apply(&model, &kept, &plan).unwrap();
    for endpoint in &mut model.world.borrow_mut().endpoints {
        if endpoint.service == "s3" {
            endpoint.route_tables.push("rtb-theirs".to_owned());
        }
    }
    let error = run_undo(&model, &kept, &plan).unwrap_err();
    assert!(matches!(error, EngineError::InUse { .. }), "{error}");
    let world = model.world.borrow();
    assert!(world.endpoints.iter().any(|e| e.service == "s3"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_crash_at_any_call_of_an_apply_ends_applied_with_nothing_twice(call in 1u32..20, after: bool) {
        let model = Model::new(model::snapshot());
        let before = model.world.borrow().clone().sorted();
        let (plan, kept) = (sealed(&before), Kept::default());
        model.crash_at(call, if after { Crash::After } else { Crash::Before });
        // Calls beyond the last one never happen: then there is no crash.
        let crashed = run_apply(&model, &kept, &plan).is_err();
        model.calm();
        if crashed {
            let journal = kept.0.borrow().clone();
            let changes = journal.values().map(|entry| &entry.item.change);
            let expected = model.world.borrow().clone().without(&plan.id, changes);
            prop_assert_eq!(expected.hash().unwrap(), plan.plan.snapshot_hash.clone(), "resume recognises its own traces");
        }
        prop_assert_eq!(run_apply(&model, &kept, &plan).unwrap(), Outcome::Finished);
        assert_applied_once(&model.world.borrow().clone(), &plan);
        prop_assert_eq!(run_undo(&model, &kept, &plan).unwrap(), Outcome::Finished);
        prop_assert_eq!(model.world.borrow().clone().sorted(), before);
    }

    #[test]
    fn a_crash_at_any_call_of_either_direction_can_be_undone(
        forward in 1u32..20, backward in 1u32..20, after: bool, after_undo: bool
    ) {
        let model = Model::new(model::snapshot());
        let before = model.world.borrow().clone().sorted();
        let (plan, kept) = (sealed(&before), Kept::default());
        model.crash_at(forward, if after { Crash::After } else { Crash::Before });
        let _ = run_apply(&model, &kept, &plan);
        model.crash_at(backward, if after_undo { Crash::After } else { Crash::Before });
        let _ = run_undo(&model, &kept, &plan);
        model.calm();
        prop_assert_eq!(run_undo(&model, &kept, &plan).unwrap(), Outcome::Finished);
        prop_assert_eq!(model.world.borrow().clone().sorted(), before);
        let journal = kept.0.borrow();
        prop_assert!(journal.values().all(|entry| entry.item.progress == Progress::Undone));
    }
}
