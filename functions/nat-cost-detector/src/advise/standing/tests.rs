use tollkeeper::prices;

use super::*;
use crate::fixture;
use crate::measure::network::{Endpoint, EndpointType};
use crate::measure::topology::{FlowLog, Target, TransitAttachment};

fn usage() -> Usage {
    Usage {
        days: 14,
        since: "2026-10-01T00:00:00Z".parse().unwrap(),
        nat_bytes: [("nat-a".to_owned(), 900 << 30), ("nat-b".to_owned(), 0)].into(),
        endpoint_bytes: BTreeMap::new(),
    }
}

fn standing<'a>(network: &'a Network, usage: &'a Usage, flows: Option<&'a Flows>) -> Standing<'a> {
    Standing {
        network,
        usage,
        prices: prices::for_region("us-east-1").unwrap(),
        flows,
    }
}

fn titles(network: &Network, usage: &Usage, flows_known: bool) -> Vec<String> {
    let flows = Flows::new();
    let flows = flows_known.then_some(&flows);
    set_up_badly(standing(network, usage, flows))
        .into_iter()
        .map(|advice| format!("{} {}", advice.monthly_saving, advice.title))
        .collect()
}

fn endpoint(id: &str, service: &str, kind: EndpointType) -> Endpoint {
    Endpoint {
        id: id.to_owned(),
        vpc_id: fixture::VPC.to_owned(),
        service_name: format!("com.amazonaws.us-east-1.{service}"),
        kind,
        available: true,
        subnets: vec!["subnet-a".to_owned(), "subnet-b".to_owned()],
        created_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        ..Endpoint::default()
    }
}

#[test]
fn a_gateway_is_idle_only_if_it_is_old_enough_and_known_to_have_carried_nothing() {
    let mut network = fixture::routed();
    let advice = set_up_badly(standing(&network, &usage(), Some(&Flows::new())));
    let [idle] = advice.as_slice() else {
        panic!("one advice, not {advice:?}")
    };
    assert_eq!(idle.title, "Delete nat-b: nothing went through in 14 days");
    assert_eq!(idle.monthly_saving.to_string(), "$32.85");
    assert!(idle.does_not_cover[1].contains("rtb-b"));
    assert_eq!(idle.plan_request, None, "the remediator cannot do it");

    let silent = Usage {
        nat_bytes: BTreeMap::new(),
        ..usage()
    };
    assert_eq!(
        titles(&network, &silent, true).len(),
        0,
        "unknown is not zero"
    );
    network.nats[1].created_at = Some("2026-10-02T00:00:00Z".parse().unwrap());
    assert_eq!(titles(&network, &usage(), true).len(), 0, "too young");
    network.nats[1].created_at = None;
    assert_eq!(titles(&network, &usage(), true).len(), 0, "age unknown");
}

#[test]
fn endpoints_nobody_uses_are_priced_by_their_zones() {
    let mut network = fixture::routed();
    network.endpoints = vec![
        endpoint("vpce-kms", "kms", EndpointType::Interface),
        endpoint("vpce-used", "sqs", EndpointType::Interface),
        endpoint("vpce-unknown", "ssm", EndpointType::Interface),
        Endpoint {
            requester_managed: true,
            ..endpoint("vpce-managed", "kms", EndpointType::Interface)
        },
    ];
    let usage = Usage {
        nat_bytes: BTreeMap::new(),
        endpoint_bytes: [("vpce-kms", 0), ("vpce-used", 5), ("vpce-managed", 0)]
            .map(|(id, bytes)| (id.to_owned(), bytes))
            .into(),
        ..usage()
    };
    assert_eq!(
        titles(&network, &usage, true),
        ["$14.60 Delete vpce-kms (kms): nothing went through in 14 days"]
    );
}

