//! Labels of AWS addresses: which service and region an address belongs to.
//!
//! Built from AWS's published ranges (`ip-ranges.json`; `make ip-ranges`). Every subset is also listed as AMAZON,
//! so the longest prefix wins, and on ties a specific service wins over EC2 and EC2 over AMAZON. Services without a
//! label of their own (Lambda, STS, SQS, ECR's API) come out as AMAZON or EC2: this module refuses to guess which.

mod ranges;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

use ranges::{Directory, Range, disjoint, find};

/// Who an address belongs to, borrowed from a log line or a table. Ordered, so that rollups have one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label<'a> {
    /// Service as AWS spells it: `S3`, `DYNAMODB`, `AMAZON` (AWS, unresolved); `INTERNET` outside AWS;
    /// `UNKNOWN` where no table was at hand.
    pub service: &'a str,
    /// Region code, `GLOBAL`, or empty where unknown.
    pub region: &'a str,
}

impl<'a> Label<'a> {
    /// An address that AWS does not list.
    pub const INTERNET: Label<'static> = Label::new("INTERNET", "");
    /// An address that could not be looked up.
    pub const UNKNOWN: Label<'static> = Label::new("UNKNOWN", "");

    /// A label from its parts.
    pub const fn new(service: &'a str, region: &'a str) -> Self {
        Self { service, region }
    }
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.region.is_empty() {
            f.write_str(self.service)
        } else {
            write!(f, "{} {}", self.service, self.region)
        }
    }
}

/// The published file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum IpRangesError {
    /// Not the JSON that AWS publishes.
    #[error("not an ip-ranges.json: {0}")]
    Json(#[from] serde_json::Error),
    /// A prefix that is no address range.
    #[error("`{0}` is not an address range: expected an address, a slash and a prefix length")]
    Prefix(String),
}

/// AWS's address ranges as sorted, disjoint ranges.
#[derive(Debug, Clone)]
pub struct IpRanges {
    created: String,
    /// Services and regions.
    labels: Vec<(String, String)>,
    v4: Vec<Range<u32>>,
    v4_directory: Directory,
    v6: Vec<Range<u128>>,
}

/// Borrowed from the file's bytes: the function reads it on every cold start.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "createDate")]
    create_date: String,
    #[serde(borrow)]
    prefixes: Vec<Prefix<'a>>,
    #[serde(borrow, default)]
    ipv6_prefixes: Vec<Prefix<'a>>,
}

#[derive(Deserialize)]
struct Prefix<'a> {
    #[serde(alias = "ip_prefix", alias = "ipv6_prefix")]
    range: &'a str,
    region: &'a str,
    service: &'a str,
}

impl IpRanges {
    /// Reads the published file.
    pub fn from_json(json: &[u8]) -> Result<Self, IpRangesError> {
        let file: File<'_> = serde_json::from_slice(json)?;
        let mut numbers = HashMap::new();
        // Labels in the order of their numbers, and how specific each one's service is.
        let (mut labels, mut specific) = (Vec::new(), Vec::new());
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in file.prefixes.iter().chain(&file.ipv6_prefixes) {
            let number = *numbers
                .entry((prefix.service, prefix.region))
                .or_insert_with(|| {
                    labels.push((prefix.service.to_owned(), prefix.region.to_owned()));
                    specific.push(match prefix.service {
                        "AMAZON" => 0,
                        "EC2" => 1,
                        _ => 2,
                    });
                    labels.len() - 1
                });
            // AWS lists some hundred labels; far from 65,536.
            let label = u16::try_from(number)
                .map_err(|_| IpRangesError::Prefix(prefix.range.to_owned()))?;
            let (address, length) = parse_prefix(prefix.range)?;
            // Of two equally specific labels the one listed first wins.
            let precedence = (length, specific[number], Reverse(label));
            match address {
                IpAddr::V4(address) => v4.push((precedence, u32::from(address), label)),
                IpAddr::V6(address) => v6.push((precedence, u128::from(address), label)),
            }
        }
        v4.sort_unstable();
        v6.sort_unstable();
        let v4 = disjoint(v4.into_iter().map(|((length, ..), address, label)| {
            let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            Range {
                first: address & !host,
                last: address | host,
                label,
            }
        }));
        let v6 = disjoint(v6.into_iter().map(|((length, ..), address, label)| {
            let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            Range {
                first: address & !host,
                last: address | host,
                label,
            }
        }));
        Ok(Self {
            created: file.create_date,
            labels,
            v4_directory: Directory::of(&v4),
            v4,
            v6,
        })
    }

    /// When AWS wrote the file, `2026-08-22-21-23-05` as published.
    pub fn created(&self) -> &str {
        &self.created
    }

