//! The replay's word on clients of random worlds, held against the model's oracle, which shares no code with it.

use std::net::{IpAddr, Ipv4Addr};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tollkeeper::plan::EndpointKind;

use super::clients::{Clients, Interface};
use super::flows::{Count, Key};
use super::report::Files;
use super::vantage::{DaySeen, Seen};
use super::watch::{Far, Watch};
use super::{After, Judge};
use crate::change::{Change, Peer, Target};
use crate::model::worlds::{self, Case};
use crate::model::{self, Client, World, oracle};
use crate::plan::{Plan, make, normalise};
use crate::proof::place;
use crate::reach::HTTPS;
use crate::snapshot::Rule;

/// What groups of newcomers let out to on 443: groups that the plan never saw, so that some are cut off.
const PEERS: [&str; 6] = [
    "0.0.0.0/0",
    "10.0.0.0/16",
    "10.0.0.0/8",
    "10.0.1.0/24",
    "10.0.2.128/25",
    "52.94.0.0/16",
];

/// A newcomer in every subnet for every kind of group.
fn settle(world: &mut World) {
    let subnets: Vec<String> = world
        .network
        .subnets
        .iter()
        .map(|subnet| subnet.id.clone())
        .collect();
    world.clients.clear();
    for (number, peer) in (0..).zip(PEERS) {
        let mut group = model::group(&format!("sg-newcomer-{number}"), "newcomer");
        group.egress = vec![Rule::tcp(HTTPS, Peer::Cidr(peer.to_owned()))];
        let wearing = |subnet: &String| Client {
            subnet: subnet.clone(),
            groups: vec![group.id.clone()],
            port: 40_000,
        };
        world.clients.extend(subnets.iter().map(wearing));
        world.network.groups.push(group);
    }
}

/// The world as the plan's steps leave it.
fn apply(world: &mut World, plan: &Plan) {
    let id = |target: &Target| match target {
        Target::Id(id) => id.clone(),
        Target::Step(number) => format!("made-{number}"),
    };
    for step in &plan.steps {
        let made = format!("made-{}", step.number);
        let network = &mut world.network;
        match &step.change {
            Change::CreateGroup { name, .. } => {
                let mut group = model::group(&made, name);
                group.egress.clear();
                network.groups.push(group);
            }
            Change::Allow {
                group,
                direction,
                port,
                peer,
            } => {
                let peer = match peer {
                    Peer::Group(target) => Peer::Group(id(target)),
                    Peer::Cidr(cidr) => Peer::Cidr(cidr.clone()),
                    Peer::PrefixList(list) => Peer::PrefixList(list.clone()),
                };
                let group = id(group);
                let found = network.groups.iter_mut().find(|found| found.id == group);
                found
                    .unwrap()
                    .rules_mut(*direction)
                    .push(Rule::tcp(*port, peer));
            }
            Change::CreateInterfaceEndpoint {
                service,
                subnets,
                group,
                ..
            } => {
                let mut endpoint = model::foreign_endpoint(&made, service, EndpointKind::Interface);
                endpoint.subnets.clone_from(subnets);
                endpoint.groups = vec![id(group)];
                network.endpoints.push(endpoint);
            }
            Change::SwitchPrivateDnsOn { endpoint, .. } => {
                let endpoint = id(endpoint);
                let found = network
                    .endpoints
                    .iter_mut()
                    .find(|found| found.id == endpoint);
                found.unwrap().private_dns = true;
            }
            _ => {}
        }
    }
}

fn address(world: &World, client: &Client) -> Ipv4Addr {
    let [a, b, c, _] = world.blocks[&client.subnet].octets();
    // The oracle's clients have this host number.
    Ipv4Addr::new(a, b, c, 17)
}

/// Whether the client's flow on 443 to a service breaks; `None` for unknown.
fn breaks(case: &Case, plan: &Plan, client: &Client, service: &str) -> Option<bool> {
    let world = &case.world;
    let own = address(world, client);
    let clients = Clients {
        interfaces: vec![Interface {
            id: "eni-client".to_owned(),
            subnet: client.subnet.clone(),
            groups: client.groups.clone(),
            addresses: vec![own],
            prefixes: Vec::new(),
            is_endpoint: false,
        }],
        groups: world.network.groups.clone(),
        gateways: Vec::new(),
    };
    let after = After::of(plan, &world.network);
    let (gateways, interfaces) = after.services();
    let vpc = &world.network.vpc;
    let watch = Watch::new(
        (&vpc.id, &vpc.cidrs),
        "us-east-1",
        std::collections::BTreeSet::new(),
        (&gateways, &interfaces),
        None,
    );
    let mut judge = Judge::new(After::of(plan, &world.network), &watch, &clients);
    let flow = Seen {
        interface: None,
        key: Key {
            source: IpAddr::V4(own),
            far: Far::Service(service.into()),
            port: Some(HTTPS),
        },
        count: Count::at(0, 1),
    };
    let flows = DaySeen {
        seen: vec![flow],
        ..DaySeen::default()
    };
    judge.day("2026-10-13".parse().unwrap(), &flows);
    let report = judge.report(Files::default());
    match (report.fine.flows, report.broken().flows) {
        (1, 0) => Some(false),
        (0, 1) => Some(true),
        _ => None,
    }
}

#[test]
fn what_breaks_and_what_does_not_is_what_the_oracle_says_of_two_thousand_worlds() {
    let mut runner = TestRunner::deterministic();
    let cases = worlds::cases();
    let (mut fine, mut broken, mut unknown) = (0, 0, 0);
    for _ in 0..2_000 {
        let mut case = cases.new_tree(&mut runner).unwrap().current();
        let (request, _) = normalise(case.request.clone()).unwrap();
        let Ok(sealed) = make(
            &place(),
            &request,
            &case.world.network,
            &model::evidence(),
            0,
        ) else {
            continue;
        };
        let plan = sealed.plan;
        settle(&mut case.world);
        let mut after = case.world.clone();
        apply(&mut after, &plan);
        for step in &plan.steps {
            let Change::SwitchPrivateDnsOn { service, .. } = &step.change else {
                continue;
            };
            for client in &case.world.clients {
                let reaches = oracle::reaches_service(&after, client, service);
                match breaks(&case, &plan, client, service) {
                    Some(breaks) => {
                        assert_eq!(!breaks, reaches, "{client:?} {service} {plan:?}");
                        if breaks { broken += 1 } else { fine += 1 }
                    }
                    None => unknown += 1,
                }
            }
        }
    }
    let all = fine + broken + unknown;
    println!("{fine} fine, {broken} broken, {unknown} unknown");
    assert!(
        fine > 1_000 && broken > 1_000 && unknown < all / 5,
        "{fine} {broken} {unknown}"
    );
}

#[test]
fn whoever_is_in_a_planned_world_is_not_said_to_break() {
    let mut runner = TestRunner::deterministic();
    let cases = worlds::cases();
    let mut asked = 0;
    for _ in 0..500 {
        let case = cases.new_tree(&mut runner).unwrap().current();
        let (request, _) = normalise(case.request.clone()).unwrap();
        let Ok(sealed) = make(
            &place(),
            &request,
            &case.world.network,
            &model::evidence(),
            0,
        ) else {
            continue;
        };
        for service in &sealed.plan.endpoints {
            for client in &case.world.clients {
                if oracle::reaches_service(&case.world, client, &service.service) {
                    asked += 1;
                    let breaks = breaks(&case, &sealed.plan, client, &service.service);
                    assert_ne!(breaks, Some(true), "{client:?} {service:?}");
                }
            }
        }
    }
    assert!(asked > 100, "{asked}");
}
