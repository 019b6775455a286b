//! Changing and undoing, one call each; what is so already counts as done.

use aws_sdk_ec2::types::{
    IpPermission, IpRange, PrefixListId, ResourceType, TagSpecification, UserIdGroupPair,
    VpcEndpointType,
};

use super::{Ec2, convert, failed, step_filters, tag, unless_code, unless_gone};
use crate::change::{Change, Direction, Peer};
use crate::network::{Network, NetworkError, Stamp};
use crate::owner::{TAG_MANAGED, TAG_PLAN, TAG_STEP};
use crate::snapshot::{Endpoint, EndpointState, Group, Scope, Snapshot};

impl Network for Ec2 {
    async fn observe(&self, scope: &Scope) -> Result<Option<Snapshot>, NetworkError> {
        self.snapshot(scope).await
    }

    async fn group(&self, id: &str) -> Result<Option<Group>, NetworkError> {
        let reply = self
            .client
            .describe_security_groups()
            .group_ids(id)
            .send()
            .await;
        let found = unless_gone(reply.map_err(failed("DescribeSecurityGroups")))?;
        Ok(found.and_then(|reply| reply.security_groups().first().map(convert::group)))
    }

    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, NetworkError> {
        let reply = self
            .client
            .describe_vpc_endpoints()
            .vpc_endpoint_ids(id)
            .send()
            .await;
        let found = unless_gone(reply.map_err(failed("DescribeVpcEndpoints")))?;
        Ok(found.and_then(|reply| self.endpoint_of(reply.vpc_endpoints().first()?)))
    }

    async fn users_of_group(&self, id: &str) -> Result<Vec<String>, NetworkError> {
        self.users(id).await
    }

    async fn made(
        &self,
        change: &Change<String>,
        stamp: &Stamp,
    ) -> Result<Option<String>, NetworkError> {
        let filters = Some(step_filters(&stamp.plan_id, stamp.step));
        if matches!(change, Change::CreateGroup { .. }) {
            let call = self.client.describe_security_groups().set_filters(filters);
            let reply = call
                .send()
                .await
                .map_err(failed("DescribeSecurityGroups"))?;
            let found = reply.security_groups().first();
            return Ok(found.and_then(|group| group.group_id()).map(str::to_owned));
        }
        let call = self.client.describe_vpc_endpoints().set_filters(filters);
        let reply = call.send().await.map_err(failed("DescribeVpcEndpoints"))?;
        let endpoints = reply.vpc_endpoints().iter();
        let mut left = endpoints
            .filter_map(|from| self.endpoint_of(from))
            .filter(|endpoint| endpoint.state != EndpointState::Deleted);
        Ok(left.next().map(|endpoint| endpoint.id))
    }

    async fn change(
        &self,
        change: &Change<String>,
        stamp: &Stamp,
    ) -> Result<Option<String>, NetworkError> {
        match change {
            Change::CreateGroup { name, service } => {
                self.create_group(name, service, stamp).await.map(Some)
            }
            Change::CreateGatewayEndpoint { .. } | Change::CreateInterfaceEndpoint { .. } => {
                self.create_endpoint(change, stamp).await.map(Some)
            }
            Change::Allow {
                group,
                direction,
                port,
                peer,
            } => {
                let rule = permission(*port, peer);
                let done = self.authorize(group, *direction, rule, stamp).await;
                unless_code(done, "InvalidPermission.Duplicate").map(|()| None)
            }
            Change::Revoke {
                group,
                direction,
                port,
                peer,
            } => {
                let rule = permission(*port, peer);
                let done = self.revoke(group, *direction, rule).await;
                unless_code(done, "InvalidPermission.NotFound").map(|()| None)
            }
            Change::AssociateRouteTable {
                endpoint,
                route_table,
            } => {
                let call = self.client.modify_vpc_endpoint().vpc_endpoint_id(endpoint);
                let reply = call.add_route_table_ids(route_table).send().await;
                reply.map(|_| None).map_err(failed("ModifyVpcEndpoint"))
            }
            Change::SwitchPrivateDnsOn { endpoint, .. } => {
                self.private_dns(endpoint, true).await.map(|()| None)
            }
            Change::SetPolicy {
                endpoint, policy, ..
            } => self.policy(endpoint, policy).await.map(|()| None),
        }
    }

