use proptest::prelude::*;
use tollkeeper::finding::{Direction, SourceKind};
use tollkeeper::flow_log::{Format, LineReader};
use tollkeeper::prices;
use tollkeeper::time::Day;

use super::*;
use crate::explain::attribute::{Certainty, Directory, Figures, attribute};
use crate::explain::surroundings::Surroundings;
use crate::explain::traffic::{DayTally, Side, Watch};
use crate::fixture;
use crate::measure::inventory::{Inventory, Stay};

const GB: u64 = 1 << 30;

fn flows(rows: &[(&str, &str, u64)]) -> Flows {
    rows.iter()
        .map(|(interface, service, bytes)| {
            let flow = Flow {
                nat_gateway_id: "nat-a".to_owned(),
                nat_vpc_id: fixture::VPC.to_owned(),
                source: fixture::interface(interface).source,
                service: (*service).to_owned(),
                service_region: "us-east-1".to_owned(),
                direction: Direction::Upload,
            };
            let figures = Figures {
                bytes: *bytes,
                certainty: Certainty::Known,
            };
            (flow, figures)
        })
        .collect()
}

fn contributions(explanation: &Explanation) -> Vec<(String, u64)> {
    explanation
        .causes
        .iter()
        .map(|cause| {
            (
                format!("{} {}", cause.source.name, cause.service),
                cause.excess.bytes,
            )
        })
        .collect()
}

fn usd() -> &'static RegionPrices {
    prices::for_region("us-east-1").unwrap()
}

#[test]
fn what_rose_is_the_cause_and_falls_are_netted_off() {
    let quiet = flows(&[("eni-web", "S3", 100), ("eni-builder", "S3", 100)]);
    let today = flows(&[("eni-web", "S3", 50), ("eni-builder", "S3", 400)]);
    let explanation = explain(&today, &[quiet], 450, 300, usd());
    assert_eq!(
        contributions(&explanation),
        [("image-builder S3".to_owned(), 250)]
    );
    assert_eq!(explanation.unexplained.bytes, 50);
    assert_eq!(explanation.causes[0].share_percent.to_string(), "83.33");
}

#[test]
fn a_rise_beyond_the_excess_is_scaled_down_to_it() {
    let today = flows(&[("eni-web", "S3", 300), ("eni-builder", "S3", 100)]);
    let explanation = explain(&today, &[Flows::new()], 400, 200, usd());
    assert_eq!(
        contributions(&explanation),
        [
            ("web-1 S3".to_owned(), 150),
            ("image-builder S3".to_owned(), 50)
        ]
    );
    assert_eq!(explanation.unexplained.bytes, 0);
}

#[test]
fn only_changes_beyond_the_usual_scatter_are_causes() {
    let week = |web, builder| flows(&[("eni-web", "S3", web), ("eni-builder", "S3", builder)]);
    let quiet = [
        week(900, 1000),
        week(1000, 1100),
        week(1100, 1000),
        week(1000, 900),
    ];
    let today = week(1_250, 2_000);
    let explanation = explain(&today, &quiet, 3_250, 1_250, usd());
    assert_eq!(
        contributions(&explanation),
        [("image-builder S3".to_owned(), 1_000)]
    );
    assert_eq!(
        (explanation.usual_rises, explanation.unexplained.bytes),
        (250, 250)
    );
    let (flow, bytes) = explanation.blind_spot.unwrap();
    assert_eq!((flow.source.name.as_str(), bytes), ("web-1", 300));
}

#[test]
fn what_moved_to_another_gateway_or_was_taken_over_is_no_cause() {
    let quiet = flows(&[("eni-web", "S3", 500), ("eni-builder", "EC2", 100)]);
    let mut today = flows(&[("eni-builder", "EC2", 400)]);
    for (mut flow, figures) in flows(&[("eni-web", "S3", 500)]) {
        flow.nat_gateway_id = "nat-b".to_owned();
        today.insert(flow, figures);
    }
    let explanation = explain(&today, &[quiet], 900, 300, usd());
    assert_eq!(
        contributions(&explanation),
        [("image-builder EC2".to_owned(), 300)]
    );

    let quiet = flows(&[("eni-web", "S3", 500), ("eni-builder", "EC2", 100)]);
    let today = flows(&[("eni-broker", "S3", 500), ("eni-builder", "EC2", 400)]);
    let explanation = explain(&today, &[quiet], 900, 300, usd());
    assert_eq!(
        contributions(&explanation),
        [("image-builder EC2".to_owned(), 300)]
    );
}

#[test]
fn a_fall_where_flows_were_skipped_takes_nothing_from_a_rise() {
    let quiet = flows(&[("eni-web", "S3", 100), ("eni-builder", "EC2", 100)]);
    let today = flows(&[("eni-web", "S3", 50), ("eni-builder", "EC2", 400)]);
    let gaps = ["nat-a".to_owned()].into();
    let explanation = explain_with_gaps(&today, &[quiet], (500, 300), &gaps, usd());
    assert_eq!(
        contributions(&explanation),
        [("image-builder EC2".to_owned(), 300)]
    );
}

