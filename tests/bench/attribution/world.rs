//! A generated network whose traffic is known to the byte, and the flow logs that it leaves.
//!
//! Six gateways, each recorded in another way: `a` zonal, by its own interface (version 5; in some trials with SKIPDATA
//! that hides flows); `b` the same within a log of the whole VPC, which shows its traffic again at the instances, and
//! with sources behind a Transit Gateway; `c` not at all, but its instances with version 11 (next hop); `d` not at all,
//! but its instances with version 2 alone; `r` regional (interface `-`, version 9); `e` by its own interface with
//! version 2 alone, which nobody can attribute. An address of `a` passes from one instance to another during the day
//! under analysis. Every flow has a level, and scatters about it by [`SCATTER`] from day to day; on the last day some
//! flows carry more: the causes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use nat_cost_detector::explain::surroundings::{RouteTable, Surroundings};
use nat_cost_detector::measure::inventory::{Inventory, Stay};
use nat_cost_detector::measure::network::{
    Details, Interface, KafkaMapping, NatGateway, Network, Subnet,
};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use tollkeeper::finding::{Direction, Source, SourceKind};
use tollkeeper::time::Day;

pub(super) const GB: f64 = 1_073_741_824.0;
/// Standard deviation of a flow's day about its level, as a part of it.
pub(super) const SCATTER: f64 = 0.08;
pub(super) const GATEWAYS: [char; 6] = ['a', 'b', 'c', 'd', 'r', 'e'];
const RESIDENTS: usize = 9;
/// Parts of the excess, in percent, that the causes get before it is placed.
const CAUSES: [u32; 8] = [34, 22, 15, 11, 8, 5, 3, 2];
const VPC: &str = "vpc-1";
/// Hours of the day under analysis between which an address has two holders.
const MOVES: (i64, i64) = (6, 12);

/// Service, region, address and the label that flow logs have for it.
pub(super) const FAR_ENDS: [(&str, &str, &str, &str); 5] = [
    ("S3", "us-east-1", "52.216.0.9", "S3"),
    ("S3", "eu-west-1", "3.5.64.9", "S3"),
    ("DYNAMODB", "us-east-1", "52.94.0.9", "DYNAMODB"),
    ("AMAZON", "us-east-1", "44.192.0.9", "AMAZON"),
    ("INTERNET", "", "151.101.1.69", "-"),
];

pub(super) const RANGES: &str = r#"{"createDate": "generated", "prefixes": [
    {"ip_prefix": "52.216.0.0/15", "region": "us-east-1", "service": "S3"},
    {"ip_prefix": "3.5.64.0/21", "region": "eu-west-1", "service": "S3"},
    {"ip_prefix": "52.94.0.0/22", "region": "us-east-1", "service": "DYNAMODB"},
    {"ip_prefix": "44.192.0.0/11", "region": "us-east-1", "service": "AMAZON"}]}"#;

/// What a cause is known by: gateway, source, service, region, direction.
pub(super) type Key = (String, String, String, String, Direction);

/// A flow, and its bytes.
#[derive(Debug, Clone)]
pub(super) struct Talk {
    pub(super) gateway: char,
    resident: usize,
    far_end: usize,
    direction: Direction,
    /// Bytes of a usual day.
    pub(super) level: f64,
    /// What is added on the day under analysis.
    pub(super) added: f64,
}

/// One generated case.
pub(super) struct World {
    pub(super) day: Day,
    pub(super) talks: Vec<Talk>,
    pub(super) network: Network,
    pub(super) mappings: Vec<KafkaMapping>,
    pub(super) surroundings: Surroundings,
    stays: Vec<Stay>,
    /// Part of gateway `a`'s records of the day that SKIPDATA hides.
    skipped: f64,
    pub(super) seed: u64,
}

