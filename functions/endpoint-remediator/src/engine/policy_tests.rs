//! Setting a policy, crashing in the middle of it, and putting back what was there.

use tollkeeper::plan::EndpointKind;

use super::tests::{Kept, run_apply, run_undo};
use super::*;
use crate::model::{self, Crash, Model};
use crate::owner::Owner;
use crate::plan::{Place, Sealed, Wanted};
use crate::policy::normal_form;
use crate::snapshot::Snapshot;

/// What somebody had written before.
const BEFORE: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}"#;
/// What somebody else writes meanwhile.
const THIRD: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:Get*","Resource":"*"}}"#;

fn world(before: Option<&str>) -> Snapshot {
    let mut world = model::snapshot();
    for (id, service, kind) in [
        ("vpce-s3", "s3", EndpointKind::Gateway),
        ("vpce-sts", "sts", EndpointKind::Interface),
    ] {
        let mut endpoint = model::foreign_endpoint(id, service, kind);
        endpoint.owner = Owner::Adopted;
        if service == "s3" {
            endpoint.policy = before.and_then(normal_form);
        }
        world.endpoints.push(endpoint);
    }
    world.sorted()
}

fn sealed(world: &Snapshot) -> Sealed {
    let ask = serde_json::json!({
        "vpc_id": "vpc-1", "services": ["s3", "sts"], "accounts": ["123456789012"], "kafka_pollers": true
    });
    let wanted = Wanted::Policies(serde_json::from_value(ask).unwrap());
    let (wanted, _) = wanted.normalise().unwrap();
    let place = Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    };
    wanted.make(&place, world, 0).unwrap()
}

fn is_as_planned(model: &Model, plan: &Sealed) -> bool {
    let world = model.world.borrow();
    plan.plan.steps.iter().all(|step| {
        let Change::SetPolicy {
            endpoint, policy, ..
        } = &step.change
        else {
            panic!("a plan of policies sets policies");
        };
        let found = world.endpoint(&endpoint.to_string()).unwrap();
        policy::same(found.policy.as_deref(), Some(policy))
    })
}

#[test]
fn a_policy_is_set_and_what_was_there_before_is_put_back_after_a_crash_at_any_call() {
    for before in [None, Some(BEFORE)] {
        for call in 1..=3 {
            for crash in [Crash::Before, Crash::After] {
                let model = Model::new(world(before));
                let was = model.world.borrow().clone();
                let (plan, kept) = (sealed(&was), Kept::default());
                assert_eq!(plan.plan.steps.len(), 2);
                model.crash_at(call, crash);
                let crashed = run_apply(&model, &kept, &plan).is_err();
                assert_eq!(crashed, call <= 2, "two calls and no more");
                model.calm();
                let journal = kept.0.borrow().clone();
                let changes = journal.values().map(|entry| &entry.item.change);
                let recognised = model.world.borrow().clone().without(&plan.id, changes);
                assert_eq!(recognised.hash().unwrap(), plan.plan.snapshot_hash);
                assert_eq!(run_apply(&model, &kept, &plan).unwrap(), Outcome::Finished);
                assert!(is_as_planned(&model, &plan));
                assert_eq!(sealed(&model.world.borrow()).plan.steps, []);
                model.crash_at(call, crash);
                let _ = run_undo(&model, &kept, &plan);
                model.calm();
                assert_eq!(run_undo(&model, &kept, &plan).unwrap(), Outcome::Finished);
                assert_eq!(*model.world.borrow(), was);
            }
        }
    }
}

#[test]
fn a_policy_that_somebody_changed_since_is_neither_overwritten_nor_put_back() {
    let third = || normal_form(THIRD);
    let model = Model::new(world(None));
    let (plan, kept) = (sealed(&model.world.borrow()), Kept::default());
    model.world.borrow_mut().endpoints[0].policy = third();
    let error = run_apply(&model, &kept, &plan).unwrap_err();
    assert!(
        matches!(error, EngineError::PolicyMoved { step: 1, .. }),
        "{error}"
    );
    assert_eq!(model.calls.get(), 0);

    model.world.borrow_mut().endpoints[0].policy = None;
    assert_eq!(run_apply(&model, &kept, &plan).unwrap(), Outcome::Finished);
    model.world.borrow_mut().endpoints[0].policy = third();
    let error = run_undo(&model, &kept, &plan).unwrap_err();
    assert!(
        matches!(error, EngineError::PolicyMoved { step: 1, .. }),
        "{error}"
    );
    assert_eq!(model.world.borrow().endpoints[0].policy, third());
}

#[test]
fn a_policy_that_was_there_before_stays_when_the_plan_is_undone() {
    let model = Model::new(world(None));
    let (plan, kept) = (sealed(&model.world.borrow()), Kept::default());
    let Change::SetPolicy { policy, .. } = &plan.plan.steps[0].change else {
        panic!("a plan of policies sets policies");
    };
    // Somebody sets the very policy between plan and apply; the engine alone does not mind.
    model.world.borrow_mut().endpoints[0].policy = normal_form(policy);
    let before = model.world.borrow().clone();
    run_apply(&model, &kept, &plan).unwrap();
    run_undo(&model, &kept, &plan).unwrap();
    assert_eq!(*model.world.borrow(), before);
}
