//! Which address is the client's?
//!
//! Behind a load balancer only the right end of `x-forwarded-for` can be trusted: everything further left came with
//! the request. IPv6 clients own a /64 and change addresses within it at will, so they are counted by it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The client in an `x-forwarded-for` header to which `hops` trusted proxies (1: the load balancer alone) each
/// appended what they saw. `None` where the list is shorter or the entry is no address.
pub fn forwarded(header: &str, hops: usize) -> Option<IpAddr> {
    let entry = header.rsplit(',').nth(hops.checked_sub(1)?)?;
    parse(entry)
}

/// An address as proxies write it: bare, with a port, or in brackets.
pub fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    entry
        .parse()
        .ok()
        .or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| bracketed().map(IpAddr::V6))
}

/// What is counted for an address: itself for IPv4 (also when mapped into IPv6), its /64 for IPv6.
pub fn counted(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(header: &str, hops: usize) -> Option<String> {
        forwarded(header, hops).map(counted)
    }

    #[test]
    fn what_the_client_wrote_itself_is_never_taken_for_its_address() {
        let spoofed = "10.0.0.1, 127.0.0.1, 198.51.100.7";
        assert_eq!(client(spoofed, 1).as_deref(), Some("198.51.100.7"));
    }

    #[test]
    fn each_further_trusted_hop_looks_one_entry_to_the_left() {
        let header = "6.6.6.6, 198.51.100.7, 130.176.0.5";
        assert_eq!(client(header, 2).as_deref(), Some("198.51.100.7"));
    }

    #[test]
    fn a_list_shorter_than_the_trusted_hops_names_nobody() {
        assert_eq!(client("198.51.100.7", 2), None);
        assert_eq!(client("", 1), None);
        assert_eq!(client("198.51.100.7", 0), None);
    }

    #[test]
    fn ports_and_brackets_are_no_part_of_an_address() {
        for (entry, counted) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::/64"),
            ("[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
        ] {
            assert_eq!(client(entry, 1).as_deref(), Some(counted), "{entry}");
        }
        for entry in [
            "unknown",
            "198.51.100.256",
            "[198.51.100.7]",
            "_hidden",
            "::g",
        ] {
            assert_eq!(client(entry, 1), None, "{entry}");
        }
    }

    proptest! {
        #[test]
        fn no_header_that_a_client_can_send_changes_what_the_load_balancer_appended(sent in ".*") {
            prop_assert_eq!(client(&format!("{sent}, 203.0.113.9"), 1), Some("203.0.113.9".to_owned()));
        }
    }
}
