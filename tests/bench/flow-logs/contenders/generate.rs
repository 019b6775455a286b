//! Five million lines as five NAT gateways' interfaces record them in a day: version 5 fields, with a header line.
//!
//! Every flow leaves its four lines (A to D), mixed with others of its minute; some are rejected, some intervals hold
//! no data, a few were skipped. Some hundred sources use a few services, few of them most of the time. With anything that
//! changes the lines goes a new name of the files (`INPUT` beside).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

const SEED: u64 = 20_261_013;
const LINES: usize = 5_000_000;
const MINUTES: usize = 24 * 60;
const SOURCES: usize = 400;
const NATS: usize = 5;
/// 13 October 2026, 00:00 UTC.
const DAY: usize = 1_791_849_600;

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
                      action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region \
                      az-id sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction \
                      traffic-path";

/// Services as flow logs name them, how often they are used in 100 flows, and the first address of theirs.
const SERVICES: [(&str, u32, u32); 5] = [
    ("S3", 40, 0x34d8_0000),
    ("DYNAMODB", 12, 0x345e_0000),
    ("AMAZON", 22, 0x2cc0_0000),
    ("EC2", 8, 0x36a0_0000),
    ("-", 18, 0x9765_0000),
];

/// Writes the lines, plain and compressed, next to each other.
pub(super) fn write(plain: &Path, gzip: &Path) -> io::Result<()> {
    let unfinished = |path: &Path| path.with_extension("part");
    let (plain_part, gzip_part) = (unfinished(plain), unfinished(gzip));
    let mut output = Both {
        plain: BufWriter::new(File::create(&plain_part)?),
        gzip: GzEncoder::new(
            BufWriter::new(File::create(&gzip_part)?),
            Compression::default(),
        ),
    };
    lines(&mut output)?;
    output.plain.flush()?;
    output.gzip.finish()?.flush()?;
    // Only whole files get their names.
    fs::rename(gzip_part, gzip)?;
    fs::rename(plain_part, plain)
}

struct Both {
    plain: BufWriter<File>,
    gzip: GzEncoder<BufWriter<File>>,
}

impl Both {
    fn line(&mut self, line: &str) -> io::Result<()> {
        for output in [&mut self.plain as &mut dyn Write, &mut self.gzip] {
            output.write_all(line.as_bytes())?;
            output.write_all(b"\n")?;
        }
        Ok(())
    }
}

fn lines(output: &mut Both) -> io::Result<()> {
    let mut random = StdRng::seed_from_u64(SEED);
    output.line(HEADER)?;
    let mut written = 1;
    for minute in 0..MINUTES {
        let due = LINES * (minute + 1) / MINUTES;
        let mut lines = Vec::new();
        while written + lines.len() < due {
            match random.random_range(0..1000) {
                0..4 => lines.push(empty(minute, "NODATA", &mut random)),
                4 => lines.push(empty(minute, "SKIPDATA", &mut random)),
                5..40 => lines.push(rejected(minute, &mut random)),
                _ => lines.extend(flow(minute, &mut random)),
            }
        }
        lines.truncate(due - written);
        lines.shuffle(&mut random);
        for line in &lines {
            output.line(line)?;
        }
        written += lines.len();
    }
    Ok(())
}

fn eni(nat: usize) -> String {
    format!("eni-0a1b2c3d4e5f{:05x}", 0x60718 + nat)
}

fn nat_address(nat: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, octet(nat * 16), 9)
}

fn octet(number: usize) -> u8 {
    u8::try_from(number % 256).unwrap_or_default()
}

/// One line of the four, or a single one.
struct Line {
    nat: usize,
    ends: [Ipv4Addr; 4],
    ports: (u16, u16),
    packets: u64,
    bytes: u64,
    start: usize,
    action: &'static str,
    services: (&'static str, &'static str),
    way: &'static str,
    path: &'static str,
}

