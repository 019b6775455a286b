use tollkeeper::finding::{Direction, Remedy};
use tollkeeper::prices;

use super::*;
use crate::explain::attribute::{Certainty, Figures};
use crate::explain::pollers;
use crate::fixture;
use crate::measure::network::Endpoint;

pub(super) const GB: u64 = 1 << 30;

pub(super) fn flow(interface: &str, service: &str, region: &str, direction: Direction) -> Flow {
    let interface = fixture::interface(interface);
    Flow {
        nat_gateway_id: "nat-a".to_owned(),
        nat_vpc_id: fixture::VPC.to_owned(),
        source: pollers::source_of(&interface, &fixture::mappings()).unwrap_or(interface.source),
        service: service.to_owned(),
        service_region: region.to_owned(),
        direction,
    }
}

pub(super) fn flows(rows: &[(&str, &str, &str, u64)]) -> Flows {
    rows.iter()
        .map(|(interface, service, region, bytes)| {
            let figures = Figures {
                bytes: *bytes,
                certainty: Certainty::Known,
            };
            (flow(interface, service, region, Direction::Upload), figures)
        })
        .collect()
}

pub(super) fn advice(flows: &Flows, network: &Network) -> Vec<Advice> {
    advise(Situation {
        flows,
        network,
        mappings: &fixture::mappings(),
        prices: prices::for_region("us-east-1").unwrap(),
        incident_id: Some("incident"),
    })
}

#[test]
fn the_users_own_case_compares_nat_endpoints_and_provisioned_pollers() {
    // $150 a day at $.045 a GB.
    let flows = flows(&[("eni-poller-a", "AMAZON", "us-east-1", 3_333 * GB)]);
    let advice = advice(&flows, &fixture::network());
    let of = |index: usize| {
        let one: &Advice = &advice[index];
        (
            one.remedy,
            one.monthly_cost.to_string(),
            one.monthly_saving.to_string(),
        )
    };
    assert_eq!(
        of(0),
        (
            Remedy::InterfaceEndpoints,
            "$1,029.10".to_owned(),
            "$3,470.45".to_owned()
        )
    );
    assert_eq!(
        of(1),
        (
            Remedy::ProvisionedPollers,
            "$405.15".to_owned(),
            "$4,094.40".to_owned()
        )
    );
    let request = advice[0].plan_request.clone().unwrap();
    assert_eq!(request.services, ["lambda", "sts"]);
    assert_eq!(request.kafka_pollers[0].security_group, "sg-pollers");
    assert_eq!(request.incident_id.as_deref(), Some("incident"));
    assert_eq!(advice[0].zones, ["us-east-1a", "us-east-1b"]);
}

#[test]
fn gateway_endpoints_are_free_and_stop_at_the_regions_border() {
    let flows = flows(&[
        ("eni-builder", "S3", "us-east-1", 100 * GB),
        ("eni-web", "DYNAMODB", "us-east-1", 10 * GB),
        ("eni-web", "S3", "eu-west-1", 40 * GB),
        ("eni-web", "INTERNET", "", 20 * GB),
        ("eni-broker", "S3", "", GB),
    ]);
    let advice = advice(&flows, &fixture::network());
    assert_eq!(advice.len(), 1);
    assert_eq!(advice[0].services, ["s3", "dynamodb"]);
    assert_eq!(advice[0].monthly_saving.to_string(), "$148.50");
    assert_eq!(
        advice[0].does_not_cover,
        [
            "S3 in eu-west-1: 40.0 GB a day",
            "the internet: 20.0 GB a day",
            "S3, region unknown: 1.0 GB a day"
        ]
    );
}

#[test]
fn endpoints_that_cost_more_than_they_save_are_not_advised() {
    let flows = flows(&[("eni-poller-a", "AMAZON", "us-east-1", 20 * GB)]);
    assert_eq!(advice(&flows, &fixture::network()), []);
}

#[test]
fn an_endpoint_that_exists_already_is_named() {
    let mut network = fixture::network();
    network.endpoints.push(Endpoint {
        id: "vpce-1".to_owned(),
        vpc_id: fixture::VPC.to_owned(),
        service_name: "com.amazonaws.us-east-1.s3".to_owned(),
        ..Default::default()
    });
    let advice = advice(
        &flows(&[("eni-builder", "S3", "us-east-1", 100 * GB)]),
        &network,
    );
    assert!(
        advice[0].does_not_cover[0]
            .starts_with("vpce-1 for com.amazonaws.us-east-1.s3 exists already")
    );
}

#[test]
fn a_flow_log_is_priced_and_promises_no_saving() {
    let advice = flow_log(3_333 * GB, "vpc-1");
    assert_eq!(advice.monthly_cost.to_string(), "$25.00");
    assert!(advice.monthly_saving.amount.is_zero());
}
