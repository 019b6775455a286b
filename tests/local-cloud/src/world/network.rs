//! Which way a flow takes through the VPC as it stands: a pure decision over what was observed.
//!
//! Nothing here knows of plans or remedies: a saving shows because routes, private DNS and groups say so, and for no
//! other reason. Whoever is cut off by a private name that leads to an endpoint whose group refuses them is cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::addresses::FarEnd;

/// The VPC as it was observed at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The NAT gateway of each subnet's default route.
    pub nat_of_subnet: BTreeMap<String, String>,
    /// Gateway endpoints by subnet (through its route table's routes) and service (`s3`, `dynamodb`).
    pub gateway_endpoints: BTreeMap<(String, &'static str), String>,
    /// Available interface endpoints of the VPC.
    pub interface_endpoints: Vec<InterfaceEndpoint>,
    /// Outbound rules of each group.
    pub egress: BTreeMap<String, Vec<Rule>>,
}

/// An available interface endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceEndpoint {
    /// Its id.
    pub id: String,
    /// `lambda`, `sts`, …
    pub service: String,
    /// The service's name as AWS spells it, `com.amazonaws.us-east-1.lambda`.
    pub service_name: String,
    /// Zones it has an interface in.
    pub zones: u32,
    /// Whether the service's public name leads to it from everywhere in the VPC.
    pub private_dns: bool,
    /// Its groups.
    pub groups: BTreeSet<String>,
    /// The inbound rules of its groups.
    pub ingress: Vec<Rule>,
}

/// One peer and port range that a group's rule admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// First and last port.
    pub ports: (u16, u16),
    /// Who.
    pub peer: Peer,
}

/// Who a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A range of addresses: its first address and prefix length.
    Range(Ipv4Addr, u8),
    /// The members of a group.
    Group(String),
}

impl Rule {
    fn admits(&self, port: u16, address: Option<Ipv4Addr>, groups: &BTreeSet<String>) -> bool {
        let (first, last) = self.ports;
        (first..=last).contains(&port)
            && match &self.peer {
                Peer::Group(group) => groups.contains(group),
                Peer::Range(_, 0) => true,
                Peer::Range(start, length) => address.is_some_and(|address| {
                    let host = u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
                    u32::from(address) & !host == u32::from(*start) & !host
                }),
            }
    }
}

/// The way a flow takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// Through a NAT gateway, which bills it.
    Nat(String),
    /// Through a gateway endpoint: free.
    GatewayEndpoint(String),
    /// Through an interface endpoint.
    InterfaceEndpoint(String),
    /// Nowhere: the connection fails. Says why.
    CutOff(&'static str),
}

/// Where a flow starts.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// Address of the resident.
    pub address: Ipv4Addr,
    /// Its subnet.
    pub subnet: &'a str,
    /// Its groups.
    pub groups: &'a BTreeSet<String>,
}

impl Network {
    /// The way from `origin` to a far end (port 443).
    pub fn path(&self, origin: &Origin<'_>, far_end: FarEnd) -> Path {
        let by_gateway = |service| {
            self.gateway_endpoints
                .get(&(origin.subnet.to_owned(), service))
        };
        let endpoint = match far_end {
            FarEnd::S3 => by_gateway("s3"),
            FarEnd::DynamoDb => by_gateway("dynamodb"),
            FarEnd::LambdaApi => return self.path_to_api(origin, "lambda"),
            FarEnd::Sts => return self.path_to_api(origin, "sts"),
            FarEnd::Internet | FarEnd::S3Abroad => None,
        };
        endpoint.map_or_else(
            || self.path_by_nat(origin),
            |id| Path::GatewayEndpoint(id.clone()),
        )
    }

    fn path_to_api(&self, origin: &Origin<'_>, service: &str) -> Path {
        let owner = self
            .interface_endpoints
            .iter()
            .find(|endpoint| endpoint.private_dns && endpoint.service == service);
        let Some(endpoint) = owner else {
            return self.path_by_nat(origin);
        };
        let leaves = origin
            .groups
            .iter()
            .filter_map(|group| self.egress.get(group))
            .flatten();
        // The endpoint's own addresses lie in the VPC: a rule for everywhere or for one of its groups lets out.
        if !leaves
            .into_iter()
            .any(|rule| rule.admits(443, Some(origin.address), &endpoint.groups))
        {
            return Path::CutOff("the source's groups do not let it out to the endpoint");
        }
        if endpoint
            .ingress
            .iter()
            .any(|rule| rule.admits(443, Some(origin.address), origin.groups))
        {
            Path::InterfaceEndpoint(endpoint.id.clone())
        } else {
            Path::CutOff("private DNS leads to an endpoint whose group does not admit the source")
        }
    }

