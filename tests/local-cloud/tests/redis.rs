//! The real redis-servers, one or a cluster, and the ways to disturb them.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::time::Duration;

use local_cloud::LocalCloud;
use redis::aio::MultiplexedConnection;
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

async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Sets a key by way of any node; which of the nodes has it.
async fn set(urls: &[String], by_way_of: usize, key: &str) -> usize {
    let mut command = redis::cmd("SET");
    command.arg(key).arg("v");
    let mut connection = connect(&urls[by_way_of]).await;
    let Err(moved) = command.exec_async(&mut connection).await else {
        return by_way_of;
    };
    let (address, _) = moved.redirect_node().unwrap();
    let owner = format!("redis://{address}");
    command
        .exec_async(&mut connect(&owner).await)
        .await
        .unwrap();
    urls.iter().position(|url| *url == owner).unwrap()
}

async fn process_id(url: &str) -> u32 {
    let mut info = redis::cmd("INFO");
    let mut connection = connect(url).await;
    let info: redis::InfoDict = info
        .arg("server")
        .query_async(&mut connection)
        .await
        .unwrap();
    info.get("process_id").unwrap()
}

#[tokio::test]
async fn a_cluster_spreads_its_keys_over_three_nodes_and_ends_with_the_cloud() {
    let builder = LocalCloud::builder("redis-cluster").redis_cluster();
    let cloud = builder.start().await.unwrap();
    let urls = cloud.redis_cluster().unwrap().urls();
    let mut keys = [0; 3];
    for number in 0..60 {
        keys[set(&urls, number % 3, &format!("key {number}")).await] += 1;
    }
    assert!(keys.iter().all(|count| *count > 0), "{keys:?}");
    for (url, count) in urls.iter().zip(keys) {
        let held: u32 = redis::cmd("DBSIZE")
            .query_async(&mut connect(url).await)
            .await
            .unwrap();
        assert_eq!(held, count, "{url}");
    }

    let mut processes = Vec::new();
    for url in &urls {
        processes.push(process_id(url).await);
    }
    drop(cloud);
    for id in processes {
        assert!(
            !std::path::Path::new(&format!("/proc/{id}")).exists(),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_killed_node_of_a_cluster_comes_back_empty_with_its_slots() {
    let builder = LocalCloud::builder("redis-cluster").redis_cluster();
    let cloud = builder.start().await.unwrap();
    let cluster = cloud.redis_cluster().unwrap();
    let urls = cluster.urls();
    let owner = set(&urls, 0, "k").await;
    let node = &cluster.nodes()[owner];
    node.kill().await.unwrap();
    let client = redis::Client::open(node.url()).unwrap();
    assert!(client.get_multiplexed_async_connection().await.is_err());

    node.restart().await.unwrap();
    cluster.wait_until_ok().await.unwrap();
    let mut connection = connect(&node.url()).await;
    let value: Option<String> = redis::cmd("GET")
        .arg("k")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(value, None, "no MOVED, and nothing left");
    assert_eq!(set(&urls, (owner + 1) % 3, "k").await, owner);
}
