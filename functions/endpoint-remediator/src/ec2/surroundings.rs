//! Reading beside the snapshot, once for a plan: through which addresses a VPC leaves, and how many endpoints there are.

use aws_sdk_ec2::types;
use tollkeeper::aws::CallError;

use super::{Ec2, filter};
use crate::preflight::Read;
use crate::preflight::evidence::Room;
use crate::preflight::quotas::{GATEWAY_ENDPOINTS_A_REGION, INTERFACE_ENDPOINTS_A_VPC, plenty};
use crate::unread::code;

impl Ec2 {
    /// Public addresses of the VPC's NAT gateways; private ones have none.
    pub(crate) async fn nat_addresses(&self, vpc: &str) -> Read<Vec<String>> {
        let call = self.client.describe_nat_gateways();
        let pages = call.filter(filter("vpc-id", vpc)).into_paginator();
        let found: Result<Vec<types::NatGateway>, _> = pages.items().send().try_collect().await;
        let gateways = match found {
            Ok(gateways) => gateways,
            Err(error) => {
                return Read::Unreadable(code(&CallError::of("ec2:DescribeNatGateways", &error)));
            }
        };
        let in_use = gateways.iter().filter(|gateway| {
            let state = gateway.state().map_or("", types::NatGatewayState::as_str);
            ["pending", "available"].contains(&state.to_ascii_lowercase().as_str())
        });
        let addresses = in_use.flat_map(types::NatGateway::nat_gateway_addresses);
        let public = addresses.filter_map(types::NatGatewayAddress::public_ip);
        Read::Known(public.map(str::to_owned).collect())
    }

    /// What the default quotas leave for a plan of so many services.
    pub(crate) async fn room(&self, vpc: &str, services: usize) -> Read<Room> {
        let interfaces = self.count("Interface", Some(vpc)).await;
        let gateways = self.count("Gateway", None).await;
        let left = |quota: usize, count: usize| {
            Some(quota.saturating_sub(count)).filter(|left| *left <= plenty(services))
        };
        match (interfaces, gateways) {
            (Ok(interfaces), Ok(gateways)) => Read::Known(Room {
                interface_endpoints: left(INTERFACE_ENDPOINTS_A_VPC, interfaces),
                gateway_endpoints: left(GATEWAY_ENDPOINTS_A_REGION, gateways),
            }),
            (Err(code), _) | (_, Err(code)) => Read::Unreadable(code),
        }
    }

    /// Endpoints of a type, of one VPC or of the region, that count towards the quota.
    async fn count(&self, kind: &str, vpc: Option<&str>) -> Result<usize, String> {
        let call = self.client.describe_vpc_endpoints();
        let call = call.filters(filter("vpc-endpoint-type", kind));
        let call = vpc
            .into_iter()
            .fold(call, |call, vpc| call.filters(filter("vpc-id", vpc)));
        let found: Result<Vec<types::VpcEndpoint>, _> =
            call.into_paginator().items().send().try_collect().await;
        let found =
            found.map_err(|error| code(&CallError::of("ec2:DescribeVpcEndpoints", &error)))?;
        let is_there = |endpoint: &&types::VpcEndpoint| {
            let state = endpoint.state().map_or("", types::State::as_str);
            !state.eq_ignore_ascii_case("deleted")
        };
        Ok(found.iter().filter(is_there).count())
    }
}
