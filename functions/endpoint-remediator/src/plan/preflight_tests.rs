//! What was read beside the network, and ACLs, in a plan.

use super::tests::{creates, place};
use super::*;
use crate::change::{Change, Direction};
use crate::model;
use crate::preflight::evidence::HostedZone;
use crate::preflight::{Read, codes};

/// The example network with an ACL of its own for some subnets, which refuses TCP 443 from the VPC.
fn with_closed_acl(subnets: &[&str]) -> Snapshot {
    let mut snapshot = model::snapshot();
    let mut closed = snapshot.network_acls[0].clone();
    closed.id = "acl-closed".to_owned();
    closed.subnets = subnets.iter().map(|&id| id.to_owned()).collect();
    let mut refusal = closed.entries[0].clone();
    refusal.number = 50;
    refusal.allow = false;
    refusal.cidr = "10.0.0.0/16".to_owned();
    closed.entries.push(refusal);
    let others = &mut snapshot.network_acls[0].subnets;
    others.retain(|id| !subnets.contains(&id.as_str()));
    snapshot.network_acls.push(closed);
    snapshot
}

fn subnets_of(plan: &Plan, wanted: &str) -> Vec<String> {
    let mut steps = plan.steps.iter();
    let found = steps.find_map(|step| match &step.change {
        Change::CreateInterfaceEndpoint {
            service, subnets, ..
        } if service == wanted => Some(subnets.clone()),
        _ => None,
    });
    found.unwrap_or_default()
}

#[test]
fn an_interface_goes_to_a_subnet_of_the_zone_that_every_client_reaches() {
    let mut snapshot = with_closed_acl(&["subnet-private-b"]);
    // Nobody of the closed subnet reaches anything today, so it is no client.
    snapshot.route_tables[2].default_target = None;
    let plan = plan_of_lambda(&snapshot);
    assert_eq!(subnets_of(&plan, "lambda"), ["subnet-private-a"]);
    let skipped = plan
        .warnings
        .iter()
        .find(|text| text.contains("No interface in zone"));
    insta::assert_snapshot!(skipped.unwrap(), @"No interface in zone us-east-1b: network ACL acl-closed of subnet-private-b refuses 10.0.2.0-10.0.2.255 on TCP 443, in from subnet-private-a; its clients cross zones");
    let mut other = snapshot.subnets[3].clone();
    other.id = "subnet-private-c".to_owned();
    other.cidr = "10.0.4.0/24".to_owned();
    snapshot.network_acls[0].subnets.push(other.id.clone());
    snapshot.subnets.push(other);
    let plan = plan_of_lambda(&snapshot);
    assert_eq!(
        subnets_of(&plan, "lambda"),
        ["subnet-private-a", "subnet-private-c"]
    );
}

#[test]
fn a_service_that_an_acl_would_take_from_a_client_is_left_alone() {
    let mut snapshot = with_closed_acl(&["subnet-public-a"]);
    // Its clients may go out and be answered, but not out to the VPC.
    let closed = &mut snapshot.network_acls[1].entries;
    closed.last_mut().unwrap().direction = Direction::Egress;
    let plan = plan_of_lambda(&snapshot);
    assert!(!creates(&plan, "lambda"));
    insta::assert_snapshot!(plan.left_alone[0], @"lambda: private DNS would cut clients off that reach it today: network ACL acl-closed of subnet-public-a refuses 10.0.2.0-10.0.2.255 on TCP 443, out to subnet-private-a. Its owner would first admit TCP 443 to the endpoint's subnets and the answers back");
}

/// Lambda alone, for nobody in particular.
fn plan_of_lambda(snapshot: &Snapshot) -> Plan {
    let mut snapshot = snapshot.clone();
    snapshot.groups.retain(|group| group.id != "sg-pollers");
    let mut request = model::request();
    request.services = vec!["lambda".to_owned()];
    request.kafka_pollers.clear();
    let (request, _) = normalise(request).unwrap();
    let sealed = make(&place(), &request, &snapshot, &model::evidence(), 0);
    sealed.unwrap().plan
}

#[test]
fn a_service_without_private_dns_or_with_its_name_taken_is_left_alone() {
    let mut nameless = model::snapshot();
    for offer in &mut nameless.services {
        offer.dns_names.clear();
    }
    let plan = plan_of_lambda(&nameless);
    assert!(plan.left_alone[0].contains("no private DNS"), "{plan:?}");
    let zone = HostedZone {
        name: "lambda.us-east-1.amazonaws.com".to_owned(),
        id: "Z1".to_owned(),
        owner: "210987654321".to_owned(),
    };
    let evidence = Evidence {
        hosted_zones: Read::Known(vec![zone]),
        ..model::evidence()
    };
    let plan = plan_with(&evidence).plan;
    assert!(!creates(&plan, "lambda") && creates(&plan, "sts") && creates(&plan, "s3"));
    assert!(plan.left_alone[0].contains("Z1"), "{plan:?}");
}

