//! What the front does besides the fixes: SNS records, faults, counts, and what passes through unharmed.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
};
use aws_sdk_sns::types::MessageAttributeValue;
use local_cloud::{Fault, LocalCloud};
use serde_json::json;

async fn cloud() -> LocalCloud {
    LocalCloud::builder("front").start().await.unwrap()
}

async fn topic(sns: &aws_sdk_sns::Client) -> String {
    sns.create_topic()
        .name("alerts")
        .send()
        .await
        .unwrap()
        .topic_arn
        .unwrap()
}

async fn table(cloud: &LocalCloud) -> aws_sdk_dynamodb::Client {
    let dynamodb = aws_sdk_dynamodb::Client::new(&cloud.sdk_config());
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .unwrap()
    };
    let text = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap()
    };
    let create = dynamodb
        .create_table()
        .table_name("ledger")
        .billing_mode(BillingMode::PayPerRequest);
    let create = create
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range));
    create
        .attribute_definitions(text("pk"))
        .attribute_definitions(text("sk"))
        .send()
        .await
        .unwrap();
    dynamodb
}

#[tokio::test]
async fn what_is_published_is_recorded_for_each_protocol_and_delivered_as_lambda_gets_it() {
    let cloud = cloud().await;
    let sns = aws_sdk_sns::Client::new(&cloud.sdk_config());
    let topic = topic(&sns).await;
    let message =
        json!({"default": "NAT cost is up & rising", "lambda": "{\"version\":\"finding/v1\"}"})
            .to_string();
    let severity = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("high")
        .build()
        .unwrap();
    let publish = sns
        .publish()
        .topic_arn(&topic)
        .subject("NAT cost")
        .message(message)
        .message_structure("json");
    publish
        .message_attributes("severity", severity)
        .send()
        .await
        .unwrap();
    sns.publish()
        .topic_arn(&topic)
        .message("plain")
        .send()
        .await
        .unwrap();

    let messages = cloud.sns_messages(&topic);
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].subject.as_deref(), Some("NAT cost"));
    assert_eq!(messages[0].message("email"), "NAT cost is up & rising");
    assert_eq!(
        messages[0].message("lambda"),
        "{\"version\":\"finding/v1\"}"
    );
    assert_eq!(
        messages[0].attributes["severity"],
        ("String".to_owned(), "high".to_owned())
    );
    assert_eq!(messages[1].message("lambda"), "plain");

    let function = cloud
        .function("echo")
        .binary(local_cloud::workspace::root().join("target/debug/examples/echo-function"));
    let function = function.start().await.unwrap();
    let event = cloud
        .deliver_sns(&messages[0], &function)
        .await
        .unwrap()
        .into_result()
        .unwrap();
    let record = &event["Records"][0];
    assert_eq!(record["EventSource"], "aws:sns");
    assert_eq!(record["Sns"]["Message"], "{\"version\":\"finding/v1\"}");
    assert_eq!(
        record["Sns"]["MessageAttributes"],
        json!({"severity": {"Type": "String", "Value": "high"}})
    );
    assert_eq!(record["Sns"]["MessageId"].as_str().map(str::len), Some(36));
}

#[tokio::test]
async fn a_message_that_sns_refuses_is_not_recorded() {
    let cloud = cloud().await;
    let sns = aws_sdk_sns::Client::new(&cloud.sdk_config());
    let topic = topic(&sns).await;
    let error = sns
        .publish()
        .topic_arn(&topic)
        .message("no json")
        .message_structure("json")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameter"));
    let unknown = format!("{topic}-unknown");
    sns.publish()
        .topic_arn(&unknown)
        .message("x")
        .send()
        .await
        .unwrap_err();
    assert!(cloud.sns_messages(&topic).is_empty() && cloud.sns_messages(&unknown).is_empty());
}

