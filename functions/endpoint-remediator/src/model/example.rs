//! One world written by hand: the story of the Kafka pollers, which examples and golden files rest on.

use tollkeeper::plan::{EndpointKind, KafkaPollers, PlanRequest};

use crate::acl::{AclEntry, NetworkAcl};
use crate::change::{Direction, Peer};
use crate::owner::Owner;
use crate::preflight::{Evidence, Read};
use crate::snapshot::{
    Endpoint, EndpointState, Group, RouteTable, Rule, Service, Snapshot, Subnet, Vpc,
};

/// An endpoint as AWS makes it: available, with nothing attached.
pub(super) fn endpoint(id: &str, service: &str, kind: EndpointKind, owner: Owner) -> Endpoint {
    Endpoint {
        id: id.to_owned(),
        service: service.to_owned(),
        kind,
        state: EndpointState::Available,
        private_dns: false,
        subnets: Vec::new(),
        groups: Vec::new(),
        route_tables: Vec::new(),
        owner,
        policy: None,
    }
}

/// The ACL that AWS gives every VPC: everything passes.
pub(crate) fn open_acl(id: &str, subnets: &[Subnet]) -> NetworkAcl {
    let entry = |direction| AclEntry {
        direction,
        number: 100,
        protocol: "-1".to_owned(),
        from_port: 0,
        to_port: u16::MAX,
        cidr: "0.0.0.0/0".to_owned(),
        allow: true,
    };
    NetworkAcl {
        id: id.to_owned(),
        subnets: subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        entries: [Direction::Ingress, Direction::Egress].map(entry).to_vec(),
    }
}

/// An endpoint that somebody else made.
pub(crate) fn foreign_endpoint(id: &str, service: &str, kind: EndpointKind) -> Endpoint {
    endpoint(id, service, kind, Owner::Unknown)
}

/// A group with the rule that AWS gives every new one: everything may leave.
pub(crate) fn group(id: &str, name: &str) -> Group {
    Group {
        id: id.to_owned(),
        name: name.to_owned(),
        owner: Owner::Unknown,
        ingress: Vec::new(),
        egress: vec![Rule {
            protocol: "-1".to_owned(),
            from_port: 0,
            to_port: 0,
            peer: Peer::Cidr("0.0.0.0/0".to_owned()),
        }],
    }
}

/// Two zones, a public and a private subnet in each, a table each, pollers whose egress is narrow.
pub(crate) fn snapshot() -> Snapshot {
    let text = |text: &str| text.to_owned();
    let subnet = |id: &str, zone: &str, table: &str, cidr: &str| Subnet {
        id: text(id),
        zone: text(zone),
        route_table: text(table),
        cidr: text(cidr),
        free_addresses: 200,
    };
    let table = |id: &str, target: &str| RouteTable {
        id: text(id),
        default_target: Some(text(target)),
        endpoint_routes: Vec::new(),
    };
    let service = |name: &str, kind| Service {
        name: text(name),
        kind,
        zones: vec![text("us-east-1a"), text("us-east-1b")],
        takes_policy: true,
        needs_acceptance: false,
        dns_names: vec![format!("{name}.us-east-1.amazonaws.com")],
    };
    let mut pollers = group("sg-pollers", "pollers");
    pollers.egress = vec![Rule::tcp(443, Peer::PrefixList(text("pl-public")))];
    let mut brokers = group("sg-brokers", "brokers");
    brokers.ingress = vec![Rule::tcp(9098, Peer::Group(text("sg-pollers")))];
    let subnets = vec![
        subnet("subnet-public-a", "us-east-1a", "rtb-public", "10.0.0.0/24"),
        subnet("subnet-public-b", "us-east-1b", "rtb-public", "10.0.1.0/24"),
        subnet("subnet-private-a", "us-east-1a", "rtb-a", "10.0.2.0/24"),
        subnet("subnet-private-b", "us-east-1b", "rtb-b", "10.0.3.0/24"),
    ];
    Snapshot {
        exceptions: Vec::new(),
        vpc: Vpc {
            id: text("vpc-1"),
            owner: text("123456789012"),
            cidrs: vec![text("10.0.0.0/16")],
            dns_support: true,
            dns_hostnames: true,
            dns_servers: vec![text("AmazonProvidedDNS")],
        },
        network_acls: vec![open_acl("acl-default", &subnets)],
        subnets,
        route_tables: vec![
            table("rtb-public", "igw-1"),
            table("rtb-a", "nat-a"),
            table("rtb-b", "nat-b"),
        ],
        groups: vec![pollers, brokers],
        endpoints: Vec::new(),
        services: vec![
            service("s3", EndpointKind::Gateway),
            service("s3", EndpointKind::Interface),
            service("dynamodb", EndpointKind::Gateway),
            service("lambda", EndpointKind::Interface),
            service("sts", EndpointKind::Interface),
        ],
    }
}

/// Evidence that speaks against nothing.
pub(crate) fn evidence() -> Evidence {
    Evidence {
        nat_addresses: Read::Known(vec!["203.0.113.7".to_owned()]),
        ..Evidence::default()
    }
}

/// The whole story's request: S3 by routes, Lambda and STS for the pollers.
pub(crate) fn request() -> PlanRequest {
    PlanRequest {
        kafka_pollers: vec![KafkaPollers {
            subnets: vec!["subnet-private-a".to_owned(), "subnet-private-b".to_owned()],
            security_group: "sg-pollers".to_owned(),
            broker_security_group: Some("sg-brokers".to_owned()),
            broker_port: Some(9098),
        }],
        incident_id: Some("123456789012/us-east-1/NatGateway-Bytes/2026-10-13".to_owned()),
        ..PlanRequest::of("vpc-1", ["sts", "s3", "lambda"].map(str::to_owned).to_vec())
    }
}
