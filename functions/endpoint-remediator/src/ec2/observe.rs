//! Reading: one VPC as a snapshot, all pages.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, VpcAttributeName};

use super::{Ec2, convert, failed, filter, unless_gone};
use crate::acl::NetworkAcl;
use crate::exception::{Exception, TAG_EXCEPT};
use crate::network::NetworkError;
use crate::snapshot::{Endpoint, Group, RouteTable, Scope, Service, Snapshot, Subnet, Vpc};

fn exceptions<'a>(
    tagged: impl Iterator<Item = (&'a str, BTreeMap<String, String>)>,
) -> Vec<Exception> {
    let of = |(id, tags): (&str, BTreeMap<String, String>)| {
        let value = tags.get(TAG_EXCEPT)?;
        Some(Exception::of(id, value))
    };
    tagged.filter_map(of).collect()
}

impl Ec2 {
    pub(super) async fn snapshot(&self, scope: &Scope) -> Result<Option<Snapshot>, NetworkError> {
        let Some((vpc, vpc_tags)) = self.vpc(&scope.vpc_id).await? else {
            return Ok(None);
        };
        let endpoints = self.endpoints(scope).await?;
        let tables = self.tables(&scope.vpc_id).await?;
        let groups = self.groups(scope, &endpoints, &vpc.cidrs).await?;
        let subnets = self.subnets(&scope.vpc_id, &tables).await?;
        let tagged = tables.iter().filter_map(|table| {
            let id = table.route_table_id()?;
            Some((id, convert::tags(table.tags())))
        });
        let snapshot = Snapshot {
            exceptions: exceptions(tagged.chain([(scope.vpc_id.as_str(), vpc_tags)])),
            vpc,
            network_acls: self.network_acls(&scope.vpc_id, &subnets).await?,
            subnets,
            route_tables: route_tables(&tables, &endpoints),
            groups,
            endpoints,
            services: self.services(scope).await?,
        };
        Ok(Some(snapshot.sorted()))
    }

    /// The VPC and its tags.
    async fn vpc(&self, id: &str) -> Result<Option<(Vpc, BTreeMap<String, String>)>, NetworkError> {
        let reply = self.client.describe_vpcs().vpc_ids(id).send().await;
        let found = unless_gone(reply.map_err(failed("DescribeVpcs")))?;
        let Some(vpc) = found.and_then(|reply| reply.vpcs.unwrap_or_default().into_iter().next())
        else {
            return Ok(None);
        };
        let attached = vpc.cidr_block_association_set().iter().filter(|block| {
            let state = block.cidr_block_state().and_then(|state| state.state());
            state.is_none_or(|state| state.as_str().eq_ignore_ascii_case("associated"))
        });
        let mut cidrs: Vec<String> = attached
            .filter_map(|block| block.cidr_block())
            .map(str::to_owned)
            .collect();
        if cidrs.is_empty() {
            cidrs.extend(vpc.cidr_block().map(str::to_owned));
        }
        let tags = convert::tags(vpc.tags());
        let vpc = Vpc {
            id: id.to_owned(),
            owner: vpc.owner_id().unwrap_or_default().to_owned(),
            cidrs,
            dns_servers: self.dns_servers(vpc.dhcp_options_id()).await?,
            dns_support: self
                .attribute(id, VpcAttributeName::EnableDnsSupport)
                .await?,
            dns_hostnames: self
                .attribute(id, VpcAttributeName::EnableDnsHostnames)
                .await?,
        };
        Ok(Some((vpc, tags)))
    }

    async fn attribute(&self, vpc: &str, name: VpcAttributeName) -> Result<bool, NetworkError> {
        let call = self
            .client
            .describe_vpc_attribute()
            .vpc_id(vpc)
            .attribute(name);
        let reply = call.send().await.map_err(failed("DescribeVpcAttribute"))?;
        let value = reply.enable_dns_support().or(reply.enable_dns_hostnames());
        Ok(value.and_then(types::AttributeBooleanValue::value) == Some(true))
    }

    async fn tables(&self, vpc: &str) -> Result<Vec<types::RouteTable>, NetworkError> {
        let call = self
            .client
            .describe_route_tables()
            .filters(filter("vpc-id", vpc));
        let pages = call.into_paginator().items().send();
        pages
            .try_collect()
            .await
            .map_err(failed("DescribeRouteTables"))
    }

