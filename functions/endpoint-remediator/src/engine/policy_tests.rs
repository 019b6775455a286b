//! Setting a policy, crashing in the middle of it, and putting back what was there.

use tollkeeper::plan::EndpointKind;

use super::tests::{calm, network, run};
use super::*;
use crate::model::{self, Crash, Model};
use crate::owner::Owner;
use crate::plan::{Place, Sealed, Wanted};
use crate::policy::normal_form;
use crate::proof::Kept;
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
    wanted
        .make(&place, world, &crate::model::evidence(), 0)
        .unwrap()
}

fn is_as_planned(model: &Model, plan: &Sealed) -> bool {
    let world = network(model);
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
fn a_policy_is_set_and_what_was_there_before_is_put_back_after_a_crash_at_any_event() {
    // Calls and writes of the journal: for each of two policies the intent, the call, the outcome.
    const EVENTS: u32 = 6;
    for before in [None, Some(BEFORE)] {
        for event in 1..=EVENTS + 1 {
            for crash in [Crash::Before, Crash::After] {
                let model = calm(world(before));
                let was = network(&model);
                let (plan, kept) = (sealed(&was), Kept::new(&model));
                assert_eq!(plan.plan.steps.len(), 2);
                model.fuse.blow_at(event, crash);
                let crashed = run(&model, &kept, &plan, false).is_err();
                assert_eq!(crashed, event <= EVENTS, "six events and no more");
                model.fuse.calm();
                let journal = kept.journal.borrow().clone();
                let changes = journal.values().map(|entry| &entry.item.change);
                let recognised = network(&model).without(&plan.id, changes);
                assert_eq!(recognised.hash().unwrap(), plan.plan.snapshot_hash);
                run(&model, &kept, &plan, false).unwrap();
                assert!(is_as_planned(&model, &plan));
                assert_eq!(sealed(&network(&model)).plan.steps, []);
                model.fuse.blow_at(event, crash);
                let _ = run(&model, &kept, &plan, true);
                model.fuse.calm();
                run(&model, &kept, &plan, true).unwrap();
                assert_eq!(network(&model), was);
            }
        }
    }
}

fn set_by_hand(model: &Model, policy: Option<String>) {
    model.world.borrow_mut().network.endpoints[0].policy = policy;
}

#[test]
fn a_policy_that_somebody_changed_since_is_neither_overwritten_nor_put_back() {
    let third = || normal_form(THIRD);
    let model = calm(world(None));
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    set_by_hand(&model, third());
    let error = run(&model, &kept, &plan, false).unwrap_err();
    assert!(
        matches!(error, EngineError::PolicyMoved { step: 1, .. }),
        "{error}"
    );
    assert_eq!(model.calls.borrow().get("change"), None);

    set_by_hand(&model, None);
    run(&model, &kept, &plan, false).unwrap();
    set_by_hand(&model, third());
    let error = run(&model, &kept, &plan, true).unwrap_err();
    assert!(
        matches!(error, EngineError::PolicyMoved { step: 1, .. }),
        "{error}"
    );
    assert_eq!(network(&model).endpoints[0].policy, third());
}

#[test]
fn a_policy_that_was_there_before_stays_when_the_plan_is_undone() {
    let model = calm(world(None));
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    let Change::SetPolicy { policy, .. } = &plan.plan.steps[0].change else {
        panic!("a plan of policies sets policies");
    };
    // Somebody sets the very policy between plan and apply; the engine alone does not mind.
    set_by_hand(&model, normal_form(policy));
    let before = network(&model);
    run(&model, &kept, &plan, false).unwrap();
    run(&model, &kept, &plan, true).unwrap();
    assert_eq!(network(&model), before);
}
