//! The small network that unit tests share: two NAT gateways, a web server, a broker, an image builder and the
//! interfaces of two Kafka pollers.

use tollkeeper::finding::{Source, SourceKind};

use crate::measure::network::{Details, Interface, KafkaMapping, NatGateway, Network, Subnet};
use crate::measure::topology::{Route, RouteTable, Target, Vpc};

pub(crate) const VPC: &str = "vpc-1";

pub(crate) fn network() -> Network {
    let nat = |id: &str, interface: &str| NatGateway {
        id: id.to_owned(),
        vpc_id: VPC.to_owned(),
        interface_ids: vec![interface.to_owned()],
        ..NatGateway::default()
    };
    let subnet = |id: &str, zone: &str| {
        let subnet = Subnet {
            vpc_id: VPC.to_owned(),
            zone: zone.to_owned(),
            ..Subnet::default()
        };
        (id.to_owned(), subnet)
    };
    let mut interfaces = [
        "eni-nat-a 10.0.0.9 subnet-public-a sg-none",
        "eni-nat-b 10.0.16.9 subnet-public-b sg-none",
        "eni-web 10.0.1.5 subnet-a sg-app i-web web-1",
        "eni-builder 10.0.1.6 subnet-a sg-app i-builder image-builder",
        "eni-broker 10.0.1.7 subnet-a sg-brokers i-broker broker-1",
        "eni-poller-a 10.0.1.8 subnet-a sg-pollers",
        "eni-poller-b 10.0.17.8 subnet-b sg-pollers",
    ]
    .map(parse);
    interfaces[0].nat_gateway_id = Some("nat-a".to_owned());
    interfaces[1].nat_gateway_id = Some("nat-b".to_owned());
    Network {
        nats: vec![nat("nat-a", "eni-nat-a"), nat("nat-b", "eni-nat-b")],
        interfaces: interfaces.to_vec(),
        subnets: [
            subnet("subnet-a", "us-east-1a"),
            subnet("subnet-b", "us-east-1b"),
        ]
        .into(),
        ..Network::default()
    }
}

/// The same network with what its route tables, gateways and VPC show: one NAT gateway a zone, and a third private
/// subnet that uses the main table and leads nowhere.
pub(crate) fn routed() -> Network {
    let mut network = network();
    network.account = "123456789012".to_owned();
    for (nat, subnet) in network
        .nats
        .iter_mut()
        .zip(["subnet-public-a", "subnet-public-b"])
    {
        "available".clone_into(&mut nat.state);
        nat.subnet_id = Some(subnet.to_owned());
        nat.created_at = Some("2026-01-01T00:00:00Z".parse().unwrap());
    }
    for (id, zone) in [
        ("subnet-public-a", "us-east-1a"),
        ("subnet-public-b", "us-east-1b"),
        ("subnet-c", "us-east-1a"),
    ] {
        let subnet = Subnet {
            vpc_id: VPC.to_owned(),
            zone: zone.to_owned(),
            ..Subnet::default()
        };
        network.subnets.insert(id.to_owned(), subnet);
    }
    let vpc = Vpc {
        owner: network.account.clone(),
        cidrs: vec!["10.0.0.0/16".to_owned()],
    };
    network.vpcs.insert(VPC.to_owned(), vpc);
    let internet = || Target::InternetGateway("igw-1".to_owned());
    let nat = |id: &str| Target::Nat(id.to_owned());
    network.route_tables = vec![
        route_table("rtb-a", &["subnet-a"], Some(nat("nat-a"))),
        route_table("rtb-b", &["subnet-b"], Some(nat("nat-b"))),
        route_table(
            "rtb-public",
            &["subnet-public-a", "subnet-public-b"],
            Some(internet()),
        ),
        RouteTable {
            main: true,
            ..route_table("rtb-main", &[], None)
        },
    ];
    network
}

/// A table of the VPC with a default route, or without one.
pub(crate) fn route_table(id: &str, subnets: &[&str], default: Option<Target>) -> RouteTable {
    let route = |target| Route {
        destination: "0.0.0.0/0".to_owned(),
        target,
        active: true,
    };
    RouteTable {
        id: id.to_owned(),
        vpc_id: VPC.to_owned(),
        main: false,
        subnets: subnets.iter().map(|subnet| (*subnet).to_owned()).collect(),
        routes: default.map(route).into_iter().collect(),
    }
}

/// Interface, address, subnet, group, and of instances id and name.
fn parse(row: &str) -> Interface {
    let words: Vec<&str> = row.split(' ').collect();
    let instance = words.get(4).zip(words.get(5));
    let (id, name) = instance.map_or((words[0], words[0]), |(id, name)| (*id, *name));
    Interface {
        id: words[0].to_owned(),
        addresses: vec![words[1].parse().unwrap()],
        source: Source {
            kind: instance.map_or(SourceKind::Interface, |_| SourceKind::Instance),
            id: id.to_owned(),
            name: name.to_owned(),
            subnet_id: words[2].to_owned(),
            vpc_id: VPC.to_owned(),
        },
        groups: vec![words[3].to_owned()],
        attached_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        nat_gateway_id: None,
        details: Details::default(),
    }
}

pub(crate) fn interface(id: &str) -> Interface {
    let mut interfaces = network().interfaces.into_iter();
    interfaces.find(|interface| interface.id == id).unwrap()
}

pub(crate) fn mappings() -> Vec<KafkaMapping> {
    vec![KafkaMapping {
        id: "esm-1".to_owned(),
        function: "logs-consumer".to_owned(),
        subnets: vec!["subnet-a".to_owned(), "subnet-b".to_owned()],
        groups: vec!["sg-pollers".to_owned()],
        bootstrap: vec!["10.0.1.7:9092".to_owned()],
        ..KafkaMapping::default()
    }]
}
