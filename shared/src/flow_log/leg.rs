//! Which of a NAT gateway's four legs a record is.
//!
//! At the gateway each packet is logged twice: instance → NAT (A), NAT → remote (B), remote → NAT (C), NAT → instance
//! (D). Only A and D name both the instance and the remote, so only they are counted; B and C are the same bytes again
//! (docs/adr/0003). Whether the recorder *is* a NAT gateway is for an inventory to say.
//!
//! **A zonal gateway** has an interface with an address of its own. On the inner side one end of the leg is that
//! address, and the packet address of that end is another: A has `dstaddr` ≠ `pkt-dstaddr`, D has `srcaddr` ≠
//! `pkt-srcaddr`. On the outer side (B and C) both agree.
//!
//! **A regional gateway** has no interface: `interface-id` is `-`, the gateway stands in `resource-id`, and `dstaddr`
//! already is the final destination. Leg and packet addresses then agree on A and D too, so the rule above would count
//! nothing. What is left to go by is where the ends lie: a regional gateway serves public destinations only, its own
//! addresses are public (Elastic IPs), and the instance's is private. So a leg with one private end is an inner one
//! (from it: A, to it: D), and with both ends public it is an outer one. An end in 64:ff9b::/96 (NAT64) is a remote,
//! which makes the other end the instance. An instance with a public address of its VPC's range cannot be told from
//! the gateway: its traffic is not counted, and shows as missing coverage. Examples of such records are few; the rule
//! holds whichever of the gateway's or the remote's address stands in the far end's leg field, because it reads the
//! far end from the packet fields where the log has them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::field::Field;
use super::record::{LineError, LogStatus, Record};
use crate::services::nat64;

/// A counted leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// Instance to NAT: what the instance sends (metric `BytesInFromSource`).
    A,
    /// NAT to instance: what the instance receives (metric `BytesOutToSource`).
    D,
}

impl Leg {
    /// Its letter, as it is written.
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::D => "D",
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

/// A text that names no counted leg.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a counted leg: expected A or D")]
pub struct NotALeg(String);

impl FromStr for Leg {
    type Err = NotALeg;
    fn from_str(text: &str) -> Result<Self, NotALeg> {
        match text {
            "A" => Ok(Self::A),
            "D" => Ok(Self::D),
            other => Err(NotALeg(other.to_owned())),
        }
    }
}

/// A counted leg with both its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow<'a> {
    /// Direction.
    pub leg: Leg,
    /// The instance's own address, behind the NAT.
    pub source: IpAddr,
    /// The far end.
    pub remote: IpAddr,
    /// The far end's service as the log names it.
    pub remote_service: Option<&'a str>,
}

/// What a record is, seen as one of a NAT gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatSide<'a> {
    /// Leg A or D: count it.
    Counted(Flow<'a>),
    /// Leg B or C, or traffic of the interface itself: the same bytes again, or not the NAT's.
    Outer,
    /// The log lacks the packet addresses (version 2 fields only): the legs cannot be told apart.
    NoPacketAddresses,
    /// Rejected traffic: never processed, never billed.
    Rejected,
    /// NODATA: nothing happened.
    NoData,
    /// SKIPDATA: AWS skipped an unknown number of flows.
    SkipData,
}