    async fn subnets(
        &self,
        vpc: &str,
        tables: &[types::RouteTable],
    ) -> Result<Vec<Subnet>, NetworkError> {
        let table_of = Associations::of(tables);
        let call = self
            .client
            .describe_subnets()
            .filters(filter("vpc-id", vpc));
        let pages = call.into_paginator().items().send();
        let found: Vec<types::Subnet> = pages
            .try_collect()
            .await
            .map_err(failed("DescribeSubnets"))?;
        let subnet = |from: &types::Subnet| {
            let id = from.subnet_id().unwrap_or_default();
            let free = from.available_ip_address_count().unwrap_or_default();
            Subnet {
                id: id.to_owned(),
                zone: from.availability_zone().unwrap_or_default().to_owned(),
                route_table: table_of.table(id).to_owned(),
                cidr: from.cidr_block().unwrap_or_default().to_owned(),
                free_addresses: u32::try_from(free).unwrap_or(0),
            }
        };
        Ok(found.iter().map(subnet).collect())
    }

    /// Those that guard a subnet. A subnet that none names belongs to the default one.
    pub(super) async fn network_acls(
        &self,
        vpc: &str,
        subnets: &[Subnet],
    ) -> Result<Vec<NetworkAcl>, NetworkError> {
        let call = self.client.describe_network_acls();
        let pages = call.filters(filter("vpc-id", vpc)).into_paginator();
        let found: Vec<types::NetworkAcl> = pages
            .items()
            .send()
            .try_collect()
            .await
            .map_err(failed("DescribeNetworkAcls"))?;
        let mut acls: Vec<NetworkAcl> = found.iter().map(convert::network_acl).collect();
        let is_named = |subnet: &&Subnet| acls.iter().any(|acl| acl.subnets.contains(&subnet.id));
        let unnamed: Vec<&Subnet> = subnets.iter().filter(|one| !is_named(one)).collect();
        let unnamed: Vec<String> = unnamed.iter().map(|subnet| subnet.id.clone()).collect();
        let is_default = |acl: &types::NetworkAcl| acl.is_default() == Some(true);
        if let Some(default) = found.iter().position(is_default) {
            acls[default].subnets.extend(unnamed);
        }
        acls.retain(|acl| !acl.subnets.is_empty());
        Ok(acls)
    }

    /// Of the VPC's DHCP options; `default` stands for none.
    pub(super) async fn dns_servers(
        &self,
        options: Option<&str>,
    ) -> Result<Vec<String>, NetworkError> {
        let Some(options) = options.filter(|id| *id != "default") else {
            return Ok(Vec::new());
        };
        let call = self.client.describe_dhcp_options();
        let pages = call.dhcp_options_ids(options).into_paginator();
        let found: Vec<types::DhcpOptions> = pages
            .items()
            .send()
            .try_collect()
            .await
            .map_err(failed("DescribeDhcpOptions"))?;
        Ok(found.iter().flat_map(convert::dns_servers).collect())
    }

    async fn endpoints(&self, scope: &Scope) -> Result<Vec<Endpoint>, NetworkError> {
        let call = self.client.describe_vpc_endpoints();
        let call = call.filters(filter("vpc-id", &scope.vpc_id));
        let pages = call.into_paginator().items().send();
        let found: Vec<types::VpcEndpoint> = pages
            .try_collect()
            .await
            .map_err(failed("DescribeVpcEndpoints"))?;
        let endpoints = found.iter().filter_map(|from| self.endpoint_of(from));
        Ok(endpoints
            .filter(|endpoint| scope.concerns_endpoint(endpoint))
            .collect())
    }

    async fn groups(
        &self,
        scope: &Scope,
        endpoints: &[Endpoint],
        vpc_cidrs: &[String],
    ) -> Result<Vec<Group>, NetworkError> {
        let call = self.client.describe_security_groups();
        let call = call.filters(filter("vpc-id", &scope.vpc_id));
        let pages = call.into_paginator().items().send();
        let found: Vec<types::SecurityGroup> = pages
            .try_collect()
            .await
            .map_err(failed("DescribeSecurityGroups"))?;
        let groups = found.iter().map(convert::group);
        Ok(groups
            .filter(|group| scope.concerns_group(group, endpoints, vpc_cidrs))
            .collect())
    }

