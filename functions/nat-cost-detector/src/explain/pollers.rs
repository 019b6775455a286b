//! Infers which interfaces are pollers of Kafka event source mappings.
//!
//! No label names the Lambda API: neither flow logs nor AWS's address ranges. So the cause is concluded: an interface
//! in a mapping's subnets and groups, with no other known user, that talks to in-region AWS addresses without a
//! service of their own. Mappings that share interfaces are reported together. What is concluded is said to be.

use std::net::IpAddr;

use tollkeeper::finding::{Source, SourceKind};
use tollkeeper::plan::KafkaPollers;
use tollkeeper::services::Label;

use crate::measure::network::{Interface, KafkaMapping, Network};

/// The mappings whose pollers an interface can be, in order.
fn mappings_of<'a>(interface: &Interface, mappings: &'a [KafkaMapping]) -> Vec<&'a KafkaMapping> {
    let free = matches!(
        interface.source.kind,
        SourceKind::Interface | SourceKind::Lambda
    );
    // MSK's own interfaces have the same subnets and groups as the pollers of its mappings.
    let brokers = interface.source.name.contains("MSK");
    if !free || brokers || interface.nat_gateway_id.is_some() {
        return Vec::new();
    }
    mappings
        .iter()
        .filter(|mapping| {
            mapping.is_on_demand()
                && mapping.subnets.contains(&interface.source.subnet_id)
                && mapping
                    .groups
                    .iter()
                    .any(|group| interface.groups.contains(group))
        })
        .collect()
}

/// The pollers as one source, if the interface can be theirs.
pub fn source_of(interface: &Interface, mappings: &[KafkaMapping]) -> Option<Source> {
    let matching = mappings_of(interface, mappings);
    if matching.is_empty() {
        return None;
    }
    let join = |words: Vec<&str>| {
        let mut words = words;
        words.sort_unstable();
        words.dedup();
        words.join(",")
    };
    let subnets = matching
        .iter()
        .flat_map(|mapping| mapping.subnets.iter().map(String::as_str))
        .collect();
    Some(Source {
        kind: SourceKind::KafkaPollers,
        id: join(matching.iter().map(|mapping| mapping.id.as_str()).collect()),
        name: format!(
            "Kafka pollers of {}",
            join(
                matching
                    .iter()
                    .map(|mapping| mapping.function.as_str())
                    .collect()
            )
        ),
        subnet_id: join(subnets),
        vpc_id: interface.source.vpc_id.clone(),
    })
}

/// Whether the far end can be the Lambda API of this region. Without an address table the region is unknown; pollers
/// call their own region's API, so an unknown region does not speak against it.
pub fn may_be_lambda_api(remote: Label<'_>, region: &str) -> bool {
    matches!(remote.service, "AMAZON" | "EC2")
        && (remote.region == region || remote.region.is_empty())
}

/// What a plan must know of the pollers of some mappings (ids joined by commas, as in [`source_of`]); `None` where
/// the broker port or a group cannot be told.
pub fn plan_of(
    source_id: &str,
    mappings: &[KafkaMapping],
    network: &Network,
) -> Option<Vec<KafkaPollers>> {
    let pollers: Option<Vec<KafkaPollers>> = mappings
        .iter()
        .filter(|mapping| source_id.split(',').any(|id| id == mapping.id))
        .map(|mapping| {
            let security_group = mapping.groups.first()?.clone();
            Some(KafkaPollers {
                subnets: mapping.subnets.clone(),
                broker_security_group: broker_group(mapping, network)
                    .or_else(|| Some(security_group.clone())),
                broker_port: Some(broker_port(mapping)?),
                security_group,
            })
        })
        .collect();
    pollers.map(|mut pollers| {
        pollers.sort();
        pollers.dedup();
        pollers
    })
}

/// The port of the first bootstrap server.
fn broker_port(mapping: &KafkaMapping) -> Option<u16> {
    let (_, port) = mapping.bootstrap.first()?.rsplit_once(':')?;
    port.parse().ok()
}

/// The group of the interface that holds a bootstrap address; host names are not resolved here.
fn broker_group(mapping: &KafkaMapping, network: &Network) -> Option<String> {
    let addresses = mapping.bootstrap.iter().filter_map(|server| {
        let (host, _) = server.rsplit_once(':')?;
        host.parse::<IpAddr>().ok()
    });
    addresses
        .filter_map(|address| {
            network
                .interfaces
                .iter()
                .find(|interface| interface.addresses.contains(&address))
        })
        .find_map(|interface| interface.groups.first().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn an_interface_in_subnet_and_group_without_another_user_is_a_poller() {
        let mappings = fixture::mappings();
        let source = source_of(&fixture::interface("eni-poller-a"), &mappings).unwrap();
        assert_eq!(
            (source.id.as_str(), source.name.as_str()),
            ("esm-1", "Kafka pollers of logs-consumer")
        );
        assert_eq!(source_of(&fixture::interface("eni-web"), &mappings), None);
        assert_eq!(
            source_of(&fixture::interface("eni-broker"), &mappings),
            None,
            "an instance is no poller"
        );
    }

    #[test]
    fn msks_own_interfaces_are_no_pollers_though_they_share_subnets_and_groups() {
        let mut interface = fixture::interface("eni-poller-a");
        "Amazon MSK network interface for cluster logs".clone_into(&mut interface.source.name);
        assert_eq!(source_of(&interface, &fixture::mappings()), None);
    }

    #[test]
    fn provisioned_pollers_invoke_past_the_vpc_and_are_no_source() {
        let mut mappings = fixture::mappings();
        mappings[0].mode = crate::measure::network::PollerMode::Provisioned(None, None);
        assert_eq!(
            source_of(&fixture::interface("eni-poller-a"), &mappings),
            None
        );
    }

    #[test]
    fn only_unresolved_addresses_of_the_region_can_be_the_lambda_api() {
        assert!(may_be_lambda_api(
            Label::new("AMAZON", "us-east-1"),
            "us-east-1"
        ));
        assert!(may_be_lambda_api(Label::new("EC2", ""), "us-east-1"));
        assert!(!may_be_lambda_api(
            Label::new("AMAZON", "eu-west-1"),
            "us-east-1"
        ));
        assert!(!may_be_lambda_api(
            Label::new("S3", "us-east-1"),
            "us-east-1"
        ));
    }

    #[test]
    fn a_plan_gets_port_and_group_from_the_bootstrap_servers() {
        let network = fixture::network();
        let pollers = plan_of("esm-1", &fixture::mappings(), &network).unwrap();
        assert_eq!(pollers[0].broker_port, Some(9092));
        assert_eq!(
            pollers[0].broker_security_group.as_deref(),
            Some("sg-brokers")
        );
        let mut unknown = fixture::mappings();
        unknown[0].bootstrap = vec!["kafka.internal".to_owned()];
        assert_eq!(
            plan_of("esm-1", &unknown, &network),
            None,
            "no port, no plan"
        );
    }
}