    async fn undo(
        &self,
        change: &Change<String>,
        created: Option<&str>,
        stamp: &Stamp,
    ) -> Result<(), NetworkError> {
        match change {
            Change::CreateGroup { .. } => {
                let call = self
                    .client
                    .delete_security_group()
                    .group_id(created.unwrap_or_default());
                let reply = call.send().await;
                reply.map(|_| ()).map_err(failed("DeleteSecurityGroup"))
            }
            Change::CreateGatewayEndpoint { .. } | Change::CreateInterfaceEndpoint { .. } => {
                self.delete_endpoint(created.unwrap_or_default()).await
            }
            Change::Allow {
                group,
                direction,
                port,
                peer,
            } => {
                let rule = permission(*port, peer);
                self.revoke(group, *direction, rule).await
            }
            Change::Revoke {
                group,
                direction,
                port,
                peer,
            } => {
                let rule = permission(*port, peer);
                let done = self.authorize(group, *direction, rule, stamp).await;
                unless_code(done, "InvalidPermission.Duplicate")
            }
            Change::AssociateRouteTable {
                endpoint,
                route_table,
            } => {
                let call = self.client.modify_vpc_endpoint().vpc_endpoint_id(endpoint);
                let reply = call.remove_route_table_ids(route_table).send().await;
                reply.map(|_| ()).map_err(failed("ModifyVpcEndpoint"))
            }
            Change::SwitchPrivateDnsOn { endpoint, .. } => self.private_dns(endpoint, false).await,
            Change::SetPolicy {
                endpoint, replaces, ..
            } => self.policy(endpoint, replaces).await,
        }
    }
}

impl Ec2 {
    async fn create_group(
        &self,
        name: &str,
        service: &str,
        stamp: &Stamp,
    ) -> Result<String, NetworkError> {
        let call = self
            .client
            .create_security_group()
            .group_name(name)
            .description(format!("{service} interface endpoint, made by Tollkeeper"))
            .vpc_id(&stamp.vpc_id)
            .tag_specifications(tags(stamp, ResourceType::SecurityGroup));
        let reply = call.send().await.map_err(failed("CreateSecurityGroup"))?;
        with_id("CreateSecurityGroup", reply.group_id)
    }

    async fn create_endpoint(
        &self,
        change: &Change<String>,
        stamp: &Stamp,
    ) -> Result<String, NetworkError> {
        let call = self
            .client
            .create_vpc_endpoint()
            .vpc_id(&stamp.vpc_id)
            .client_token(&stamp.client_token)
            .tag_specifications(tags(stamp, ResourceType::VpcEndpoint));
        let call = match change {
            Change::CreateInterfaceEndpoint {
                service,
                subnets,
                group,
                ..
            } => call
                .vpc_endpoint_type(VpcEndpointType::Interface)
                .service_name(self.full_name(service))
                .set_subnet_ids(Some(subnets.clone()))
                .security_group_ids(group)
                // Without this, AWS decides; and the VPC would move before the endpoint is proved.
                .private_dns_enabled(false),
            Change::CreateGatewayEndpoint { service } => call
                .vpc_endpoint_type(VpcEndpointType::Gateway)
                .service_name(self.full_name(service)),
            _ => call,
        };
        let reply = call.send().await.map_err(failed("CreateVpcEndpoint"))?;
        let id = reply
            .vpc_endpoint
            .and_then(|endpoint| endpoint.vpc_endpoint_id);
        with_id("CreateVpcEndpoint", id)
    }

