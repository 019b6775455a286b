//! Through which public addresses the VPC's clients reach AWS today: what allow-lists may name.

use std::collections::BTreeSet;

use super::{Evidence, Read, Unknown};
use crate::snapshot::Snapshot;

/// What is not known of them: the addresses of NAT gateways, or of whatever else the private subnets leave through.
pub(crate) fn unknowns(evidence: &Evidence, snapshot: &Snapshot) -> Vec<Unknown> {
    let mut unknowns = Vec::new();
    if let Read::Unreadable(code) = &evidence.nat_addresses {
        unknowns.push(Unknown::new(
            "source-ip.nat-addresses",
            format!(
                "The addresses of the NAT gateways of {} could not be read ({code}): allow-lists that name them \
                 (aws:SourceIp) were not looked for, and start to deny whoever comes through an endpoint",
                snapshot.vpc.id
            ),
        ));
    }
    let used: BTreeSet<&str> = snapshot
        .subnets
        .iter()
        .map(|subnet| subnet.route_table.as_str())
        .collect();
    let elsewhere: BTreeSet<&str> = snapshot
        .route_tables
        .iter()
        .filter(|table| used.contains(table.id.as_str()))
        .filter_map(|table| table.default_target.as_deref())
        .filter(|target| !target.starts_with("nat-") && !target.starts_with("igw-"))
        .collect();
    if !elsewhere.is_empty() {
        let through: Vec<&str> = elsewhere.into_iter().collect();
        unknowns.push(Unknown::new(
            "source-ip.egress-elsewhere",
            format!(
                "Clients leave through {}: the public address that AWS sees from there is not known, so allow-lists that \
                 name it (aws:SourceIp) were not looked for",
                through.join(", ")
            ),
        ));
    }
    unknowns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    #[test]
    fn addresses_that_cannot_be_read_or_are_somebody_elses_are_unknown() {
        let mut snapshot = model::snapshot();
        let mut evidence = model::evidence();
        assert_eq!(unknowns(&evidence, &snapshot), []);
        snapshot.route_tables[1].default_target = Some("tgw-1".to_owned());
        evidence.nat_addresses = Read::Unreadable("UnauthorizedOperation".to_owned());
        let codes = super::super::codes(&unknowns(&evidence, &snapshot));
        assert_eq!(
            codes,
            ["source-ip.egress-elsewhere", "source-ip.nat-addresses"]
        );
    }

    #[test]
    fn a_table_that_no_subnet_follows_leads_nobody_elsewhere() {
        let mut snapshot = model::snapshot();
        snapshot.route_tables[1].default_target = Some("tgw-1".to_owned());
        snapshot
            .subnets
            .retain(|subnet| subnet.route_table != "rtb-a");
        assert_eq!(unknowns(&model::evidence(), &snapshot), []);
    }
}