/// A log: its header and lines, and the bytes that passed the gateways.
pub(super) struct Recorded {
    pub(super) files: Vec<String>,
    pub(super) bytes: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let day: Day = Day::of("2026-10-13T00:00:00Z".parse().unwrap_or_default());
        let mut talks = Vec::new();
        for gateway in GATEWAYS {
            for resident in 0..RESIDENTS {
                for _ in 0..random.random_range(1..3) {
                    let direction = if random.random_bool(0.5) {
                        Direction::Upload
                    } else {
                        Direction::Download
                    };
                    let far_end = random.random_range(0..FAR_ENDS.len());
                    let same = |other: &Talk| {
                        (
                            other.gateway,
                            other.resident,
                            other.far_end,
                            other.direction,
                        ) == (gateway, resident, far_end, direction)
                    };
                    if !talks.iter().any(same) {
                        talks.push(Talk {
                            gateway,
                            resident,
                            far_end,
                            direction,
                            level: GB * 10_f64.powf(random.random_range(-1.0..1.5)),
                            added: 0.0,
                        });
                    }
                }
            }
        }
        let total: f64 = talks.iter().map(|talk| talk.level).sum();
        let excess = total * random.random_range(0.5..3.0);
        let mut order: Vec<usize> = (0..talks.len()).collect();
        order.shuffle(&mut random);
        for (at, percent) in order.into_iter().zip(CAUSES) {
            talks[at].added = excess * f64::from(percent) / 100.0;
        }
        let (network, stays) = network(day);
        Self {
            day,
            talks,
            network,
            stays,
            mappings: vec![KafkaMapping {
                id: "esm-1".to_owned(),
                function: "logs-consumer".to_owned(),
                subnets: vec!["subnet-a".to_owned()],
                groups: vec!["sg-pollers".to_owned()],
                bootstrap: vec!["10.0.0.200:9092".to_owned()],
                ..KafkaMapping::default()
            }],
            surroundings: surroundings(),
            skipped: if seed.is_multiple_of(3) { 0.15 } else { 0.0 },
            seed,
        }
    }

    pub(super) fn skips(&self) -> bool {
        self.skipped > 0.0
    }

    pub(super) fn inventory(&self) -> Inventory {
        Inventory::new(&self.stays, &self.network)
    }

    /// What each flow added on the day, under the name that its source can be known by at each hour.
    pub(super) fn truth(&self) -> BTreeMap<Key, (f64, &Talk)> {
        let mut truth: BTreeMap<Key, (f64, &Talk)> = BTreeMap::new();
        for talk in self.talks.iter().filter(|talk| talk.added > 0.0) {
            for hour in 0..24 {
                let (service, region, ..) = FAR_ENDS[talk.far_end];
                let key = (
                    format!("nat-{}", talk.gateway),
                    source_id(talk, hour),
                    service.to_owned(),
                    region.to_owned(),
                    talk.direction,
                );
                truth.entry(key).or_insert((0.0, talk)).0 += talk.added / 24.0;
            }
        }
        truth
    }

    /// The flow logs of a day, `back` days before the one under analysis.
    pub(super) fn record(&self, back: i64) -> Recorded {
        let day = self.day.plus(-back);
        let mut random = StdRng::seed_from_u64(self.seed ^ day.start().as_second().cast_unsigned());
        let mut files: BTreeMap<&'static str, String> = BTreeMap::new();
        let mut total = 0;
        for talk in &self.talks {
            let scatter: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            let mut bytes = talk.level * (SCATTER * scatter).exp();
            if back == 0 {
                bytes += talk.added;
            }
            for hour in 0..24 {
                let bytes = whole(bytes / 24.0);
                total += bytes;
                let start = day.start().as_second() + hour * 3600 + random.random_range(0..3000);
                let hidden = talk.gateway == 'a' && back == 0 && random.random_bool(self.skipped);
                if hidden {
                    let line = [
                        "5 1 eni-nat-a - - - - - - -",
                        &format!("{start} {}", start + 59),
                        "- SKIPDATA - - - -",
                    ];
                    put(&mut files, VERSION_5, &line.join(" "));
                } else {
                    lines(talk, bytes, start, &mut files);
                }
            }
        }
        for gateway in ['a', 'b'] {
            let start = day.start().as_second();
            put(
                &mut files,
                VERSION_5,
                &format!(
                    "5 1 eni-nat-{gateway} - - - - - - - {start} {} - NODATA - - - -",
                    start + 59
                ),
            );
        }
        Recorded {
            files: files.into_values().collect(),
            bytes: total,
        }
    }
}

fn whole(bytes: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, far below 2^63"
    )]
    let bytes = bytes as u64;
    bytes
}

const VERSION_5: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
                         action log-status pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service";
const VERSION_2: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
                         action log-status";
