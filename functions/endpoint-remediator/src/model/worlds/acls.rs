//! Network ACLs of random worlds.

use super::Tape;
use crate::acl::{AclEntry, NetworkAcl};
use crate::change::Direction;
use crate::model::example;
use crate::snapshot::Subnet;

/// Protocol, ports, far range, and whether it admits.
type AclRule<'a> = (&'a str, (u16, u16), &'a str, bool);

impl Tape {
    /// The default ACL, and in some worlds one or two beside it that guard some subnets.
    pub(super) fn acls(&mut self, subnets: &[Subnet]) -> Vec<NetworkAcl> {
        let mut acls = vec![example::open_acl("acl-default", subnets)];
        for number in 0..self.pick(&[0, 0, 0, 1, 2]) {
            let mut own = example::open_acl(&format!("acl-{number}"), &[]);
            for direction in [Direction::Ingress, Direction::Egress] {
                let rules = self.acl_rules(direction, subnets.len());
                own.entries.extend(rules);
            }
            for subnet in subnets {
                if self.once_in(2) {
                    for acl in &mut acls {
                        acl.subnets.retain(|id| *id != subnet.id);
                    }
                    own.subnets.push(subnet.id.clone());
                }
            }
            acls.push(own);
        }
        acls.retain(|acl| !acl.subnets.is_empty());
        acls
    }

    /// Rules before the one that admits everything: as teams write them, and as they get them wrong.
    fn acl_rules(&mut self, direction: Direction, subnets: usize) -> Vec<AclEntry> {
        let subnet = format!("10.0.{}.0/24", self.below(subnets));
        let all = (0, u16::MAX);
        let rules: &[AclRule<'_>] = match self.below(12) {
            0..=2 => &[],
            3 => &[
                ("-1", all, "10.0.0.0/8", true),
                ("-1", all, "0.0.0.0/0", false),
            ],
            4 => &[
                ("6", (443, 443), "0.0.0.0/0", true),
                ("6", (1024, 65_535), "0.0.0.0/0", true),
                ("-1", all, "0.0.0.0/0", false),
            ],
            5 => &[
                ("6", (443, 443), "10.0.0.0/8", true),
                ("6", (32_768, 65_535), "0.0.0.0/0", true),
                ("-1", all, "0.0.0.0/0", false),
            ],
            6 => &[("6", (443, 443), "10.0.0.0/17", false)],
            7 => &[("6", all, &subnet, false)],
            8 => &[
                ("17", all, "0.0.0.0/0", false),
                ("6", (443, 443), &subnet, true),
            ],
            9 => &[("6", (1024, 65_535), &subnet, false)],
            10 => &[
                ("6", (443, 443), "52.0.0.0/8", true),
                ("6", (1024, 65_535), "10.0.0.0/8", true),
                ("-1", all, "0.0.0.0/0", false),
            ],
            _ => &[("-1", all, "0.0.0.0/0", false)],
        };
        let entry = |(at, (protocol, ports, cidr, allow)): (usize, &AclRule<'_>)| AclEntry {
            direction,
            number: u16::try_from(10 + at).unwrap(),
            protocol: (*protocol).to_owned(),
            from_port: ports.0,
            to_port: ports.1,
            cidr: (*cidr).to_owned(),
            allow: *allow,
        };
        rules.iter().enumerate().map(entry).collect()
    }
}
