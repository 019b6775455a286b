use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{State, VpcEndpointType};

use super::vpc::{clients, cloud, vpc};

struct Story {
    endpoint: String,
    first: String,
    second: String,
}

/// A gateway endpoint with one route table; a second table is there.
async fn endpoint_with_one_of_two_tables(ec2: &Client) -> Story {
    let vpc = vpc(ec2).await.id;
    let table = async || {
        ec2.create_route_table()
            .vpc_id(&vpc)
            .send()
            .await
            .unwrap()
            .route_table
            .unwrap()
            .route_table_id
            .unwrap()
    };
    let (first, second) = (table().await, table().await);
    let create = ec2
        .create_vpc_endpoint()
        .vpc_id(&vpc)
        .vpc_endpoint_type(VpcEndpointType::Gateway);
    let created = create
        .service_name("com.amazonaws.us-east-1.s3")
        .route_table_ids(&first)
        .send()
        .await
        .unwrap();
    Story {
        endpoint: created.vpc_endpoint.unwrap().vpc_endpoint_id.unwrap(),
        first,
        second,
    }
}

/// The gateway ids of the table's routes to prefix lists.
async fn prefix_routes(ec2: &Client, table: &str) -> Vec<String> {
    let tables = ec2
        .describe_route_tables()
        .route_table_ids(table)
        .send()
        .await
        .unwrap()
        .route_tables
        .unwrap();
    let routes = tables
        .into_iter()
        .flat_map(|table| table.routes.unwrap_or_default());
    routes
        .filter(|route| route.destination_prefix_list_id.is_some())
        .filter_map(|route| route.gateway_id)
        .collect()
}

async fn is_listed(ec2: &Client, story: &Story) -> bool {
    let found = ec2
        .describe_vpc_endpoints()
        .vpc_endpoint_ids(&story.endpoint)
        .send()
        .await
        .unwrap();
    !found.vpc_endpoints()[0]
        .state()
        .is_some_and(|state| *state == State::Deleted || state.as_str() == "deleted")
}

#[tokio::test]
async fn moto_makes_no_route_for_a_table_added_later_and_cannot_delete_the_endpoint_then() {
    let cloud = cloud().await;
    let (_, moto) = clients(&cloud);
    let story = endpoint_with_one_of_two_tables(&moto).await;
    assert_eq!(
        prefix_routes(&moto, &story.first).await,
        [story.endpoint.as_str()]
    );
    moto.modify_vpc_endpoint()
        .vpc_endpoint_id(&story.endpoint)
        .add_route_table_ids(&story.second)
        .send()
        .await
        .unwrap();
    assert_eq!(prefix_routes(&moto, &story.second).await, [""; 0]);
    moto.delete_vpc_endpoints()
        .vpc_endpoint_ids(&story.endpoint)
        .send()
        .await
        .unwrap_err();
    assert!(is_listed(&moto, &story).await);
}

#[tokio::test]
async fn routes_come_and_go_with_the_association() {
    let cloud = cloud().await;
    let (ec2, _) = clients(&cloud);
    let story = endpoint_with_one_of_two_tables(&ec2).await;
    // Twice: what is associated already changes nothing.
    for _ in 0..2 {
        ec2.modify_vpc_endpoint()
            .vpc_endpoint_id(&story.endpoint)
            .add_route_table_ids(&story.second)
            .send()
            .await
            .unwrap();
        assert_eq!(
            prefix_routes(&ec2, &story.second).await,
            [story.endpoint.as_str()]
        );
    }
    ec2.modify_vpc_endpoint()
        .vpc_endpoint_id(&story.endpoint)
        .remove_route_table_ids(&story.first)
        .send()
        .await
        .unwrap();
    assert_eq!(prefix_routes(&ec2, &story.first).await, [""; 0]);
    ec2.delete_vpc_endpoints()
        .vpc_endpoint_ids(&story.endpoint)
        .send()
        .await
        .unwrap();
    assert_eq!(prefix_routes(&ec2, &story.second).await, [""; 0]);
    assert!(!is_listed(&ec2, &story).await);
}
