//! EC2's gateways, subnets, VPCs, endpoints and flow logs in the product's own types.

use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{self, AvailabilityMode, ConnectivityType, VpcEndpointType};
use jiff::Timestamp;

use crate::measure::network::{Endpoint, EndpointPolicy, EndpointType, NatGateway, Subnet};
use crate::measure::topology::{FlowLog, Vpc};

/// A policy that lets everybody do everything, without white space.
const FULL_ACCESS: [&str; 2] = [r#""Effect":"Allow""#, r#""Resource":"*""#];

pub(super) fn nat_gateway(raw: &types::NatGateway) -> NatGateway {
    NatGateway {
        id: text(raw.nat_gateway_id()),
        name: text(
            raw.tags()
                .iter()
                .find(|tag| tag.key() == Some("Name"))
                .and_then(|tag| tag.value()),
        ),
        vpc_id: text(raw.vpc_id()),
        interface_ids: raw
            .nat_gateway_addresses()
            .iter()
            .filter_map(|address| address.network_interface_id().map(str::to_owned))
            .collect(),
        state: text(raw.state().map(types::NatGatewayState::as_str)),
        subnet_id: raw.subnet_id().map(str::to_owned),
        regional: raw.availability_mode() == Some(&AvailabilityMode::Regional),
        private: raw.connectivity_type() == Some(&ConnectivityType::Private),
        created_at: moment(raw.create_time()),
    }
}

pub(super) fn subnet(raw: &types::Subnet) -> (String, Subnet) {
    let subnet = Subnet {
        vpc_id: text(raw.vpc_id()),
        zone: text(raw.availability_zone()),
        owner: text(raw.owner_id()),
        free_addresses: raw
            .available_ip_address_count()
            .and_then(|count| u32::try_from(count).ok()),
        ipv6: raw
            .ipv6_cidr_block_association_set()
            .iter()
            .any(|range| range.ipv6_cidr_block().is_some()),
    };
    (text(raw.subnet_id()), subnet)
}

pub(super) fn vpc(raw: &types::Vpc) -> (String, Vpc) {
    let v4 = raw.cidr_block_association_set().iter();
    let v6 = raw.ipv6_cidr_block_association_set().iter();
    let mut cidrs: Vec<String> = raw
        .cidr_block()
        .into_iter()
        .chain(v4.filter_map(|range| range.cidr_block()))
        .chain(v6.filter_map(|range| range.ipv6_cidr_block()))
        .map(str::to_owned)
        .collect();
    cidrs.sort();
    cidrs.dedup();
    let owner = text(raw.owner_id());
    (text(raw.vpc_id()), Vpc { owner, cidrs })
}

pub(super) fn endpoint(raw: &types::VpcEndpoint) -> Endpoint {
    let list = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    Endpoint {
        id: text(raw.vpc_endpoint_id()),
        vpc_id: text(raw.vpc_id()),
        service_name: text(raw.service_name()),
        kind: match raw.vpc_endpoint_type() {
            Some(VpcEndpointType::Gateway) => EndpointType::Gateway,
            Some(VpcEndpointType::Interface) => EndpointType::Interface,
            _ => EndpointType::Other,
        },
        // The wire says `available`, the model `Available`.
        available: raw
            .state()
            .is_some_and(|state| state.as_str().eq_ignore_ascii_case("available")),
        subnets: list(raw.subnet_ids()),
        route_tables: list(raw.route_table_ids()),
        private_dns: raw.private_dns_enabled() == Some(true),
        policy: raw.policy_document().map(policy).unwrap_or_default(),
        requester_managed: raw.requester_managed() == Some(true),
        service_region: raw.service_region().and_then(|region| {
            let name = raw.service_name().unwrap_or_default();
            let own = name.strip_prefix("com.amazonaws.")?.split_once('.')?.0;
            (own != region).then(|| region.to_owned())
        }),
        created_at: moment(raw.creation_timestamp()),
    }
}

/// Full access is one allowing statement without conditions; judged from the policy's text.
fn policy(policy: &str) -> EndpointPolicy {
    let text: String = policy.split_whitespace().collect();
    let full = FULL_ACCESS.iter().all(|part| text.contains(part))
        && (text.contains(r#""Action":"*""#) || text.contains(r#""Action":["*"]"#));
    if !full || text.contains(r#""Condition""#) || text.contains(r#""Deny""#) {
        EndpointPolicy::Restricted
    } else {
        EndpointPolicy::FullAccess
    }
}

pub(super) fn flow_log(raw: &types::FlowLog) -> FlowLog {
    let options = raw.destination_options();
    FlowLog {
        id: text(raw.flow_log_id()),
        resource_id: text(raw.resource_id()),
        destination_type: text(
            raw.log_destination_type()
                .map(types::LogDestinationType::as_str),
        ),
        destination: text(raw.log_destination().or(raw.log_group_name())),
        format: text(raw.log_format()),
        file_format: text(
            options
                .and_then(|options| options.file_format())
                .map(types::DestinationFileFormat::as_str),
        ),
        works: raw.flow_log_status() == Some("ACTIVE")
            && raw.deliver_logs_status() != Some("FAILED")
            && raw.traffic_type() != Some(&types::TrafficType::Reject),
    }
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn moment(time: Option<&DateTime>) -> Option<Timestamp> {
    time.and_then(|time| Timestamp::from_second(time.secs()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_access_is_told_from_every_narrower_policy() {
        let full = r#"{"Version": "2008-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
        assert_eq!(policy(full), EndpointPolicy::FullAccess);
        let narrow = full.replace(r#""Action": "*""#, r#""Action": "s3:GetObject""#);
        assert_eq!(policy(&narrow), EndpointPolicy::Restricted);
        let conditional = full.replace(r#""Resource": "*""#, r#""Resource": "*", "Condition": {}"#);
        assert_eq!(policy(&conditional), EndpointPolicy::Restricted);
    }
}
