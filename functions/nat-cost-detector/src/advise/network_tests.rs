//! What the routes, endpoints, zones and Transit Gateways of the network make of the same flows.

use tollkeeper::finding::{Direction, Remedy, Source, SourceKind};

use super::tests::{GB, advice, flow, flows};
use super::*;
use crate::explain::attribute::{Certainty, Figures};
use crate::fixture;
use crate::measure::network::{Endpoint, EndpointType};
use crate::measure::topology::{TransitAttachment, Vpc};

/// One flow of the web server, as if it stood in another subnet.
fn from_subnet(subnet: &str, service: &str, bytes: u64) -> (Flow, Figures) {
    let region = if service == "INTERNET" {
        ""
    } else {
        "us-east-1"
    };
    let mut flow = flow("eni-web", service, region, Direction::Upload);
    subnet.clone_into(&mut flow.source.subnet_id);
    let certainty = Certainty::Known;
    (flow, Figures { bytes, certainty })
}

fn titles(flows: &Flows, network: &Network) -> String {
    let lines: Vec<String> = advice(flows, network)
        .iter()
        .map(|advice| {
            format!(
                "{} for {}: {}",
                advice.monthly_saving, advice.monthly_cost, advice.title
            )
        })
        .collect();
    lines.join("\n")
}

fn gateway_endpoint(tables: &[&str]) -> Endpoint {
    Endpoint {
        id: "vpce-s3".to_owned(),
        vpc_id: fixture::VPC.to_owned(),
        service_name: "com.amazonaws.us-east-1.s3".to_owned(),
        kind: EndpointType::Gateway,
        available: true,
        route_tables: tables.iter().map(|table| (*table).to_owned()).collect(),
        ..Endpoint::default()
    }
}

fn attachment(vpc: &str) -> TransitAttachment {
    TransitAttachment {
        id: format!("tgw-attach-{vpc}"),
        transit_gateway_id: "tgw-1".to_owned(),
        vpc_id: vpc.to_owned(),
        vpc_owner: "123456789012".to_owned(),
    }
}

#[test]
fn an_endpoint_that_lacks_a_table_gets_it_and_only_that_tables_sources_are_counted() {
    let mut network = fixture::routed();
    network.endpoints = vec![gateway_endpoint(&["rtb-b", "rtb-main"])];
    let flows = Flows::from([
        from_subnet("subnet-a", "S3", 100 * GB),
        from_subnet("subnet-b", "S3", 50 * GB),
    ]);
    let advice = advice(&flows, &network);
    assert_eq!(advice[0].remedy, Remedy::GatewayEndpointRoutes);
    assert!(
        advice[0]
            .title
            .starts_with("Add rtb-a to the route tables of vpce-s3")
    );
    assert_eq!(
        advice[0].monthly_saving.to_string(),
        "$135.00",
        "subnet-b's table leads to the endpoint: what goes past it gains nothing"
    );
    assert_eq!(advice[0].plan_request.as_ref().unwrap().services, ["s3"]);
    network.endpoints[0] = gateway_endpoint(&["rtb-a", "rtb-b", "rtb-main"]);
    assert!(!titles(&flows, &network).contains("vpce-s3"));
}

#[test]
fn pollers_whose_vpc_has_a_lambda_endpoint_are_not_advised_to_get_another() {
    let mut network = fixture::routed();
    let leak = flows(&[("eni-poller-a", "AMAZON", "us-east-1", 3_333 * GB)]);
    let kinds = |network: &Network| {
        let kinds: Vec<Remedy> = advice(&leak, network).iter().map(|a| a.remedy).collect();
        kinds
    };
    assert!(kinds(&network).contains(&Remedy::InterfaceEndpoints));
    network.endpoints = vec![Endpoint {
        service_name: "com.amazonaws.us-east-1.lambda".to_owned(),
        kind: EndpointType::Interface,
        private_dns: true,
        ..gateway_endpoint(&[])
    }];
    let kinds = kinds(&network);
    assert!(
        !kinds.contains(&Remedy::InterfaceEndpoints)
            && !kinds.contains(&Remedy::ProvisionedPollers)
    );
}

#[test]
fn the_better_of_two_remedies_that_exclude_each_other_counts() {
    let flows = flows(&[("eni-poller-a", "AMAZON", "us-east-1", 3_333 * GB)]);
    let advice = advice(&flows, &fixture::network());
    assert_eq!(
        total_monthly_saving(&advice),
        rust_decimal::Decimal::new(409_440, 2)
    );
}

