//! Lambda and MSK: where the pollers of the region's Kafka event source mappings live. Read-only.

use std::collections::BTreeSet;

use tollkeeper::aws::CallError;
use tollkeeper::aws::kafka_pollers::{Pollers, kafka_mappings, msk_arn, named, of_msk};

/// The places of the pollers of every Kafka mapping. Each cluster is asked once.
pub(crate) async fn kafka_pollers(
    lambda: &aws_sdk_lambda::Client,
    msk: &aws_sdk_kafka::Client,
) -> Result<BTreeSet<Pollers>, CallError> {
    let mut places = BTreeSet::new();
    let mut clusters = BTreeSet::new();
    for mapping in kafka_mappings(lambda).await? {
        match msk_arn(&mapping) {
            Some(arn) => {
                clusters.insert(arn.to_owned());
            }
            None => {
                places.insert(named(&mapping));
            }
        }
    }
    for arn in clusters {
        places.insert(of_msk(msk, &arn).await?);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use aws_sdk_kafka::operation::describe_cluster_v2::DescribeClusterV2Output;
    use aws_sdk_kafka::types::{BrokerNodeGroupInfo, Cluster, Provisioned, Serverless, VpcConfig};
    use aws_sdk_lambda::operation::list_event_source_mappings::ListEventSourceMappingsOutput;
    use aws_sdk_lambda::types::{
        EventSourceMappingConfiguration, SelfManagedEventSource, SourceAccessConfiguration,
        SourceAccessType,
    };
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
