//! Says who is behind a day's traffic: NAT gateway, source, far end and direction of every byte.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tollkeeper::finding::{Direction, Source, SourceKind};
use tollkeeper::flow_log::Leg;
use tollkeeper::rollup::CellKey;
use tollkeeper::time::Hour;

use crate::explain::pollers;
use crate::explain::traffic::DayTraffic;
use crate::measure::inventory::{Holder, Inventory, Nat};
use crate::measure::network::KafkaMapping;

/// What attribution needs to know.
#[derive(Clone, Copy)]
pub struct Directory<'a> {
    /// Who had which address when.
    pub inventory: &'a Inventory,
    /// Kafka mappings with on-demand pollers.
    pub mappings: &'a [KafkaMapping],
    /// The region under analysis.
    pub region: &'a str,
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
    /// The only interface ever seen at the address.
    Assumed,
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
            let (source, certainty) = source_of(&cell, nat, *hour, directory);
            let figures = flows
                .entry(Flow {
                    nat_gateway_id: nat.id.clone(),
                    nat_vpc_id: nat.vpc_id.clone(),
                    source,
                    service: cell.remote.service.to_owned(),
                    service_region: cell.remote.region.to_owned(),
                    direction: match cell.leg {
                        Leg::A => Direction::Upload,
                        Leg::D => Direction::Download,
                    },
                })
                .or_insert(Figures {
                    bytes: 0,
                    certainty,
                });
            figures.bytes = figures.bytes.saturating_add(sums.bytes);
            figures.certainty = figures.certainty.max(certainty);
        }
    }
    flows
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
        Holder::Unknown => {
            return (
                nameless(SourceKind::Address, &address.to_string()),
                Certainty::Unknown,
            );
        }
    };
    let pollers = pollers::may_be_lambda_api(cell.remote, directory.region)
        .then(|| pollers::source_of(interface, directory.mappings))
        .flatten();
    (
        pollers.unwrap_or_else(|| interface.source.clone()),
        certainty,
    )
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
