//! Redis away, frozen, refusing, coming back.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rate_limiter::App;
use rate_limiter::config::Config;
use rate_limiter::quota::{Algorithm, Claim, Demand, Outcome};
use rate_limiter::redis_server::{Outage, RedisServer, locate};
use serde_json::{Value, json};
use tollkeeper::settings::Settings;

use crate::server::{Server, free_port};

fn now() -> Timestamp {
    "2026-10-14T06:30:00Z".parse().expect("a right time")
}

pub(crate) fn app(url: &str, more: &[(&str, &str)]) -> App {
    app_with(url, RULES, more)
}

const RULES: &str = r#"{"rules": [{"name": "default", "limit": 20, "window_seconds": 3600},
        {"name": "login", "limit": 2, "window_seconds": 3600, "path": "/login", "method": "POST"}]}"#;

pub(crate) fn app_with(url: &str, rules: &str, more: &[(&str, &str)]) -> App {
    let mut pairs = more.to_vec();
    pairs.extend([
        ("REDIS_URL", url),
        ("RULES", rules),
        ("REDIS_DEADLINE_MS", "5000"),
        ("ON_OUTAGE", "closed"),
    ]);
    let config = Config::from_settings(&Settings::from_pairs(&pairs));
    App::new(config.unwrap_or_else(|error| panic!("{error}")))
}

async fn check(app: &App) -> Value {
    let event = json!({"action": "check", "key": "203.0.113.20"});
    let reply = app.handle(&event, now()).await;
    reply.unwrap_or_else(|error| panic!("{}", error.error_message))
}

fn nowhere() -> String {
    format!("redis://127.0.0.1:{}", free_port())
}

fn claim() -> [Claim<'static>; 1] {
    let algorithm = Algorithm::Gcra {
        interval_us: 100_000_000,
        burst: 100,
    };
    [Claim::new("a", "rule", algorithm, 1)]
}

async fn take(redis: &RedisServer) -> Result<Outcome, Outage> {
    redis.decide(&Demand::take(&claim()), 0).await
}

#[tokio::test]
async fn open_and_closed_do_what_they_say_and_every_answer_names_mode_and_reason() {
    for (mode, allowed) in [("open", true), ("closed", false)] {
        let reply = check(&app(&nowhere(), &[("ON_OUTAGE", mode)])).await;
        assert_eq!(reply["allowed"], allowed, "{reply}");
        assert_eq!(
            (&reply["outage"], &reply["on_outage"]),
            (&json!("redis-unreachable"), &json!(mode))
        );
        assert_eq!(reply["rules"][0]["remaining"], Value::Null);
    }
}

#[tokio::test]
async fn local_gives_out_the_stated_share_of_a_limit_and_says_so() {
    let app = app(
        &nowhere(),
        &[("ON_OUTAGE", "local"), ("LOCAL_SHARE_PERCENT", "15")],
    );
    for allowed in [true, true, true, false] {
        let reply = check(&app).await;
        assert_eq!(reply["allowed"], allowed, "{reply}");
        assert_eq!(reply["on_outage"], "local");
    }
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_used_as_soon_as_it_comes() {
    let mut server = Server::start();
    server.kill();
    let app = app(&server.url(), &[]);
    assert_eq!(check(&app).await["outage"], "redis-unreachable");
    server.restart();
    assert_eq!(check(&app).await["allowed"], true);
}

#[tokio::test]
async fn a_restart_between_two_requests_is_not_noticed() {
    let mut server = Server::start();
    let app = app(&server.url(), &[]);
    assert_eq!(check(&app).await["allowed"], true);
    server.restart();
    let reply = check(&app).await;
    assert_eq!(
        (&reply["allowed"], reply.get("outage")),
        (&json!(true), None)
    );
}

#[tokio::test]
async fn a_frozen_redis_costs_no_more_than_the_deadline_and_is_used_again_afterwards() {
    let server = Server::start();
    let deadline = Duration::from_millis(200);
    let redis = RedisServer::new(locate(&server.url()).unwrap(), deadline);
    let until = Instant::now() + Duration::from_secs(10);
    while take(&redis).await.is_err() {
        assert!(
            Instant::now() < until,
            "a running redis-server decides nothing"
        );
    }
    server.signal("STOP");
    for _ in 0..3 {
        let started = Instant::now();
        let outcome = take(&redis).await;
        let took = started.elapsed();
        assert_eq!(outcome, Err(Outage::Deadline));
        assert!(took >= deadline && took < deadline * 5, "{took:?}");
    }
    server.signal("CONT");
    let until = Instant::now() + Duration::from_secs(10);
    while let Err(outage) = take(&redis).await {
        assert!(Instant::now() < until, "still {outage}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_a_refusal() {
    let server = Server::start();
    let url = server.url().replace("127", "nobody:secret@127");
    let redis = RedisServer::new(locate(&url).unwrap(), Duration::from_secs(5));
    assert_eq!(take(&redis).await, Err(Outage::Refused));
}

#[tokio::test]
async fn a_foreign_value_under_our_key_is_a_refusal_and_stays_untouched() {
    let server = Server::start();
    let mut connection = server.connection();
    let _: () = redis::cmd("HSET")
        .arg(&["a", "field", "1"])
        .query(&mut connection)
        .unwrap();
    assert_eq!(take(&server.adapter()).await, Err(Outage::Refused));
    let kind: String = redis::cmd("TYPE").arg("a").query(&mut connection).unwrap();
    assert_eq!(kind, "hash");
}

#[tokio::test]
async fn tls_towards_a_server_that_speaks_none_is_an_outage() {
    let server = Server::start();
    let url = server.url().replace("redis://", "rediss://");
    let redis = RedisServer::new(locate(&url).unwrap(), Duration::from_secs(5));
    let outcome = take(&redis).await;
    assert!(
        matches!(outcome, Err(Outage::Unreachable | Outage::Deadline)),
        "{outcome:?}"
    );
}
