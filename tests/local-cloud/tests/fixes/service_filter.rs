use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::SdkError;
use aws_sdk_ec2::operation::describe_vpc_endpoint_services::DescribeVpcEndpointServicesError;
use aws_sdk_ec2::types::Filter;

use super::vpc::{clients, cloud};

const LAMBDA: &str = "com.amazonaws.us-east-1.lambda";
const NONE: &str = "com.amazonaws.us-east-1.no-such-service";

async fn found(
    ec2: &Client,
    names: &[&str],
) -> Result<Vec<String>, SdkError<DescribeVpcEndpointServicesError>> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let filter = Filter::builder()
        .name("service-name")
        .set_values(Some(names))
        .build();
    let answer = ec2.describe_vpc_endpoint_services().filters(filter);
    let details = answer.send().await?.service_details.unwrap_or_default();
    Ok(details
        .into_iter()
        .filter_map(|service| service.service_name)
        .collect())
}

#[tokio::test]
async fn moto_fails_on_a_filter_by_name() {
    let cloud = cloud().await;
    let (_, moto) = clients(&cloud);
    found(&moto, &[LAMBDA]).await.unwrap_err();
}

#[tokio::test]
async fn services_are_found_by_name_and_an_unknown_name_is_an_absent_row() {
    let cloud = cloud().await;
    let (ec2, _) = clients(&cloud);
    assert_eq!(found(&ec2, &[LAMBDA, NONE]).await.unwrap(), [LAMBDA]);
    assert_eq!(found(&ec2, &[NONE]).await.unwrap(), [""; 0]);
}
