//! The network as the decisions see it: NAT gateways, interfaces, subnets, endpoints and Kafka mappings, in own types.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollkeeper::finding::{Source, SourceKind};

pub use super::endpoint::{Endpoint, EndpointPolicy, EndpointType};
pub use super::kafka_mapping::{KafkaMapping, PollerMode, PollerSecret};
use super::topology::{FlowLog, RouteTable, TransitAttachment, Vpc};

/// What EC2 shows at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Network {
    /// The account that looks; empty where unknown. What belongs to another one is shared with it.
    pub account: String,
    /// NAT gateways that exist.
    pub nats: Vec<NatGateway>,
    /// All interfaces, the NAT gateways' own included.
    pub interfaces: Vec<Interface>,
    /// Subnets by id.
    pub subnets: BTreeMap<String, Subnet>,
    /// VPC endpoints of every kind.
    pub endpoints: Vec<Endpoint>,
    /// VPCs by id.
    pub vpcs: BTreeMap<String, Vpc>,
    /// Route tables; empty where they could not be read.
    pub route_tables: Vec<RouteTable>,
    /// VPCs attached to Transit Gateways.
    pub transit_attachments: Vec<TransitAttachment>,
    /// VPCs with an egress-only internet gateway.
    pub egress_only_vpcs: BTreeSet<String>,
    /// Flow logs.
    pub flow_logs: Vec<FlowLog>,
    /// What could not be read, in words.
    pub gaps: Vec<String>,
}

/// A NAT gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NatGateway {
    /// `nat-…`.
    pub id: String,
    /// Its `Name` tag; empty where it has none.
    pub name: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its interfaces: where flow logs record it.
    pub interface_ids: Vec<String>,
    /// EC2's word for its state, `available`; empty where unknown.
    pub state: String,
    /// Its subnet; a regional gateway has none.
    pub subnet_id: Option<String>,
    /// Whether it serves all zones (a regional gateway).
    pub regional: bool,
    /// Whether it leads to private networks only.
    pub private: bool,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// A network interface and who is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// `eni-…`.
    pub id: String,
    /// All its private addresses, in order.
    pub addresses: Vec<IpAddr>,
    /// Who uses it.
    pub source: Source,
    /// Its security groups, in order.
    pub groups: Vec<String>,
    /// Since when it is attached, where EC2 says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached_at: Option<Timestamp>,
    /// The NAT gateway it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat_gateway_id: Option<String>,
    /// What else EC2 says of it.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
}

/// What else EC2 says of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Who asked for it: an account or an AWS service, `amazon-elb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// Whether it forwards for others (source/destination check off).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forwards: bool,
}

impl Details {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subnet {
    /// Its VPC.
    pub vpc_id: String,
    /// Its zone.
    pub zone: String,
    /// Account that owns it; empty where unknown.
    pub owner: String,
    /// Addresses left in it; unknown where EC2 does not say.
    pub free_addresses: Option<u32>,
    /// Whether it has an IPv6 range.
    pub ipv6: bool,
}

/// What EC2 tells about an interface's user.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    /// The interface.
    pub interface_id: &'a str,
    /// Description, as AWS services write it.
    pub description: &'a str,
    /// Instance it is attached to.
    pub instance_id: Option<&'a str>,
    /// `Name` tag of that instance, or of the interface.
    pub name: Option<&'a str>,
}

/// Concludes from EC2's hints who uses an interface: its kind, id and name.
pub fn user_of(hints: Hints<'_>) -> (SourceKind, String, String) {
    let named = |kind, id: &str| {
        let name = hints.name.unwrap_or(id);
        (kind, id.to_owned(), name.to_owned())
    };
    if let Some(instance) = hints.instance_id {
        return named(SourceKind::Instance, instance);
    }
    if let Some(rest) = hints.description.strip_prefix("AWS Lambda VPC ENI-") {
        let function = function_of(rest);
        return (SourceKind::Lambda, function.to_owned(), function.to_owned());
    }
    if let Some(balancer) = hints.description.strip_prefix("ELB ") {
        return (
            SourceKind::LoadBalancer,
            balancer.to_owned(),
            balancer.to_owned(),
        );
    }
    if hints.description.starts_with("arn:aws:ecs:") {
        return named(SourceKind::EcsTask, hints.description);
    }
    let (kind, id, name) = named(SourceKind::Interface, hints.interface_id);
    if hints.name.is_none() && !hints.description.is_empty() {
        return (kind, id, hints.description.to_owned());
    }
    (kind, id, name)
}

/// `my-function-<36 characters of a unique id>` without the id.
fn function_of(rest: &str) -> &str {
    rest.len()
        .checked_sub(37)
        .and_then(|at| rest.split_at_checked(at))
        .filter(|(function, id)| !function.is_empty() && id.starts_with('-'))
        .map_or(rest, |(function, _)| function)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(description: &str, instance_id: Option<&str>, name: Option<&str>) -> String {
        let (kind, id, name) = user_of(Hints {
            interface_id: "eni-1",
            description,
            instance_id,
            name,
        });
        format!("{kind:?} {id} {name}")
    }

    #[test]
    fn descriptions_tell_who_uses_an_interface() {
        assert_eq!(user("", Some("i-1"), Some("web")), "Instance i-1 web");
        assert_eq!(user("", Some("i-1"), None), "Instance i-1 i-1");
        assert_eq!(
            user(
                "AWS Lambda VPC ENI-orders-0a1b2c3d-0000-1111-2222-333344445555",
                None,
                None
            ),
            "Lambda orders orders"
        );
        assert_eq!(
            user("ELB app/shop/50dc6c495c0c9188", None, None),
            "LoadBalancer app/shop/50dc6c495c0c9188 app/shop/50dc6c495c0c9188"
        );
        assert_eq!(user("", None, None), "Interface eni-1 eni-1");
        assert_eq!(
            user("EFS mount target", None, None),
            "Interface eni-1 EFS mount target"
        );
    }
}
