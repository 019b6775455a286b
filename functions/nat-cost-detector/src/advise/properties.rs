//! Whatever the world looks like: no advice that does not pay, and never more saved than is paid.

use proptest::prelude::*;
use tollkeeper::finding::{Direction, Remedy, Source, SourceKind};
use tollkeeper::prices;

use super::*;
use crate::explain::attribute::{Certainty, Figures};
use crate::fixture;
use crate::measure::network::{Endpoint, EndpointType, PollerMode};
use crate::measure::topology::{Target, TransitAttachment};
use rust_decimal::Decimal;

const SERVICES: [(&str, &str); 7] = [
    ("S3", "us-east-1"),
    ("S3", "eu-west-1"),
    ("S3", ""),
    ("DYNAMODB", "us-east-1"),
    ("AMAZON", "us-east-1"),
    ("INTERNET", ""),
    ("UNKNOWN", ""),
];

prop_compose! {
    fn flow()(
        nat in 0..2usize,
        who in 0..6usize,
        service in 0..SERVICES.len(),
        upload in any::<bool>(),
        bytes in prop_oneof![Just(0), 1..1_000_000u64, 1..(20_000u64 << 30)],
    ) -> (Flow, Figures) {
        let (service, region) = SERVICES[service];
        let pollers = service == "AMAZON" && who < 2;
        let source = match who {
            0 | 1 => {
                let interface = fixture::interface(["eni-poller-a", "eni-poller-b"][who]);
                let source = crate::explain::pollers::source_of(&interface, &fixture::mappings());
                source.filter(|_| pollers).unwrap_or(interface.source)
            }
            2 | 3 => fixture::interface(["eni-web", "eni-builder"][who - 2]).source,
            4 => Source {
                kind: SourceKind::Address,
                id: "10.9.0.1".to_owned(),
                name: "10.9.0.1".to_owned(),
                subnet_id: String::new(),
                vpc_id: String::new(),
            },
            _ => Source {
                vpc_id: "vpc-spoke".to_owned(),
                subnet_id: "subnet-spoke".to_owned(),
                ..fixture::interface("eni-web").source
            },
        };
        let flow = Flow {
            nat_gateway_id: ["nat-a", "nat-b"][nat].to_owned(),
            nat_vpc_id: fixture::VPC.to_owned(),
            source,
            service: service.to_owned(),
            service_region: region.to_owned(),
            direction: if upload { Direction::Upload } else { Direction::Download },
        };
        (flow, Figures { bytes, certainty: Certainty::Known })
    }
}

prop_compose! {
    /// The routed network with endpoints here and there, egress that crosses zones, IPv6 or not, a hub or not.
    fn network()(
        known in any::<bool>(),
        endpoints in proptest::sample::subsequence(vec!["s3", "dynamodb", "lambda", "kms"], 0..=4),
        tables in proptest::sample::subsequence(vec!["rtb-a", "rtb-b", "rtb-main"], 0..=3),
        crossing in any::<bool>(),
        single in any::<bool>(),
        hub in any::<bool>(),
        foreign in any::<bool>(),
        private_dns in any::<bool>(),
    ) -> Network {
        let mut network = if known { fixture::routed() } else { fixture::network() };
        network.endpoints = endpoints
            .iter()
            .map(|service| Endpoint {
                id: format!("vpce-{service}"),
                vpc_id: fixture::VPC.to_owned(),
                service_name: format!("com.amazonaws.us-east-1.{service}"),
                kind: if service.len() > 2 && *service != "dynamodb" {
                    EndpointType::Interface
                } else {
                    EndpointType::Gateway
                },
                available: true,
                subnets: vec!["subnet-a".to_owned()],
                route_tables: tables.iter().map(|table| (*table).to_owned()).collect(),
                private_dns,
                created_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
                ..Endpoint::default()
            })
            .collect();
        if crossing && known {
            network.route_tables[1].routes[0].target = Target::Nat("nat-a".to_owned());
        }
        if single && known {
            network.nats.truncate(1);
        }
        if hub {
            network.transit_attachments = vec![TransitAttachment {
                id: "tgw-attach-1".to_owned(),
                transit_gateway_id: "tgw-1".to_owned(),
                vpc_id: fixture::VPC.to_owned(),
                vpc_owner: String::new(),
            }];
        }
        if foreign && known {
            network.vpcs.get_mut(fixture::VPC).unwrap().owner = "222222222222".to_owned();
        }
        network
    }
}

