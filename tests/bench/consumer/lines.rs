//! Log lines as services and AWS write them, made up.

use jiff::Timestamp;
use rand::Rng;
use rand::rngs::StdRng;

/// The first of the hours, Unix milliseconds.
pub(super) const START_MS: i64 = 1_791_900_000_000;
pub(super) const HOUR_MS: i64 = 3_600_000;

/// The columns of [`flow_log`]: all fields of version 5.
pub(super) const FLOW_LOG_FORMAT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol \
    packets bytes start end action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr \
    region az-id sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path";

const SERVICES: [&str; 8] = [
    "checkout",
    "catalogue",
    "payments",
    "search",
    "sessions",
    "shipping",
    "invoices",
    "accounts",
];
const REMOTES: [&str; 5] = ["S3", "DYNAMODB", "AMAZON", "EC2", "-"];

/// A JSON log line, about 210 bytes.
pub(super) fn json(random: &mut StdRng, at: i64) -> String {
    let level = level(random);
    let service = pick(random, &SERVICES);
    let message = match level {
        "error" | "fatal" => format!(
            "order {} failed: \\\"connection reset\\\"\\n\\tat shop.Orders.charge(Orders.java:{})",
            random.random_range(10_000..99_999),
            random.random_range(10..900)
        ),
        _ => request(random),
    };
    format!(
        r#"{{"timestamp":"{}","level":"{level}","service":"{service}","message":"{message}","trace_id":"{:032x}","duration_ms":{}.{},"host":"ip-10-0-{}-{}"}}"#,
        time(at),
        random.random::<u128>(),
        random.random_range(1..900),
        random.random_range(0..10),
        random.random_range(0..4),
        random.random_range(1..255),
    )
}

/// A line of logfmt.
pub(super) fn logfmt(random: &mut StdRng, at: i64) -> String {
    let level = level(random);
    let service = pick(random, &SERVICES);
    format!(
        r#"time={} level={level} service={service} msg="{}" trace_id={:032x} duration_ms={}"#,
        time(at),
        request(random),
        random.random::<u128>(),
        random.random_range(1..900),
    )
}

fn level(random: &mut StdRng) -> &'static str {
    match random.random_range(0..100) {
        0..2 => "trace",
        2..17 => "debug",
        17..85 => "info",
        85..94 => "warn",
        94..99 => "error",
        _ => "fatal",
    }
}

fn request(random: &mut StdRng) -> String {
    let order = random.random_range(10_000..99_999);
    let status = pick(random, &["200", "201", "304", "404"]);
    format!("GET /orders/{order} answered {status}")
}

fn time(at: i64) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// A flow-log line of a NAT gateway's interface: one of its four legs, or nothing that counts.
pub(super) fn flow_log(random: &mut StdRng, at: i64) -> String {
    let gateway = random.random_range(1..=6);
    let nat = format!("10.0.0.{gateway}");
    let source = format!("10.0.1.{}", random.random_range(1..=100));
    let service = pick(random, &REMOTES);
    let remote = format!("52.216.{}.{}", service.len(), random.random_range(1..255));
    let (leg, action, status) = match random.random_range(0..100) {
        0..30 => ('A', "ACCEPT", "OK"),
        30..60 => ('D', "ACCEPT", "OK"),
        60..75 => ('B', "ACCEPT", "OK"),
        75..90 => ('C', "ACCEPT", "OK"),
        90..97 => ('C', "REJECT", "OK"),
        _ => ('-', "-", "NODATA"),
    };
    let start = at / 1_000;
    let interface = format!("eni-0a1b2c3d4e5f6071{gateway}");
    let owner = "123456789012";
    if status == "NODATA" {
        let rest = "- ".repeat(14);
        return format!(
            "5 {owner} {interface} - - - - - - - {start} {} - NODATA {}-",
            start + 60,
            rest
        );
    }
    let (from, to, first, last, from_service, to_service) = match leg {
        'A' => (&source, &nat, &source, &remote, "-", service),
        'B' => (&nat, &remote, &nat, &remote, "-", service),
        'C' => (&remote, &nat, &remote, &nat, service, "-"),
        _ => (&nat, &source, &remote, &source, service, "-"),
    };
    let packets = random.random_range(1..2_000);
    format!(
        "5 {owner} {interface} {from} {to} {} 443 6 {packets} {} {start} {} {action} {status} vpc-0123456789abcdef0 \
         subnet-0123456789abcdef0 - 19 IPv4 {first} {last} us-east-1 use1-az1 - - {from_service} {to_service} ingress -",
        random.random_range(1_024..65_535),
        packets * random.random_range(40..1_500),
        start + 60,
    )
}

fn pick<'a>(random: &mut StdRng, of: &[&'a str]) -> &'a str {
    of.get(random.random_range(0..of.len()))
        .copied()
        .unwrap_or_default()
}
