//! Event source mappings of Kafka clusters, from the Lambda API. Read-only.
//!
//! Self-managed mappings name their subnets and groups. MSK's pollers use the cluster's, which Lambda does not tell:
//! such a mapping comes without them, and `kafka` asks MSK.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{EndPointType, EventSourceMappingConfiguration, SourceAccessType};
use tollkeeper::aws::kafka_pollers::{self, Pollers, named};

use crate::fault::CallError;
use crate::measure::network::{KafkaMapping, PollerMode, PollerSecret};

/// The mappings, in order of their ids.
pub async fn kafka_mappings(client: &Client) -> Result<Vec<KafkaMapping>, CallError> {
    let found = kafka_pollers::kafka_mappings(client).await?;
    let mut mappings: Vec<KafkaMapping> = found.iter().map(own).collect();
    mappings.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(mappings)
}

fn own(mapping: &EventSourceMappingConfiguration) -> KafkaMapping {
    let function = mapping.function_arn().unwrap_or_default();
    let Pollers { subnets, groups } = named(mapping);
    KafkaMapping {
        id: mapping.uuid().unwrap_or_default().to_owned(),
        function: function.split(':').nth(6).unwrap_or(function).to_owned(),
        subnets: subnets.into_iter().collect(),
        groups: groups.into_iter().collect(),
        bootstrap: mapping
            .self_managed_event_source()
            .and_then(|source| source.endpoints())
            .and_then(|endpoints| endpoints.get(&EndPointType::KafkaBootstrapServers))
            .cloned()
            .unwrap_or_default(),
        cluster_arn: mapping.event_source_arn().map(str::to_owned),
        mode: mode(mapping),
        disabled: matches!(mapping.state(), Some("Disabled" | "Disabling")),
        secret: secret(mapping),
    }
}

fn mode(mapping: &EventSourceMappingConfiguration) -> PollerMode {
    let count = |pollers: Option<i32>| pollers.and_then(|pollers| u32::try_from(pollers).ok());
    mapping
        .provisioned_poller_config()
        .map_or(PollerMode::OnDemand, |config| {
            PollerMode::Provisioned(
                count(config.minimum_pollers()),
                count(config.maximum_pollers()),
            )
        })
}

fn secret(mapping: &EventSourceMappingConfiguration) -> PollerSecret {
    use SourceAccessType::{
        BasicAuth, ClientCertificateTlsAuth, SaslScram256Auth, SaslScram512Auth,
    };
    let mut kinds = mapping
        .source_access_configurations()
        .iter()
        .filter_map(|access| access.r#type());
    kinds
        .find_map(|kind| match kind {
            ClientCertificateTlsAuth => Some(PollerSecret::ClientCertificate),
            BasicAuth | SaslScram256Auth | SaslScram512Auth => Some(PollerSecret::Password),
            _ => None,
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_lambda::operation::list_event_source_mappings::ListEventSourceMappingsOutput;
    use aws_sdk_lambda::types::{
        ProvisionedPollerConfig, SelfManagedEventSource, SourceAccessConfiguration,
    };

    fn self_managed(
        id: &str,
    ) -> aws_sdk_lambda::types::builders::EventSourceMappingConfigurationBuilder {
        let access = |kind, uri: &str| {
            SourceAccessConfiguration::builder()
                .r#type(kind)
                .uri(uri)
                .build()
        };
        EventSourceMappingConfiguration::builder()
            .uuid(id)
            .function_arn("arn:aws:lambda:us-east-1:123456789012:function:logs-consumer")
            .self_managed_event_source(
                SelfManagedEventSource::builder()
                    .endpoints(
                        EndPointType::KafkaBootstrapServers,
                        vec!["10.0.1.7:9092".to_owned()],
                    )
                    .build(),
            )
            .source_access_configurations(access(SourceAccessType::VpcSubnet, "subnet:subnet-b"))
            .source_access_configurations(access(SourceAccessType::VpcSubnet, "subnet:subnet-a"))
            .source_access_configurations(access(
                SourceAccessType::VpcSecurityGroup,
                "security_group:sg-pollers",
            ))
            .source_access_configurations(access(
                SourceAccessType::SaslScram512Auth,
                "arn:aws:secretsmanager:us-east-1:123456789012:secret:kafka",
            ))
    }

    #[tokio::test]
    async fn kafka_mappings_are_kept_with_their_mode_and_others_left_out() {
        let rule = aws_smithy_mocks::mock!(Client::list_event_source_mappings).then_output(|| {
            let arn = |id: &str, arn: &str| {
                EventSourceMappingConfiguration::builder()
                    .uuid(id)
                    .event_source_arn(arn)
                    .build()
            };
            ListEventSourceMappingsOutput::builder()
                .event_source_mappings(arn("queue", "arn:aws:sqs:us-east-1:123456789012:q"))
                .event_source_mappings(arn(
                    "msk",
                    "arn:aws:kafka:us-east-1:123456789012:cluster/c/1",
                ))
                .event_source_mappings(
                    self_managed("provisioned")
                        .provisioned_poller_config(
                            ProvisionedPollerConfig::builder()
                                .minimum_pollers(2)
                                .build(),
                        )
                        .state("Disabled")
                        .build(),
                )
                .event_source_mappings(self_managed("own").build())
                .build()
        });
        let mappings = kafka_mappings(&mocked!(aws_sdk_lambda, [&rule]))
            .await
            .unwrap();
        let ids: Vec<&str> = mappings.iter().map(|mapping| mapping.id.as_str()).collect();
        assert_eq!(ids, ["msk", "own", "provisioned"]);
        let msk = &mappings[0];
        assert!(msk.subnets.is_empty(), "the cluster's, unknown here");
        assert_eq!(
            msk.cluster_arn.as_deref(),
            Some("arn:aws:kafka:us-east-1:123456789012:cluster/c/1")
        );
        let provisioned = &mappings[2];
        assert_eq!(
            (provisioned.mode, provisioned.disabled),
            (PollerMode::Provisioned(Some(2), None), true)
        );
        let own = &mappings[1];
        assert_eq!(
            (own.mode, own.disabled, own.secret),
            (PollerMode::OnDemand, false, PollerSecret::Password)
        );
        assert_eq!(
            (own.function.as_str(), own.subnets.as_slice()),
            (
                "logs-consumer",
                ["subnet-a".to_owned(), "subnet-b".to_owned()].as_slice()
            )
        );
        assert_eq!(
            (own.groups[0].as_str(), own.bootstrap[0].as_str()),
            ("sg-pollers", "10.0.1.7:9092")
        );
    }
}
