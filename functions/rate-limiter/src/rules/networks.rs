//! Address lists: which entry of a list covers an address? The most specific one.
//!
//! CIDR blocks nest or are apart, so the list is flattened once into stretches of addresses that belong to one entry
//! each; a look-up is one binary search, whatever the length of the list.

use std::net::{IpAddr, Ipv6Addr};

/// A block of addresses. IPv4 lives in `::ffff:0:0/96`, so that a mapped address is the same client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    first: u128,
    /// Of 128.
    prefix: u8,
}

impl Cidr {
    /// Reads `198.51.100.0/24`, `2001:db8::/32` or a single address; `None` if it is none, or has bits set beyond its
    /// prefix (most often a slip).
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) if prefix.bytes().all(|b| b.is_ascii_digit()) => {
                (address, Some(prefix.parse::<u8>().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        let cidr = Self {
            first: number(address),
            prefix: prefix.checked_add(128 - bits).filter(|p| *p <= 128)?,
        };
        (cidr.first & cidr.host_mask() == 0).then_some(cidr)
    }

    fn host_mask(self) -> u128 {
        u128::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0)
    }

    fn last(self) -> u128 {
        self.first | self.host_mask()
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
    .to_bits()
}

/// A list of blocks, each with something to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks<T> {
    /// Begin of each stretch and the entry it belongs to; sorted.
    stretches: Vec<(u128, Option<T>)>,
}

impl<T> Default for Networks<T> {
    fn default() -> Self {
        Self {
            stretches: Vec::new(),
        }
    }
}

impl<T: Clone + PartialEq> Networks<T> {
    /// A list. Of entries for the same block the first one counts.
    pub fn new(entries: impl IntoIterator<Item = (Cidr, T)>) -> Self {
        let mut entries: Vec<(Cidr, T)> = entries.into_iter().collect();
        // By begin, the wider one first: what encloses comes before what it encloses.
        entries.sort_by_key(|(cidr, _)| *cidr);
        entries.dedup_by_key(|(cidr, _)| *cidr);
        let mut list = Self::default();
        let mut open: Vec<(Cidr, T)> = Vec::new();
        for (cidr, entry) in entries {
            list.close(&mut open, Some(cidr.first));
            list.begin(cidr.first, Some(entry.clone()));
            open.push((cidr, entry));
        }
        list.close(&mut open, None);
        list
    }

    /// Ends the blocks that lie wholly before `next`; what encloses them goes on after them.
    fn close(&mut self, open: &mut Vec<(Cidr, T)>, next: Option<u128>) {
        while let Some((cidr, _)) = open.last() {
            let last = cidr.last();
            if next.is_some_and(|next| next <= last) {
                return;
            }
            open.pop();
            if let Some(after) = last.checked_add(1) {
                let enclosing = open.last().map(|(_, entry)| entry.clone());
                self.begin(after, enclosing);
            }
        }
    }

    fn begin(&mut self, at: u128, entry: Option<T>) {
        // Two blocks that begin or end at one address: the later word is the more specific one.
        if self.stretches.last().is_some_and(|(begin, _)| *begin == at) {
            self.stretches.pop();
        }
        self.stretches.push((at, entry));
    }

    /// What the most specific block that covers an address says.
    pub fn of(&self, address: IpAddr) -> Option<&T> {
        let address = number(address);
        let after = self
            .stretches
            .partition_point(|(begin, _)| *begin <= address);
        self.stretches.get(after.checked_sub(1)?)?.1.as_ref()
    }

    /// Whether no block is listed.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }
}

/// Any address of a block, for tests and messages.
impl From<Cidr> for IpAddr {
    fn from(cidr: Cidr) -> Self {
        Self::V6(Ipv6Addr::from_bits(cidr.first)).to_canonical()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(blocks: &[&str]) -> Networks<String> {
        let parsed = blocks
            .iter()
            .map(|b| (Cidr::parse(b).unwrap(), (*b).to_owned()));
        Networks::new(parsed)
    }

    #[test]
    fn the_most_specific_block_has_the_word() {
        let list = list(&[
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.3",
            "10.1.2.3/32",
            "2001:db8::/32",
            "0.0.0.0/1",
        ]);
        for (address, block) in [
            ("10.9.9.9", Some("10.0.0.0/8")),
            ("10.1.9.9", Some("10.1.0.0/16")),
            ("10.1.2.3", Some("10.1.2.3")),
            ("::ffff:10.1.2.3", Some("10.1.2.3")),
            ("10.1.2.4", Some("10.1.0.0/16")),
            ("10.255.255.255", Some("10.0.0.0/8")),
            ("11.0.0.0", Some("0.0.0.0/1")),
            ("128.0.0.0", None),
            ("2001:db8:ffff::1", Some("2001:db8::/32")),
            ("2001:db9::", None),
            ("::1", None),
        ] {
            let found = list.of(address.parse().unwrap());
            assert_eq!(found.map(String::as_str), block, "{address}");
        }
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in [
            "10.0.0.1/8",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "host",
            "10.0.0.0/+8",
            "",
        ] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_look_up_agrees_with_asking_every_block(
            blocks in prop::collection::vec((0..64_u32, 0..=6_u8, any::<bool>()), 0..24), address in 0..64_u32,
        ) {
            // Six bits of address at the end of IPv4 and IPv6: everything nests and touches.
            let mut entries: Vec<(Cidr, usize)> = Vec::new();
            for (index, (bits, wildcard, v4)) in blocks.iter().enumerate() {
                let bits = bits >> wildcard << wildcard;
                let text = if *v4 {
                    format!("203.0.113.{bits}/{}", 32 - wildcard)
                } else {
                    format!("2001:db8::{bits:x}/{}", 128 - wildcard)
                };
                entries.push((Cidr::parse(&text).unwrap(), index));
            }
            let list = Networks::new(entries.clone());
            for text in [format!("203.0.113.{address}"), format!("2001:db8::{address:x}")] {
                let address: IpAddr = text.parse().unwrap();
                let covers = |cidr: &Cidr| (cidr.first..=cidr.last()).contains(&number(address));
                let covering = entries.iter().filter(|(cidr, _)| covers(cidr));
                let best = covering.reduce(|best, next| if next.0.prefix > best.0.prefix { next } else { best });
                prop_assert_eq!(list.of(address), best.map(|(_, index)| index));
            }
        }
    }
}
