//! Random worlds and requests. Each is read off a tape of random bytes, which is quick and shrinks to the plainest
//! choices: an exhausted or zeroed tape gives one zone, one table, default groups, nothing of others.

mod acls;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;
use tollkeeper::plan::{EndpointKind, KafkaPollers, PlanRequest};

use super::example::{self, group};
use super::{Client, Quotas, Weather, World};
use crate::change::Peer;
use crate::owner::Owner;
use crate::snapshot::{EndpointState, Group, RouteTable, Rule, Service, Snapshot, Subnet, Vpc};

/// The account of the plans.
pub(crate) const ACCOUNT: &str = "123456789012";

/// A world, what is asked of it, and how EC2 behaves in it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) world: World,
    pub(crate) request: PlanRequest,
    pub(crate) weather: Weather,
    /// Choices left to the property.
    pub(crate) seed: u64,
}

/// All worlds.
pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let tape = proptest::collection::vec(any::<u8>(), 200);
    (tape, any::<u64>()).prop_map(|(bytes, seed)| {
        let mut tape = Tape { bytes, at: 0 };
        let world = tape.world();
        Case {
            request: tape.request(&world),
            weather: tape.weather(),
            world,
            seed,
        }
    })
}

struct Tape {
    bytes: Vec<u8>,
    at: usize,
}

const ZONES: [&str; 4] = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"];
const GATEWAYS: [&str; 2] = ["dynamodb", "s3"];
const INTERFACES: [&str; 4] = ["lambda", "sts", "sqs", "execute-api"];

impl Tape {
    fn below(&mut self, most: usize) -> usize {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(byte) % most
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// True once in `n`; a zeroed tape says no.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    fn world(&mut self) -> World {
        let mut cidrs = vec!["10.0.0.0/16".to_owned()];
        if self.once_in(4) {
            cidrs.push("100.64.0.0/16".to_owned());
        }
        let route_tables = self.tables();
        let (subnets, blocks) = self.subnets(&route_tables, cidrs.len());
        let groups = self.groups(&cidrs);
        let services = self.services();
        let mut network = Snapshot {
            exceptions: Vec::new(),
            vpc: Vpc {
                id: "vpc-1".to_owned(),
                owner: if self.once_in(20) {
                    "210987654321"
                } else {
                    ACCOUNT
                }
                .to_owned(),
                cidrs,
                dns_support: !self.once_in(20),
                dns_hostnames: !self.once_in(20),
                dns_servers: vec!["AmazonProvidedDNS".to_owned()],
            },
            network_acls: self.acls(&subnets),
            subnets,
            route_tables,
            groups,
            endpoints: Vec::new(),
            services,
        };
        self.gateways(&mut network);
        self.interfaces(&mut network);
        let clients = self.clients(&network);
        let open = self.connections(&network);
        World {
            quotas: Quotas {
                interface_endpoints: self.pick(&[50, 50, 50, 3, 2, 1]),
                gateway_endpoints: self.pick(&[20, 20, 20, 1]),
                rules: self.pick(&[60, 60, 60, 2, 1]),
            },
            blocks,
            clients,
            open,
            network: network.sorted(),
        }
    }

    fn tables(&mut self) -> Vec<RouteTable> {
        let targets = ["nat-1", "igw-1", "nat-2", "tgw-1", ""];
        let count = 1 + self.below(4);
        let mut table = |number: usize| RouteTable {
            id: format!("rtb-{number}"),
            default_target: Some(self.pick(&targets).to_owned()).filter(|to| !to.is_empty()),
            endpoint_routes: Vec::new(),
        };
        (0..count).map(&mut table).collect()
    }

    fn subnets(
        &mut self,
        tables: &[RouteTable],
        ranges: usize,
    ) -> (Vec<Subnet>, BTreeMap<String, Ipv4Addr>) {
        let (mut subnets, mut blocks) = (Vec::new(), BTreeMap::new());
        for zone in &ZONES[..=self.below(4)] {
            for _ in 0..=self.below(3) {
                let number = u8::try_from(subnets.len()).unwrap();
                let id = format!("subnet-{number}");
                let [a, b] = [[10, 0], [100, 64]][self.below(ranges)];
                blocks.insert(id.clone(), Ipv4Addr::new(a, b, number, 0));
                let table = self.below(tables.len());
                subnets.push(Subnet {
                    id,
                    zone: (*zone).to_owned(),
                    route_table: tables[table].id.clone(),
                    cidr: format!("{a}.{b}.{number}.0/24"),
                    free_addresses: self.pick(&[200, 200, 200, 9, 8, 7, 1, 0]),
                });
            }
        }
        (subnets, blocks)
    }

