//! Addresses and ranges as conditions compare them, IPv4 and IPv6.

use std::net::IpAddr;

use super::condition::Answer;

/// Whether an address, or all of a range, lies in the range or address that a policy names.
pub(super) fn lies_in(what: &str, range: &str) -> Answer {
    let (Some(what), Some(range)) = (Span::read(what), Span::read(range)) else {
        return Answer::Maybe;
    };
    if what.is_v4 != range.is_v4 || what.last < range.first || range.last < what.first {
        Answer::No
    } else if range.first <= what.first && what.last <= range.last {
        Answer::Yes
    } else {
        Answer::Maybe
    }
}

#[derive(Debug, Clone, Copy)]
struct Span {
    is_v4: bool,
    first: u128,
    last: u128,
}

impl Span {
    fn read(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let (is_v4, base, width): (bool, u128, u32) = match base.parse().ok()? {
            IpAddr::V4(address) => (true, u32::from(address).into(), 32),
            IpAddr::V6(address) => (false, address.into(), 128),
        };
        let free = width.checked_sub(bits.unwrap_or(width))?;
        let host = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        Some(Self {
            is_v4,
            first: base & !host,
            last: base | host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_a_range_and_a_range_wholly_partly_or_not() {
        for (what, range, answer) in [
            ("203.0.113.7", "203.0.113.0/24", Answer::Yes),
            ("203.0.113.7", "203.0.113.7", Answer::Yes),
            ("203.0.113.7", "0.0.0.0/0", Answer::Yes),
            ("203.0.113.7", "203.0.114.0/24", Answer::No),
            ("203.0.113.7", "::/0", Answer::No),
            ("2001:db8::1", "2001:db8::/32", Answer::Yes),
            ("10.0.0.0/16", "10.0.0.0/8", Answer::Yes),
            ("10.0.0.0/16", "10.0.128.0/17", Answer::Maybe),
            ("10.0.0.0/16", "10.1.0.0/16", Answer::No),
            ("10.0.0.0/16", "${aws:SourceIp}", Answer::Maybe),
            ("10.0.0.1", "10.0.0.0/33", Answer::Maybe),
        ] {
            assert_eq!(lies_in(what, range), answer, "{what} in {range}");
        }
    }
}
