//! Reads AWS's published address ranges, on this crate's own terms: the product's reader is what is under test.

use std::net::Ipv4Addr;

use rand::Rng;
use rand::rngs::StdRng;
use serde::Deserialize;

/// Wider prefixes only: a narrow one may be a single machine.
const LONGEST: u8 = 24;

/// The rows of an `ip-ranges.json`.
pub(super) struct Published {
    rows: Vec<(Prefix, Row)>,
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

impl Published {
    pub(super) fn parse(file: &[u8]) -> Result<Self, serde_json::Error> {
        let file: File = serde_json::from_slice(file)?;
        let rows = file.prefixes.into_iter();
        let rows = rows.filter_map(|row| Some((Prefix::parse(&row.ip_prefix)?, row)));
        Ok(Self {
            rows: rows.collect(),
        })
    }

    /// The prefixes of a service and region in which no other service is listed. Every range is also listed as AMAZON,
    /// so that label alone does not count as another service.
    pub(super) fn prefixes_of(&self, service: &str, region: &str) -> Vec<Prefix> {
        let others: Vec<Prefix> = self
            .rows
            .iter()
            .filter(|(_, row)| row.service != service && row.service != "AMAZON")
            .map(|(prefix, _)| *prefix)
            .collect();
        self.rows
            .iter()
            .filter(|(prefix, row)| {
                row.service == service && row.region == region && prefix.length <= LONGEST
            })
            .map(|(prefix, _)| *prefix)
            .filter(|prefix| !others.iter().any(|other| prefix.overlaps(*other)))
            .collect()
    }
}

/// A range of IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    first: u32,
    length: u8,
}

impl Prefix {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        Some(Self {
            first: address.parse::<Ipv4Addr>().ok()?.into(),
            length: length.parse().ok().filter(|length| *length <= 32)?,
        })
    }

    fn last(self) -> u32 {
        let host = u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
        self.first | host
    }

    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }

    #[cfg(test)]
    pub(super) fn holds(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last()).contains(&address.into())
    }

    /// Any of its addresses but the first and the last.
    pub(super) fn address(self, random: &mut StdRng) -> Ipv4Addr {
        random.random_range(self.first + 1..self.last()).into()
    }
}