#[test]
fn without_flow_logs_missing_routes_are_named_and_their_saving_is_unknown() {
    let mut network = fixture::routed();
    let mut s3 = endpoint("vpce-s3", "s3", EndpointType::Gateway);
    s3.route_tables = vec!["rtb-b".to_owned(), "rtb-main".to_owned()];
    network.endpoints = vec![s3];
    // Subnet b leaves through zone a, though nat-b is in its own zone.
    network.route_tables[1].routes[0].target = Target::Nat("nat-a".to_owned());
    insta::assert_snapshot!(titles(&network, &usage(), false).join("\n"), @r"
    $32.85 Delete nat-b: nothing went through in 14 days
    $0.00 Give vpc-1 a gateway endpoint for dynamodb in the route tables of its private subnets: it costs nothing (saving unknown)
    $0.00 Add rtb-a to the route tables of vpce-s3, the gateway endpoint of vpc-1 for s3: it costs nothing (saving unknown)
    $0.00 Route subnet-b (us-east-1b) to nat-b in their own zone: it costs nothing (saving unknown)
    ");
    let advice = set_up_badly(standing(&network, &usage(), None));
    assert_eq!(
        advice[1].does_not_cover[0],
        "Saving unknown: no flow logs were read; less than the $40.50 of NAT processing of the 14 days to here"
    );
    assert_eq!(advice[2].plan_request.as_ref().unwrap().services, ["s3"]);
    assert_eq!(
        titles(&network, &usage(), true).len(),
        1,
        "flows price them"
    );
}

#[test]
fn a_shared_vpc_is_advised_on_but_not_planned() {
    let mut network = fixture::routed();
    network.vpcs.get_mut(fixture::VPC).unwrap().owner = "222222222222".to_owned();
    let advice = set_up_badly(standing(&network, &usage(), None));
    let missing = advice
        .iter()
        .find(|advice| advice.remedy == Remedy::GatewayEndpoint)
        .unwrap();
    assert_eq!(missing.plan_request, None);
    assert!(missing.does_not_cover[1].contains("shared by account 222222222222"));
}

#[test]
fn remarks_say_what_has_no_price() {
    let mut network = fixture::routed();
    // Zone a has no gateway left, its subnet leaves through zone b; c leaves through a Transit Gateway.
    network.nats.remove(0);
    network.route_tables[0].routes[0].target = Target::Nat("nat-b".to_owned());
    network.route_tables.push(fixture::route_table(
        "rtb-c",
        &["subnet-c"],
        Some(Target::TransitGateway("tgw-1".to_owned())),
    ));
    network.transit_attachments = [
        (fixture::VPC, "123456789012"),
        ("vpc-ours", "123456789012"),
        ("vpc-theirs", "222222222222"),
    ]
    .map(|(vpc, owner)| TransitAttachment {
        id: format!("tgw-attach-{vpc}"),
        transit_gateway_id: "tgw-1".to_owned(),
        vpc_id: vpc.to_owned(),
        vpc_owner: owner.to_owned(),
    })
    .to_vec();
    network.endpoints = vec![endpoint("vpce-kms", "kms", EndpointType::Interface)];
    network.flow_logs = vec![FlowLog {
        id: "fl-1".to_owned(),
        resource_id: fixture::VPC.to_owned(),
        destination: "arn:aws:s3:::logs".to_owned(),
        format: "${version} ${srcaddr} ${dstaddr}".to_owned(),
        works: true,
        ..FlowLog::default()
    }];
    let web = network
        .interfaces
        .iter_mut()
        .find(|interface| interface.id == "eni-web")
        .unwrap();
    web.details.forwards = true;
    network.route_tables[3].routes = vec![crate::measure::topology::Route {
        destination: "0.0.0.0/0".to_owned(),
        target: Target::Interface("eni-web".to_owned()),
        active: true,
    }];
    let said = remarks(standing(&network, &usage(), Some(&Flows::new())));
    insta::assert_snapshot!(said.join("\n"), @r"
    web-1 acts as a NAT for rtb-main: it costs no bytes, has no redundancy of its own, and nothing here measures it
    vpc-1 has no NAT gateway in us-east-1a, whose subnets leave through another zone at $0.01 a GB: one of its own pays above 3285 GB a month
    vpc-1 leaves through tgw-1: its endpoints belong in it, not in the VPC of the NAT gateways
    Others can leave through the NAT gateways of vpc-1 by way of tgw-1: vpc-ours, vpc-theirs of account 222222222222. Sources of other accounts have no names here
    vpce-kms (kms) has private DNS off: only clients that name it use it, the others go past it
    The flow logs of nat-b (fl-1 to arn:aws:s3:::logs) lack pkt-srcaddr and pkt-dstaddr: they cannot say who is behind it
    ");
}

#[test]
fn ipv6_has_a_ceiling_and_a_list_of_what_is_still_missing() {
    let mut network = fixture::routed();
    let flows = crate::advise::tests::flows(&[("eni-web", "INTERNET", "", 90 << 30)]);
    let todo = |network: &Network| {
        let mut advice = set_up_badly(standing(network, &usage(), Some(&flows)));
        advice.retain(|advice| advice.remedy == Remedy::EgressOnlyInternetGateway);
        advice[0].does_not_cover[..2].join("; ")
    };
    insta::assert_snapshot!(todo(&network), @"Saving unknown: up to $121.50 a month if every far end on the internet spoke IPv6. Look up the largest ones (AAAA records) first; It takes an IPv6 range for the VPC, one for subnet-a, subnet-b, subnet-c, an egress-only internet gateway with a route to ::/0, IPv6 addresses and rules for the clients");
    for subnet in network.subnets.values_mut() {
        subnet.ipv6 = true;
    }
    let vpc = network.vpcs.get_mut(fixture::VPC).unwrap();
    vpc.cidrs.push("2600:1f18::/56".to_owned());
    network.egress_only_vpcs.insert(fixture::VPC.to_owned());
    assert!(todo(&network).ends_with("It takes IPv6 addresses and rules for the clients"));
    let little = crate::advise::tests::flows(&[("eni-web", "INTERNET", "", 1 << 30)]);
    let advice = set_up_badly(standing(&network, &usage(), Some(&little)));
    assert_eq!(advice.len(), 1, "the idle gateway only");
}
