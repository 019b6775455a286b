//! Which of a NAT gateway's four legs a record is.
//!
//! At the gateway's interface each packet is logged twice: instance → NAT (A), NAT → remote (B), remote → NAT (C),
//! NAT → instance (D). Only A and D name both the instance and the remote, so only they are counted; B and C are the
//! same bytes again (docs/adr/0003). Whether the interface *is* a NAT gateway's is for an inventory to say.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::record::{LogStatus, Record};

/// A counted leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// Instance to NAT: what the instance sends (metric `BytesInFromSource`).
    A,
    /// NAT to instance: what the instance receives (metric `BytesOutToSource`).
    D,
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::D => "D",
        })
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

/// What a record is, seen as one of a NAT gateway's interface.
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
    /// The leg of a NAT gateway that this record would be.
    pub fn nat_side(&self) -> NatSide<'a> {
        match self.status {
            LogStatus::NoData => return NatSide::NoData,
            LogStatus::SkipData => return NatSide::SkipData,
            LogStatus::Ok if !self.accepted => return NatSide::Rejected,
            LogStatus::Ok => {}
        }
        let (Some(src), Some(dst), Some(pkt_src), Some(pkt_dst)) =
            (self.src, self.dst, self.pkt_src, self.pkt_dst)
        else {
            return NatSide::NoPacketAddresses;
        };
        match (src == pkt_src, dst == pkt_dst) {
            (true, false) => NatSide::Counted(Flow {
                leg: Leg::A,
                source: pkt_src,
                remote: pkt_dst,
                remote_service: self.pkt_dst_service,
            }),
            (false, true) => NatSide::Counted(Flow {
                leg: Leg::D,
                source: pkt_dst,
                remote: pkt_src,
                remote_service: self.pkt_src_service,
            }),
            _ => NatSide::Outer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    const FIELDS: &str = "version interface-id srcaddr dstaddr bytes start pkt-srcaddr pkt-dstaddr action log-status \
                          pkt-src-aws-service pkt-dst-aws-service";

    fn side(line: &str) -> NatSide<'_> {
        // 10.0.1.5 instance, 10.0.0.9 NAT, 52.216.0.1 S3.
        Format::parse(FIELDS)
            .unwrap()
            .read(line)
            .unwrap()
            .nat_side()
    }

    #[test]
    fn only_the_two_inner_legs_are_counted_and_name_both_ends() {
        let source = "10.0.1.5".parse().unwrap();
        let remote = "52.216.0.1".parse().unwrap();
        assert_eq!(
            side("5 eni-n 10.0.1.5 10.0.0.9 700 1 10.0.1.5 52.216.0.1 ACCEPT OK - S3"),
            NatSide::Counted(Flow {
                leg: Leg::A,
                source,
                remote,
                remote_service: Some("S3")
            })
        );
        assert_eq!(
            side("5 eni-n 10.0.0.9 10.0.1.5 900 1 52.216.0.1 10.0.1.5 ACCEPT OK S3 -"),
            NatSide::Counted(Flow {
                leg: Leg::D,
                source,
                remote,
                remote_service: Some("S3")
            })
        );
        assert_eq!(
            side("5 eni-n 10.0.0.9 52.216.0.1 700 1 10.0.0.9 52.216.0.1 ACCEPT OK - S3"),
            NatSide::Outer
        );
        assert_eq!(
            side("5 eni-n 52.216.0.1 10.0.0.9 900 1 52.216.0.1 10.0.0.9 ACCEPT OK S3 -"),
            NatSide::Outer
        );
    }

    #[test]
    fn what_cannot_be_counted_says_why() {
        assert_eq!(
            side("5 eni-n 10.0.1.5 10.0.0.9 700 1 - - ACCEPT OK - -"),
            NatSide::NoPacketAddresses
        );
        assert_eq!(
            side("5 eni-n 10.0.1.5 10.0.0.9 7 1 10.0.1.5 52.216.0.1 REJECT OK - -"),
            NatSide::Rejected
        );
        assert_eq!(side("5 eni-n - - - 1 - - - NODATA - -"), NatSide::NoData);
        assert_eq!(
            side("5 eni-n - - - 1 - - - SKIPDATA - -"),
            NatSide::SkipData
        );
    }
}