#[tokio::test]
async fn injected_faults_strike_as_often_as_asked_in_each_services_words() {
    let cloud = cloud().await;
    let config = cloud
        .sdk_config()
        .to_builder()
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .build();
    let sns = aws_sdk_sns::Client::new(&config);
    let topic = topic(&sns).await;
    cloud
        .front()
        .fail_next("sns", "Publish", 2, Fault::Throttle);
    for _ in 0..2 {
        let error = sns
            .publish()
            .topic_arn(&topic)
            .message("x")
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some("Throttled"));
    }
    sns.publish()
        .topic_arn(&topic)
        .message("x")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            cloud.front().calls("sns", "Publish"),
            cloud.sns_messages(&topic).len()
        ),
        (3, 1)
    );

    cloud
        .front()
        .fail_next("sns", "Publish", 1, Fault::LostReply);
    sns.publish()
        .topic_arn(&topic)
        .message("x")
        .send()
        .await
        .unwrap_err();
    assert_eq!(cloud.sns_messages(&topic).len(), 2, "it took effect");

    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    cloud
        .front()
        .fail_next("dynamodb", "ListTables", 1, Fault::ServerError);
    assert_eq!(
        dynamodb.list_tables().send().await.unwrap_err().code(),
        Some("InternalServerError")
    );
    let ec2 = aws_sdk_ec2::Client::new(&config);
    cloud
        .front()
        .fail_next("ec2", "DescribeVpcs", 1, Fault::Throttle);
    assert_eq!(
        ec2.describe_vpcs().send().await.unwrap_err().code(),
        Some("RequestLimitExceeded")
    );
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    cloud
        .front()
        .fail_next("monitoring", "ListMetrics", 1, Fault::Throttle);
    assert_eq!(
        cloudwatch.list_metrics().send().await.unwrap_err().code(),
        Some("ThrottlingException")
    );
}

#[tokio::test]
async fn an_injected_timeout_is_never_answered() {
    let cloud = cloud().await;
    let timeouts = aws_config::timeout::TimeoutConfig::builder()
        .operation_timeout(Duration::from_millis(200))
        .build();
    let sts = aws_sdk_sts::Client::new(
        &cloud
            .sdk_config()
            .to_builder()
            .timeout_config(timeouts)
            .build(),
    );
    cloud
        .front()
        .fail_next("sts", "GetCallerIdentity", 1, Fault::Timeout);
    let error = sts.get_caller_identity().send().await.unwrap_err();
    assert!(
        matches!(error, aws_sdk_sts::error::SdkError::TimeoutError(_)),
        "{error:?}"
    );
    let patient = aws_sdk_sts::Client::new(&cloud.sdk_config());
    let caller = patient.get_caller_identity().send().await.unwrap();
    assert_eq!(caller.account(), Some(local_cloud::ACCOUNT_ID));
}

#[tokio::test]
async fn dynamodb_tells_the_old_item_when_a_condition_fails_and_pages_queries() {
    let cloud = cloud().await;
    let dynamodb = table(&cloud).await;
    let put = |sk: String| {
        let text = AttributeValue::S;
        let put = dynamodb
            .put_item()
            .table_name("ledger")
            .item("pk", text("p".to_owned()))
            .item("sk", text(sk));
        put.condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    for number in 0..5 {
        put(number.to_string()).send().await.unwrap();
    }
    let failed = put("3".to_owned())
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(failed.is_conditional_check_failed_exception());
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
        failed,
    ) = failed
    else {
        panic!()
    };
    assert_eq!(
        failed.item.unwrap()["sk"],
        AttributeValue::S("3".to_owned())
    );

    let query = dynamodb
        .query()
        .table_name("ledger")
        .key_condition_expression("pk = :p")
        .expression_attribute_values(":p", AttributeValue::S("p".to_owned()));
    let first = query.clone().limit(3).send().await.unwrap();
    let rest = query
        .set_exclusive_start_key(first.last_evaluated_key.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (first.count(), rest.count(), rest.last_evaluated_key),
        (3, 2, None)
    );
}

