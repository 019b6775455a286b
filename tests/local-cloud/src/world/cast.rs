//! Who lives in the VPC, at which fixed private address: the same in every run, so that a day's traffic depends on the
//! seed alone.

use std::net::Ipv4Addr;

/// One of the two zones the VPC spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// us-east-1a.
    A,
    /// us-east-1b.
    B,
}

impl Zone {
    /// Both zones, in order.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The zone's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "us-east-1a",
            Self::B => "us-east-1b",
        }
    }

    /// The zone's letter, for Name tags.
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// What a resident is, which decides its security group and how it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// An instance of the application.
    App,
    /// A self-managed Kafka broker.
    Broker,
    /// An interface of the Kafka event source mapping's pollers: no instance, requested by Lambda.
    Poller,
}

/// Somebody with an address in a private subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    /// Name tag of the instance; of a poller, a name for reading only.
    pub name: &'static str,
    /// Private address.
    pub address: Ipv4Addr,
    /// Zone of its private subnet.
    pub zone: Zone,
    /// What it is.
    pub role: Role,
}

const fn resident(name: &'static str, zone: Zone, host: u8, role: Role) -> Resident {
    let third = match zone {
        Zone::A => 32,
        Zone::B => 48,
    };
    Resident {
        name,
        address: Ipv4Addr::new(10, 0, third, host),
        zone,
        role,
    }
}

/// The web servers.
pub const WEB: [Resident; 2] = [
    resident("web-1", Zone::A, 10, Role::App),
    resident("web-2", Zone::B, 10, Role::App),
];
/// Builds container images: it downloads layers from S3.
pub const IMAGE_BUILDER: Resident = resident("image-builder", Zone::A, 11, Role::App);
/// Copies its results to a bucket in another region.
pub const BATCH: Resident = resident("batch-1", Zone::B, 11, Role::App);
/// The Kafka cluster.
pub const BROKERS: [Resident; 3] = [
    resident("kafka-1", Zone::A, 20, Role::Broker),
    resident("kafka-2", Zone::B, 20, Role::Broker),
    resident("kafka-3", Zone::A, 21, Role::Broker),
];
/// The interfaces through which Lambda polls the brokers.
pub const POLLERS: [Resident; 4] = [
    resident("poller-1", Zone::A, 101, Role::Poller),
    resident("poller-2", Zone::A, 102, Role::Poller),
    resident("poller-3", Zone::B, 101, Role::Poller),
    resident("poller-4", Zone::B, 102, Role::Poller),
];

/// Everybody.
pub(super) fn residents() -> impl Iterator<Item = Resident> {
    WEB.into_iter()
        .chain([IMAGE_BUILDER, BATCH])
        .chain(BROKERS)
        .chain(POLLERS)
}