#[test]
fn egress_behind_a_transit_gateway_gets_its_endpoint_where_the_sources_are() {
    let mut network = fixture::routed();
    network.transit_attachments = vec![attachment(fixture::VPC), attachment("vpc-spoke")];
    let spoke = Vpc {
        owner: network.account.clone(),
        cidrs: vec!["10.9.0.0/16".to_owned()],
    };
    network.vpcs.insert("vpc-spoke".to_owned(), spoke);
    let mut known = flow("eni-builder", "S3", "us-east-1", Direction::Download);
    "vpc-spoke".clone_into(&mut known.source.vpc_id);
    let mut unknown = flow("eni-web", "S3", "us-east-1", Direction::Download);
    unknown.source = Source {
        kind: SourceKind::Address,
        id: "10.10.0.7".to_owned(),
        name: "10.10.0.7".to_owned(),
        subnet_id: String::new(),
        vpc_id: String::new(),
    };
    let own = flow("eni-web", "S3", "us-east-1", Direction::Download);
    let figures = |gb: u64| Figures {
        bytes: gb * GB,
        certainty: Certainty::Known,
    };
    let flows = Flows::from([
        (known, figures(10)),
        (unknown, figures(40)),
        (own, figures(20)),
    ]);
    let advice = advice(&flows, &network);
    let of = |vpc: &str| {
        let mut all = advice.iter();
        all.find(|a| a.vpc_id == vpc && a.remedy == Remedy::GatewayEndpoint)
            .unwrap()
    };
    // 300 GB a month at NAT ($.045) and Transit Gateway ($.02).
    assert_eq!(of("vpc-spoke").monthly_saving.to_string(), "$19.50");
    assert_eq!(
        of(fixture::VPC).monthly_saving.to_string(),
        "$27.00",
        "its own 20 GB a day only"
    );
    let limits = of(fixture::VPC).does_not_cover.join("\n");
    assert!(
        limits.contains("40.0 GB a day from addresses that are not known to be in vpc-1 and may come through tgw-1"),
        "{limits}"
    );
}

#[test]
fn traffic_that_crosses_zones_is_sent_to_the_gateway_of_its_own_zone() {
    let mut network = fixture::routed();
    // Through nat-a in zone a, from subnet b in zone b.
    let flows = Flows::from([from_subnet("subnet-b", "INTERNET", 200 * GB)]);
    let crossing = |network: &Network| {
        let mut all = advice(&flows, network);
        all.retain(|a| a.remedy == Remedy::NatGatewayInZone);
        all
    };
    let own = &crossing(&network)[0];
    assert_eq!(
        own.title,
        "Route subnet-b (us-east-1b) to nat-b in their own zone instead of nat-a in another zone"
    );
    assert_eq!(
        (own.monthly_cost.to_string(), own.monthly_saving.to_string()),
        ("$0.00".to_owned(), "$60.00".to_owned())
    );
    network.nats.truncate(1);
    let made = &crossing(&network)[0];
    assert_eq!(
        (
            made.monthly_cost.to_string(),
            made.monthly_saving.to_string()
        ),
        ("$32.85".to_owned(), "$27.15".to_owned())
    );
    assert_eq!(made.break_even_gb_a_month.unwrap().to_string(), "3285");
    network.nats[0].regional = true;
    assert!(
        crossing(&network).is_empty(),
        "a regional gateway is in every zone"
    );
}

#[test]
fn what_no_endpoint_takes_has_last_resorts_with_their_price_in_words() {
    let network = fixture::routed();
    let flows = flows(&[
        ("eni-builder", "S3", "us-east-1", 100 * GB),
        ("eni-web", "INTERNET", "", 90 * GB),
    ]);
    insta::assert_snapshot!(titles(&flows, &network), @r"
    $135.00 for $0.00: Give vpc-1 a gateway endpoint for s3 in the route tables of its private subnets: it costs nothing
    $148.22 for $6.13: As a last resort, replace the NAT gateways of vpc-1 by 2 NAT instance(s) (t4g.nano, one a zone), which cost nothing per GB
    ");
    let little = super::tests::flows(&[("eni-web", "INTERNET", "", GB)]);
    assert_eq!(titles(&little, &network), "", "not worth a thought");
    let much = super::tests::flows(&[("eni-web", "INTERNET", "", 9_000 * GB)]);
    assert!(
        !titles(&much, &network).contains("NAT instance"),
        "more than they carry"
    );
}

#[test]
fn another_accounts_vpc_is_advised_on_but_not_planned() {
    let mut network = fixture::routed();
    network.vpcs.get_mut(fixture::VPC).unwrap().owner = "222222222222".to_owned();
    let flows = flows(&[("eni-builder", "S3", "us-east-1", 100 * GB)]);
    let advice = advice(&flows, &network);
    assert_eq!(advice[0].plan_request, None, "another account's VPC");
    assert!(advice[0].does_not_cover[0].contains("shared by account 222222222222"));
}

#[test]
fn zones_without_room_for_an_endpoint_are_named() {
    let mut network = fixture::routed();
    network.subnets.get_mut("subnet-b").unwrap().free_addresses = Some(3);
    let flows = flows(&[("eni-poller-a", "AMAZON", "us-east-1", 3_333 * GB)]);
    let advice = advice(&flows, &network);
    assert!(
        advice[0]
            .does_not_cover
            .iter()
            .any(|line| line.starts_with("No private subnet in us-east-1b has 8 free addresses"))
    );
}
