//! Addresses of far ends: real AWS ranges, and documentation ranges (RFC 5737) for everything outside AWS.
//!
//! Without AWS's published file a few prefixes stand in for it, as published on 2026-08-22; with it, addresses are
//! picked from the file's own prefixes. Lambda and STS have no label there: their addresses come from in-region ranges
//! listed as AMAZON and nothing else.

use std::net::Ipv4Addr;
use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::json;

use super::Error;

/// Where everything in this world is.
pub const HOME: &str = "us-east-1";
/// The other region, where batch-1's bucket is.
pub const ABROAD: &str = "eu-west-1";

/// Who is at the far end of a flow: what the generator knows and no log says as clearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FarEnd {
    /// Somebody outside AWS.
    Internet,
    /// S3 in the VPC's region.
    S3,
    /// S3 in another region, which no gateway endpoint here reaches.
    S3Abroad,
    /// DynamoDB in the VPC's region.
    DynamoDb,
    /// The public Lambda API of the region, which pollers invoke.
    LambdaApi,
    /// The public STS API of the region.
    Sts,
}

impl FarEnd {
    const ALL: [Self; 6] = [
        Self::Internet,
        Self::S3,
        Self::S3Abroad,
        Self::DynamoDb,
        Self::LambdaApi,
        Self::Sts,
    ];

    /// Service and region as AWS's published file lists its addresses; `None` outside AWS.
    pub fn label(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Internet => None,
            Self::S3 => Some(("S3", HOME)),
            Self::S3Abroad => Some(("S3", ABROAD)),
            Self::DynamoDb => Some(("DYNAMODB", HOME)),
            Self::LambdaApi | Self::Sts => Some(("AMAZON", HOME)),
        }
    }

    /// Prefixes AWS publishes for it, in use without the file.
    fn documented(self) -> &'static [&'static str] {
        match self {
            Self::Internet => &["198.51.100.0/24", "203.0.113.0/24"],
            Self::S3 => &["3.5.0.0/19", "52.216.0.0/15", "54.231.0.0/16"],
            Self::S3Abroad => &["52.92.0.0/17", "52.218.0.0/17"],
            Self::DynamoDb => &["52.94.0.0/22", "52.119.224.0/21"],
            Self::LambdaApi => &["52.46.128.0/19", "52.94.224.0/20"],
            Self::Sts => &["54.239.16.0/20"],
        }
    }
}

/// The far ends' addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressBook {
    by_far_end: Vec<(FarEnd, Vec<Ipv4Addr>)>,
}

/// How many addresses a far end answers from.
const ADDRESSES: usize = 6;

impl AddressBook {
    /// Addresses from the documented prefixes.
    pub fn documented(seed: u64) -> Self {
        Self::pick(seed, |far_end| {
            far_end
                .documented()
                .iter()
                .filter_map(|text| Prefix::parse(text))
                .collect()
        })
    }

    /// Addresses from AWS's published file. [`Error::IpRanges`] if it is another file or lists no range for a far end.
    pub fn from_file(seed: u64, path: &Path) -> Result<Self, Error> {
        let wrong = |why: String| Error::IpRanges {
            path: path.to_owned(),
            why,
        };
        let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let file: File = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let listed: Vec<Listed> = file.prefixes.iter().filter_map(Listed::read).collect();
        let book = Self::pick(seed, |far_end| match far_end.label() {
            None => far_end
                .documented()
                .iter()
                .filter_map(|text| Prefix::parse(text))
                .collect(),
            Some((service, region)) => prefixes_of(&listed, service, region),
        });
        match book
            .by_far_end
            .iter()
            .find(|(_, addresses)| addresses.is_empty())
        {
            Some((far_end, _)) => Err(wrong(format!("it lists no usable range for {far_end:?}"))),
            None => Ok(book),
        }
    }