    /// The label of an address; `None` if AWS does not list it. An IPv4 address within an IPv6 one (mapped, or behind
    /// NAT64) counts as itself.
    pub fn lookup(&self, address: IpAddr) -> Option<Label<'_>> {
        let v4 = match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(address) => address.to_ipv4_mapped().or_else(|| nat64(address)),
        };
        let index = match (v4, address) {
            (Some(address), _) => self.v4_directory.find(&self.v4, u32::from(address)),
            (None, IpAddr::V6(address)) => find(&self.v6, u128::from(address)),
            (None, IpAddr::V4(_)) => None,
        }?;
        let (service, region) = self.labels.get(usize::from(index))?;
        Some(Label::new(service, region))
    }
}

/// The IPv4 address that an address of the NAT64 prefix 64:ff9b::/96 stands for.
pub(crate) fn nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => {
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

fn parse_prefix(text: &str) -> Result<(IpAddr, u8), IpRangesError> {
    let wrong = || IpRangesError::Prefix(text.to_owned());
    let (address, length) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let length: u8 = length.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if length > longest {
        Err(wrong())
    } else {
        Ok((address, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rows: &[(&str, &str, &str)]) -> IpRanges {
        let prefixes: Vec<_> = rows
            .iter()
            .map(|(prefix, region, service)| serde_json::json!({"ip_prefix": prefix, "region": region, "service": service}))
            .collect();
        let file = serde_json::json!({"createDate": "2026-08-22-21-23-05", "prefixes": prefixes});
        IpRanges::from_json(file.to_string().as_bytes()).unwrap()
    }

    fn look(table: &IpRanges, address: &str) -> String {
        table
            .lookup(address.parse().unwrap())
            .map_or("-".to_owned(), |label| label.to_string())
    }

    #[test]
    fn the_longest_prefix_wins_and_on_ties_the_specific_service() {
        let table = table(&[
            ("52.216.0.0/15", "us-east-1", "AMAZON"),
            ("52.216.0.0/15", "us-east-1", "S3"),
            ("52.216.0.0/15", "us-east-1", "EC2"),
            ("52.94.0.0/22", "us-east-1", "AMAZON"),
            ("52.94.0.0/24", "us-east-1", "DYNAMODB"),
            ("3.5.0.0/19", "eu-west-1", "S3"),
        ]);
        assert_eq!(look(&table, "52.217.1.2"), "S3 us-east-1");
        assert_eq!(look(&table, "52.94.0.9"), "DYNAMODB us-east-1");
        assert_eq!(look(&table, "52.94.1.9"), "AMAZON us-east-1");
        assert_eq!(look(&table, "3.5.31.255"), "S3 eu-west-1");
        assert_eq!(look(&table, "3.5.32.0"), "-");
        assert_eq!(look(&table, "::ffff:52.94.0.9"), "DYNAMODB us-east-1");
        assert_eq!(look(&table, "64:ff9b::52.94.0.9"), "DYNAMODB us-east-1");
        assert_eq!(look(&table, "64:ff9c::52.94.0.9"), "-");
        assert_eq!(table.created(), "2026-08-22-21-23-05");
    }

    #[test]
    fn a_broken_prefix_is_named() {
        let file = br#"{"createDate": "x", "prefixes": [{"ip_prefix": "10.0.0.0/33", "region": "r", "service": "S3"}]}"#;
        assert_eq!(
            IpRanges::from_json(file).unwrap_err().to_string(),
            "`10.0.0.0/33` is not an address range: expected an address, a slash and a prefix length"
        );
    }

    /// The rule, said plainly: scan all rows, keep the longest, then the more specific, then the first listed.
    fn by_scanning(rows: &[(u32, u8, usize)], address: u32) -> Option<usize> {
        rows.iter()
            .filter(|(first, length, _)| {
                let host = u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
                (first & !host) == (address & !host)
            })
            .max_by_key(|(_, length, service)| {
                (*length, [0, 1, 2, 2][*service], std::cmp::Reverse(*service))
            })
            .map(|(_, _, service)| *service)
    }

    proptest! {
        #[test]
        fn lookup_agrees_with_scanning_every_prefix(
            rows in proptest::collection::vec((0u32..1024, 22u8..=32, 0usize..4), 1..40),
            probes in proptest::collection::vec(0u32..1100, 50),
        ) {
            const SERVICES: [&str; 4] = ["AMAZON", "EC2", "S3", "DYNAMODB"];
            // One row of each service first, far away, fixes the order in which labels are first listed.
            let mut all: Vec<(u32, u8, usize)> = (0u32..4).map(|s| (0xF000_0000 + s, 32, s as usize)).collect();
            all.extend(rows);
            let text: Vec<_> = all.iter().map(|(first, length, service)| {
                let host = u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
                (format!("{}/{length}", std::net::Ipv4Addr::from(first & !host)), SERVICES[*service])
            }).collect();
            let rows: Vec<_> = text.iter().map(|(prefix, service)| (prefix.as_str(), "us-east-1", *service)).collect();
            let table = table(&rows);
            for probe in probes {
                let ours = table.lookup(IpAddr::V4(probe.into())).map(|label| label.service.to_owned());
                let theirs = by_scanning(&all, probe).map(|service| SERVICES[service].to_owned());
                prop_assert_eq!(ours, theirs, "address {}", probe);
            }
        }
    }
}
