//! Whether private DNS can be switched on, and who would not follow it.

use super::{Evidence, Read, Unknown};
use crate::snapshot::{Service, Vpc};

/// DNS servers of the VPC's own resolver, as DHCP options name them.
const OWN_RESOLVER: &str = "AmazonProvidedDNS";

/// The hosted zone that stands in the way of a service's private DNS, in words; `None` if none does or none was read.
///
/// Of the service's own name EC2 refuses private DNS. A parent's records answer for the name today: whoever relies on
/// them would lose them, since the endpoint's zone is the longer one.
pub(crate) fn conflict(evidence: &Evidence, offer: &Service) -> Option<String> {
    let Read::Known(zones) = &evidence.hosted_zones else {
        return None;
    };
    offer.dns_names.iter().find_map(|name| {
        let name = plain(name);
        let zone = zones.iter().find(|zone| is_within(&name, &zone.name))?;
        Some(format!(
            "the private hosted zone {} ({}, of {}) answers for {name} in this VPC: {}. Its owner would take it off the VPC first",
            zone.name,
            zone.id,
            zone.owner,
            if zone.name == name {
                "EC2 refuses private DNS over it (conflicting DNS domain)"
            } else {
                "private DNS would take its records' place"
            }
        ))
    })
}

/// `*.` stands for every name below.
fn plain(name: &str) -> String {
    let name = name.strip_prefix("*.").unwrap_or(name);
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn is_within(name: &str, zone: &str) -> bool {
    let rest = name.strip_suffix(zone);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) && !zone.is_empty()
}

/// What is not known of names, where an interface endpoint is planned.
pub(crate) fn unknowns(evidence: &Evidence, vpc: &Vpc) -> Vec<Unknown> {
    let mut unknowns = Vec::new();
    if vpc.dns_servers.is_empty() {
        unknowns.push(Unknown::new(
            "dns.custom-servers",
            format!(
                "{} has no DHCP options that name a DNS server: it is not known where its clients resolve names. Whoever \
                 does not resolve through the VPC stays on the NAT gateway: not cut off, but not moved",
                vpc.id
            ),
        ));
    } else if vpc.dns_servers.iter().any(|server| server != OWN_RESOLVER) {
        unknowns.push(Unknown::new(
            "dns.custom-servers",
            format!(
                "The DHCP options of {} name other DNS servers ({}): whether they ask the VPC's resolver for AWS's names is \
                 not known. Whoever does not resolve through the VPC stays on the NAT gateway: not cut off, but not moved",
                vpc.id,
                vpc.dns_servers.join(", ")
            ),
        ));
    }
    if let Read::Unreadable(code) = &evidence.hosted_zones {
        unknowns.push(Unknown::new(
            "dns.hosted-zones",
            format!(
                "Private hosted zones of {} could not be read ({code}): one of the service's name or of a parent of it would \
                 make EC2 refuse private DNS, or lose its records to it",
                vpc.id
            ),
        ));
    }
    unknowns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use crate::preflight::evidence::HostedZone;

    fn with_zone(name: &str) -> Evidence {
        let zone = HostedZone {
            name: name.to_owned(),
            id: "Z1".to_owned(),
            owner: "210987654321".to_owned(),
        };
        Evidence {
            hosted_zones: Read::Known(vec![zone]),
            ..model::evidence()
        }
    }

    fn offer(dns_name: &str) -> Service {
        let mut offer = model::snapshot().services[3].clone();
        offer.dns_names = vec![dns_name.to_owned()];
        offer
    }

    #[test]
    fn a_zone_of_the_services_name_or_a_parent_of_it_conflicts() {
        let of = |zone: &str| conflict(&with_zone(zone), &offer("lambda.us-east-1.amazonaws.com"));
        insta::assert_snapshot!(of("lambda.us-east-1.amazonaws.com").unwrap(), @"the private hosted zone lambda.us-east-1.amazonaws.com (Z1, of 210987654321) answers for lambda.us-east-1.amazonaws.com in this VPC: EC2 refuses private DNS over it (conflicting DNS domain). Its owner would take it off the VPC first");
        insta::assert_snapshot!(of("amazonaws.com").unwrap(), @"the private hosted zone amazonaws.com (Z1, of 210987654321) answers for lambda.us-east-1.amazonaws.com in this VPC: private DNS would take its records' place. Its owner would take it off the VPC first");
        for other in [
            "sts.us-east-1.amazonaws.com",
            "x.lambda.us-east-1.amazonaws.com",
            "bda.us-east-1.amazonaws.com",
            "example.internal",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        let wildcard = offer("*.dkr.ecr.us-east-1.amazonaws.com.");
        assert!(conflict(&with_zone("dkr.ecr.us-east-1.amazonaws.com"), &wildcard).is_some());
    }

    #[test]
    fn other_servers_than_the_vpcs_own_and_unreadable_zones_are_unknown() {
        let codes = |evidence: &Evidence, servers: &[&str]| {
            let mut vpc = model::snapshot().vpc;
            vpc.dns_servers = servers.iter().map(|&text| text.to_owned()).collect();
            super::super::codes(&unknowns(evidence, &vpc))
        };
        let known = model::evidence();
        assert!(codes(&known, &["AmazonProvidedDNS"]).is_empty());
        assert_eq!(codes(&known, &["10.0.0.53"]), ["dns.custom-servers"]);
        assert_eq!(
            codes(&known, &["10.0.0.53", "AmazonProvidedDNS"]),
            ["dns.custom-servers"]
        );
        assert_eq!(codes(&known, &[]), ["dns.custom-servers"]);
        let denied = Evidence {
            hosted_zones: Read::Unreadable("AccessDenied".to_owned()),
            ..model::evidence()
        };
        assert_eq!(codes(&denied, &["AmazonProvidedDNS"]), ["dns.hosted-zones"]);
    }
}
