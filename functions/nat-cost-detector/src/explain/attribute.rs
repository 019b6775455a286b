//! Says who is behind a day's traffic: NAT gateway, source, far end and direction of every byte.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;
use tollkeeper::finding::{Direction, Source, SourceKind};
use tollkeeper::flow_log::Leg;
use tollkeeper::rollup::CellKey;
use tollkeeper::time::Hour;

use crate::explain::pollers;
use crate::explain::surroundings::Surroundings;
use crate::explain::traffic::DayTraffic;
use crate::explain::vantage::passages;
use crate::measure::inventory::{Holder, Inventory, Nat};
use crate::measure::network::{Interface, KafkaMapping, Subnet};

/// What attribution needs to know.
#[derive(Clone, Copy)]
pub struct Directory<'a> {
    /// Who had which address when.
    pub inventory: &'a Inventory,
    /// Kafka mappings with on-demand pollers.
    pub mappings: &'a [KafkaMapping],
    /// The region under analysis.
    pub region: &'a str,
    /// Routes, ranges and tags.
    pub surroundings: &'a Surroundings,
    /// Subnets by id.
    pub subnets: &'a BTreeMap<String, Subnet>,
    /// Tags that sources are grouped by.
    pub tag_keys: &'a [String],
}

/// Traffic between one source and one far end through one gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// NAT gateway.
    pub nat_gateway_id: String,
    /// Its VPC.
    pub nat_vpc_id: String,
    /// Who is behind it.
    pub source: Source,
    /// Far end's service.
    pub service: String,
    /// Far end's region; empty where unknown.
    pub service_region: String,
    /// Seen from the source.
    pub direction: Direction,
}

/// How the source of a flow was found; the later, the less certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// The inventory covers the time.
    Known,
    /// Recorded at the instance itself; its gateway was concluded from the subnet's route.
    Routed,
    /// The only interface ever seen at the address.
    Assumed,
    /// The address lies outside the gateway's VPC, behind a Transit Gateway; no interface of this account has it.
    BehindTransitGateway,
    /// Several interfaces had the address.
    Ambiguous,
    /// No interface is known for it, or the source was summed up.
    Unknown,
}

/// A flow's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Bytes of the day.
    pub bytes: u64,
    /// The least certain of its parts.
    pub certainty: Certainty,
}

/// All flows of a day.
pub type Flows = BTreeMap<Flow, Figures>;

/// Attributes a day's traffic. Traffic at interfaces that are no NAT gateway's is left out.
pub fn attribute(traffic: &DayTraffic, directory: Directory<'_>) -> Flows {
    let mut flows = Flows::new();
    for ((interface, hour), sums) in &traffic.hours {
        let Some(nat) = directory.inventory.nat(interface) else {
            continue;
        };
        for (cell, sums) in &sums.cells {
            // Every cell was written by `CellKey` itself; one that is none belongs to no flow.
            let Ok(cell) = CellKey::parse(cell) else {
                continue;
            };
            let named = source_of(&cell, nat, *hour, directory);
            add(&mut flows, nat, &cell, named, sums.bytes);
        }
    }
    for passage in passages(traffic, directory).through {
        let source = name_of(passage.interface, &passage.cell, directory);
        let named = (source, passage.certainty);
        add(&mut flows, passage.nat, &passage.cell, named, passage.bytes);
    }
    flows
}

/// Gateways whose own logs skipped flows on a day.
pub fn gaps(traffic: &DayTraffic, directory: Directory<'_>) -> BTreeSet<String> {
    let skipped = traffic.hours.iter().filter(|(_, sums)| sums.skipped > 0);
    let nats = skipped.filter_map(|((recorder, _), _)| directory.inventory.nat(recorder));
    nats.map(|nat| nat.id.clone()).collect()
}

fn add(
    flows: &mut Flows,
    nat: &Nat,
    cell: &CellKey<'_>,
    (source, certainty): (Source, Certainty),
    bytes: u64,
) {
    let flow = Flow {
        nat_gateway_id: nat.id.clone(),
        nat_vpc_id: nat.vpc_id.clone(),
        source,
        service: cell.remote.service.to_owned(),
        service_region: cell.remote.region.to_owned(),
        direction: match cell.leg {
            Leg::A => Direction::Upload,
            Leg::D => Direction::Download,
        },
    };
    let figures = flows.entry(flow).or_insert(Figures {
        bytes: 0,
        certainty,
    });
    figures.bytes = figures.bytes.saturating_add(bytes);
    figures.certainty = figures.certainty.max(certainty);
}