const VERSION_9: &str = "version account-id interface-id srcaddr dstaddr packets bytes start action log-status \
                         pkt-srcaddr pkt-dstaddr resource-id";
const VERSION_11: &str = "interface-id srcaddr dstaddr packets bytes start action log-status pkt-srcaddr pkt-dstaddr \
                          next-hop-interface-id next-hop-interface-type";

fn put(files: &mut BTreeMap<&'static str, String>, header: &'static str, line: &str) {
    let file = files.entry(header).or_insert_with(|| format!("{header}\n"));
    // Writing into a String cannot fail.
    let _ = writeln!(file, "{line}");
}

/// The lines that an hour of a flow leaves: how depends on its gateway.
fn lines(talk: &Talk, bytes: u64, start: i64, files: &mut BTreeMap<&'static str, String>) {
    let (own, (_, _, remote, label)) = (address(talk), FAR_ENDS[talk.far_end]);
    let upload = talk.direction == Direction::Upload;
    let (packets, end) = (bytes / 1_400 + 1, start + 59);
    let gateway = talk.gateway;
    let nat = format!("10.0.{}.9", block(gateway));
    let (from, to) = if upload {
        (own.as_str(), remote)
    } else {
        (remote, own.as_str())
    };
    let labels = if upload {
        format!("- {label}")
    } else {
        format!("{label} -")
    };
    let v5 = |interface: &str, src: &str, dst: &str, pkt_src: &str, pkt_dst: &str| {
        format!(
            "5 1 {interface} {src} {dst} 443 40000 6 {packets} {bytes} {start} {end} ACCEPT OK {pkt_src} {pkt_dst} {labels}"
        )
    };
    let v2 = |interface: &str, src: &str, dst: &str| {
        format!("2 1 {interface} {src} {dst} 443 40000 6 {packets} {bytes} {start} {end} ACCEPT OK")
    };
    let interface = format!("eni-{gateway}-{}", talk.resident);
    let nat_interface = format!("eni-nat-{gateway}");
    // Inner leg, then outer leg.
    let legs = if upload {
        [
            (from, nat.as_str(), from, to),
            (nat.as_str(), to, nat.as_str(), to),
        ]
    } else {
        [
            (nat.as_str(), to, from, to),
            (from, nat.as_str(), from, nat.as_str()),
        ]
    };
    match gateway {
        'a' | 'b' => {
            for (src, dst, pkt_src, pkt_dst) in legs {
                put(
                    files,
                    VERSION_5,
                    &v5(&nat_interface, src, dst, pkt_src, pkt_dst),
                );
            }
            // A log of the whole VPC: the same bytes again at the instance.
            if gateway == 'b' && talk.resident > 1 {
                put(files, VERSION_5, &v5(&interface, from, to, from, to));
            }
        }
        'c' => {
            let hop = if upload {
                "eni-nat-c nat_gateway"
            } else {
                "- -"
            };
            let line = format!(
                "{interface} {from} {to} {packets} {bytes} {start} ACCEPT OK {from} {to} {hop}"
            );
            put(files, VERSION_11, &line);
        }
        'd' => put(files, VERSION_2, &v2(&interface, from, to)),
        'r' => {
            let line =
                format!("9 1 - {from} {to} {packets} {bytes} {start} ACCEPT OK {from} {to} nat-r");
            put(files, VERSION_9, &line);
        }
        _ => {
            for (src, dst, ..) in legs {
                put(files, VERSION_2, &v2(&nat_interface, src, dst));
            }
        }
    }
}

fn block(gateway: char) -> u8 {
    let at = GATEWAYS.iter().position(|other| *other == gateway);
    u8::try_from(at.unwrap_or(0) * 16).unwrap_or(0)
}

/// The first two of `b` are behind a Transit Gateway.
fn is_beyond(gateway: char, resident: usize) -> bool {
    gateway == 'b' && resident < 2
}

fn address(talk: &Talk) -> String {
    if is_beyond(talk.gateway, talk.resident) {
        return format!("10.9.1.{}", 10 + talk.resident);
    }
    format!("10.0.{}.{}", block(talk.gateway) + 1, 10 + talk.resident)
}