    fn groups(&mut self, cidrs: &[String]) -> Vec<Group> {
        let count = 2 + self.below(4);
        let mut groups: Vec<Group> = (0..count)
            .map(|number| {
                let id = format!("sg-{number}");
                Group {
                    owner: self.owner(),
                    ingress: self.ingress(count, cidrs),
                    egress: self.egress(count, cidrs),
                    ..group(&id, &format!("group-{number}"))
                }
            })
            .collect();
        if self.once_in(20) {
            groups.push(group("sg-namesake", "tollkeeper-lambda"));
        }
        groups
    }

    fn owner(&mut self) -> Owner {
        match self.below(8) {
            0..=3 => Owner::Unknown,
            4 => Owner::Adopted,
            5 => Owner::Terraform,
            6 => Owner::Stack("arn:stack".to_owned()),
            _ => Owner::Tollkeeper {
                plan_id: "plan-earlier".to_owned(),
            },
        }
    }

    fn egress(&mut self, groups: usize, cidrs: &[String]) -> Vec<Rule> {
        let cidr = |text: &str| Peer::Cidr(text.to_owned());
        let https = |peer| vec![Rule::tcp(443, peer)];
        let wide = |protocol: &str, peer| {
            let all = protocol == "-1";
            vec![Rule {
                protocol: protocol.to_owned(),
                from_port: 0,
                to_port: if all { 0 } else { u16::MAX },
                peer,
            }]
        };
        match self.below(24) {
            0..=9 => wide("-1", cidr("0.0.0.0/0")),
            10..=12 => https(cidr("0.0.0.0/0")),
            13 => https(Peer::PrefixList("pl-aws".to_owned())),
            14 => https(Peer::PrefixList("pl-s3".to_owned())),
            15 => https(cidr("52.0.0.0/8")),
            16 => https(cidr("10.0.0.0/17")),
            17 => wide("tcp", cidr("0.0.0.0/0")),
            18 => wide("udp", cidr("0.0.0.0/0")),
            19 => wide("-1", cidr("10.0.0.0/8")),
            20 => Vec::new(),
            21 => {
                let mut rules = https(Peer::PrefixList("pl-aws".to_owned()));
                rules.extend(cidrs.iter().map(|own| Rule::tcp(443, cidr(own))));
                rules
            }
            22 => https(Peer::Group(format!("sg-{}", self.below(groups)))),
            _ => {
                let mut rules = https(cidr("52.0.0.0/8"));
                rules.extend(https(cidr("10.0.0.0/8")));
                rules
            }
        }
    }

    fn ingress(&mut self, groups: usize, cidrs: &[String]) -> Vec<Rule> {
        let cidr = |text: &str| Peer::Cidr(text.to_owned());
        match self.below(6) {
            0..=1 => Vec::new(),
            2 => cidrs.iter().map(|own| Rule::tcp(443, cidr(own))).collect(),
            3 => vec![Rule::tcp(
                443,
                Peer::Group(format!("sg-{}", self.below(groups))),
            )],
            4 => vec![Rule::tcp(
                9098,
                Peer::Group(format!("sg-{}", self.below(groups))),
            )],
            _ => vec![Rule::tcp(443, cidr("10.0.0.0/17"))],
        }
    }

    fn services(&mut self) -> Vec<Service> {
        let offers = GATEWAYS.map(|name| (name, EndpointKind::Gateway));
        let more = INTERFACES.map(|name| (name, EndpointKind::Interface));
        let mut services = Vec::new();
        for (name, kind) in offers.into_iter().chain(more) {
            if self.once_in(15) {
                continue;
            }
            let without = self.below(8);
            let zones = ZONES
                .iter()
                .enumerate()
                .filter(|(at, _)| *at + 4 != without);
            services.push(Service {
                name: name.to_owned(),
                kind,
                zones: zones.map(|(_, zone)| (*zone).to_owned()).collect(),
                takes_policy: true,
                needs_acceptance: false,
                dns_names: vec![format!("{name}.us-east-1.amazonaws.com")],
            });
        }
        services
    }

