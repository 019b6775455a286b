//! Whatever the world looks like: no advice that does not pay, and never more saved than is paid.

use proptest::prelude::*;
use tollkeeper::finding::{Direction, Source, SourceKind};
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
        bytes in prop_oneof![Just(0), 1..1_000_000u64, 1..(60u64 << 30), 1..(20_000u64 << 30)],
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

/// What the flows cost a month at list price: NAT processing, the Transit Gateway of those from other VPCs, crossing
/// zones of those that do, and the hours of the gateways and endpoints there are.
fn bill(flows: &Flows, network: &Network, prices: &RegionPrices) -> Decimal {
    let per_gb = |flow: &Flow| {
        let mut price = prices.nat_gb();
        if flow.vpc_id() != flow.nat_vpc_id {
            price += prices.transit_gateway_gb().dollars;
        }
        let nat_zone = network
            .nat(&flow.nat_gateway_id)
            .and_then(|nat| zones::zone_of_gateway(network, nat));
        let subnet = network.subnets.get(&flow.source.subnet_id);
        if subnet
            .zip(nat_zone)
            .is_some_and(|(subnet, zone)| subnet.zone != zone)
        {
            price += prices.cross_zone_gb().dollars;
        }
        price
    };
    let bytes: Decimal = flows
        .iter()
        .map(|(flow, figures)| prices::gb(figures.bytes * 30) * per_gb(flow))
        .sum();
    let gateways = u32::try_from(network.nats.len()).unwrap();
    let interfaces = network
        .endpoints
        .iter()
        .map(|endpoint| endpoint.subnets.len());
    let interfaces = u32::try_from(interfaces.sum::<usize>()).unwrap();
    bytes + prices.nat_hours_a_month(gateways) + prices.endpoint_hours_a_month(interfaces)
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

fn usage_of(flows: &Flows, network: &Network, idle: bool) -> Usage {
    // What carried nothing by the flows carried nothing by CloudWatch.
    let used = |nat: &str| {
        let mut flows = flows.iter();
        flows.any(|(flow, figures)| flow.nat_gateway_id == nat && figures.bytes > 0)
    };
    let nats = network.nats.iter().map(|nat| nat.id.clone());
    let endpoints = network.endpoints.iter().map(|endpoint| endpoint.id.clone());
    Usage {
        days: 14,
        since: "2026-10-01T00:00:00Z".parse().unwrap(),
        nat_bytes: nats
            .filter(|nat| idle && !used(nat))
            .map(|nat| (nat, 0))
            .collect(),
        endpoint_bytes: endpoints.map(|endpoint| (endpoint, 0)).collect(),
    }
}

proptest! {
    #[test]
    fn every_advice_pays_after_its_own_cost(
        flows in proptest::collection::vec(flow(), 0..12), network in network()
    ) {
        let flows: Flows = flows.into_iter().collect();
        for advice in advice_of(&flows, &network, PollerMode::OnDemand) {
            prop_assert!(advice.monthly_saving.amount > Decimal::ZERO, "{:?}", advice);
            prop_assert!(advice.monthly_cost.amount >= Decimal::ZERO);
        }
    }

    #[test]
    fn what_is_set_up_badly_costs_nothing_to_put_right_and_an_unknown_saving_is_said_to_be(
        flows in proptest::collection::vec(flow(), 0..12), network in network(),
        idle in any::<bool>(), known in any::<bool>()
    ) {
        let flows: Flows = flows.into_iter().collect();
        let usage = usage_of(&flows, &network, idle);
        let prices = prices::for_region("us-east-1").unwrap();
        let flows = known.then_some(&flows);
        for advice in set_up_badly(Standing { network: &network, usage: &usage, prices, flows }) {
            prop_assert!(advice.monthly_cost.amount.is_zero());
            let unknown = advice.title.contains("saving unknown")
                && advice.does_not_cover[0].starts_with("Saving unknown");
            prop_assert_eq!(unknown, advice.monthly_saving.amount.is_zero(), "{:?}", advice);
        }
    }

    #[test]
    fn no_byte_and_no_hour_is_saved_twice(
        flows in proptest::collection::vec(flow(), 0..12), network in network(), idle in any::<bool>()
    ) {
        let flows: Flows = flows.into_iter().collect();
        let prices = prices::for_region("us-east-1").unwrap();
        let mut advice = advice_of(&flows, &network, PollerMode::OnDemand);
        let usage = usage_of(&flows, &network, idle);
        advice.extend(set_up_badly(Standing { network: &network, usage: &usage, prices, flows: Some(&flows) }));
        // Each advice is rounded to cents by itself.
        let rounding = Decimal::new(i64::try_from(advice.len()).unwrap(), 2);
        let saved = total_monthly_saving(&advice);
        prop_assert!(saved <= bill(&flows, &network, prices) + rounding, "{} of {:?}", saved, advice);
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
