use super::*;
use crate::fixture;
use crate::measure::topology::Target;

#[test]
fn a_subnet_without_a_table_of_its_own_uses_the_main_one() {
    let network = fixture::routed();
    assert_eq!(network.way_out("subnet-a"), WayOut::Nat("nat-a".to_owned()));
    assert_eq!(network.way_out("subnet-public-a"), WayOut::InternetGateway);
    assert_eq!(network.table_of("subnet-c").unwrap().id, "rtb-main");
    assert_eq!(network.way_out("subnet-c"), WayOut::Nowhere);
    assert_eq!(network.way_out("subnet-elsewhere"), WayOut::Unknown);
    assert_eq!(
        fixture::network().way_out("subnet-a"),
        WayOut::Unknown,
        "without route tables nothing is known"
    );
}

#[test]
fn a_route_into_a_black_hole_leads_nowhere() {
    let mut network = fixture::routed();
    network.route_tables[0].routes[0].active = false;
    assert_eq!(network.way_out("subnet-a"), WayOut::Nowhere);
}

#[test]
fn private_tables_are_those_of_subnets_without_an_internet_gateway() {
    let network = fixture::routed();
    let tables: Vec<&str> = network.private_tables(fixture::VPC).into_iter().collect();
    assert_eq!(tables, ["rtb-a", "rtb-b", "rtb-main"]);
}

#[test]
fn an_address_outside_the_vpc_may_have_come_through_the_transit_gateway() {
    let mut network = fixture::routed();
    let (inside, outside) = ("10.0.9.9".parse().unwrap(), "10.9.0.1".parse().unwrap());
    assert!(!network.may_come_through_transit(fixture::VPC, outside));
    network.transit_attachments.push(TransitAttachment {
        id: "tgw-attach-1".to_owned(),
        transit_gateway_id: "tgw-1".to_owned(),
        vpc_id: fixture::VPC.to_owned(),
        vpc_owner: "123456789012".to_owned(),
    });
    assert!(network.may_come_through_transit(fixture::VPC, outside));
    assert!(!network.may_come_through_transit(fixture::VPC, inside));
}

#[test]
fn an_instance_is_a_nat_only_if_it_forwards_and_a_default_route_leads_to_it() {
    let mut network = fixture::routed();
    network.route_tables[0].routes[0].target = Target::Interface("eni-web".to_owned());
    assert!(network.nat_instances().is_empty(), "its check is on");
    let web = |interface: &&mut Interface| interface.id == "eni-web";
    network
        .interfaces
        .iter_mut()
        .find(web)
        .unwrap()
        .details
        .forwards = true;
    let found = network.nat_instances();
    assert_eq!(
        (
            found[0].interface.source.id.as_str(),
            &found[0].route_tables
        ),
        ("i-web", &vec!["rtb-a"])
    );
}

#[test]
fn flow_logs_of_a_gateway_are_found_at_every_level_if_they_work() {
    let mut network = fixture::routed();
    let log = |id: &str, on: &str, works| FlowLog {
        id: id.to_owned(),
        resource_id: on.to_owned(),
        works,
        ..FlowLog::default()
    };
    network.flow_logs = vec![
        log("fl-vpc", fixture::VPC, true),
        log("fl-interface", "eni-nat-a", true),
        log("fl-broken", fixture::VPC, false),
        log("fl-other", "eni-nat-b", true),
    ];
    let logs = network.flow_logs_of(&network.nats[0]);
    let ids: Vec<&str> = logs.map(|log| log.id.as_str()).collect();
    assert_eq!(ids, ["fl-vpc", "fl-interface"]);
}

#[test]
fn a_vpc_whose_subnets_belong_to_another_account_is_shared() {
    let mut network = fixture::routed();
    assert_eq!(network.foreign_owner(fixture::VPC), None, "our own");
    network.vpcs.clear();
    assert_eq!(network.foreign_owner(fixture::VPC), None, "unknown");
    let subnet = network.subnets.get_mut("subnet-a").unwrap();
    "222222222222".clone_into(&mut subnet.owner);
    assert_eq!(network.foreign_owner(fixture::VPC), Some("222222222222"));
    network.account.clear();
    assert_eq!(
        network.foreign_owner(fixture::VPC),
        None,
        "who looks is unknown"
    );
}

#[test]
fn a_zone_is_crowded_if_none_of_its_private_subnets_has_room() {
    let mut network = fixture::routed();
    let zones = ["us-east-1a", "us-east-1b"].map(str::to_owned);
    let mut free = |subnet: &str, addresses| {
        let subnet = network.subnets.get_mut(subnet).unwrap();
        subnet.free_addresses = Some(addresses);
        network.crowded_zones(fixture::VPC, &zones, 8)
    };
    assert_eq!(free("subnet-b", 8), Vec::<&str>::new());
    assert_eq!(
        free("subnet-b", 7),
        ["us-east-1b"],
        "the public one does not help"
    );
    assert_eq!(
        free("subnet-a", 7),
        ["us-east-1b"],
        "subnet-c is in zone a too"
    );
}
