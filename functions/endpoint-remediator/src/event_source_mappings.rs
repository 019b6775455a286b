//! Lambda and MSK: where the pollers of Kafka event source mappings live. Read-only.
//!
//! Pollers of a self-managed cluster wear what the mapping names, those of MSK what the *cluster* names, whatever the
//! function's own groups are. Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-msk-cluster-network.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_kafka::types::{Cluster, Provisioned, Serverless};
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, SourceAccessType};
use tollkeeper::aws::CallError;

/// One mapping's pollers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pollers {
    pub(crate) subnets: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
}

/// The pollers of every Kafka mapping of the region, also of disabled ones: they may be enabled again.
pub(crate) async fn kafka_pollers(
    lambda: &aws_sdk_lambda::Client,
    msk: &aws_sdk_kafka::Client,
) -> Result<BTreeSet<Pollers>, CallError> {
    let pages = lambda.list_event_source_mappings().into_paginator();
    let mut mappings = pages.items().send();
    let mut found = BTreeSet::new();
    let mut clusters = BTreeMap::new();
    while let Some(mapping) = mappings.next().await {
        let mapping =
            mapping.map_err(|error| CallError::of("lambda:ListEventSourceMappings", &error))?;
        if mapping.self_managed_event_source().is_some() {
            found.insert(named(&mapping));
        } else if let Some(arn) = mapping.event_source_arn().filter(|arn| is_msk(arn)) {
            clusters.insert(arn.to_owned(), is_connection(arn));
        }
    }
    for (arn, is_connection) in clusters {
        found.insert(if is_connection {
            connection(msk, &arn).await?
        } else {
            cluster(msk, &arn).await?
        });
    }
    Ok(found)
}

fn is_msk(arn: &str) -> bool {
    arn.split(':').nth(2) == Some("kafka")
}

/// A managed VPC connection: its cluster belongs to another account.
fn is_connection(arn: &str) -> bool {
    let resource = arn.split(':').nth(5);
    resource.is_some_and(|resource| resource.starts_with("vpc-connection/"))
}

