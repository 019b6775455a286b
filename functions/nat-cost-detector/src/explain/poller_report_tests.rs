use tollkeeper::finding::Direction;
use tollkeeper::prices;

use super::*;
use crate::explain::attribute::{Certainty, Figures, Flow};
use crate::explain::pollers;
use crate::fixture;
use crate::measure::network::{Endpoint, PollerMode};

fn reports_of(
    mappings: &[KafkaMapping],
    network: &Network,
    bytes: Option<u64>,
) -> Vec<PollerReport> {
    let flows = bytes.map(|bytes| {
        let source = pollers::source_of(&fixture::interface("eni-poller-a"), mappings);
        let flow = Flow {
            nat_gateway_id: "nat-a".to_owned(),
            nat_vpc_id: fixture::VPC.to_owned(),
            source: source.unwrap(),
            service: "AMAZON".to_owned(),
            service_region: "us-east-1".to_owned(),
            direction: Direction::Upload,
        };
        let certainty = Certainty::Known;
        Flows::from([(flow, Figures { bytes, certainty })])
    });
    let prices = prices::for_region("us-east-1").unwrap();
    reports(mappings, network, flows.as_ref(), prices)
}

fn lambda_endpoint(private_dns: bool) -> Endpoint {
    Endpoint {
        id: "vpce-lambda".to_owned(),
        vpc_id: fixture::VPC.to_owned(),
        service_name: "com.amazonaws.us-east-1.lambda".to_owned(),
        kind: EndpointType::Interface,
        available: true,
        private_dns,
        ..Endpoint::default()
    }
}

#[test]
fn pollers_behind_nat_gateways_get_the_price_of_the_three_ways() {
    let reports = reports_of(&fixture::mappings(), &fixture::routed(), Some(3_333 << 30));
    let [report] = reports.as_slice() else {
        panic!("one report")
    };
    let nats = ["nat-a", "nat-b"].map(str::to_owned).to_vec();
    assert_eq!(
        report.path,
        PollerPath::NatGateways {
            nat_gateway_ids: nats
        }
    );
    let table: Vec<String> = report
        .ways
        .iter()
        .map(|way| {
            format!(
                "{:?} {} {} {:?}",
                way.way,
                way.fixed_a_month,
                way.at_volume_a_month.as_ref().unwrap(),
                way.break_even_gb_a_month.map(|volume| volume.to_string())
            )
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    NatGateways $0.00 $4,499.55 None
    InterfaceEndpoints $29.20 $1,029.10 Some("834")
    ProvisionedPollers $405.15 $405.15 Some("9003")
    "#);
    assert_eq!(report.zones, ["us-east-1a", "us-east-1b"]);
}

#[test]
fn without_flow_logs_the_fixed_prices_and_break_even_volumes_still_stand() {
    let reports = reports_of(&fixture::mappings(), &fixture::routed(), None);
    assert_eq!(reports[0].nat_bytes_a_day, None);
    assert!(
        reports[0]
            .ways
            .iter()
            .all(|way| way.at_volume_a_month.is_none())
    );
    assert_eq!(
        reports[0].ways[1].break_even_gb_a_month,
        Some(Decimal::from(834))
    );
}

#[test]
fn a_lambda_endpoint_is_the_way_only_with_private_dns() {
    let mut network = fixture::routed();
    network.endpoints = vec![lambda_endpoint(false)];
    let path = |network: &Network| {
        let mut reports = reports_of(&fixture::mappings(), network, None);
        reports.remove(0)
    };
    assert!(matches!(
        path(&network).path,
        PollerPath::NatGateways { .. }
    ));
    network.endpoints = vec![lambda_endpoint(true)];
    let report = path(&network);
    assert!(matches!(report.path, PollerPath::LambdaEndpoint { .. }));
    assert_eq!(report.ways, [], "nothing to choose");
    assert!(report.notes[0].starts_with("There is no sts endpoint"));
}

#[test]
fn each_subnets_way_is_read_from_its_own_table() {
    let mut network = fixture::routed();
    let mut mappings = fixture::mappings();
    let path = |mappings: &[KafkaMapping], network: &Network| {
        let report = reports_of(mappings, network, None).remove(0);
        (report.path, report.notes)
    };
    mappings[0].subnets = vec!["subnet-c".to_owned()];
    assert_eq!(path(&mappings, &network).0, PollerPath::NoWay);
    mappings[0].subnets.push("subnet-b".to_owned());
    let (mixed, notes) = path(&mappings, &network);
    assert!(matches!(mixed, PollerPath::NatGateways { .. }));
    assert!(notes.contains(&"No way out for a poller in subnet-c".to_owned()));
    network.route_tables.clear();
    assert_eq!(path(&mappings, &network).0, PollerPath::Unknown);
}

#[test]
fn provisioned_pollers_and_pollers_outside_vpcs_pay_nothing_here() {
    let mut mappings = fixture::mappings();
    mappings[0].mode = PollerMode::Provisioned(Some(1), Some(3));
    let provisioned = &reports_of(&mappings, &fixture::routed(), None)[0];
    assert_eq!(
        (&provisioned.path, provisioned.ways.len()),
        (&PollerPath::Nothing, 0)
    );
    mappings[0] = KafkaMapping {
        id: "public".to_owned(),
        ..KafkaMapping::default()
    };
    assert_eq!(
        reports_of(&mappings, &fixture::routed(), None)[0].path,
        PollerPath::NoVpc
    );
    mappings[0].cluster_arn = Some("arn:aws:kafka:us-east-1:1:cluster/a/b".to_owned());
    let unknown = &reports_of(&mappings, &fixture::routed(), None)[0];
    assert_eq!(unknown.path, PollerPath::Unknown, "MSK could not be asked");
    assert!(unknown.notes[0].contains("kafka:DescribeClusterV2"));
}

#[test]
fn mappings_that_can_share_interfaces_are_reported_together_and_others_apart() {
    let like = |id: &str, subnet: &str, group: &str| KafkaMapping {
        id: id.to_owned(),
        function: format!("function-{id}"),
        subnets: vec![subnet.to_owned()],
        groups: vec![group.to_owned()],
        ..KafkaMapping::default()
    };
    let mut bridge = like("c", "subnet-a", "sg-1");
    bridge.subnets.push("subnet-b".to_owned());
    let mappings = [
        like("a", "subnet-a", "sg-1"),
        like("b", "subnet-b", "sg-1"),
        bridge,
        like("d", "subnet-a", "sg-2"),
    ];
    let reports = reports_of(&mappings, &fixture::routed(), None);
    let ids: Vec<String> = reports
        .iter()
        .map(|report| report.mapping_ids.join("+"))
        .collect();
    assert_eq!(ids, ["a+b+c", "d"], "c joins a and b; d has another group");
    assert!(reports[0].notes[0].starts_with("Their pollers share"));
}
