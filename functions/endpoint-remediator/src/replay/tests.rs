//! What the replay says of whole plans, and the model's oracle beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use tollkeeper::flow_log::{Format, LineReader};
use tollkeeper::flow_log_files::Fold;
use tollkeeper::plan::EndpointKind;
use tollkeeper::time::Day;

use super::clients::{Clients, Interface};
use super::flows::{Count, FlowFold, Key};
use super::report::{Files, Report};
use super::sum::Sum;
use super::vantage::{DaySeen, Seen};
use super::watch::{Far, Watch};
use super::{After, Judge, Replay, details, headline, one_vantage};
use crate::change::{Direction, Peer};
use crate::model;
use crate::owner::Owner;
use crate::plan::{Place, Plan, Wanted, make, normalise};
use crate::reach::HTTPS;
use crate::snapshot::{Rule, Snapshot};

fn place() -> Place {
    Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

/// The story's plan: S3 by routes, Lambda and STS by name.
fn story() -> (Plan, Snapshot) {
    let (request, _) = normalise(model::request()).unwrap();
    let snapshot = model::snapshot();
    (
        make(&place(), &request, &snapshot, &model::evidence(), 0)
            .unwrap()
            .plan,
        snapshot,
    )
}

fn interface(id: &str, address: [u8; 4], subnet: &str, group: &str) -> Interface {
    Interface {
        id: id.to_owned(),
        subnet: subnet.to_owned(),
        groups: vec![group.to_owned()],
        addresses: vec![Ipv4Addr::from(address)],
        prefixes: Vec::new(),
        is_endpoint: false,
    }
}

/// A poller and a web server in the private subnets, one with everything open, one let out to nothing but the internet.
fn clients() -> Clients {
    let mut narrow = model::group("sg-narrow", "narrow");
    narrow.egress = vec![Rule::tcp(HTTPS, Peer::Cidr("52.94.0.0/16".to_owned()))];
    let (_, snapshot) = story();
    let mut groups = snapshot.groups;
    groups.extend([model::group("sg-app", "app"), narrow]);
    Clients {
        interfaces: vec![
            interface(
                "eni-poller",
                [10, 0, 2, 101],
                "subnet-private-a",
                "sg-pollers",
            ),
            interface("eni-web", [10, 0, 3, 10], "subnet-private-b", "sg-app"),
            interface(
                "eni-narrow",
                [10, 0, 2, 77],
                "subnet-private-a",
                "sg-narrow",
            ),
            interface("eni-front", [10, 0, 0, 30], "subnet-public-a", "sg-app"),
        ],
        groups,
        gateways: vec!["eni-nat".to_owned()],
    }
}

fn seen(source: [u8; 4], far: Far, port: u16, flows: u64) -> Seen {
    let mut count = Count::at(14 * 3600, 1 << 30);
    count.sum = Sum {
        flows,
        bytes: flows << 30,
    };
    count.by_hour[14] = u32::try_from(flows).unwrap();
    Seen {
        interface: None,
        key: Key {
            source: IpAddr::from(source),
            far,
            port: Some(port),
        },
        count,
    }
}

fn s3() -> Far {
    Far::Service("s3".into())
}

fn replay(plan: &Plan, snapshot: &Snapshot, clients: &Clients, days: &[Vec<Seen>]) -> Report {
    let after = After::of(plan, snapshot);
    let (gateways, interfaces) = after.services();
    let watch = Watch::new(
        (&snapshot.vpc.id, &snapshot.vpc.cidrs),
        "us-east-1",
        clients.gateways.iter().cloned().collect(),
        (&gateways, &interfaces),
        None,
    );
    let mut judge = Judge::new(After::of(plan, snapshot), &watch, clients);
    for (number, seen) in (0..).zip(days) {
        let first: tollkeeper::time::Day = "2026-10-11".parse().unwrap();
        let flows = DaySeen {
            seen: seen.clone(),
            ..DaySeen::default()
        };
        judge.day(first.plus(number), &flows);
    }
    judge.report(Files {
        all: 12,
        ..Files::default()
    })
}

#[test]
fn days_without_flows_and_files_that_were_not_read_are_said() {
    let (plan, snapshot) = story();
    let clients = clients();
    let day = |day: &str| -> tollkeeper::time::Day { day.parse().unwrap() };
    let after = After::of(&plan, &snapshot);
    let (gateways, interfaces) = after.services();
    let watch = Watch::new(
        (&snapshot.vpc.id, &snapshot.vpc.cidrs),
        "us-east-1",
        std::collections::BTreeSet::new(),
        (&gateways, &interfaces),
        None,
    );
    let mut judge = Judge::new(After::of(&plan, &snapshot), &watch, &clients);
    let flows = DaySeen {
        skipped: 4,
        bad_lines: 1,
        ..DaySeen::default()
    };
    judge.day(day("2026-10-13"), &flows);
    judge.day_without_flows(day("2026-10-12"));
    let report = judge.report(Files {
        all: 500,
        broken: 2,
        left: 380,
    });
    insta::assert_snapshot!(read(&report), @r"
    In the 2 days to 2026-10-13, no flow from the VPC to lambda, s3, sts was recorded; 0 went elsewhere and stay as they are.
    From 120 files of flow logs; a flow is a record of one direction and interval, counted at one place. Services by the log's own names: without AWS's address table the region of a far end is not known and taken to be this one. Of 2026-10-12 no flow was recorded. 380 more were not read, for want of time: the figures are without them. 2 could not be read to their end. AWS skipped records 4 times: each may hide many flows. 1 line could not be read.
    ");
}

fn story_replay(flows: Vec<Seen>) -> Report {
    let (plan, snapshot) = story();
    replay(&plan, &snapshot, &clients(), &[flows])
}

fn read(report: &Report) -> String {
    let replay = Replay::Done(Box::new(report.clone()));
    let services = ["lambda", "s3", "sts"].map(str::to_owned);
    let mut lines = headline(&replay, &services);
    lines.extend(details(&replay).into_iter().map(|line| format!("- {line}")));
    lines.join("\n")
}

#[test]
fn a_person_reads_in_ten_seconds_that_nothing_breaks() {
    let (plan, snapshot) = story();
    let quiet = vec![
        seen([10, 0, 2, 101], Far::SomeApi, 443, 1_204),
        seen([10, 0, 3, 10], s3(), 443, 40),
        seen([10, 0, 3, 10], Far::Elsewhere, 443, 900),
        seen([10, 0, 3, 99], s3(), 443, 4),
    ];
    let busy = vec![
        seen([10, 0, 3, 10], s3(), 443, 300),
        seen([10, 0, 3, 99], s3(), 80, 12),
        // The public subnets' table gets no route.
        seen([10, 0, 0, 30], s3(), 443, 7),
    ];
    let report = replay(&plan, &snapshot, &clients(), &[quiet, busy]);
    insta::assert_snapshot!(read(&report), @r"
    In the 2 days to 2026-10-12, 1,560 flows (1,560.0 GB) from 3 addresses went to lambda, s3, sts: none would break, none is unknown. 907 went elsewhere and stay as they are.
    From 12 files of flow logs; a flow is a record of one direction and interval, counted at one place. Services by the log's own names: without AWS's address table the region of a far end is not known and taken to be this one. Flow logs do not tell lambda, sts from other AWS APIs: what counts as theirs may be any.
    - Open connections to s3 drop when their route comes; in its busiest hour (2026-10-12T14 UTC) there were 312 flows from 2 addresses
    ");
}

#[test]
fn what_would_break_is_listed_with_who_and_why_and_what_is_unknown_with_its_reason() {
    let report = story_replay(vec![
        seen([10, 0, 3, 10], Far::SomeApi, 80, 212),
        seen([10, 0, 2, 77], Far::SomeApi, 443, 30),
        seen([10, 0, 3, 99], Far::SomeApi, 443, 9),
        seen([10, 0, 3, 99], Far::SomeApi, 80, 3),
        seen([192, 168, 1, 1], s3(), 443, 5),
        seen([10, 0, 3, 10], Far::Ec2, 443, 100),
        seen([10, 0, 3, 10], Far::Ec2, 80, 2),
        seen([10, 0, 2, 101], Far::SomeApi, 443, 600),
    ]);
    insta::assert_snapshot!(read(&report), @r"
    On 2026-10-11, 861 flows (861.0 GB) from 5 addresses went to lambda, s3, sts: 245 would break, 16 (1 %) are unknown. 100 went elsewhere and stay as they are.
    From 12 files of flow logs; a flow is a record of one direction and interval, counted at one place. Services by the log's own names: without AWS's address table the region of a far end is not known and taken to be this one. Flow logs do not tell lambda, sts from other AWS APIs: what counts as theirs may be any.
    - 212 flows (212.0 GB) from 10.0.3.10 (eni-web, subnet-private-b) to lambda, sts or another AWS API on port 80 would break: endpoints of this plan admit TCP 443 only
    - 30 flows (30.0 GB) from 10.0.2.77 (eni-narrow, subnet-private-a) to lambda, sts or another AWS API on port 443 would break: its security groups do not let it out on TCP 443 to the endpoint in subnet-private-a
    - 3 flows (3.0 GB) from 10.0.3.99 (nobody's address now) to lambda, sts or another AWS API on port 80 would break: endpoints of this plan admit TCP 443 only
    - 9 flows (9.0 GB) are unknown: from addresses that no interface of the VPC has now
    - 5 flows (5.0 GB) are unknown: from addresses outside the VPC's IPv4 ranges: whether they resolve names, and are routed, through this VPC is not known
    - 2 flows (2.0 GB) are unknown: to addresses that are listed as EC2's: an API's, or anybody's server
    ");
}

#[test]
fn an_acl_that_refuses_the_way_there_or_back_breaks_the_flow_and_one_that_refuses_a_part_leaves_it_unknown()
 {
    let flow = || vec![vec![seen([10, 0, 3, 10], Far::SomeApi, 443, 1)]];
    let guarded = |subnet: &str, way: Direction, ports: (u16, u16), cidr: &str| {
        let (plan, mut snapshot) = story();
        let mut acl = snapshot.network_acls[0].clone();
        acl.id = "acl-own".to_owned();
        acl.subnets = vec![subnet.to_owned()];
        let mut deny = acl
            .entries
            .iter()
            .find(|entry| entry.direction == way)
            .unwrap()
            .clone();
        deny = crate::acl::AclEntry {
            number: 10,
            protocol: "6".to_owned(),
            from_port: ports.0,
            to_port: ports.1,
            cidr: cidr.to_owned(),
            allow: false,
            ..deny
        };
        acl.entries.push(deny);
        snapshot.network_acls[0]
            .subnets
            .retain(|guarded| guarded != subnet);
        snapshot.network_acls.push(acl);
        let report = replay(&plan, &snapshot, &clients(), &flow());
        let why = report.would_break.first().map(|broken| broken.why.clone());
        let unknown = report.unknown.first().map(|unknown| unknown.reason.clone());
        why.or(unknown).unwrap_or_else(|| "fine".to_owned())
    };
    // The client is in private-b (10.0.3.0/24), the endpoint in private-a (10.0.2.0/24) and private-b.
    let (client, endpoint) = ("subnet-private-b", "subnet-private-a");
    let (to, from) = ("10.0.2.0/24", "10.0.3.0/24");
    let replies = (1024, 65_535);
    for (subnet, way, ports, cidr, word) in [
        (client, Direction::Egress, (443, 443), to, "out"),
        (client, Direction::Ingress, replies, to, "in"),
        (endpoint, Direction::Ingress, (443, 443), from, "in"),
        (endpoint, Direction::Egress, replies, from, "out"),
    ] {
        assert_eq!(
            guarded(subnet, way, ports, cidr),
            format!("network ACL acl-own does not let it {word}")
        );
    }
    assert_eq!(guarded(client, Direction::Egress, (80, 80), to), "fine");
    assert_eq!(
        guarded(client, Direction::Egress, (443, 443), "10.0.3.0/24"),
        "fine",
        "within its subnet"
    );
    let depends = "where the address that the endpoint gets, or the client's own port, decides whether groups and ACLs \
                   let it pass";
    assert_eq!(
        guarded(client, Direction::Egress, (443, 443), "10.0.2.0/25"),
        depends
    );
    assert_eq!(
        guarded(endpoint, Direction::Egress, (61_000, 65_535), from),
        depends
    );
}

#[test]
fn an_address_that_changed_hands_and_a_log_without_ports_are_unknown() {
    let with = |change: &dyn Fn(&mut Seen)| {
        let mut flow = seen([10, 0, 3, 10], Far::SomeApi, 443, 1);
        change(&mut flow);
        let report = story_replay(vec![flow]);
        report.unknown.first().map(|unknown| unknown.reason.clone())
    };
    assert_eq!(with(&|_| {}), None);
    assert_eq!(with(&|flow| flow.interface = Some("eni-web".into())), None);
    assert_eq!(
        with(&|flow| flow.interface = Some("eni-before".into())).unwrap(),
        "recorded at interfaces that are gone, or of another VPC with the same ranges"
    );
    assert_eq!(
        with(&|flow| flow.key.port = None).unwrap(),
        "of logs without ports: what is not on TCP 443 would break"
    );
    assert_eq!(
        with(&|flow| flow.key.far = Far::Unlabelled),
        None,
        "whatever it is, it passes"
    );
}

#[test]
fn an_address_of_a_delegated_prefix_is_its_interfaces() {
    let (plan, snapshot) = story();
    let mut clients = clients();
    clients.interfaces[1].prefixes = vec!["10.0.3.64/28".to_owned()];
    let flows = vec![
        seen([10, 0, 3, 70], Far::SomeApi, 443, 1),
        seen([10, 0, 3, 80], Far::SomeApi, 443, 1),
    ];
    let report = replay(&plan, &snapshot, &clients, &[flows]);
    assert_eq!((report.fine.flows, report.doubtful().flows), (1, 1));
}

#[test]
fn the_list_of_what_would_break_is_bounded_and_its_rest_is_stated() {
    let flows = (1..=60).map(|host| seen([10, 0, 3, host], Far::SomeApi, 80, u64::from(host)));
    let report = story_replay(flows.collect());
    assert_eq!(report.would_break.len(), 20);
    assert_eq!(report.would_break[0].source, "10.0.3.60", "the worst first");
    assert_eq!(report.would_break_more.entries, 40);
    assert_eq!(report.broken().flows, (1..=60).sum::<u64>());
}

fn any_seen() -> impl Strategy<Value = Seen> {
    let far = prop_oneof![
        Just(Far::SomeApi),
        Just(Far::Ec2),
        Just(Far::Unlabelled),
        Just(Far::Elsewhere),
        Just(Far::Service("s3".into())),
        Just(Far::Service("sts".into())),
    ];
    let address = prop_oneof![
        Just([10, 0, 2, 101]),
        Just([10, 0, 3, 10]),
        Just([10, 0, 2, 77]),
        Just([10, 0, 0, 30]),
        Just([10, 0, 9, 9]),
        Just([10, 0, 3, 99]),
        Just([172, 16, 0, 1]),
    ];
    let port = prop_oneof![Just(Some(443)), Just(Some(80)), Just(None)];
    let interface = prop_oneof![
        Just(None),
        Just(Some("eni-web".into())),
        Just(Some("eni-gone".into()))
    ];
    let parts = (address, far, port, interface, 1..9_u64);
    parts.prop_map(|(address, far, port, interface, flows)| {
        let mut seen = seen(address, far, 443, flows);
        (seen.key.port, seen.interface) = (port, interface);
        seen
    })
}

proptest! {
    #[test]
    fn every_flow_is_judged_once(days in proptest::collection::vec(proptest::collection::vec(any_seen(), 0..40), 1..4)) {
        let (plan, snapshot) = story();
        let report = replay(&plan, &snapshot, &clients(), &days);
        let expected: Sum = days.iter().flatten().map(|seen| seen.count.sum).sum();
        let parts = [report.fine, report.unaffected, report.broken(), report.doubtful()];
        prop_assert_eq!(report.seen, expected);
        prop_assert_eq!(parts.into_iter().sum::<Sum>(), expected);
        let text = serde_json::to_string(&Replay::Done(Box::new(report.clone()))).unwrap();
        prop_assert_eq!(serde_json::from_str::<Replay>(&text).unwrap(), Replay::Done(Box::new(report)));
    }
}

#[test]
fn flow_logs_that_are_missing_or_could_not_be_read_have_to_be_accepted() {
    let none = Replay::NotDone("There are no flow logs to replay (FLOW_LOGS_LOCATION)".to_owned());
    assert_eq!(none.to_accept().unwrap().code, "replay.no-flow-logs");
    let of_no_use = Replay::NotApplicable("Flow logs name no principal".to_owned());
    assert_eq!(of_no_use.to_accept(), None);
    let unread = Replay::Unread(
        "The flow logs of 2026-10-13 could not be read (s3:GetObject: AccessDenied)".to_owned(),
    );
    let code = unread.to_accept().unwrap();
    assert_eq!(code.code, "replay.unread");
    insta::assert_snapshot!(code.what, @"The flow logs of 2026-10-13 could not be read (s3:GetObject: AccessDenied): how many flows would break was not found out");
}

/// A plan that narrows the endpoint for sts to a subnet and a group; its interface is `eni-door`.
fn narrowed() -> (Plan, Snapshot, Clients) {
    let (_, mut snapshot) = story();
    let mut sts = model::foreign_endpoint("vpce-sts", "sts", EndpointKind::Interface);
    sts.groups = vec!["sg-sts".to_owned()];
    sts.private_dns = true;
    snapshot.endpoints.push(sts);
    let mut group = model::group("sg-sts", "tollkeeper-sts");
    group.ingress = vec![Rule::tcp(HTTPS, Peer::Cidr("10.0.0.0/16".to_owned()))];
    group.owner = Owner::Tollkeeper {
        plan_id: "plan-1".to_owned(),
    };
    snapshot.groups.push(group);
    let ask = serde_json::json!({
        "vpc_id": "vpc-1", "services": ["sts"], "admit": ["sg-app", "10.0.2.0/24"]
    });
    let mut clients = clients();
    snapshot.groups.push(model::group("sg-app", "app"));
    let mut door = interface("eni-door", [10, 0, 2, 200], "subnet-private-a", "sg-sts");
    door.is_endpoint = true;
    let other = interface("eni-other", [10, 0, 3, 50], "subnet-private-b", "sg-narrow");
    clients.interfaces.extend([door, other]);
    let wanted = Wanted::Narrowing(serde_json::from_value(ask).unwrap());
    let (wanted, _) = wanted.normalise().unwrap();
    let plan = wanted
        .make(&place(), &snapshot, &model::evidence(), 0)
        .unwrap();
    (plan.plan, snapshot, clients)
}

/// What a day of flow-log lines (source, destination, their ports) at some interface comes to.
fn at_the_door(lines: &[(&str, &str, &str, u16, u16)]) -> Report {
    let (plan, snapshot, clients) = narrowed();
    let after = After::of(&plan, &snapshot);
    let doors = after
        .narrowed
        .iter()
        .flat_map(|one| one.doors(&clients))
        .collect();
    let none = BTreeSet::new();
    let watch = Watch::new(
        ("vpc-1", &snapshot.vpc.cidrs),
        "us-east-1",
        ["eni-nat".to_owned()].into(),
        (&none, &none),
        None,
    )
    .at(doors);
    let day: Day = "2026-10-13".parse().unwrap();
    let mut fold = FlowFold::new(day);
    let start = day.start().as_second() + 60;
    for (recorder, source, destination, source_port, port) in lines {
        let line = format!(
            "2 123456789012 {recorder} {source} {destination} {source_port} {port} 6 5 1000 {start} {} ACCEPT OK",
            start + 60
        );
        let mut reader = LineReader::new(Some(Format::version_2()));
        fold.record(&reader.read(line.as_bytes()).unwrap().unwrap(), &watch);
    }
    let logs = BTreeMap::from([("fl-1".to_owned(), fold.into_sums())]);
    let mut judge = Judge::new(after, &watch, &clients);
    judge.day(day, &one_vantage(&watch.gateways, logs));
    judge.report(Files {
        all: 1,
        ..Files::default()
    })
}

#[test]
fn whoever_was_seen_at_an_endpoint_and_is_admitted_no_more_would_be_left_out() {
    let report = at_the_door(&[
        // Out and back, of a client in the admitted subnet.
        ("eni-door", "10.0.2.101", "10.0.2.200", 40_000, 443),
        ("eni-door", "10.0.2.200", "10.0.2.101", 443, 40_000),
        // In the admitted group, though not in the subnet.
        ("eni-door", "10.0.3.10", "10.0.2.200", 40_001, 443),
        // In neither, by an address that nobody has now, which groups may have admitted; and on another port.
        ("eni-door", "10.0.9.9", "10.0.2.200", 40_002, 443),
        ("eni-door", "10.0.9.9", "10.0.2.200", 40_002, 80),
        // The same flow at the client's own interface is not counted again.
        ("eni-web", "10.0.3.10", "10.0.2.200", 40_001, 443),
    ]);
    let flows = (
        report.seen.flows,
        report.fine.flows,
        report.unaffected.flows,
    );
    assert_eq!(flows, (5, 3, 1));
    assert_eq!((report.broken().flows, report.doubtful().flows), (0, 1));
    let narrow = at_the_door(&[("eni-door", "10.0.2.77", "10.0.2.200", 40_000, 443); 2]);
    assert_eq!(narrow.broken().flows, 0, "by its subnet");
}

#[test]
fn a_person_reads_who_would_be_left_out_at_an_endpoint() {
    let mut report = at_the_door(&[("eni-door", "10.0.0.30", "10.0.2.200", 40_000, 443)]);
    assert_eq!(report.broken().flows, 0, "it wears the group");
    report = at_the_door(&[("eni-door", "10.0.3.50", "10.0.2.200", 40_000, 443); 3]);
    let replay = Replay::Done(Box::new(report));
    let lines = [headline(&replay, &["sts".to_owned()]), details(&replay)].concat();
    insta::assert_snapshot!(lines.join("\n"), @r"
    On 2026-10-13, 3 flows (under 0.1 GB) from 1 address were recorded at the endpoints for sts: 3 would be left out, 0 are unknown.
    From 1 file of flow logs; a flow is a record of one direction and interval, counted at one place. Read at the endpoints' own interfaces; who did not call in those days is not seen.
    3 flows (under 0.1 GB) from 10.0.3.50 (eni-other, subnet-private-b) to sts on port 443 would break: the endpoint's security group does not admit it
    ");
    assert_eq!(replay.to_accept().unwrap().code, "replay.would-break");
    let nobody = Replay::Done(Box::new(at_the_door(&[])));
    assert_eq!(nobody.to_accept().unwrap().code, "replay.nobody-seen");
    insta::assert_snapshot!(headline(&nobody, &["sts".to_owned()])[0], @"On 2026-10-13, no flow was recorded at the interfaces of the endpoints for sts.");
}