    async fn authorize(
        &self,
        group: &str,
        direction: Direction,
        rule: IpPermission,
        stamp: &Stamp,
    ) -> Result<(), NetworkError> {
        let tags = tags(stamp, ResourceType::SecurityGroupRule);
        match direction {
            Direction::Ingress => {
                let call = self
                    .client
                    .authorize_security_group_ingress()
                    .group_id(group);
                let reply = call
                    .ip_permissions(rule)
                    .tag_specifications(tags)
                    .send()
                    .await;
                reply
                    .map(|_| ())
                    .map_err(failed("AuthorizeSecurityGroupIngress"))
            }
            Direction::Egress => {
                let call = self
                    .client
                    .authorize_security_group_egress()
                    .group_id(group);
                let reply = call
                    .ip_permissions(rule)
                    .tag_specifications(tags)
                    .send()
                    .await;
                reply
                    .map(|_| ())
                    .map_err(failed("AuthorizeSecurityGroupEgress"))
            }
        }
    }

    async fn revoke(
        &self,
        group: &str,
        direction: Direction,
        rule: IpPermission,
    ) -> Result<(), NetworkError> {
        match direction {
            Direction::Ingress => {
                let call = self.client.revoke_security_group_ingress().group_id(group);
                let reply = call.ip_permissions(rule).send().await;
                reply
                    .map(|_| ())
                    .map_err(failed("RevokeSecurityGroupIngress"))
            }
            Direction::Egress => {
                let call = self.client.revoke_security_group_egress().group_id(group);
                let reply = call.ip_permissions(rule).send().await;
                reply
                    .map(|_| ())
                    .map_err(failed("RevokeSecurityGroupEgress"))
            }
        }
    }

    async fn private_dns(&self, endpoint: &str, on: bool) -> Result<(), NetworkError> {
        let call = self.client.modify_vpc_endpoint().vpc_endpoint_id(endpoint);
        let reply = call.private_dns_enabled(on).send().await;
        reply.map(|_| ()).map_err(failed("ModifyVpcEndpoint"))
    }

    /// Full access is sent as AWS's own document: the same as a reset, and seen as such when read back.
    async fn policy(&self, endpoint: &str, policy: &str) -> Result<(), NetworkError> {
        let call = self.client.modify_vpc_endpoint().vpc_endpoint_id(endpoint);
        let reply = call.policy_document(policy).send().await;
        reply.map(|_| ()).map_err(failed("ModifyVpcEndpoint"))
    }

    /// The call can succeed and still say that nothing was deleted.
    async fn delete_endpoint(&self, id: &str) -> Result<(), NetworkError> {
        let call = self.client.delete_vpc_endpoints().vpc_endpoint_ids(id);
        let reply = call.send().await.map_err(failed("DeleteVpcEndpoints"))?;
        let refused = reply.unsuccessful().iter().find_map(|item| item.error());
        let Some(refused) = refused else {
            return Ok(());
        };
        Err(NetworkError {
            operation: "DeleteVpcEndpoints",
            code: refused.code().unwrap_or("Unknown").to_owned(),
            detail: refused.message().unwrap_or_default().to_owned(),
        })
    }
}

fn with_id(operation: &'static str, id: Option<String>) -> Result<String, NetworkError> {
    id.ok_or_else(|| NetworkError {
        operation,
        code: "NoId".to_owned(),
        detail: "the answer carries no id".to_owned(),
    })
}

fn tags(stamp: &Stamp, resource: ResourceType) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(resource)
        .tags(tag(TAG_MANAGED.0, TAG_MANAGED.1))
        .tags(tag(TAG_PLAN, &stamp.plan_id))
        .tags(tag(TAG_STEP, &stamp.step.to_string()))
        .build()
}

fn permission(port: u16, peer: &Peer<String>) -> IpPermission {
    let rule = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(i32::from(port))
        .to_port(i32::from(port));
    match peer {
        Peer::Cidr(cidr) if cidr.contains(':') => {
            let range = aws_sdk_ec2::types::Ipv6Range::builder().cidr_ipv6(cidr);
            rule.ipv6_ranges(range.build())
        }
        Peer::Cidr(cidr) => rule.ip_ranges(IpRange::builder().cidr_ip(cidr).build()),
        Peer::Group(id) => {
            rule.user_id_group_pairs(UserIdGroupPair::builder().group_id(id).build())
        }
        Peer::PrefixList(id) => {
            rule.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).build())
        }
    }
    .build()
}