    fn pick(seed: u64, prefixes: impl Fn(FarEnd) -> Vec<Prefix>) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut pick = |far_end| {
            let prefixes = prefixes(far_end);
            let address =
                |random: &mut StdRng| prefixes.choose(random).map(|prefix| prefix.address(random));
            (
                far_end,
                (0..ADDRESSES)
                    .filter_map(|_| address(&mut random))
                    .collect(),
            )
        };
        Self {
            by_far_end: FarEnd::ALL.into_iter().map(&mut pick).collect(),
        }
    }

    /// The addresses a far end answers from.
    pub fn of(&self, far_end: FarEnd) -> &[Ipv4Addr] {
        self.by_far_end
            .iter()
            .find(|(known, _)| *known == far_end)
            .map_or(&[], |(_, addresses)| addresses)
    }

    /// A file in the shape of AWS's `ip-ranges.json` that lists the documented prefixes: what functions can be given
    /// where the real one is not at hand.
    pub fn documented_file() -> String {
        let row = |far_end: FarEnd, service: &str, region: &str| {
            let rows = far_end.documented().iter();
            rows.map(|prefix| json!({"ip_prefix": prefix, "region": region, "service": service, "network_border_group": region})).collect::<Vec<_>>()
        };
        let mut prefixes = Vec::new();
        for far_end in FarEnd::ALL {
            let Some((service, region)) = far_end.label() else {
                continue;
            };
            // Every range is also listed as AMAZON.
            prefixes.extend(row(far_end, "AMAZON", region));
            if service != "AMAZON" {
                prefixes.extend(row(far_end, service, region));
            }
        }
        json!({"syncToken": "1787411825", "createDate": "2026-08-22-15-17-05", "prefixes": prefixes, "ipv6_prefixes": []})
            .to_string()
    }
}

/// The prefixes of a service and region in which no other service is listed (EC2 and AMAZON hold the others' ranges
/// too, so only a more specific label counts).
fn prefixes_of(listed: &[Listed], service: &str, region: &str) -> Vec<Prefix> {
    const WIDEST_HOLE: u8 = 24;
    let own = listed
        .iter()
        .filter(|row| row.service == service && row.region == region);
    let alone = |row: &&Listed| {
        let others = listed
            .iter()
            .filter(|other| other.service != service && other.service != "AMAZON");
        row.prefix.length <= WIDEST_HOLE
            && !others
                .into_iter()
                .any(|other| row.prefix.overlaps(other.prefix))
    };
    own.filter(alone).map(|row| row.prefix).collect()
}

#[derive(Deserialize)]
struct File {
    prefixes: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    ip_prefix: String,
    region: String,
    service: String,
}

struct Listed<'a> {
    prefix: Prefix,
    region: &'a str,
    service: &'a str,
}

impl<'a> Listed<'a> {
    fn read(row: &'a Row) -> Option<Self> {
        Some(Self {
            prefix: Prefix::parse(&row.ip_prefix)?,
            region: &row.region,
            service: &row.service,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Prefix {
    first: u32,
    length: u8,
}

impl Prefix {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        Some(Self {
            first: address.parse::<Ipv4Addr>().ok()?.into(),
            length: length.parse().ok().filter(|length| *length <= 32)?,
        })
    }

    fn last(self) -> u32 {
        self.first | u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0)
    }

    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }

    /// Any of its addresses but the first and the last.
    fn address(self, random: &mut StdRng) -> Ipv4Addr {
        random.random_range(self.first + 1..self.last()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_picks_the_same_addresses() {
        assert_eq!(AddressBook::documented(7), AddressBook::documented(7));
        assert_ne!(AddressBook::documented(7), AddressBook::documented(8));
    }

    #[test]
    fn documented_addresses_lie_in_documented_prefixes() {
        let book = AddressBook::documented(7);
        for far_end in FarEnd::ALL {
            assert_eq!(book.of(far_end).len(), ADDRESSES);
            let prefixes: Vec<_> = far_end
                .documented()
                .iter()
                .map(|text| Prefix::parse(text).unwrap())
                .collect();
            for address in book.of(far_end) {
                let one = Prefix {
                    first: (*address).into(),
                    length: 32,
                };
                assert!(
                    prefixes.iter().any(|prefix| prefix.overlaps(one)),
                    "{far_end:?} {address}"
                );
            }
        }
    }

    #[test]
    fn addresses_come_from_the_published_file_where_one_is_given() {
        let folder = std::env::temp_dir().join(format!("world-addresses-{}", std::process::id()));
        std::fs::write(&folder, AddressBook::documented_file()).unwrap();
        let book = AddressBook::from_file(7, &folder).unwrap();
        let s3 = FarEnd::S3
            .documented()
            .iter()
            .map(|text| Prefix::parse(text).unwrap())
            .collect::<Vec<_>>();
        let lambda = book.of(FarEnd::LambdaApi).iter().map(|address| Prefix {
            first: (*address).into(),
            length: 32,
        });
        assert!(
            lambda
                .into_iter()
                .all(|address| !s3.iter().any(|prefix| prefix.overlaps(address)))
        );
        std::fs::write(&folder, r#"{"prefixes": []}"#).unwrap();
        let error = AddressBook::from_file(7, &folder).unwrap_err().to_string();
        assert!(
            error.ends_with("it lists no usable range for S3"),
            "{error}"
        );
        std::fs::remove_file(&folder).unwrap();
    }
}
