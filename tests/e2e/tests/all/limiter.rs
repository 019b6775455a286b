//! The rate limiter on a real redis-server.

use std::time::Duration;

use local_cloud::{Function, LocalCloud, wait};
use serde_json::{Value, json};

use crate::support::{event, start};

const RULES: &str = r#"{"rules":[{"name":"default","limit":10,"window_seconds":3600}]}"#;

async fn limiter(cloud: &LocalCloud, on_outage: &str) -> Function {
    let url = cloud.redis().unwrap().url();
    let settings = [
        ("REDIS_URL", url.as_str()),
        ("RULES", RULES),
        ("ON_OUTAGE", on_outage),
    ];
    start(cloud, "rate-limiter", &settings).await
}

async fn ask(limiter: &Function, event: &Value) -> Value {
    limiter.invoke(event).await.unwrap().into_result().unwrap()
}

#[tokio::test]
async fn a_runaway_client_gets_its_quota_and_not_one_request_more_through_every_door() {
    let cloud = LocalCloud::builder("limiter-doors")
        .redis()
        .start()
        .await
        .unwrap();
    let limiter = limiter(&cloud, "closed").await;

    let mut allowed = 0;
    let mut last = Value::Null;
    for _ in 0..25 {
        last = ask(&limiter, &event("rate-limiter/load-balancer-request.json")).await;
        allowed += u32::from(last["statusCode"] == 200);
    }
    assert_eq!(allowed, 10);
    assert_eq!(last["statusCode"], 429);
    let retry: u64 = last["headers"]["retry-after"]
        .as_str()
        .or(last["headers"]["Retry-After"].as_str())
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        (1..=360).contains(&retry),
        "one of ten an hour comes back within six minutes, not {retry} s"
    );

    // Direct calls count on their own identities.
    for request in 0..12 {
        let reply = ask(&limiter, &json!({"action": "check", "key": "tenant-7"})).await;
        assert_eq!(reply["allowed"], request < 10, "request {request}");
    }
}

#[tokio::test]
async fn no_key_is_left_without_an_expiry() {
    let cloud = LocalCloud::builder("limiter-expiry")
        .redis()
        .start()
        .await
        .unwrap();
    let limiter = limiter(&cloud, "closed").await;
    for client in 0..20 {
        ask(
            &limiter,
            &json!({"action": "check", "key": format!("client-{client}")}),
        )
        .await;
    }
    let client = redis::Client::open(cloud.redis().unwrap().url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(keys.len(), 20);
    for key in keys {
        let left: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut redis)
            .await
            .unwrap();
        assert!(left > 0, "{key} never expires ({left})");
    }
}

#[tokio::test]
async fn an_answer_without_redis_says_so_and_the_next_one_after_its_return_is_exact_again() {
    let cloud = LocalCloud::builder("limiter-outage")
        .redis()
        .start()
        .await
        .unwrap();
    for (mode, allowed) in [("open", true), ("closed", false)] {
        let limiter = limiter(&cloud, mode).await;
        let check = json!({"action": "check", "key": format!("client-{mode}")});
        assert_eq!(ask(&limiter, &check).await["allowed"], true);

        cloud.redis().unwrap().stop().await;
        let reply = ask(&limiter, &check).await;
        assert_eq!(reply["allowed"], allowed, "{reply}");
        assert_eq!(reply["on_outage"], mode);
        assert!(reply["outage"].is_string(), "{reply}");

        cloud.redis().unwrap().cont().await;
        let reply = wait::until(Duration::from_secs(10), async || {
            Some(ask(&limiter, &check).await).filter(|reply| reply.get("outage").is_none())
        });
        let reply = reply.await.expect("the limiter never found back to Redis");
        assert_eq!(reply["allowed"], true);
    }
}