fn named(mapping: &EventSourceMappingConfiguration) -> Pollers {
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

async fn connection(msk: &aws_sdk_kafka::Client, arn: &str) -> Result<Pollers, CallError> {
    let reply = msk.describe_vpc_connection().arn(arn).send().await;
    let reply = reply.map_err(|error| CallError::of("kafka:DescribeVpcConnection", &error))?;
    Ok(Pollers {
        subnets: reply.subnets().iter().cloned().collect(),
        groups: reply.security_groups().iter().cloned().collect(),
    })
}

async fn cluster(msk: &aws_sdk_kafka::Client, arn: &str) -> Result<Pollers, CallError> {
    let reply = msk.describe_cluster_v2().cluster_arn(arn).send().await;
    let reply = reply.map_err(|error| CallError::of("kafka:DescribeClusterV2", &error))?;
    Ok(reply.cluster_info().map_or_else(
        || Pollers {
            subnets: BTreeSet::new(),
            groups: BTreeSet::new(),
        },
        of_cluster,
    ))
}

/// Provisioned clusters name their brokers' subnets and groups, serverless ones a configuration for each VPC.
fn of_cluster(cluster: &Cluster) -> Pollers {
    let provisioned = cluster.provisioned();
    let brokers = provisioned.and_then(Provisioned::broker_node_group_info);
    let mut pollers = Pollers {
        subnets: BTreeSet::new(),
        groups: BTreeSet::new(),
    };
    let mut add = |subnets: &[String], groups: &[String]| {
        pollers.subnets.extend(subnets.iter().cloned());
        pollers.groups.extend(groups.iter().cloned());
    };
    if let Some(brokers) = brokers {
        add(brokers.client_subnets(), brokers.security_groups());
    }
    let serverless = cluster.serverless().map(Serverless::vpc_configs);
    for config in serverless.unwrap_or_default() {
        add(config.subnet_ids(), config.security_group_ids());
    }
    pollers
}

#[cfg(test)]
mod tests {
    use aws_sdk_kafka::operation::describe_cluster_v2::DescribeClusterV2Output;
    use aws_sdk_kafka::types::{BrokerNodeGroupInfo, VpcConfig};
    use aws_sdk_lambda::operation::list_event_source_mappings::ListEventSourceMappingsOutput;
    use aws_sdk_lambda::types::{SelfManagedEventSource, SourceAccessConfiguration};
    use aws_smithy_mocks::{
        MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
    };

    use super::*;

    const CLUSTER: &str = "arn:aws:kafka:us-east-1:123456789012:cluster/orders/0a1b";

    fn mapping(arn: Option<&str>) -> EventSourceMappingConfiguration {
        let access = |kind, uri: &str| {
            let access = SourceAccessConfiguration::builder();
            access.r#type(kind).uri(uri).build()
        };
        let mapping = EventSourceMappingConfiguration::builder();
        match arn {
            Some(arn) => mapping.event_source_arn(arn).build(),
            None => mapping
                .self_managed_event_source(SelfManagedEventSource::builder().build())
                .source_access_configurations(access(
                    SourceAccessType::VpcSubnet,
                    "subnet:subnet-a",
                ))
                .source_access_configurations(access(SourceAccessType::VpcSubnet, "subnet-b"))
                .source_access_configurations(access(
                    SourceAccessType::VpcSecurityGroup,
                    "security_group:sg-pollers",
                ))
                .source_access_configurations(access(
                    SourceAccessType::SaslScram512Auth,
                    "arn:aws:secretsmanager:us-east-1:123456789012:secret:kafka",
                ))
                .build(),
        }
    }

    macro_rules! client {
        ($sdk:ident, $rule:expr) => {{
            let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
            let config = $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region($sdk::config::Region::new("us-east-1"))
                .credentials_provider($sdk::config::Credentials::new(
                    "test", "test", None, None, "test",
                ))
                .http_client(create_mock_http_client())
                .interceptor(answers.with_rule($rule));
            $sdk::Client::from_conf(config.build())
        }};
    }

    async fn read(
        mappings: &[Option<&'static str>],
        msk: &Rule,
    ) -> Result<Vec<Pollers>, CallError> {
        let mappings: Vec<_> = mappings.iter().map(|arn| mapping(*arn)).collect();
        let listed =
            mock!(aws_sdk_lambda::Client::list_event_source_mappings).then_output(move || {
                let reply = ListEventSourceMappingsOutput::builder();
                reply
                    .set_event_source_mappings(Some(mappings.clone()))
                    .build()
            });
        let lambda = client!(aws_sdk_lambda, &listed);
        let found = kafka_pollers(&lambda, &client!(aws_sdk_kafka, msk)).await?;
        Ok(found.into_iter().collect())
    }

    fn pollers(subnets: &[&str], groups: &[&str]) -> Pollers {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Pollers {
            subnets: set(subnets),
            groups: set(groups),
        }
    }

    fn msk(cluster: Cluster) -> Rule {
        mock!(aws_sdk_kafka::Client::describe_cluster_v2)
            .match_requests(|input| input.cluster_arn() == Some(CLUSTER))
            .then_output(move || {
                let reply = DescribeClusterV2Output::builder();
                reply.cluster_info(cluster.clone()).build()
            })
    }

    #[tokio::test]
    async fn pollers_of_a_self_managed_cluster_wear_what_the_mapping_names() {
        let queue = "arn:aws:sqs:us-east-1:123456789012:jobs";
        let found = read(&[None, Some(queue), None], &msk(Cluster::builder().build())).await;
        let expected = pollers(&["subnet-a", "subnet-b"], &["sg-pollers"]);
        assert_eq!(found.unwrap(), [expected]);
    }

    #[tokio::test]
    async fn pollers_of_msk_wear_what_the_cluster_names_provisioned_or_serverless() {
        let brokers = BrokerNodeGroupInfo::builder()
            .client_subnets("subnet-a")
            .security_groups("sg-brokers");
        let provisioned = Provisioned::builder().broker_node_group_info(brokers.build());
        let vpc = VpcConfig::builder()
            .subnet_ids("subnet-b")
            .security_group_ids("sg-serverless");
        let serverless = Serverless::builder().vpc_configs(vpc.build());
        for (cluster, expected) in [
            (
                Cluster::builder().provisioned(provisioned.build()),
                pollers(&["subnet-a"], &["sg-brokers"]),
            ),
            (
                Cluster::builder().serverless(serverless.build()),
                pollers(&["subnet-b"], &["sg-serverless"]),
            ),
        ] {
            let found = read(&[Some(CLUSTER); 2], &msk(cluster.build())).await;
            assert_eq!(found.unwrap(), [expected]);
        }
    }

    #[tokio::test]
    async fn what_msk_refuses_to_tell_is_named_by_its_action() {
        let denied = mock!(aws_sdk_kafka::Client::describe_cluster_v2).then_http_response(|| {
            let body = r#"{"__type":"ForbiddenException","message":"no"}"#;
            aws_sdk_kafka::config::http::HttpResponse::new(403.try_into().unwrap(), body.into())
        });
        let error = read(&[Some(CLUSTER)], &denied).await.unwrap_err();
        assert!(
            error.to_string().contains("kafka:DescribeClusterV2"),
            "{error}"
        );
    }
}
