//! Whether rules of a security group already let traffic through.
//!
//! Knows IPv4 ranges and group references. What it cannot read (prefix lists, IPv6) counts as not admitted, which at
//! worst plans a rule too many.

use crate::change::Peer;
use crate::snapshot::Rule;

/// The port of AWS's APIs.
pub(crate) const HTTPS: u16 = 443;

/// Ranges that hold no public service: RFC 1918, RFC 6598.
pub(crate) const PRIVATE: [&str; 4] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
];

/// Whether one of the rules admits TCP on `port` for members of `group` (where it exists already) or for all of the
/// VPC's own ranges.
pub(crate) fn admits(rules: &[Rule], port: u16, group: Option<&str>, vpc_cidrs: &[String]) -> bool {
    let fitting: Vec<&Peer<String>> = rules
        .iter()
        .filter(|rule| covers_port(rule, port))
        .map(|rule| &rule.peer)
        .collect();
    let names_group = fitting
        .iter()
        .any(|peer| matches!(peer, Peer::Group(id) if Some(id.as_str()) == group));
    names_group
        || vpc_cidrs.iter().all(|own| {
            fitting
                .iter()
                .any(|peer| matches!(peer, Peer::Cidr(cidr) if contains(cidr, own)))
        })
}

/// Whether members of a group with these egress rules may reach AWS's public addresses on 443 today, and could not reach
/// all of the VPC on it: private DNS, which moves a service into the VPC, would take it away from them.
///
/// What a prefix list, a public range or an IPv6 range holds is not known: it counts as holding the service.
pub(crate) fn loses_services(egress: &[Rule], vpc_cidrs: &[String]) -> bool {
    let leads_out = |rule: &Rule| {
        covers_port(rule, HTTPS)
            && match &rule.peer {
                Peer::PrefixList(_) => true,
                Peer::Cidr(cidr) => {
                    let own = vpc_cidrs.iter().map(String::as_str);
                    !PRIVATE
                        .into_iter()
                        .chain(own)
                        .any(|range| contains(range, cidr))
                }
                Peer::Group(_) => false,
            }
    };
    egress.iter().any(leads_out) && !admits(egress, HTTPS, None, vpc_cidrs)
}

/// Whether a rule is about TCP on a port.
pub(crate) fn covers_port(rule: &Rule, port: u16) -> bool {
    match rule.protocol.as_str() {
        "-1" => true,
        "tcp" | "6" => (rule.from_port..=rule.to_port).contains(&port),
        _ => false,
    }
}

/// Whether the IPv4 range `outer` holds all of `inner`.
pub(crate) fn contains(outer: &str, inner: &str) -> bool {
    let (Some((outer_base, outer_bits)), Some((inner_base, inner_bits))) =
        (range(outer), range(inner))
    else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32 - outer_bits).unwrap_or(0);
    outer_bits <= inner_bits && outer_base & mask == inner_base & mask
}

/// First address as it is written, and length of an IPv4 range.
pub(crate) fn range(cidr: &str) -> Option<(u32, u32)> {
    let (base, bits) = cidr.split_once('/')?;
    let base: std::net::Ipv4Addr = base.parse().ok()?;
    let bits = bits.parse().ok().filter(|bits| *bits <= 32)?;
    Some((u32::from(base), bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: &str, ports: (u16, u16), peer: Peer<String>) -> Rule {
        Rule {
            protocol: protocol.to_owned(),
            from_port: ports.0,
            to_port: ports.1,
            peer,
        }
    }

    fn cidr(text: &str) -> Peer<String> {
        Peer::Cidr(text.to_owned())
    }

    #[test]
    fn the_rule_every_new_group_has_admits_everything() {
        let all = [rule("-1", (0, 0), cidr("0.0.0.0/0"))];
        assert!(admits(&all, 443, None, &["10.0.0.0/16".to_owned()]));
    }

    #[test]
    fn every_range_of_the_vpc_must_be_admitted() {
        let rules = [rule("tcp", (443, 443), cidr("10.0.0.0/8"))];
        let own = ["10.0.0.0/16".to_owned()];
        let both = ["10.0.0.0/16".to_owned(), "100.64.0.0/16".to_owned()];
        assert!(admits(&rules, 443, None, &own));
        assert!(!admits(&rules, 443, None, &both));
        assert!(!admits(&rules, 9098, None, &own));
    }

    #[test]
    fn a_smaller_range_or_another_protocol_does_not_do() {
        let own = ["10.0.0.0/16".to_owned()];
        let smaller = [rule("tcp", (443, 443), cidr("10.0.0.0/17"))];
        let datagrams = [rule("udp", (443, 443), cidr("0.0.0.0/0"))];
        assert!(!admits(&smaller, 443, None, &own));
        assert!(!admits(&datagrams, 443, None, &own));
    }

    #[test]
    fn who_may_go_out_but_not_into_the_vpc_loses_what_moves_there() {
        let own = ["10.0.0.0/16".to_owned()];
        let loses = |peers: &[Peer<String>]| {
            let rules = peers
                .iter()
                .map(|peer| rule("tcp", (443, 443), peer.clone()));
            loses_services(&rules.collect::<Vec<_>>(), &own)
        };
        let list = Peer::PrefixList("pl-public".to_owned());
        assert!(loses(std::slice::from_ref(&list)));
        assert!(loses(&[cidr("52.94.0.0/16")]));
        assert!(loses(&[cidr("52.94.0.0/16"), cidr("10.0.0.0/17")]));
        assert!(loses(&[cidr("::/0")]));
        assert!(!loses(&[list, cidr("10.0.0.0/8")]));
        assert!(!loses(&[cidr("0.0.0.0/0")]));
        assert!(
            !loses(&[cidr("192.168.7.0/24")]),
            "it reaches no service today"
        );
        assert!(!loses(&[]));
    }

    #[test]
    fn a_named_group_is_admitted_on_a_range_of_ports() {
        let rules = [rule(
            "tcp",
            (9092, 9098),
            Peer::Group("sg-brokers".to_owned()),
        )];
        let own = ["10.0.0.0/16".to_owned()];
        assert!(admits(&rules, 9096, Some("sg-brokers"), &own));
        assert!(!admits(&rules, 9096, Some("sg-other"), &own));
        assert!(!admits(&rules, 9096, None, &own));
    }
}