    fn path_by_nat(&self, origin: &Origin<'_>) -> Path {
        let nat = self.nat_of_subnet.get(origin.subnet);
        nat.map_or(Path::CutOff("the subnet has no route out"), |nat| {
            Path::Nat(nat.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLLER: Ipv4Addr = Ipv4Addr::new(10, 0, 32, 101);

    fn network(endpoint: Option<InterfaceEndpoint>) -> Network {
        Network {
            nat_of_subnet: BTreeMap::from([("subnet-a".to_owned(), "nat-a".to_owned())]),
            gateway_endpoints: BTreeMap::from([(
                ("subnet-a".to_owned(), "s3"),
                "vpce-s3".to_owned(),
            )]),
            interface_endpoints: endpoint.into_iter().collect(),
            egress: BTreeMap::from([(
                "sg-pollers".to_owned(),
                vec![Rule {
                    ports: (443, 443),
                    peer: everywhere(),
                }],
            )]),
        }
    }

    fn everywhere() -> Peer {
        Peer::Range(Ipv4Addr::UNSPECIFIED, 0)
    }

    fn lambda(private_dns: bool, peer: Peer) -> InterfaceEndpoint {
        InterfaceEndpoint {
            id: "vpce-lambda".to_owned(),
            service: "lambda".to_owned(),
            service_name: "com.amazonaws.us-east-1.lambda".to_owned(),
            zones: 2,
            private_dns,
            groups: BTreeSet::from(["sg-lambda".to_owned()]),
            ingress: vec![Rule {
                ports: (443, 443),
                peer,
            }],
        }
    }

    fn path(network: &Network, far_end: FarEnd) -> Path {
        let groups = BTreeSet::from(["sg-pollers".to_owned()]);
        network.path(
            &Origin {
                address: POLLER,
                subnet: "subnet-a",
                groups: &groups,
            },
            far_end,
        )
    }

    fn nat() -> Path {
        Path::Nat("nat-a".to_owned())
    }

    #[test]
    fn a_gateway_endpoint_takes_its_service_in_its_region_and_nothing_else() {
        let network = network(None);
        assert_eq!(
            path(&network, FarEnd::S3),
            Path::GatewayEndpoint("vpce-s3".to_owned())
        );
        for far_end in [
            FarEnd::S3Abroad,
            FarEnd::DynamoDb,
            FarEnd::Internet,
            FarEnd::LambdaApi,
        ] {
            assert_eq!(path(&network, far_end), nat());
        }
    }

    #[test]
    fn an_interface_endpoint_takes_over_when_private_dns_is_on() {
        let vpc = Peer::Range(Ipv4Addr::new(10, 0, 0, 0), 16);
        assert_eq!(
            path(
                &network(Some(lambda(false, vpc.clone()))),
                FarEnd::LambdaApi
            ),
            nat()
        );
        let through = Path::InterfaceEndpoint("vpce-lambda".to_owned());
        assert_eq!(
            path(&network(Some(lambda(true, vpc.clone()))), FarEnd::LambdaApi),
            through
        );
        assert_eq!(path(&network(Some(lambda(true, vpc))), FarEnd::Sts), nat());
        let by_group = Peer::Group("sg-pollers".to_owned());
        assert_eq!(
            path(&network(Some(lambda(true, by_group))), FarEnd::LambdaApi),
            through
        );
    }

    #[test]
    fn whom_neither_group_admits_is_cut_off() {
        let stranger = lambda(true, Peer::Group("sg-app".to_owned()));
        assert!(matches!(
            path(&network(Some(stranger)), FarEnd::LambdaApi),
            Path::CutOff(_)
        ));
        let mut closed = network(Some(lambda(true, everywhere())));
        closed.egress.insert(
            "sg-pollers".to_owned(),
            vec![Rule {
                ports: (9092, 9092),
                peer: everywhere(),
            }],
        );
        assert!(matches!(path(&closed, FarEnd::LambdaApi), Path::CutOff(_)));
        closed.egress.insert(
            "sg-pollers".to_owned(),
            vec![Rule {
                ports: (443, 443),
                peer: Peer::Group("sg-lambda".to_owned()),
            }],
        );
        assert!(matches!(
            path(&closed, FarEnd::LambdaApi),
            Path::InterfaceEndpoint(_)
        ));
    }
}
