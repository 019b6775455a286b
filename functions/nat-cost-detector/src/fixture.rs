//! The small network that unit tests share: two NAT gateways, a web server, a broker, an image builder and the
//! interfaces of two Kafka pollers.

use tollkeeper::finding::{Source, SourceKind};

use crate::measure::network::{Interface, KafkaMapping, NatGateway, Network, Subnet};

pub(crate) const VPC: &str = "vpc-1";

pub(crate) fn network() -> Network {
    let nat = |id: &str, interface: &str| NatGateway {
        id: id.to_owned(),
        vpc_id: VPC.to_owned(),
        interface_ids: vec![interface.to_owned()],
    };
    let subnet = |id: &str, zone: &str| {
        let vpc_id = VPC.to_owned();
        let zone = zone.to_owned();
        (id.to_owned(), Subnet { vpc_id, zone })
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
        endpoints: Vec::new(),
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
    }]
}
