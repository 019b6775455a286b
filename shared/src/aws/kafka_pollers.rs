//! Lambda and MSK: where the pollers of Kafka event source mappings live. Read-only.
//!
//! Pollers of a self-managed cluster wear what the mapping names, those of MSK what the *cluster* names, whatever the
//! function's own groups are. Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-msk-cluster-network.html>

use std::collections::BTreeSet;

use aws_sdk_kafka::types::{Cluster, Provisioned, Serverless};
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, SourceAccessType};

use super::CallError;

/// Where pollers live, and what they wear.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pollers {
    /// Ids of the subnets that their interfaces are in.
    pub subnets: BTreeSet<String>,
    /// Ids of the security groups of these interfaces.
    pub groups: BTreeSet<String>,
}

/// The Kafka mappings of the region, also disabled ones: they may be enabled again.
pub async fn kafka_mappings(
    lambda: &aws_sdk_lambda::Client,
) -> Result<Vec<EventSourceMappingConfiguration>, CallError> {
    let pages = lambda.list_event_source_mappings().into_paginator();
    let mut mappings = pages.items().send();
    let mut found = Vec::new();
    while let Some(mapping) = mappings.next().await {
        let mapping =
            mapping.map_err(|error| CallError::of("lambda:ListEventSourceMappings", &error))?;
        if mapping.self_managed_event_source().is_some() || msk_arn(&mapping).is_some() {
            found.push(mapping);
        }
    }
    Ok(found)
}

/// The cluster or VPC connection of MSK that a mapping reads from; `None`: it is none of MSK's.
pub fn msk_arn(mapping: &EventSourceMappingConfiguration) -> Option<&str> {
    let arn = mapping.event_source_arn()?;
    (arn.split(':').nth(2) == Some("kafka")).then_some(arn)
}

/// Whether an ARN of MSK is a managed VPC connection: its cluster belongs to another account.
pub fn is_connection(arn: &str) -> bool {
    let resource = arn.split(':').nth(5);
    resource.is_some_and(|resource| resource.starts_with("vpc-connection/"))
}

/// What a mapping itself names: everything for a self-managed cluster, nothing for MSK.
pub fn named(mapping: &EventSourceMappingConfiguration) -> Pollers {
    let of = |kind: &SourceAccessType, prefix: &str| {
        let all = mapping.source_access_configurations().iter();
        let own = all.filter(|access| access.r#type() == Some(kind));
        let uris = own.filter_map(|access| access.uri());
        uris.map(|uri| uri.strip_prefix(prefix).unwrap_or(uri).to_owned())
            .collect()
    };
    Pollers {
        subnets: of(&SourceAccessType::VpcSubnet, "subnet:"),
        groups: of(&SourceAccessType::VpcSecurityGroup, "security_group:"),
    }
}

/// What a cluster or VPC connection of MSK names.
pub async fn of_msk(msk: &aws_sdk_kafka::Client, arn: &str) -> Result<Pollers, CallError> {
    if is_connection(arn) {
        let reply = msk.describe_vpc_connection().arn(arn).send().await;
        let reply = reply.map_err(|error| CallError::of("kafka:DescribeVpcConnection", &error))?;
        return Ok(Pollers {
            subnets: reply.subnets().iter().cloned().collect(),
            groups: reply.security_groups().iter().cloned().collect(),
        });
    }
    let reply = msk.describe_cluster_v2().cluster_arn(arn).send().await;
    let reply = reply.map_err(|error| CallError::of("kafka:DescribeClusterV2", &error))?;
    Ok(reply.cluster_info().map(of_cluster).unwrap_or_default())
}

/// Provisioned clusters name their brokers' subnets and groups, serverless ones a configuration for each VPC.
fn of_cluster(cluster: &Cluster) -> Pollers {
    let mut pollers = Pollers::default();
    let mut add = |subnets: &[String], groups: &[String]| {
        pollers.subnets.extend(subnets.iter().cloned());
        pollers.groups.extend(groups.iter().cloned());
    };
    let provisioned = cluster.provisioned();
    if let Some(brokers) = provisioned.and_then(Provisioned::broker_node_group_info) {
        add(brokers.client_subnets(), brokers.security_groups());
    }
    let serverless = cluster.serverless().map(Serverless::vpc_configs);
    for config in serverless.unwrap_or_default() {
        add(config.subnet_ids(), config.security_group_ids());
    }
    pollers
}
