//! Makes what is not network: buckets, tables, the topic, the event source mapping, the flow logs.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_ec2::types::{FlowLogsResourceType, LogDestinationType, TrafficType};
use aws_sdk_lambda::types::{
    EndPointType, EventSourcePosition, SelfManagedEventSource, SourceAccessConfiguration,
    SourceAccessType,
};

use super::build::Ids;
use super::cast::{BROKERS, Role};
use super::error::{Error, call, found};
use super::flow_log;
use super::groups::BROKER_PORT;

/// The Kafka topic that the event source mapping reads.
pub const TOPIC: &str = "app-logs";

/// A table with `pk` and `sk`, as template.yaml makes them.
pub(super) async fn table(sdk: &SdkConfig, name: &str) -> Result<(), Error> {
    let mut create = aws_sdk_dynamodb::Client::new(sdk)
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let what = || call(format!("describe key {key}"));
        let text = AttributeDefinition::builder()
            .attribute_name(key)
            .attribute_type(ScalarAttributeType::S);
        create = create.attribute_definitions(text.build().map_err(what())?);
        create = create.key_schema(
            KeySchemaElement::builder()
                .attribute_name(key)
                .key_type(kind)
                .build()
                .map_err(what())?,
        );
    }
    create
        .send()
        .await
        .map(drop)
        .map_err(call(format!("create table {name}")))
}

/// The topic alerts go to; its ARN.
pub(super) async fn topic(sdk: &SdkConfig, name: &str) -> Result<String, Error> {
    let made = aws_sdk_sns::Client::new(sdk)
        .create_topic()
        .name(name)
        .send()
        .await;
    found(
        made.map_err(call("create the topic"))?.topic_arn,
        "CreateTopic",
        "ARN",
    )
}

/// The bucket that flow logs are delivered to, and the flow logs of the NAT gateways' interfaces.
pub(super) async fn flow_logs(sdk: &SdkConfig, ids: &Ids, bucket: &str) -> Result<(), Error> {
    let made = aws_sdk_s3::Client::new(sdk)
        .create_bucket()
        .bucket(bucket)
        .send()
        .await;
    made.map_err(call(format!("create bucket {bucket}")))?;
    let format = flow_log::FORMAT
        .split(' ')
        .map(|field| format!("${{{field}}}"))
        .collect::<Vec<_>>()
        .join(" ");
    let create = aws_sdk_ec2::Client::new(sdk)
        .create_flow_logs()
        .resource_type(FlowLogsResourceType::NetworkInterface);
    let create = create.set_resource_ids(Some(
        ids.nats.iter().map(|nat| nat.interface.clone()).collect(),
    ));
    let create = create
        .traffic_type(TrafficType::All)
        .log_destination_type(LogDestinationType::S3)
        .max_aggregation_interval(600);
    let made = create
        .log_destination(format!("arn:aws:s3:::{bucket}"))
        .log_format(format)
        .send()
        .await;
    made.map(drop).map_err(call("create flow logs"))
}

/// The mapping whose pollers read the self-managed brokers; its UUID.
pub(super) async fn event_source_mapping(sdk: &SdkConfig, ids: &Ids) -> Result<String, Error> {
    let brokers = BROKERS.map(|broker| format!("{}:{BROKER_PORT}", broker.address));
    let source = SelfManagedEventSource::builder()
        .endpoints(EndPointType::KafkaBootstrapServers, brokers.to_vec())
        .build();
    let access = |kind, uri: String| {
        SourceAccessConfiguration::builder()
            .r#type(kind)
            .uri(uri)
            .build()
    };
    let mut create = aws_sdk_lambda::Client::new(sdk)
        .create_event_source_mapping()
        .function_name("kafka-consumer");
    create = create
        .topics(TOPIC)
        .starting_position(EventSourcePosition::TrimHorizon)
        .self_managed_event_source(source);
    for subnet in ids.private_subnets.values() {
        create = create.source_access_configurations(access(
            SourceAccessType::VpcSubnet,
            format!("subnet:{subnet}"),
        ));
    }
    if let Some(group) = ids.groups.get(&Role::Poller) {
        create = create.source_access_configurations(access(
            SourceAccessType::VpcSecurityGroup,
            format!("security_group:{group}"),
        ));
    }
    let made = create
        .send()
        .await
        .map_err(call("create the event source mapping"))?;
    found(made.uuid, "CreateEventSourceMapping", "UUID")
}
