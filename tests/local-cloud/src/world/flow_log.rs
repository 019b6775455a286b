//! Flow-log lines as a NAT gateway's interface records them: version 5 fields, both sides of the gateway.
//!
//! Each packet is recorded twice: an upload as instance → NAT (A) and NAT → remote (B), a download as remote → NAT (C)
//! and NAT → instance (D). NODATA and SKIPDATA lines stand among them as they do in real logs; the SKIPDATA line hides
//! nothing here, so that sums can be compared to the byte.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::addresses::FarEnd;
use super::traffic::{Direction, Flow, INTERVAL_SECONDS};

/// The fields of each line, in order: the header of the files, and the format of lines without one.
pub const FORMAT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start \
                          end action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr \
                          region az-id sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service \
                          flow-direction traffic-path";

/// Path numbers as AWS documents them: through another resource in the VPC, and through an internet gateway.
const IN_VPC: &str = "1";
const INTERNET_GATEWAY: &str = "8";

/// The recording interface, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorder {
    /// Owner.
    pub account: String,
    /// The NAT gateway's interface.
    pub interface: String,
    /// The NAT gateway's private address.
    pub address: Ipv4Addr,
    /// Its VPC.
    pub vpc: String,
    /// Its (public) subnet.
    pub subnet: String,
    /// Region.
    pub region: &'static str,
}

/// One end of a leg: address and port.
type End = (Ipv4Addr, u16);

/// Addresses and ports of one recorded leg.
struct Leg {
    src: End,
    dst: End,
    pkt_src: Ipv4Addr,
    pkt_dst: Ipv4Addr,
    services: (&'static str, &'static str),
    way: &'static str,
    path: &'static str,
}

impl Recorder {
    /// The two lines of a flow.
    pub fn lines(&self, flow: &Flow) -> [String; 2] {
        let inner = (flow.resident.address, flow.local_port);
        // The NAT picks a port of its own; the same one is as good as any.
        let nat = (self.address, flow.local_port);
        let outer = (flow.remote, flow.remote_port);
        let label = log_label(flow.far_end);
        let legs = match flow.direction {
            Direction::Upload => [
                Leg {
                    src: inner,
                    dst: (self.address, outer.1),
                    pkt_src: inner.0,
                    pkt_dst: outer.0,
                    services: ("-", label),
                    way: "ingress",
                    path: "-",
                },
                Leg {
                    src: nat,
                    dst: outer,
                    pkt_src: nat.0,
                    pkt_dst: outer.0,
                    services: ("-", label),
                    way: "egress",
                    path: INTERNET_GATEWAY,
                },
            ],
            Direction::Download => [
                Leg {
                    src: outer,
                    dst: nat,
                    pkt_src: outer.0,
                    pkt_dst: nat.0,
                    services: (label, "-"),
                    way: "ingress",
                    path: "-",
                },
                Leg {
                    src: (self.address, outer.1),
                    dst: inner,
                    pkt_src: outer.0,
                    pkt_dst: inner.0,
                    services: (label, "-"),
                    way: "egress",
                    path: IN_VPC,
                },
            ],
        };
        legs.map(|leg| self.line(flow, &leg))
    }

    fn line(&self, flow: &Flow, leg: &Leg) -> String {
        let Self {
            account,
            interface,
            vpc,
            subnet,
            region,
            ..
        } = self;
        let Leg {
            src,
            dst,
            pkt_src,
            pkt_dst,
            services,
            way,
            path,
        } = leg;
        let Flow {
            packets,
            bytes,
            start,
            ..
        } = flow;
        let end = start + INTERVAL_SECONDS - 2;
        let mut line = format!(
            "5 {account} {interface} {} {} {} {} 6 {packets} {bytes} {start} {end} ACCEPT OK",
            src.0, dst.0, src.1, dst.1
        );
        // Writing into a String cannot fail.
        let _ = write!(
            line,
            " {vpc} {subnet} - 3 IPv4 {pkt_src} {pkt_dst} {region} use1-az1 - - {} {} {way} {path}",
            services.0, services.1
        );
        line
    }

    /// A line that says what happened instead of a flow: `NODATA` or `SKIPDATA`.
    pub fn gap(&self, status: &str, start: i64) -> String {
        let Self {
            account,
            interface,
            vpc,
            subnet,
            region,
            ..
        } = self;
        let end = start + INTERVAL_SECONDS - 2;
        format!(
            "5 {account} {interface} - - - - - - - {start} {end} - {status} {vpc} {subnet} - - - - - {region} use1-az1 - - - - - -"
        )
    }
}

/// What the log's own service field says: Lambda and STS have no name there.
fn log_label(far_end: FarEnd) -> &'static str {
    far_end.label().map_or("-", |(service, _)| service)
}

#[cfg(test)]
mod tests {
    use super::super::cast::POLLERS;
    use super::*;

    fn recorder() -> Recorder {
        Recorder {
            account: "123456789012".to_owned(),
            interface: "eni-nat".to_owned(),
            address: Ipv4Addr::new(10, 0, 0, 9),
            vpc: "vpc-1".to_owned(),
            subnet: "subnet-public".to_owned(),
            region: "us-east-1",
        }
    }

    fn flow(direction: Direction) -> Flow {
        Flow {
            start: 1_791_900_000,
            resident: POLLERS[0],
            local_port: 40_000,
            far_end: FarEnd::LambdaApi,
            remote: Ipv4Addr::new(52, 94, 224, 7),
            remote_port: 443,
            direction,
            bytes: 1_500,
            packets: 1,
        }
    }

    #[test]
    fn an_upload_is_recorded_on_both_sides_of_the_gateway() {
        let [a, b] = recorder().lines(&flow(Direction::Upload));
        assert_eq!(
            a,
            "5 123456789012 eni-nat 10.0.32.101 10.0.0.9 40000 443 6 1 1500 1791900000 1791900598 ACCEPT OK vpc-1 \
             subnet-public - 3 IPv4 10.0.32.101 52.94.224.7 us-east-1 use1-az1 - - - AMAZON ingress -"
        );
        assert!(
            b.contains(" 10.0.0.9 52.94.224.7 40000 443 ")
                && b.contains(" IPv4 10.0.0.9 52.94.224.7 "),
            "{b}"
        );
    }

    #[test]
    fn a_download_names_the_instance_on_its_second_line_only() {
        let [c, d] = recorder().lines(&flow(Direction::Download));
        assert!(
            c.contains(" IPv4 52.94.224.7 10.0.0.9 ") && c.ends_with("AMAZON - ingress -"),
            "{c}"
        );
        assert!(
            d.contains(" 10.0.0.9 10.0.32.101 443 40000 ")
                && d.contains(" IPv4 52.94.224.7 10.0.32.101 "),
            "{d}"
        );
    }

    #[test]
    fn every_line_has_as_many_columns_as_the_format_and_no_label_says_lambda() {
        let columns = FORMAT.split_ascii_whitespace().count();
        let recorder = recorder();
        let lines = recorder
            .lines(&flow(Direction::Upload))
            .into_iter()
            .chain(recorder.lines(&flow(Direction::Download)));
        for line in lines.chain([recorder.gap("NODATA", 0), recorder.gap("SKIPDATA", 0)]) {
            assert_eq!(line.split(' ').count(), columns, "{line}");
            assert!(!line.contains("LAMBDA"));
        }
    }
}
