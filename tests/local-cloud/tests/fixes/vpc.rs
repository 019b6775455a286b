//! A VPC to try endpoints in, and clients with and without the front.

use aws_sdk_ec2::Client;
use local_cloud::LocalCloud;

pub(super) struct Vpc {
    pub(super) id: String,
    pub(super) subnet: String,
}

pub(super) async fn cloud() -> LocalCloud {
    LocalCloud::builder("fixes").start().await.unwrap()
}

/// EC2 through the front, and moto's own.
pub(super) fn clients(cloud: &LocalCloud) -> (Client, Client) {
    let past_the_front = cloud
        .sdk_config()
        .to_builder()
        .endpoint_url(cloud.moto_url())
        .build();
    (
        Client::new(&cloud.sdk_config()),
        Client::new(&past_the_front),
    )
}

pub(super) async fn vpc(ec2: &Client) -> Vpc {
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
        .unwrap();
    Vpc {
        id: vpc,
        subnet: subnet.subnet_id.unwrap(),
    }
}
