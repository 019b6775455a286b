//! Endpoints of random worlds narrowed: whoever is admitted loses nothing, whoever is not reaches them no more, and the
//! way back is whole after a crash at any event.

use std::collections::BTreeSet;

use futures::FutureExt;
use proptest::prelude::*;

use super::{Direction, Kept, drive, is_crash, observe, place, plan};
use crate::change::{Change, Peer, Target};
use crate::model::worlds::{self, Case};
use crate::model::{Client, Crash, Model, World, evidence, oracle};
use crate::network::Network;
use crate::plan::{Sealed, Wanted};
use crate::snapshot::Snapshot;

/// The world with the endpoints of the case's plan; `None` where there is none to narrow.
fn with_endpoints(case: &Case) -> Option<World> {
    let model = Model::new(case.world.clone(), case.weather);
    let plan = plan(case, &observe(&model, case));
    let kept = Kept::new(&model);
    drive(&model, &kept, &plan, Direction::Apply).ok()?;
    model.rest();
    let switched = |change: &Change<Target>| matches!(change, Change::SwitchPrivateDnsOn { .. });
    let mut steps = plan.plan.steps.iter();
    let any = steps.any(|step| switched(&step.change));
    any.then(|| model.world.borrow().remaining())
}

/// Some subnets and groups, by the bits of a seed; always the groups that are let out to an endpoint by name.
fn ask(case: &Case, world: &World) -> Option<Wanted> {
    let bit = |number: usize| case.seed >> (number % 60) & 1 == 1;
    let network = &world.network;
    let subnets = network.subnets.iter().enumerate();
    let subnets = subnets.filter(|(number, _)| bit(*number));
    let subnets = subnets.map(|(_, subnet)| subnet.id.clone());
    let is_endpoints = |id: &String| {
        let mut endpoints = network.endpoints.iter();
        endpoints.any(|endpoint| endpoint.groups.contains(id))
    };
    let groups = network.groups.iter().enumerate();
    let groups = groups.filter(|(number, group)| {
        let mut egress = group.egress.iter();
        bit(number + 20)
            || egress.any(|rule| matches!(&rule.peer, Peer::Group(id) if is_endpoints(id)))
    });
    let groups = groups.map(|(_, group)| group.id.clone());
    let admit: Vec<String> = subnets.chain(groups).collect();
    if admit.is_empty() {
        return None;
    }
    let ask = serde_json::json!({
        "vpc_id": "vpc-1", "services": case.request.services, "admit": admit
    });
    let wanted = Wanted::Narrowing(serde_json::from_value(ask).unwrap());
    Some(wanted.normalise().unwrap().0)
}

fn see(model: &Model, wanted: &Wanted) -> Snapshot {
    let (_, scope) = wanted.clone().normalise().unwrap();
    loop {
        // Throttling passes.
        if let Ok(seen) = model.observe(&scope).now_or_never().unwrap() {
            return seen.unwrap();
        }
    }
}

fn narrow(wanted: &Wanted, seen: &Snapshot) -> Option<Sealed> {
    // A group that admits less than the whole VPC already may be asked to widen: that is refused.
    wanted.make(&place(), seen, &evidence(), 0).ok()
}

/// Services whose endpoints the plan narrows.
fn narrowed(plan: &Sealed, world: &World) -> BTreeSet<String> {
    let endpoints = world.network.endpoints.iter();
    let is_changed = |group: &String| {
        let mut steps = plan.plan.steps.iter();
        steps.any(|step| step.change.changes() == Some(&Target::Id(group.clone())))
    };
    let narrowed = endpoints.filter(|endpoint| endpoint.groups.iter().any(is_changed));
    narrowed.map(|endpoint| endpoint.service.clone()).collect()
}

fn is_admitted(client: &Client, wanted: &Wanted) -> bool {
    let Wanted::Narrowing(ask) = wanted else {
        return false;
    };
    let mut worn = client.groups.iter();
    ask.admit.contains(&client.subnet) || worn.any(|group| ask.admit.contains(group))
}

fn assert_only_the_admitted_are_served(model: &Model, wanted: &Wanted, plan: &Sealed) {
    let world = model.world.borrow();
    let services = narrowed(plan, &world);
    for (number, service) in model.lost.borrow().iter() {
        assert!(services.contains(*service), "{service} was not narrowed");
        let client = &world.clients[*number];
        assert!(!is_admitted(client, wanted), "cut off: {client:?}");
    }
    // Where the name leads to the endpoint, there is no other way.
    let vpc = &world.network.vpc;
    let by_name = |service: &&String| {
        let mut endpoints = world.network.endpoints.iter();
        let leads = endpoints.any(|endpoint| endpoint.service == **service && endpoint.private_dns);
        leads && vpc.dns_support && vpc.dns_hostnames
    };
    let mut left_out = world.clients.iter();
    while let Some(client) = left_out.find(|client| !is_admitted(client, wanted)) {
        for service in services.iter().filter(by_name) {
            let reached = oracle::reaches_service(&world, client, service);
            assert!(!reached, "{client:?} still reaches {service}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_admitted_lose_nothing_the_others_reach_it_no_more_and_the_way_back_is_whole(case in worlds::cases()) {
        let Some(world) = with_endpoints(&case) else { return Ok(()) };
        let Some(wanted) = ask(&case, &world) else { return Ok(()) };
        let model = Model::new(world.clone(), case.weather);
        let Some(plan) = narrow(&wanted, &see(&model, &wanted)) else { return Ok(()) };
        let kept = Kept::new(&model);
        model.fuse.blow_at(u32::try_from(case.seed % 9).unwrap(), Crash::After);
        let mut result = drive(&model, &kept, &plan, Direction::Apply);
        model.fuse.calm();
        if is_crash(&result) {
            result = drive(&model, &kept, &plan, Direction::Apply);
        }
        model.rest();
        match result {
            Ok(()) => {
                assert_only_the_admitted_are_served(&model, &wanted, &plan);
                let again = narrow(&wanted, &see(&model, &wanted)).unwrap();
                prop_assert_eq!(&again.plan.steps, &Vec::new(), "nothing is left to plan");
            }
            Err(error) => prop_assert!(error.to_string().contains("LimitExceeded"), "{}", error),
        }
        model.fuse.blow_at(u32::try_from(case.seed % 7).unwrap(), Crash::Before);
        let mut result = drive(&model, &kept, &plan, Direction::Undo);
        model.fuse.calm();
        if is_crash(&result) {
            result = drive(&model, &kept, &plan, Direction::Undo);
        }
        prop_assert!(result.is_ok(), "{result:?}");
        model.rest();
        prop_assert_eq!(model.world.borrow().remaining(), world, "the pre-image");
    }
}

/// The property proves little if little is narrowed.
#[test]
fn the_worlds_narrow_enough() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut plans, mut cut_off) = (0, 0);
    for _ in 0..300 {
        let case = worlds::cases().new_tree(&mut runner).unwrap().current();
        let Some(world) = with_endpoints(&case) else {
            continue;
        };
        let Some(wanted) = ask(&case, &world) else {
            continue;
        };
        let model = Model::new(world, case.weather);
        let Some(plan) = narrow(&wanted, &see(&model, &wanted)) else {
            continue;
        };
        let kept = Kept::new(&model);
        if drive(&model, &kept, &plan, Direction::Apply).is_ok() && !plan.plan.steps.is_empty() {
            plans += 1;
            cut_off += usize::from(!model.lost.borrow().is_empty());
        }
    }
    assert!(
        plans >= 30 && cut_off >= 10,
        "{plans} plans, {cut_off} that cut somebody off"
    );
}