    /// Interfaces that wear a group, and other groups whose rules name it.
    pub(super) async fn users(&self, group: &str) -> Result<Vec<String>, NetworkError> {
        let call = self.client.describe_network_interfaces();
        let pages = call.filters(filter("group-id", group)).into_paginator();
        let interfaces: Vec<types::NetworkInterface> = pages
            .items()
            .send()
            .try_collect()
            .await
            .map_err(failed("DescribeNetworkInterfaces"))?;
        let ids = interfaces
            .iter()
            .filter_map(types::NetworkInterface::network_interface_id);
        let mut users: Vec<String> = ids.map(str::to_owned).collect();
        for side in ["ip-permission.group-id", "egress.ip-permission.group-id"] {
            let call = self.client.describe_security_groups();
            let pages = call.filters(filter(side, group)).into_paginator();
            let naming: Vec<types::SecurityGroup> = pages
                .items()
                .send()
                .try_collect()
                .await
                .map_err(failed("DescribeSecurityGroups"))?;
            let ids = naming.iter().filter_map(types::SecurityGroup::group_id);
            users.extend(ids.filter(|id| *id != group).map(str::to_owned));
        }
        users.sort();
        users.dedup();
        Ok(users)
    }

    /// Service by service: one unknown name fails a call for several.
    async fn services(&self, scope: &Scope) -> Result<Vec<Service>, NetworkError> {
        let mut services = Vec::new();
        for name in &scope.services {
            services.extend(self.offers_of(name).await?);
        }
        Ok(services)
    }

    async fn offers_of(&self, name: &str) -> Result<Vec<Service>, NetworkError> {
        let mut offers = Vec::new();
        let mut token = None;
        loop {
            let call = self.client.describe_vpc_endpoint_services();
            let call = call
                .service_names(self.full_name(name))
                .set_next_token(token.take());
            let reply = match call
                .send()
                .await
                .map_err(failed("DescribeVpcEndpointServices"))
            {
                Ok(reply) => reply,
                Err(error) if error.code == "InvalidServiceName" => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            offers.extend(
                reply
                    .service_details()
                    .iter()
                    .flat_map(|row| self.offers(row)),
            );
            match reply.next_token {
                Some(next) if !next.is_empty() => token = Some(next),
                _ => return Ok(offers),
            }
        }
    }

    fn offers(&self, row: &types::ServiceDetail) -> Vec<Service> {
        let types = row.service_type().iter();
        let kinds = types.filter_map(|detail| convert::kind(detail.service_type()?.as_str()));
        let offer = |kind| Service {
            name: self
                .short_name(row.service_name().unwrap_or_default())
                .to_owned(),
            kind,
            zones: row.availability_zones().to_vec(),
            dns_names: convert::dns_names(row),
            takes_policy: row.vpc_endpoint_policy_supported() != Some(false),
            needs_acceptance: row.acceptance_required() == Some(true),
        };
        kinds.map(offer).collect()
    }
}

fn route_tables(tables: &[types::RouteTable], endpoints: &[Endpoint]) -> Vec<RouteTable> {
    let table = |from| convert::route_table(from, endpoints);
    tables.iter().map(table).collect()
}

/// Which table a subnet follows: its own association, else the main table.
struct Associations<'a> {
    by_subnet: BTreeMap<&'a str, &'a str>,
    main: &'a str,
}

impl<'a> Associations<'a> {
    fn of(tables: &'a [types::RouteTable]) -> Self {
        let mut all = Self {
            by_subnet: BTreeMap::new(),
            main: "",
        };
        for table in tables {
            let id = table.route_table_id().unwrap_or_default();
            for association in table.associations() {
                if association.main() == Some(true) {
                    all.main = id;
                }
                if let Some(subnet) = association.subnet_id() {
                    all.by_subnet.insert(subnet, id);
                }
            }
        }
        all
    }

    fn table(&self, subnet: &str) -> &'a str {
        self.by_subnet.get(subnet).copied().unwrap_or(self.main)
    }
}
