//! Addresses of far ends: real AWS ranges, and documentation ranges (RFC 5737) for everything outside AWS.
//!
//! Without AWS's published file a few prefixes stand in for it, as published on 2026-08-22; with it, addresses are
//! picked from the file's own prefixes. Lambda and STS have no label there: their addresses come from in-region ranges
//! listed as AMAZON and nothing else.

use std::net::Ipv4Addr;
use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::json;

use super::Error;
use super::published::{Prefix, Published};

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
        let file = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let published = Published::parse(&file).map_err(|error| wrong(error.to_string()))?;
        let book = Self::pick(seed, |far_end| match far_end.label() {
            None => far_end
                .documented()
                .iter()
                .filter_map(|text| Prefix::parse(text))
                .collect(),
            Some((service, region)) => published.prefixes_of(service, region),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_picks_the_same_addresses() {
        assert_eq!(AddressBook::documented(7), AddressBook::documented(7));
        assert_ne!(AddressBook::documented(7), AddressBook::documented(8));
    }

    fn documented(far_end: FarEnd) -> Vec<Prefix> {
        let prefixes = far_end.documented().iter();
        prefixes.map(|text| Prefix::parse(text).unwrap()).collect()
    }

    #[test]
    fn documented_addresses_lie_in_documented_prefixes() {
        let book = AddressBook::documented(7);
        for far_end in FarEnd::ALL {
            let addresses = book.of(far_end);
            assert_eq!(addresses.len(), ADDRESSES);
            let prefixes = documented(far_end);
            let known = |address| prefixes.iter().any(|prefix| prefix.holds(address));
            assert!(
                addresses.iter().all(|address| known(*address)),
                "{far_end:?}"
            );
        }
    }

    #[test]
    fn addresses_come_from_the_published_file_where_one_is_given() {
        let path = std::env::temp_dir().join(format!("world-addresses-{}", std::process::id()));
        std::fs::write(&path, AddressBook::documented_file()).unwrap();
        let book = AddressBook::from_file(7, &path).unwrap();
        let s3 = documented(FarEnd::S3);
        let is_s3 = |address| s3.iter().any(|prefix| prefix.holds(address));
        assert!(book.of(FarEnd::S3).iter().all(|address| is_s3(*address)));
        let lambda = book.of(FarEnd::LambdaApi);
        assert!(
            !lambda.iter().any(|address| is_s3(*address)),
            "every range is listed as AMAZON too"
        );
        std::fs::write(&path, r#"{"prefixes": []}"#).unwrap();
        let error = AddressBook::from_file(7, &path).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(
            error.ends_with("it lists no usable range for S3"),
            "{error}"
        );
    }
}