impl<'a> Record<'a> {
    /// The leg of a NAT gateway that this record would be. Columns that do not matter to the answer are not looked at.
    pub fn nat_side(&self) -> Result<NatSide<'a>, LineError> {
        match self.status()? {
            LogStatus::NoData => return Ok(NatSide::NoData),
            LogStatus::SkipData => return Ok(NatSide::SkipData),
            LogStatus::Ok => {}
        }
        if !self.accepted()? {
            return Ok(NatSide::Rejected);
        }
        let (Some(src), Some(dst)) = (self.word(Field::SrcAddr), self.word(Field::DstAddr)) else {
            return Ok(NatSide::NoPacketAddresses);
        };
        let packet = (self.word(Field::PktSrcAddr), self.word(Field::PktDstAddr));
        if self.is_regional_nat() {
            let (pkt_src, pkt_dst) = (packet.0.unwrap_or(src), packet.1.unwrap_or(dst));
            self.regional_side([src, dst, pkt_src, pkt_dst])
        } else if let (Some(pkt_src), Some(pkt_dst)) = packet {
            self.zonal_side([src, dst, pkt_src, pkt_dst])
        } else {
            Ok(NatSide::NoPacketAddresses)
        }
    }

    /// The leg that an instance's own interface shows of what it exchanges with public addresses. Whether that went
    /// through a NAT gateway is for next hop, path or route to say. Version 2 fields are enough: at the instance, leg
    /// and packet addresses are the same.
    pub fn instance_side(&self) -> Result<NatSide<'a>, LineError> {
        match self.status()? {
            LogStatus::NoData => return Ok(NatSide::NoData),
            LogStatus::SkipData => return Ok(NatSide::SkipData),
            LogStatus::Ok => {}
        }
        if !self.accepted()? {
            return Ok(NatSide::Rejected);
        }
        let (Some(src), Some(dst)) = (self.word(Field::SrcAddr), self.word(Field::DstAddr)) else {
            return Ok(NatSide::Outer);
        };
        let (pkt_src, pkt_dst) = (
            self.word(Field::PktSrcAddr).unwrap_or(src),
            self.word(Field::PktDstAddr).unwrap_or(dst),
        );
        self.regional_side([src, dst, pkt_src, pkt_dst])
    }

    /// The leg that an interface of a VPC shows of what it exchanges with public addresses, where the VPC's own ranges
    /// are known: `inside` says which addresses lie in them. Unlike [`Self::instance_side`] it knows an interface's
    /// secondary addresses, which stand in the packet fields only. Version 2 fields are enough for first addresses.
    pub fn interface_side(
        &self,
        inside: impl Fn(IpAddr) -> bool,
    ) -> Result<NatSide<'a>, LineError> {
        self.side(&inside, |end| !inside(end) && !is_private(end))
    }

    /// The leg that the interface of an endpoint shows of what it exchanges with its clients: `own` says which addresses
    /// are the interface's. The endpoint is the far end, whoever opened the connection.
    pub fn endpoint_side(&self, own: impl Fn(IpAddr) -> bool) -> Result<NatSide<'a>, LineError> {
        self.side(|end| !own(end), &own)
    }

    fn side(
        &self,
        is_near: impl Fn(IpAddr) -> bool,
        is_far: impl Fn(IpAddr) -> bool,
    ) -> Result<NatSide<'a>, LineError> {
        match self.status()? {
            LogStatus::NoData => return Ok(NatSide::NoData),
            LogStatus::SkipData => return Ok(NatSide::SkipData),
            LogStatus::Ok => {}
        }
        if !self.accepted()? {
            return Ok(NatSide::Rejected);
        }
        let (Some(src), Some(dst)) = (self.word(Field::SrcAddr), self.word(Field::DstAddr)) else {
            return Ok(NatSide::Outer);
        };
        let packet = |field, end| self.word(field).unwrap_or(end);
        let (pkt_src, pkt_dst) = (
            packet(Field::PktSrcAddr, src),
            packet(Field::PktDstAddr, dst),
        );
        let [src, dst, pkt_src, pkt_dst] = self.addresses([src, dst, pkt_src, pkt_dst])?;
        // The far end is spelt alike on both: another address there is a NAT gateway's.
        if dst == pkt_dst && is_near(pkt_src) && is_far(pkt_dst) {
            self.upload(pkt_src, pkt_dst)
        } else if src == pkt_src && is_near(pkt_dst) && is_far(pkt_src) {
            self.download(pkt_dst, pkt_src)
        } else {
            Ok(NatSide::Outer)
        }
    }

    /// Whether a regional NAT gateway recorded.
    pub fn is_regional_nat(&self) -> bool {
        self.word(Field::InterfaceId).is_none()
            && self
                .word(Field::ResourceId)
                .is_some_and(|id| id.starts_with(b"nat-"))
    }

    fn zonal_side(&self, ends: [&[u8]; 4]) -> Result<NatSide<'a>, LineError> {
        let [src, dst, pkt_src, pkt_dst] = ends;
        // AWS spells an address in one way only, so most outer legs show without reading any.
        if src == pkt_src && dst == pkt_dst {
            return Ok(NatSide::Outer);
        }
        let [src, dst, pkt_src, pkt_dst] = self.addresses(ends)?;
        match (src == pkt_src, dst == pkt_dst) {
            (true, false) => self.upload(pkt_src, pkt_dst),
            (false, true) => self.download(pkt_dst, pkt_src),
            _ => Ok(NatSide::Outer),
        }
    }

    fn regional_side(&self, ends: [&[u8]; 4]) -> Result<NatSide<'a>, LineError> {
        let [src, dst, pkt_src, pkt_dst] = self.addresses(ends)?;
        if src == pkt_src && is_inner(src, pkt_dst) {
            self.upload(src, pkt_dst)
        } else if dst == pkt_dst && is_inner(dst, pkt_src) {
            self.download(dst, pkt_src)
        } else {
            Ok(NatSide::Outer)
        }
    }

    fn addresses(&self, ends: [&[u8]; 4]) -> Result<[IpAddr; 4], LineError> {
        let [src_word, dst_word, pkt_src, pkt_dst] = ends;
        let src = self.address(Field::SrcAddr, src_word)?;
        let dst = self.address(Field::DstAddr, dst_word)?;
        // On an inner leg one of them is spelt as the one just read.
        let again = |field, word, other: &[u8], address| {
            if word == other {
                Ok(address)
            } else {
                self.address(field, word)
            }
        };
        let pkt_src = again(Field::PktSrcAddr, pkt_src, src_word, src)?;
        let pkt_dst = again(Field::PktDstAddr, pkt_dst, dst_word, dst)?;
        Ok([src, dst, pkt_src, pkt_dst])
    }

    fn upload(&self, source: IpAddr, remote: IpAddr) -> Result<NatSide<'a>, LineError> {
        Ok(NatSide::Counted(Flow {
            leg: Leg::A,
            source,
            remote,
            remote_service: self.pkt_dst_service()?,
        }))
    }

    fn download(&self, source: IpAddr, remote: IpAddr) -> Result<NatSide<'a>, LineError> {
        Ok(NatSide::Counted(Flow {
            leg: Leg::D,
            source,
            remote,
            remote_service: self.pkt_src_service()?,
        }))
    }
}

/// Whether one end of a regional gateway's leg is an instance that talks to the other.
fn is_inner(end: IpAddr, other: IpAddr) -> bool {
    match (is_remote_by_nat64(end), is_remote_by_nat64(other)) {
        (false, true) => true,
        (false, false) => is_private(end) && !is_private(other),
        (true, _) => false,
    }
}

fn is_remote_by_nat64(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if nat64(address).is_some())
}

/// Ranges that no one routes on the internet: RFC 1918, 100.64.0.0/10 and link-local; unique local of version 6.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private() || address.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
#[path = "leg_tests.rs"]
mod tests;
