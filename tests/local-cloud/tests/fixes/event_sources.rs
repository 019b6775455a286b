use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{
    EndPointType, EventSourcePosition, SelfManagedEventSource, SourceAccessConfiguration,
    SourceAccessType,
};

use super::vpc::cloud;

const CLUSTER: &str = "arn:aws:kafka:us-east-1:123456789012:cluster/logs/1-2-3-4-5";

#[tokio::test]
async fn moto_refuses_mappings_of_kafka() {
    let cloud = cloud().await;
    let lambda = Client::new(
        &cloud
            .sdk_config()
            .to_builder()
            .endpoint_url(cloud.moto_url())
            .build(),
    );
    let create = lambda
        .create_event_source_mapping()
        .function_name("consumer")
        .event_source_arn(CLUSTER)
        .topics("logs");
    create
        .starting_position(EventSourcePosition::TrimHorizon)
        .send()
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_mapping_of_msk_is_kept_listed_and_deleted() {
    let cloud = cloud().await;
    let lambda = Client::new(&cloud.sdk_config());
    let create = lambda
        .create_event_source_mapping()
        .function_name("consumer")
        .event_source_arn(CLUSTER)
        .topics("logs");
    let created = create
        .starting_position(EventSourcePosition::TrimHorizon)
        .send()
        .await
        .unwrap();
    assert_eq!(created.state(), Some("Creating"));
    let id = created.uuid().unwrap();

    let mapping = lambda
        .get_event_source_mapping()
        .uuid(id)
        .send()
        .await
        .unwrap();
    assert_eq!(mapping.state(), Some("Enabled"));
    assert_eq!(mapping.event_source_arn(), Some(CLUSTER));
    assert_eq!(mapping.topics(), ["logs"]);
    assert_eq!(mapping.batch_size(), Some(100));
    assert_eq!(
        mapping.function_arn(),
        Some("arn:aws:lambda:us-east-1:123456789012:function:consumer")
    );
    assert!(
        mapping
            .amazon_managed_kafka_event_source_config()
            .unwrap()
            .consumer_group_id()
            .is_some()
    );

    let list = async |function: &str| {
        lambda
            .list_event_source_mappings()
            .function_name(function)
            .send()
            .await
            .unwrap()
            .event_source_mappings
            .unwrap()
    };
    assert_eq!(list("consumer").await.len(), 1);
    assert_eq!(list("other").await.len(), 0);
    lambda
        .delete_event_source_mapping()
        .uuid(id)
        .send()
        .await
        .unwrap();
    assert_eq!(
        lambda
            .list_event_source_mappings()
            .send()
            .await
            .unwrap()
            .event_source_mappings()
            .len(),
        0
    );
    lambda
        .get_event_source_mapping()
        .uuid(id)
        .send()
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_self_managed_mapping_shows_brokers_subnets_and_group() {
    let cloud = cloud().await;
    let lambda = Client::new(&cloud.sdk_config());
    let brokers = SelfManagedEventSource::builder()
        .endpoints(
            EndPointType::KafkaBootstrapServers,
            vec!["10.0.1.5:9092".to_owned()],
        )
        .build();
    let access = [
        (SourceAccessType::VpcSubnet, "subnet:subnet-1"),
        (SourceAccessType::VpcSecurityGroup, "security_group:sg-1"),
    ];
    let access = access.map(|(kind, uri)| {
        SourceAccessConfiguration::builder()
            .r#type(kind)
            .uri(uri)
            .build()
    });
    let create = lambda
        .create_event_source_mapping()
        .function_name("consumer")
        .topics("logs")
        .batch_size(500);
    let create = create
        .self_managed_event_source(brokers.clone())
        .set_source_access_configurations(Some(access.to_vec()));
    create
        .starting_position(EventSourcePosition::Latest)
        .send()
        .await
        .unwrap();

    let found = lambda
        .list_event_source_mappings()
        .send()
        .await
        .unwrap()
        .event_source_mappings
        .unwrap()
        .remove(0);
    assert_eq!(found.self_managed_event_source(), Some(&brokers));
    assert_eq!(found.source_access_configurations(), access);
    assert_eq!(
        (found.batch_size(), found.event_source_arn()),
        (Some(500), None)
    );
    let id = found.uuid().unwrap();
    lambda
        .update_event_source_mapping()
        .uuid(id)
        .enabled(false)
        .send()
        .await
        .unwrap();
    assert_eq!(
        lambda
            .get_event_source_mapping()
            .uuid(id)
            .send()
            .await
            .unwrap()
            .state(),
        Some("Disabled")
    );
}

#[tokio::test]
async fn a_mapping_belongs_to_its_region() {
    let cloud = cloud().await;
    let lambda = Client::new(&cloud.sdk_config());
    let create = lambda
        .create_event_source_mapping()
        .function_name("consumer")
        .event_source_arn(CLUSTER)
        .topics("logs");
    create
        .starting_position(EventSourcePosition::TrimHorizon)
        .send()
        .await
        .unwrap();
    let region = aws_config::Region::new("eu-west-1");
    let elsewhere = Client::new(&cloud.sdk_config().to_builder().region(region).build());
    assert_eq!(
        elsewhere
            .list_event_source_mappings()
            .send()
            .await
            .unwrap()
            .event_source_mappings()
            .len(),
        0
    );
}