/// The first of `a` is a poller, the last one's address moves.
fn source_id(talk: &Talk, hour: i64) -> String {
    let (gateway, resident) = (talk.gateway, talk.resident);
    if is_beyond(gateway, resident) {
        return address(talk);
    }
    match (gateway, resident) {
        ('a', 0) if FAR_ENDS[talk.far_end].0 == "AMAZON" => "esm-1".to_owned(),
        ('a', 0) => "eni-a-0".to_owned(),
        ('a', last) if last == RESIDENTS - 1 && hour >= MOVES.1 => "i-a-next".to_owned(),
        ('a', last) if last == RESIDENTS - 1 && hour >= MOVES.0 => address(talk),
        (_, 1) => format!("arn:aws:ecs:us-east-1:1:attachment/{gateway}-1"),
        (_, 2) => format!("function-{gateway}"),
        _ => format!("i-{gateway}-{resident}"),
    }
}

fn network(day: Day) -> (Network, Vec<Stay>) {
    let mut network = Network::default();
    let moment = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
    let (long_ago, noon) = (day.plus(-90).start(), day.start().as_second());
    let mut stays = Vec::new();
    for gateway in GATEWAYS {
        let zone = format!("us-east-1{gateway}");
        let subnet = Subnet {
            vpc_id: VPC.to_owned(),
            zone,
            ..Subnet::default()
        };
        network.subnets.insert(format!("subnet-{gateway}"), subnet);
        let interface = format!("eni-nat-{gateway}");
        network.nats.push(NatGateway {
            id: format!("nat-{gateway}"),
            vpc_id: VPC.to_owned(),
            interface_ids: if gateway == 'r' {
                Vec::new()
            } else {
                vec![interface]
            },
            ..NatGateway::default()
        });
        for resident in 0..RESIDENTS {
            if is_beyond(gateway, resident) {
                continue;
            }
            let talk = Talk {
                gateway,
                resident,
                far_end: 0,
                direction: Direction::Upload,
                level: 0.0,
                added: 0.0,
            };
            let own = interface_of(
                &talk,
                &format!("eni-{gateway}-{resident}"),
                source_id(&talk, 0),
            );
            let moves = gateway == 'a' && resident == RESIDENTS - 1;
            stays.push(Stay {
                interface: own,
                first_seen: long_ago,
                last_seen: moment(noon),
                gone: moves.then(|| moment(noon + MOVES.1 * 3600)),
            });
            if moves {
                stays.push(Stay {
                    interface: interface_of(&talk, "eni-a-next", "i-a-next".to_owned()),
                    first_seen: moment(noon + MOVES.0 * 3600),
                    last_seen: day.end(),
                    gone: None,
                });
            }
        }
    }
    network.interfaces = stays.iter().map(|stay| stay.interface.clone()).collect();
    (network, stays)
}

fn interface_of(talk: &Talk, id: &str, source: String) -> Interface {
    let pollers = (talk.gateway, talk.resident) == ('a', 0);
    let kind = match talk.resident {
        0 if pollers => SourceKind::Interface,
        1 => SourceKind::EcsTask,
        2 => SourceKind::Lambda,
        _ => SourceKind::Instance,
    };
    let address: Ipv4Addr = address(talk).parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
    Interface {
        id: id.to_owned(),
        addresses: vec![address.into()],
        source: Source {
            kind,
            name: source.clone(),
            id: source,
            subnet_id: format!("subnet-{}", talk.gateway),
            vpc_id: VPC.to_owned(),
        },
        groups: vec![if pollers { "sg-pollers" } else { "sg-app" }.to_owned()],
        attached_at: None,
        nat_gateway_id: None,
        details: Details::default(),
    }
}

fn surroundings() -> Surroundings {
    let table = |gateway: char| RouteTable {
        vpc_id: VPC.to_owned(),
        main: false,
        subnets: vec![format!("subnet-{gateway}")],
        nat_gateway_id: Some(format!("nat-{gateway}")),
        transit: "10.9.0.0/16"
            .parse()
            .map(|range| vec![(range, "tgw-1".to_owned())])
            .unwrap_or_default(),
    };
    Surroundings {
        route_tables: GATEWAYS.map(table).into(),
        vpcs: "10.0.0.0/16"
            .parse()
            .map(|range| vec![(range, VPC.to_owned())])
            .unwrap_or_default(),
        tags: BTreeMap::new(),
    }
}