    fn state(&mut self) -> EndpointState {
        match self.below(8) {
            0..=3 => EndpointState::Available,
            4 => EndpointState::Pending,
            5 => EndpointState::Deleting,
            6 => EndpointState::Deleted,
            _ => EndpointState::Failed,
        }
    }

    fn gateways(&mut self, network: &mut Snapshot) {
        for service in GATEWAYS {
            for number in 0..self.pick(&[0, 0, 0, 1, 1, 2]) {
                let id = format!("vpce-{service}-{number}");
                let mut endpoint =
                    example::endpoint(&id, service, EndpointKind::Gateway, self.owner());
                endpoint.state = self.state();
                for table in 0..network.route_tables.len() {
                    if self.below(3) != 2 || endpoint.state != EndpointState::Available {
                        continue;
                    }
                    let known = &network.endpoints;
                    let routes = &mut network.route_tables[table].endpoint_routes;
                    let serves =
                        |id: &String| known.iter().any(|e| e.id == *id && e.service == service);
                    if !routes.iter().any(serves) {
                        routes.push(id.clone());
                        endpoint.route_tables.push(format!("rtb-{table}"));
                    }
                }
                network.endpoints.push(endpoint);
            }
        }
    }

    fn interfaces(&mut self, network: &mut Snapshot) {
        let has_dns = network.vpc.dns_support && network.vpc.dns_hostnames;
        for service in INTERFACES {
            if self.below(5) != 4 {
                continue;
            }
            let id = format!("vpce-{service}");
            let mut endpoint =
                example::endpoint(&id, service, EndpointKind::Interface, self.owner());
            endpoint.state = self.state();
            let subnet = self.below(network.subnets.len());
            endpoint.subnets = vec![network.subnets[subnet].id.clone()];
            let group = self.below(network.groups.len());
            endpoint.groups = vec![network.groups[group].id.clone()];
            endpoint.private_dns =
                self.once_in(2) && has_dns && endpoint.state == EndpointState::Available;
            network.endpoints.push(endpoint);
        }
    }

    fn clients(&mut self, network: &Snapshot) -> Vec<Client> {
        let count = 1 + self.below(4);
        let mut client = |_| {
            let subnet = self.below(network.subnets.len());
            let mut groups: Vec<String> = (0..=self.below(2))
                .map(|_| network.groups[self.below(network.groups.len())].id.clone())
                .collect();
            groups.sort();
            groups.dedup();
            Client {
                subnet: network.subnets[subnet].id.clone(),
                groups,
                port: self.pick(&[40_000, 49_152, 33_000, 2_000]),
            }
        };
        (0..count).map(&mut client).collect()
    }

    fn connections(&mut self, network: &Snapshot) -> BTreeMap<(String, String), u32> {
        let mut open = BTreeMap::new();
        for table in &network.route_tables {
            for service in GATEWAYS {
                let count = u32::try_from(self.below(4)).unwrap();
                open.insert((table.id.clone(), service.to_owned()), count);
            }
        }
        open
    }

    fn request(&mut self, world: &World) -> PlanRequest {
        let known = GATEWAYS.into_iter().chain(INTERFACES).chain(["nosuch"]);
        let mut services: Vec<String> = known
            .filter(|_| self.below(2) == 1)
            .map(str::to_owned)
            .collect();
        services.push(self.pick(&["lambda", "s3"]).to_owned());
        let network = &world.network;
        let mut pollers = |_| {
            let subnet = self.below(network.subnets.len());
            let [own, brokers] =
                [(); 2].map(|()| network.groups[self.below(network.groups.len())].id.clone());
            KafkaPollers {
                subnets: vec![network.subnets[subnet].id.clone()],
                security_group: own,
                broker_security_group: Some(brokers),
                broker_port: Some(9098),
            }
        };
        let count = [0, 1, 1, 2][world.clients.len() % 4];
        PlanRequest {
            kafka_pollers: (0..count).map(&mut pollers).collect(),
            ..PlanRequest::of(&network.vpc.id, services)
        }
    }

    fn weather(&mut self) -> Weather {
        Weather {
            settle: Duration::from_secs(self.pick(&[0, 3, 40, 90])),
            lag: Duration::from_millis(self.pick(&[0, 300, 2_000, 10_000])),
            latency: Duration::from_millis(self.pick(&[0, 80, 900])),
            throttle_every: self.pick(&[0, 0, 2, 3, 7]),
            unsuccessful: self.pick(&[0, 0, 1, 2]),
        }
    }
}