impl Line {
    fn text(&self) -> String {
        let [src, dst, pkt_src, pkt_dst] = self.ends;
        let (from, to) = self.ports;
        let (src_service, dst_service) = self.services;
        let az = self.nat + 1;
        format!(
            "5 123456789012 {eni} {src} {dst} {from} {to} 6 {packets} {bytes} {start} {end} {action} OK \
             vpc-0f1e2d3c4b5a69788 subnet-0a9b8c7d6e5f4{az:04x} - 19 IPv4 {pkt_src} {pkt_dst} us-east-1 use1-az{az} - - \
             {src_service} {dst_service} {way} {path}",
            eni = eni(self.nat),
            packets = self.packets,
            bytes = self.bytes,
            start = self.start,
            end = self.start + 59,
            action = self.action,
            way = self.way,
            path = self.path,
        )
    }
}

fn source(random: &mut StdRng) -> (usize, Ipv4Addr) {
    // The smaller of two is small more often: some sources are much busier than others.
    let number = random
        .random_range(0..SOURCES)
        .min(random.random_range(0..SOURCES));
    let nat = number % NATS;
    let address = Ipv4Addr::new(
        10,
        0,
        octet(nat * 16 + 1 + number / 200),
        octet(number / NATS + 10),
    );
    (nat, address)
}

fn remote(random: &mut StdRng) -> (&'static str, Ipv4Addr) {
    let mut share = random.random_range(0..100);
    for (service, weight, first) in SERVICES {
        if share < weight {
            return (
                service,
                Ipv4Addr::from(first + random.random_range(1..4_000)),
            );
        }
        share -= weight;
    }
    ("-", Ipv4Addr::new(151, 101, 1, 69))
}

fn flow(minute: usize, random: &mut StdRng) -> [String; 4] {
    let (nat, source) = source(random);
    let (service, remote) = remote(random);
    let gateway = nat_address(nat);
    let (port, outer) = (
        random.random_range(1024..65_535),
        random.random_range(1024..65_535),
    );
    let packets = random.random_range(3..400);
    let bytes = packets * random.random_range(60..1_400);
    let back = packets * random.random_range(60..9_000);
    let start = DAY + minute * 60 + random.random_range(0..60);
    let line = |ends, ports, bytes, services, way, path| {
        Line {
            nat,
            ends,
            ports,
            packets,
            bytes,
            start,
            action: "ACCEPT",
            services,
            way,
            path,
        }
        .text()
    };
    let (up, down) = (("-", service), (service, "-"));
    [
        line(
            [source, gateway, source, remote],
            (port, 443),
            bytes,
            up,
            "ingress",
            "-",
        ),
        line(
            [gateway, remote, gateway, remote],
            (outer, 443),
            bytes,
            up,
            "egress",
            "8",
        ),
        line(
            [remote, gateway, remote, gateway],
            (443, outer),
            back,
            down,
            "ingress",
            "-",
        ),
        line(
            [gateway, source, remote, source],
            (443, port),
            back,
            down,
            "egress",
            "1",
        ),
    ]
}

fn rejected(minute: usize, random: &mut StdRng) -> String {
    let nat = random.random_range(0..NATS);
    let prober = Ipv4Addr::from(random.random_range(0x0b00_0000..0xdf00_0000_u32));
    let gateway = nat_address(nat);
    Line {
        nat,
        ends: [prober, gateway, prober, gateway],
        ports: (
            random.random_range(1024..65_535),
            random.random_range(1..10_000),
        ),
        packets: 1,
        bytes: 40,
        start: DAY + minute * 60 + random.random_range(0..60),
        action: "REJECT",
        services: ("-", "-"),
        way: "ingress",
        path: "-",
    }
    .text()
}

fn empty(minute: usize, status: &str, random: &mut StdRng) -> String {
    let nat = random.random_range(0..NATS);
    let start = DAY + minute * 60;
    format!(
        "5 123456789012 {} - - - - - - - {start} {} - {status} vpc-0f1e2d3c4b5a69788 subnet-0a9b8c7d6e5f4{:04x} - - - \
         - - us-east-1 use1-az{az} - - - - - -",
        eni(nat),
        start + 59,
        nat + 1,
        az = nat + 1,
    )
}
