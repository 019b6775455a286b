use super::*;
use crate::adapters::mocked;
use aws_sdk_kafka::operation::describe_cluster_v2::{
    DescribeClusterV2Error, DescribeClusterV2Output,
};
use aws_sdk_kafka::operation::describe_vpc_connection::DescribeVpcConnectionOutput;
use aws_sdk_kafka::types::{BrokerNodeGroupInfo, Cluster, Provisioned, Serverless, VpcConfig};
use aws_smithy_mocks::mock;
use aws_smithy_types::error::ErrorMetadata;

const CLUSTER: &str = "arn:aws:kafka:us-east-1:123456789012:cluster/logs/1";

fn mapping(id: &str, arn: &str, secret: PollerSecret) -> KafkaMapping {
    KafkaMapping {
        id: id.to_owned(),
        cluster_arn: Some(arn.to_owned()),
        secret,
        ..KafkaMapping::default()
    }
}

fn provisioned() -> DescribeClusterV2Output {
    let brokers = BrokerNodeGroupInfo::builder()
        .client_subnets("subnet-b")
        .client_subnets("subnet-a")
        .instance_type("kafka.m5.large")
        .security_groups("sg-msk")
        .build();
    let cluster = Cluster::builder().provisioned(
        Provisioned::builder()
            .broker_node_group_info(brokers)
            .build(),
    );
    DescribeClusterV2Output::builder()
        .cluster_info(cluster.build())
        .build()
}

fn brokers() -> GetBootstrapBrokersOutput {
    GetBootstrapBrokersOutput::builder()
        .bootstrap_broker_string("b-1:9092")
        .bootstrap_broker_string_tls("b-1:9094")
        .bootstrap_broker_string_sasl_scram("b-1:9096")
        .bootstrap_broker_string_sasl_iam("b-1:9098,b-2:9098")
        .build()
}

#[tokio::test]
async fn a_cluster_is_asked_once_and_its_mappings_get_its_subnets_groups_and_brokers() {
    let describe = mock!(Client::describe_cluster_v2)
        .match_requests(|request| request.cluster_arn() == Some(CLUSTER))
        .then_output(provisioned);
    let ask = mock!(Client::get_bootstrap_brokers).then_output(brokers);
    let client = mocked!(aws_sdk_kafka, MatchAny, [&describe, &ask]);
    let mut notes = Vec::new();
    let mappings = vec![
        mapping("iam", CLUSTER, PollerSecret::None),
        mapping("scram", CLUSTER, PollerSecret::Password),
        KafkaMapping::default(),
    ];
    let mappings = with_clusters(&client, mappings, &mut notes).await;
    assert_eq!(mappings[0].subnets, ["subnet-a", "subnet-b"]);
    assert_eq!(mappings[0].groups, ["sg-msk"]);
    assert_eq!(mappings[0].bootstrap, ["b-1:9098", "b-2:9098"]);
    assert_eq!(mappings[1].bootstrap, ["b-1:9096"]);
    assert_eq!(mappings[2], KafkaMapping::default(), "self-managed");
    assert_eq!((describe.num_calls(), ask.num_calls()), (1, 1));
    assert_eq!(notes, Vec::<String>::new());
}

#[tokio::test]
async fn serverless_clusters_and_connections_from_other_accounts_have_places_too() {
    let connection = "arn:aws:kafka:us-east-1:123456789012:vpc-connection/2/logs/3";
    let describe = mock!(Client::describe_cluster_v2).then_output(|| {
        let config = VpcConfig::builder()
            .subnet_ids("subnet-a")
            .security_group_ids("sg-serverless")
            .build();
        let cluster =
            Cluster::builder().serverless(Serverless::builder().vpc_configs(config).build());
        DescribeClusterV2Output::builder()
            .cluster_info(cluster.build())
            .build()
    });
    let ask = mock!(Client::get_bootstrap_brokers).then_output(|| {
        GetBootstrapBrokersOutput::builder()
            .bootstrap_broker_string_sasl_iam("boot:9098")
            .build()
    });
    let connect = mock!(Client::describe_vpc_connection).then_output(|| {
        DescribeVpcConnectionOutput::builder()
            .subnets("subnet-b")
            .security_groups("sg-connection")
            .build()
    });
    let client = mocked!(aws_sdk_kafka, MatchAny, [&describe, &ask, &connect]);
    let mappings = vec![
        mapping("serverless", CLUSTER, PollerSecret::None),
        mapping("connection", connection, PollerSecret::None),
    ];
    let mappings = with_clusters(&client, mappings, &mut Vec::new()).await;
    assert_eq!(
        (&mappings[0].groups, &mappings[1].groups),
        (
            &vec!["sg-serverless".to_owned()],
            &vec!["sg-connection".to_owned()]
        )
    );
    assert!(mappings[1].bootstrap.is_empty(), "its port is not known");
    assert_eq!(ask.num_calls(), 1);
}

#[tokio::test]
async fn a_cluster_that_cannot_be_read_is_named_and_its_mappings_stay() {
    let describe = mock!(Client::describe_cluster_v2).then_error(|| {
        DescribeClusterV2Error::generic(
            ErrorMetadata::builder()
                .code("ForbiddenException")
                .message("no")
                .build(),
        )
    });
    let ask = mock!(Client::get_bootstrap_brokers).then_output(brokers);
    let client = mocked!(aws_sdk_kafka, MatchAny, [&describe, &ask]);
    let mut notes = Vec::new();
    let mappings = vec![mapping("iam", CLUSTER, PollerSecret::None)];
    let mappings = with_clusters(&client, mappings, &mut notes).await;
    assert!(mappings[0].subnets.is_empty());
    assert_eq!(mappings[0].bootstrap.len(), 2);
    assert_eq!(
        notes,
        [format!(
            "Without the subnets and groups of {CLUSTER} (kafka:DescribeClusterV2 failed (ForbiddenException): no)"
        )]
    );
}
