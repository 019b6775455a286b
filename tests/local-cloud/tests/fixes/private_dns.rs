use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{VpcEndpoint, VpcEndpointType};

use super::vpc::{Vpc, clients, cloud, vpc};

const SERVICE: &str = "com.amazonaws.us-east-1.sts";

async fn create(ec2: &Client, vpc: &Vpc, private_dns: bool) -> Result<String, String> {
    let create = ec2
        .create_vpc_endpoint()
        .vpc_id(&vpc.id)
        .vpc_endpoint_type(VpcEndpointType::Interface)
        .subnet_ids(&vpc.subnet);
    let created = create
        .service_name(SERVICE)
        .private_dns_enabled(private_dns)
        .send()
        .await;
    let created = created
        .map_err(|error| format!("{}: {}", error.code().unwrap(), error.message().unwrap()))?;
    Ok(created.vpc_endpoint.unwrap().vpc_endpoint_id.unwrap())
}

async fn switch(ec2: &Client, endpoint: &str, on: bool) -> Result<(), String> {
    let modified = ec2
        .modify_vpc_endpoint()
        .vpc_endpoint_id(endpoint)
        .private_dns_enabled(on)
        .send()
        .await;
    modified
        .map(drop)
        .map_err(|error| error.code().unwrap().to_owned())
}

async fn describe(ec2: &Client, endpoint: &str) -> VpcEndpoint {
    let found = ec2
        .describe_vpc_endpoints()
        .vpc_endpoint_ids(endpoint)
        .send()
        .await
        .unwrap();
    found.vpc_endpoints.unwrap().remove(0)
}

#[tokio::test]
async fn moto_ignores_the_switch_and_accepts_two_owners_of_a_name() {
    let cloud = cloud().await;
    let (_, moto) = clients(&cloud);
    let vpc = vpc(&moto).await;
    let dark = create(&moto, &vpc, false).await.unwrap();
    switch(&moto, &dark, true).await.unwrap();
    assert_eq!(
        describe(&moto, &dark).await.private_dns_enabled(),
        Some(false)
    );
    create(&moto, &vpc, true).await.unwrap();
    create(&moto, &vpc, true).await.unwrap();
}

#[tokio::test]
async fn private_dns_switches_on_and_off() {
    let cloud = cloud().await;
    let (ec2, _) = clients(&cloud);
    let vpc = vpc(&ec2).await;
    let (endpoint, other) = (
        create(&ec2, &vpc, false).await.unwrap(),
        create(&ec2, &vpc, false).await.unwrap(),
    );
    for on in [true, false] {
        switch(&ec2, &endpoint, on).await.unwrap();
        assert_eq!(
            describe(&ec2, &endpoint).await.private_dns_enabled(),
            Some(on)
        );
        assert_eq!(
            describe(&ec2, &other).await.private_dns_enabled(),
            Some(false)
        );
    }
}

#[tokio::test]
async fn only_one_endpoint_of_a_vpc_owns_a_services_name() {
    let cloud = cloud().await;
    let (ec2, _) = clients(&cloud);
    let vpc = vpc(&ec2).await;
    let owner = create(&ec2, &vpc, true).await.unwrap();
    let refused = create(&ec2, &vpc, true).await.unwrap_err();
    let words = "InvalidParameter: private-dns-enabled cannot be set because there is already a conflicting DNS domain";
    assert!(refused.starts_with(words), "{refused}");
    let dark = create(&ec2, &vpc, false).await.unwrap();
    assert_eq!(
        switch(&ec2, &dark, true).await.unwrap_err(),
        "InvalidParameter"
    );
    // Switching the owner on again is no conflict with itself; once it is off or gone, another may own the name.
    switch(&ec2, &owner, true).await.unwrap();
    switch(&ec2, &owner, false).await.unwrap();
    switch(&ec2, &dark, true).await.unwrap();
    ec2.delete_vpc_endpoints()
        .vpc_endpoint_ids(&dark)
        .send()
        .await
        .unwrap();
    switch(&ec2, &owner, true).await.unwrap();
}

#[tokio::test]
async fn security_groups_of_an_endpoint_can_be_added_and_removed() {
    let cloud = cloud().await;
    let (ec2, _) = clients(&cloud);
    let vpc = vpc(&ec2).await;
    let endpoint = create(&ec2, &vpc, false).await.unwrap();
    let group = ec2
        .create_security_group()
        .vpc_id(&vpc.id)
        .group_name("g")
        .description("d")
        .send()
        .await
        .unwrap()
        .group_id
        .unwrap();
    ec2.modify_vpc_endpoint()
        .vpc_endpoint_id(&endpoint)
        .add_security_group_ids(&group)
        .send()
        .await
        .unwrap();
    assert!(
        describe(&ec2, &endpoint)
            .await
            .groups()
            .iter()
            .any(|known| known.group_id() == Some(&group))
    );
    ec2.modify_vpc_endpoint()
        .vpc_endpoint_id(&endpoint)
        .remove_security_group_ids(&group)
        .send()
        .await
        .unwrap();
    assert!(
        !describe(&ec2, &endpoint)
            .await
            .groups()
            .iter()
            .any(|known| known.group_id() == Some(&group))
    );
}