#[tokio::test]
async fn s3_works_with_paths_at_the_fronts_address() {
    let cloud = cloud().await;
    let s3 = aws_sdk_s3::Client::new(&cloud.sdk_config());
    s3.create_bucket().bucket("flow-logs").send().await.unwrap();
    let body = vec![0x1f, 0x8b, 0, 255];
    for key in ["AWSLogs/a b+c.log.gz", "AWSLogs/b.log.gz", "other"] {
        s3.put_object()
            .bucket("flow-logs")
            .key(key)
            .body(body.clone().into())
            .send()
            .await
            .unwrap();
    }
    let listed = s3
        .list_objects_v2()
        .bucket("flow-logs")
        .prefix("AWSLogs/")
        .send()
        .await
        .unwrap();
    assert_eq!(
        listed
            .contents()
            .iter()
            .filter_map(|object| object.key())
            .collect::<Vec<_>>(),
        ["AWSLogs/a b+c.log.gz", "AWSLogs/b.log.gz"]
    );
    let object = s3
        .get_object()
        .bucket("flow-logs")
        .key("AWSLogs/a b+c.log.gz")
        .send()
        .await
        .unwrap();
    assert_eq!(object.body.collect().await.unwrap().to_vec(), body);
    let head = s3
        .head_object()
        .bucket("flow-logs")
        .key("other")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(4));
    assert_eq!(cloud.front().calls("s3", "PutObject"), 3);
}

#[tokio::test]
async fn a_nat_gateway_names_its_interface_and_the_interface_is_described() {
    let cloud = cloud().await;
    let ec2 = aws_sdk_ec2::Client::new(&cloud.sdk_config());
    let vpc = ec2
        .create_vpc()
        .cidr_block("10.0.0.0/16")
        .send()
        .await
        .unwrap()
        .vpc
        .unwrap()
        .vpc_id
        .unwrap();
    let subnet = ec2
        .create_subnet()
        .vpc_id(&vpc)
        .cidr_block("10.0.1.0/24")
        .send()
        .await
        .unwrap()
        .subnet
        .unwrap()
        .subnet_id
        .unwrap();
    let address = ec2
        .allocate_address()
        .send()
        .await
        .unwrap()
        .allocation_id
        .unwrap();
    let nat = ec2
        .create_nat_gateway()
        .subnet_id(&subnet)
        .allocation_id(address)
        .send()
        .await
        .unwrap()
        .nat_gateway
        .unwrap();
    let nats = ec2
        .describe_nat_gateways()
        .nat_gateway_ids(nat.nat_gateway_id.unwrap())
        .send()
        .await
        .unwrap()
        .nat_gateways
        .unwrap();
    let interface = &nats[0].nat_gateway_addresses()[0];
    let found = ec2
        .describe_network_interfaces()
        .network_interface_ids(interface.network_interface_id().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        found.network_interfaces()[0].private_ip_address(),
        interface.private_ip()
    );
    let services = ec2
        .describe_vpc_endpoint_services()
        .service_names("com.amazonaws.us-east-1.lambda")
        .send()
        .await
        .unwrap();
    assert!(
        !services.service_details()[0]
            .availability_zones()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_at_once_one_makes_an_item() {
    let cloud = cloud().await;
    let dynamodb = table(&cloud).await;
    // The longer a condition takes, the wider moto's gap between looking and writing.
    let absent: Vec<String> = (0..150)
        .map(|name| format!("attribute_not_exists(a{name})"))
        .collect();
    let condition = format!("attribute_not_exists(pk) AND {}", absent.join(" AND "));
    for round in 0..10 {
        let writers = (0..16).map(|writer| {
            let (dynamodb, condition) = (dynamodb.clone(), condition.clone());
            tokio::spawn(async move {
                let text = |text: String| AttributeValue::S(text);
                let put = dynamodb
                    .put_item()
                    .table_name("ledger")
                    .item("pk", text(format!("round {round}")))
                    .item("sk", text("lock".to_owned()))
                    .item("writer", text(format!("{writer}")))
                    .condition_expression(condition);
                put.send().await.is_ok()
            })
        });
        let writers: Vec<_> = writers.collect();
        let mut made = 0;
        for writer in writers {
            made += u32::from(writer.await.unwrap());
        }
        assert_eq!(made, 1, "round {round}");
    }
    cloud.stop().await.unwrap();
}