fn plan_with(evidence: &Evidence) -> Sealed {
    let (request, _) = normalise(model::request()).unwrap();
    make(&place(), &request, &model::snapshot(), evidence, 0).unwrap()
}

fn denied<T>() -> Read<T> {
    Read::Unreadable("AccessDenied".to_owned())
}

fn nothing_readable() -> Evidence {
    let callers = ["lambda", "s3", "sts"].map(|service| (service.to_owned(), denied()));
    Evidence {
        nat_addresses: denied(),
        hosted_zones: denied(),
        bucket_policies: Some(denied()),
        callers: callers.into(),
        room: denied(),
        unread_pollers: None,
    }
}

#[test]
fn what_cannot_be_read_is_in_the_plan_its_text_and_the_command_that_approves_it() {
    let sealed = plan_with(&nothing_readable());
    let expected = [
        "dns.hosted-zones",
        "source-ip.bucket-policies",
        "source-ip.cloudtrail",
        "source-ip.nat-addresses",
    ];
    assert_eq!(codes(&sealed.plan.unknowns), expected);
    let commands = Commands {
        function_name: "endpoint-remediator".to_owned(),
        approval_url: "https://approval.example".to_owned(),
        expires_at: "2026-10-15T06:30:00Z".parse().unwrap(),
    };
    let text = text(&sealed, &(&Promise::default()).into(), &commands);
    let accepting = format!(r#""accept_unknown":["{}"]}}'"#, expected.join(r#"",""#));
    assert!(text.contains(&accepting), "{text}");
    let (_, from) = text.split_once("What could not be found out").unwrap();
    let (section, _) = from.split_once("\n\n").unwrap();
    insta::assert_snapshot!(section, @"
    (whoever approves accepts each by its code):
     - dns.hosted-zones: Private hosted zones of vpc-1 could not be read (AccessDenied): one of the service's name or of a parent of it would make EC2 refuse private DNS, or lose its records to it
     - source-ip.bucket-policies: The account's buckets could not be listed (AccessDenied): one that admits calls by the NAT gateway's public address (aws:SourceIp) denies whoever comes through the endpoint
     - source-ip.cloudtrail: Who calls from the NAT gateway's address could not be read from CloudTrail (s3: AccessDenied, lambda: AccessDenied, sts: AccessDenied): IAM policies of theirs that ask for that address (aws:SourceIp) deny them at an endpoint
     - source-ip.nat-addresses: The addresses of the NAT gateways of vpc-1 could not be read (AccessDenied): allow-lists that name them (aws:SourceIp) were not looked for, and start to deny whoever comes through an endpoint
    ");
}

#[test]
fn only_what_the_planned_steps_rest_on_is_unknown() {
    let unknown = |services: &[&str]| {
        let mut request = model::request();
        request.services = services.iter().map(|&name| name.to_owned()).collect();
        let (request, _) = normalise(request).unwrap();
        let sealed = make(
            &place(),
            &request,
            &model::snapshot(),
            &nothing_readable(),
            0,
        );
        codes(&sealed.unwrap().plan.unknowns)
    };
    let of_s3 = unknown(&["s3"]);
    assert!(of_s3.contains(&"source-ip.bucket-policies".to_owned()));
    assert!(
        !of_s3.iter().any(|code| code.starts_with("dns.")),
        "{of_s3:?}"
    );
    let of_sts = unknown(&["sts"]);
    assert!(of_sts.contains(&"dns.hosted-zones".to_owned()));
    assert!(!of_sts.contains(&"source-ip.bucket-policies".to_owned()));
    assert_eq!(unknown(&["nosuch"]), [""; 0]);
}

#[test]
fn evidence_and_who_asked_are_bound_into_the_hash_but_not_the_order_it_came_in() {
    let zone = |name: &str| HostedZone {
        name: name.to_owned(),
        id: "Z1".to_owned(),
        owner: "123456789012".to_owned(),
    };
    let with = |zones: &[&str]| Evidence {
        hosted_zones: Read::Known(zones.iter().map(|name| zone(name)).collect()),
        ..model::evidence()
    };
    let one = plan_with(&with(&["a.internal", "b.internal"]));
    assert_eq!(one, plan_with(&with(&["b.internal", "a.internal"])));
    assert_ne!(one.hash, plan_with(&with(&["a.internal"])).hash);
    let asked = one
        .clone()
        .asked_by(Some("123456789012/AROAEXAMPLE"))
        .unwrap();
    assert_ne!(asked.hash, one.hash);
    assert_eq!(one.clone().asked_by(None).unwrap(), one);
}
