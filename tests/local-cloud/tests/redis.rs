//! The real redis-server and the ways to disturb it.

use std::time::Duration;

use local_cloud::LocalCloud;
use tokio::time::timeout;

#[tokio::test]
async fn redis_can_freeze_go_on_die_and_come_back_empty_at_the_same_address() {
    let cloud = LocalCloud::builder("redis").redis().start().await.unwrap();
    let server = cloud.redis().unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let set = async |connection: &mut redis::aio::MultiplexedConnection| {
        redis::cmd("SET")
            .arg("k")
            .arg("v")
            .exec_async(connection)
            .await
    };
    set(&mut connection).await.unwrap();

    server.stop().await;
    assert!(
        timeout(Duration::from_millis(200), set(&mut connection))
            .await
            .is_err(),
        "a frozen server does not answer"
    );
    server.cont().await;
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    set(&mut connection).await.unwrap();

    server.kill().await.unwrap();
    assert!(client.get_multiplexed_async_connection().await.is_err());
    server.restart().await.unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let value: Option<String> = redis::cmd("GET")
        .arg("k")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(value, None);
}

#[tokio::test]
async fn a_cloud_without_redis_says_so() {
    let cloud = LocalCloud::builder("redis").start().await.unwrap();
    assert_eq!(
        cloud.redis().unwrap_err().to_string(),
        "this local cloud was started without redis"
    );
}