/// What the flows cost a month: NAT processing, Transit Gateway and zone crossing, with the hours of what there is.
fn bill(flows: &Flows, network: &Network, prices: &RegionPrices) -> Decimal {
    let day: u64 = flows.values().map(|figures| figures.bytes).sum();
    let gb = prices::gb(day * 30);
    let per_gb =
        prices.nat_gb() + prices.transit_gateway_gb().dollars + prices.cross_zone_gb().dollars;
    let gateways = u32::try_from(network.nats.len()).unwrap();
    let interfaces = network
        .endpoints
        .iter()
        .map(|endpoint| endpoint.subnets.len());
    let interfaces = u32::try_from(interfaces.sum::<usize>()).unwrap();
    gb * per_gb + prices.nat_hours_a_month(gateways) + prices.endpoint_hours_a_month(interfaces)
}

fn advice_of(flows: &Flows, network: &Network, mode: PollerMode) -> Vec<Advice> {
    let mut mappings = fixture::mappings();
    mappings[0].mode = mode;
    advise(Situation {
        flows,
        network,
        mappings: &mappings,
        prices: prices::for_region("us-east-1").unwrap(),
        incident_id: None,
    })
}

fn says_unknown(advice: &Advice) -> bool {
    advice.title.contains("saving unknown")
        && advice.does_not_cover[0].starts_with("Saving unknown")
}

proptest! {
    #[test]
    fn every_advice_pays_after_its_own_cost_or_costs_nothing_and_says_its_saving_is_unknown(
        flows in proptest::collection::vec(flow(), 0..12), network in network()
    ) {
        let flows: Flows = flows.into_iter().collect();
        for advice in advice_of(&flows, &network, PollerMode::OnDemand) {
            let pays = advice.monthly_saving.amount > Decimal::ZERO;
            let free = advice.monthly_cost.amount.is_zero() && says_unknown(&advice);
            prop_assert!(pays || free, "{:?}", advice);
            prop_assert!(advice.monthly_cost.amount >= Decimal::ZERO);
        }
    }

    #[test]
    fn savings_never_exceed_what_is_paid(
        flows in proptest::collection::vec(flow(), 0..12), network in network(), idle in any::<bool>()
    ) {
        let flows: Flows = flows.into_iter().collect();
        let prices = prices::for_region("us-east-1").unwrap();
        let mut advice = advice_of(&flows, &network, PollerMode::OnDemand);
        // What carried nothing by the flows carried nothing by CloudWatch.
        let used = |nat: &str| flows.iter().any(|(flow, f)| flow.nat_gateway_id == nat && f.bytes > 0);
        let usage = Usage {
            days: 14,
            since: "2026-10-01T00:00:00Z".parse().unwrap(),
            nat_bytes: network
                .nats
                .iter()
                .filter(|nat| idle && !used(&nat.id))
                .map(|nat| (nat.id.clone(), 0))
                .collect(),
            endpoint_bytes: network.endpoints.iter().map(|e| (e.id.clone(), 0)).collect(),
        };
        advice.extend(set_up_badly(Standing { network: &network, usage: &usage, prices, flows_known: true }));
        let saved = total_monthly_saving(&advice);
        prop_assert!(saved <= bill(&flows, &network, prices), "{} of {:?}", saved, advice);
    }

    #[test]
    fn bytes_of_nat_processing_are_saved_once(
        flows in proptest::collection::vec(flow(), 0..12), network in network()
    ) {
        let flows: Flows = flows.into_iter().collect();
        let prices = prices::for_region("us-east-1").unwrap();
        let processing: Vec<Advice> = advice_of(&flows, &network, PollerMode::OnDemand)
            .into_iter()
            .filter(|advice| !matches!(advice.remedy, Remedy::NatGatewayInZone | Remedy::NatInstances))
            .collect();
        let gb = prices::gb(flows.values().map(|figures| figures.bytes).sum::<u64>() * 30);
        let price = prices.nat_gb() + prices.transit_gateway_gb().dollars;
        // Each advice is rounded to cents by itself.
        let rounding = Decimal::new(i64::try_from(processing.len()).unwrap(), 2);
        prop_assert!(total_monthly_saving(&processing) <= gb * price + rounding);
    }

    #[test]
    fn the_order_does_not_depend_on_where_one_begins(
        flows in proptest::collection::vec(flow(), 0..12), network in network()
    ) {
        let flows: Flows = flows.into_iter().collect();
        let advice = advice_of(&flows, &network, PollerMode::OnDemand);
        let mut turned = advice.clone();
        turned.reverse();
        prop_assert_eq!(&in_order(turned), &advice);
        let first_cost = advice.iter().position(|a| !a.monthly_cost.amount.is_zero());
        let last_free_saving = advice
            .iter()
            .rposition(|a| a.monthly_cost.amount.is_zero() && !a.monthly_saving.amount.is_zero());
        if let (Some(cost), Some(free)) = (first_cost, last_free_saving) {
            prop_assert!(free < cost, "what is free comes first");
        }
    }
}
