//! The life of a plan in a calm world: made, applied, undone.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::{Direction, Kept, drive, observe, place, plan};
use crate::change::Change;
use crate::journal::PreImage;
use crate::model::oracle;
use crate::model::worlds::{self, Case};
use crate::model::{Client, Model, World};
use crate::plan::{Sealed, make, normalise};
use crate::snapshot::Snapshot;

/// Applies what can be applied; `true` if it was finished.
fn apply(model: &Model, kept: &Kept<'_>, plan: &Sealed) -> bool {
    let result = drive(model, kept, plan, Direction::Apply);
    if let Err(error) = &result {
        let text = error.to_string();
        let is_quota = ["LimitExceeded", "InsufficientFree"]
            .iter()
            .any(|word| text.contains(word));
        assert!(is_quota, "only a quota may stop a plan: {text}");
    }
    result.is_ok()
}

fn routes_planned(plan: &Sealed) -> Vec<String> {
    let steps = plan.plan.steps.iter();
    steps
        .filter_map(|step| match &step.change {
            Change::AssociateRouteTable { route_table, .. } => Some(route_table.clone()),
            _ => None,
        })
        .collect()
}

/// The whole network less what the journal says the plan did to it.
fn without_the_plan(model: &Model, kept: &Kept<'_>, plan: &Sealed) -> Snapshot {
    let journal = kept.journal.borrow();
    let ours = journal
        .values()
        .filter(|entry| entry.item.pre_image == PreImage::Absent);
    let world = without_addresses(&model.world.borrow());
    world.without(&plan.id, ours.map(|entry| &entry.item.change))
}

fn without_addresses(world: &World) -> Snapshot {
    let mut network = world.remaining().network;
    for subnet in &mut network.subnets {
        subnet.free_addresses = 0;
    }
    network
}

/// The pollers of the request reach every interface endpoint that was made for them.
fn assert_pollers_served(case: &Case, model: &Model, plan: &Sealed) {
    let world = model.world.borrow();
    for step in &plan.plan.steps {
        let Change::SwitchPrivateDnsOn { service, .. } = &step.change else {
            continue;
        };
        for pollers in &case.request.kafka_pollers {
            let client = Client {
                subnet: pollers.subnets[0].clone(),
                groups: vec![pollers.security_group.clone()],
                port: 40_000,
            };
            let reached = oracle::reaches_service(&world, &client, service);
            assert!(
                reached,
                "{} does not reach {service}",
                pollers.security_group
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_plan_is_the_same_in_the_same_world_is_done_once_cuts_nobody_off_and_can_be_undone(
        case in worlds::cases()
    ) {
        let model = Model::new(case.world.clone(), case.weather);
        let plan = plan(&case, &observe(&model, &case));
        prop_assert_eq!(&super::plan(&case, &observe(&model, &case)).json, &plan.json, "byte for byte, in any order");
        let kept = Kept::new(&model);
        let is_applied = apply(&model, &kept, &plan);
        let lost = model.lost.borrow().clone();
        prop_assert!(lost.is_empty(), "cut off while applying: {lost:?}");
        let routes = routes_planned(&plan);
        for (table, service) in model.dropped.borrow().keys() {
            prop_assert!(routes.contains(table), "{table}");
            prop_assert!(plan.plan.warnings.iter().any(|text| text.contains("Open TCP connections to") && text.contains(service.as_str())));
        }
        model.rest();
        prop_assert_eq!(without_the_plan(&model, &kept, &plan), without_addresses(&case.world), "nothing of others was touched");
        if is_applied {
            assert_pollers_served(&case, &model, &plan);
            let (request, _) = normalise(case.request.clone()).unwrap();
            let again = make(&place(), &request, &observe(&model, &case), &crate::model::evidence(), 0).unwrap();
            prop_assert_eq!(&again.plan.steps, &Vec::new(), "nothing is left to plan");
        }
        prop_assert!(drive(&model, &kept, &plan, Direction::Undo).is_ok());
        let lost = model.lost.borrow().clone();
        prop_assert!(lost.is_empty(), "cut off while undoing: {lost:?}");
        model.rest();
        prop_assert_eq!(model.world.borrow().remaining(), case.world.remaining(), "the pre-image");
    }
}

/// The properties prove little if the worlds are dull: what must turn up among a thousand of them.
#[test]
fn the_worlds_are_rich_enough() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..1_000 {
        let case = worlds::cases().new_tree(&mut runner).unwrap().current();
        let model = Model::new(case.world.clone(), case.weather);
        let plan = plan(&case, &observe(&model, &case));
        let kept = Kept::new(&model);
        let is_applied = apply(&model, &kept, &plan);
        let has = |wanted: fn(&Change<crate::change::Target>) -> bool| {
            plan.plan.steps.iter().any(|step| wanted(&step.change))
        };
        let left = |words: &str| plan.plan.left_alone.iter().any(|why| why.contains(words));
        for (what, is_so) in [
            ("changes", !plan.plan.steps.is_empty()),
            (
                "gateway endpoints",
                has(|c| matches!(c, Change::CreateGatewayEndpoint { .. })),
            ),
            (
                "interface endpoints",
                has(|c| matches!(c, Change::CreateInterfaceEndpoint { .. })),
            ),
            (
                "rules of others",
                has(|c| {
                    matches!(
                        c,
                        Change::Allow {
                            group: crate::change::Target::Id(_),
                            ..
                        }
                    )
                }),
            ),
            (
                "routes to adopted endpoints",
                has(|c| {
                    matches!(
                        c,
                        Change::AssociateRouteTable {
                            endpoint: crate::change::Target::Id(_),
                            ..
                        }
                    )
                }),
            ),
            ("services left to groups", left("would take")),
            ("services left to ACLs", left("would cut clients off")),
            (
                "zones without an interface for an ACL",
                plan.plan.warnings.iter().any(|text| {
                    text.contains("No interface in zone") && text.contains("network ACL")
                }),
            ),
            ("endpoints left to owners", left("it is not changed")),
            ("no room", left("no zone has")),
            ("stopped by a quota", !is_applied),
            (
                "connections dropped",
                model.dropped.borrow().values().any(|count| *count > 0),
            ),
            (
                "somebody who reaches something",
                !oracle::reached(&case.world).is_empty(),
            ),
        ] {
            *seen.entry(what).or_insert(0) += u32::from(is_so);
        }
    }
    for (what, count) in &seen {
        assert!(*count >= 30, "{what} in {count} of 1,000 worlds: {seen:?}");
    }
    println!("{seen:?}");
}