fn source_of(
    cell: &CellKey<'_>,
    nat: &Nat,
    hour: Hour,
    directory: Directory<'_>,
) -> (Source, Certainty) {
    let Some(address) = cell.source else {
        return (
            nameless(SourceKind::Other, "other sources"),
            Certainty::Unknown,
        );
    };
    let moment = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let from = hour.unix_seconds();
    let holder =
        directory
            .inventory
            .holder(address, &nat.vpc_id, moment(from), moment(from + 3600));
    let (interface, certainty) = match holder {
        Holder::Known(interface) => (interface, Certainty::Known),
        Holder::Assumed(interface) => (interface, Certainty::Assumed),
        Holder::Ambiguous => {
            return (
                nameless(SourceKind::Address, &address.to_string()),
                Certainty::Ambiguous,
            );
        }
        Holder::Unknown => return stranger(address, nat, directory),
    };
    (name_of(interface, cell, directory), certainty)
}

/// An interface's user, as what it does and its tags name it.
fn name_of(interface: &Interface, cell: &CellKey<'_>, directory: Directory<'_>) -> Source {
    let pollers = pollers::may_be_lambda_api(cell.remote, directory.region)
        .then(|| pollers::source_of(interface, directory.mappings))
        .flatten();
    let around = directory.surroundings;
    pollers
        .or_else(|| around.tagged(&interface.source, interface, directory.tag_keys))
        .unwrap_or_else(|| interface.source.clone())
}

/// A source that no interface is known for. What lies outside the gateway's VPC came through a Transit Gateway.
fn stranger(address: IpAddr, nat: &Nat, directory: Directory<'_>) -> (Source, Certainty) {
    let around = directory.surroundings;
    let mut source = nameless(SourceKind::Address, &address.to_string());
    let Some((range, gateway)) = around.behind(&nat.vpc_id, address) else {
        return (source, Certainty::Unknown);
    };
    source.name = format!("{address} ({range} behind {gateway})");
    if let Some(vpc) = around.vpc_of(address) {
        vpc.clone_into(&mut source.vpc_id);
    }
    (source, Certainty::BehindTransitGateway)
}

fn nameless(kind: SourceKind, id: &str) -> Source {
    Source {
        kind,
        id: id.to_owned(),
        name: id.to_owned(),
        subnet_id: String::new(),
        vpc_id: String::new(),
    }
}

impl Flow {
    /// Whether the source was concluded, not read.
    pub fn is_inferred(&self) -> bool {
        self.source.kind == SourceKind::KafkaPollers
    }

    /// Source, far end and direction: what stays when traffic moves to another gateway.
    pub fn ends(&self) -> (&Source, &str, &str, Direction) {
        (
            &self.source,
            &self.service,
            &self.service_region,
            self.direction,
        )
    }

    /// The VPC it starts in; where the source is unknown, the gateway's.
    pub fn vpc_id(&self) -> &str {
        if self.source.vpc_id.is_empty() {
            &self.nat_vpc_id
        } else {
            &self.source.vpc_id
        }
    }

    /// How its source and far end were found, in words.
    pub fn why(&self, certainty: Certainty) -> String {
        let source = match certainty {
            Certainty::Known => "source known from the interface inventory of that time",
            Certainty::Assumed => {
                "source assumed: the only interface ever seen at its address, though not observed at that time"
            }
            Certainty::Routed => {
                "recorded at the source itself; its NAT gateway is that of its subnet's default route as it is now"
            }
            Certainty::BehindTransitGateway => {
                "source outside the gateway's VPC, behind a Transit Gateway: no interface of this account and region has \
                 its address, and an endpoint for it belongs in its own VPC"
            }
            Certainty::Ambiguous => "several interfaces had this address at that time",
            Certainty::Unknown => "no interface is known for this source",
        };
        if !self.is_inferred() {
            return source.to_owned();
        }
        let region = if self.service_region.is_empty() {
            "AWS addresses of an unknown region without a service label"
        } else {
            "in-region AWS addresses without a service label"
        };
        format!(
            "inferred: interfaces in the mapping's subnets and security group talk to {region}, as pollers do with the \
             Lambda API, which no label names; {source}"
        )
    }
}