#[test]
fn without_a_quiet_day_the_excess_is_spread_by_volume() {
    let today = flows(&[("eni-web", "S3", 300), ("eni-builder", "S3", 100)]);
    let explanation = explain(&today, &[], 500, 200, usd());
    assert_eq!(
        contributions(&explanation),
        [
            ("web-1 S3".to_owned(), 120),
            ("image-builder S3".to_owned(), 40)
        ]
    );
    assert_eq!(
        explanation.unexplained.bytes, 40,
        "what the logs did not cover"
    );
}

#[test]
fn pollers_of_a_mapping_are_one_inferred_cause_for_each_gateway() {
    let day: Day = "2026-10-13".parse().unwrap();
    let format = Format::parse(
        "interface-id srcaddr dstaddr bytes start pkt-srcaddr pkt-dstaddr pkt-dst-aws-service",
    )
    .unwrap();
    let start = day.start().as_second() + 60;
    let line = |nat: &str, nat_address: &str, from: &str, service: &str| {
        format!("{nat} {from} {nat_address} 1000 {start} {from} 44.192.0.1 {service}")
    };
    let watch = Watch {
        nats: ["eni-nat-a", "eni-nat-b"].map(str::to_owned).into(),
        side: Side::Gateways,
        ranges: None,
    };
    let mut traffic = DayTally::new(day);
    let mut lines = LineReader::new(Some(&format));
    for line in [
        line("eni-nat-a", "10.0.0.9", "10.0.1.8", "AMAZON"),
        line("eni-nat-a", "10.0.0.9", "10.0.17.8", "AMAZON"),
        line("eni-nat-b", "10.0.16.9", "10.0.17.8", "AMAZON"),
        line("eni-nat-a", "10.0.0.9", "10.0.1.5", "AMAZON"),
        line("eni-nat-a", "10.0.0.9", "10.0.1.8", "S3"),
        line("eni-elsewhere", "10.0.0.9", "10.0.1.8", "AMAZON"),
    ] {
        traffic.count(&lines.read(line.as_bytes()).unwrap().unwrap(), &watch);
    }
    let network = fixture::network();
    let now = "2026-10-14T06:30:00Z".parse().unwrap();
    let stays: Vec<Stay> = crate::measure::inventory::observe(&[], &network.interfaces, now);
    let inventory = Inventory::new(&stays, &network);
    let mappings = fixture::mappings();
    let around = Surroundings::default();
    let directory = Directory {
        inventory: &inventory,
        mappings: &mappings,
        region: "us-east-1",
        surroundings: &around,
        subnets: &network.subnets,
        tag_keys: &[],
    };
    let flows = attribute(&traffic.traffic(), directory);
    let pollers: Vec<(&str, u64)> = flows
        .iter()
        .filter(|(flow, _)| flow.source.kind == SourceKind::KafkaPollers)
        .map(|(flow, figures)| (flow.nat_gateway_id.as_str(), figures.bytes))
        .collect();
    assert_eq!(pollers, [("nat-a", 2000), ("nat-b", 1000)]);
    let (flow, figures) = flows.iter().find(|(flow, _)| flow.is_inferred()).unwrap();
    assert_eq!(flow.service, "AMAZON", "the label stays as it is");
    assert!(flow.why(figures.certainty).starts_with("inferred: "));
    let total: u64 = flows.values().map(|figures| figures.bytes).sum();
    assert_eq!(
        total, 5000,
        "the S3 upload and the web server stay themselves"
    );
}

proptest! {
    #[test]
    fn causes_and_the_rest_add_up_to_the_excess(
        today in proptest::collection::vec((0usize..4, 0usize..30, 0u64..1000 * GB), 0..80),
        quiet in proptest::collection::vec(proptest::collection::vec((0usize..4, 0usize..30, 0u64..1000 * GB), 0..80), 0..3),
        observed in 0u64..20_000 * GB,
        percent in 0u64..=100,
    ) {
        let names = ["eni-web", "eni-builder", "eni-broker", "eni-poller-a"];
        let services: Vec<String> = (0..30).map(|n| format!("S{n}")).collect();
        let of = |rows: &Vec<(usize, usize, u64)>| flows(
            &rows.iter().map(|(name, service, bytes)| (names[*name], services[*service].as_str(), *bytes)).collect::<Vec<_>>()
        );
        let quiet: Vec<Flows> = quiet.iter().map(of).collect();
        let excess = observed / 100 * percent;
        let explanation = explain(&of(&today), &quiet, observed, excess, usd());
        let further = explanation.further.as_ref().map_or((0, Decimal::ZERO), |f| (f.excess.bytes, f.excess.cost.amount));
        let bytes: u64 = explanation.causes.iter().map(|cause| cause.excess.bytes).sum();
        let money: Decimal = explanation.causes.iter().map(|cause| cause.excess.cost.amount).sum();
        prop_assert_eq!(bytes + further.0 + explanation.unexplained.bytes, excess);
        prop_assert_eq!(
            money + further.1 + explanation.unexplained.cost.amount,
            volume(excess, usd()).cost.amount
        );
        prop_assert!(explanation.unexplained.cost.amount >= Decimal::ZERO);
        prop_assert!(explanation.causes.len() <= MOST_CAUSES);
    }
}
