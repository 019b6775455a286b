//! The limiter, known denials and breaker included, while Redis and the network do what they should not.

use std::time::{Duration, Instant};

use rate_limiter::breaker;
use rate_limiter::config::OnOutage;
use rate_limiter::limiter::{Limiter, Policy, Verdict};
use rate_limiter::quota::{Algorithm, Claim, Demand, Operation};
use rate_limiter::redis_server::{Outage, RedisServer, locate};
use tollkeeper::telemetry::wall_clock;

use crate::proxy::Proxy;
use crate::server::Server;

const HOUR: u64 = 3_600_000_000;

fn policy(on_outage: OnOutage) -> Policy {
    Policy {
        on_outage,
        local_share_percent: 50,
        denials_for: Duration::from_secs(2),
        breaker: breaker::Settings {
            failures: 3,
            first_pause_us: 100_000,
            longest_pause_us: 200_000,
        },
    }
}

fn limiter(url: &str, deadline_ms: u64, policy: Policy) -> Limiter {
    let redis = RedisServer::new(
        locate(url).expect("a right URL"),
        Duration::from_millis(deadline_ms),
    );
    Limiter::new(redis, policy)
}

fn gcra(burst: u64) -> Algorithm {
    Algorithm::Gcra {
        interval_us: HOUR,
        burst,
    }
}

fn claim(key: &str, algorithm: Algorithm) -> Claim<'_> {
    Claim::new(key, algorithm.signature(), algorithm, 1)
}

async fn take(limiter: &Limiter, claims: &[Claim<'_>]) -> Verdict {
    limiter.ask(&Demand::take(claims), wall_clock()).await
}

async fn reset(limiter: &Limiter, claims: &[Claim<'_>]) -> Verdict {
    let demand = Demand {
        operation: Operation::Reset,
        ..Demand::take(claims)
    };
    limiter.ask(&demand, wall_clock()).await
}

/// Scripts that Redis has run.
fn scripts(server: &Server) -> u64 {
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut server.connection())
        .expect("statistics");
    let calls = |line: &str| -> Option<u64> {
        let rest = line.strip_prefix("cmdstat_evalsha:calls=")?;
        rest.split(',').next()?.parse().ok()
    };
    info.lines().find_map(calls).unwrap_or(0)
}

#[tokio::test]
async fn a_client_over_its_limit_costs_redis_nothing_until_it_is_reset() {
    let server = Server::start();
    let limiter = limiter(&server.url(), 5_000, policy(OnOutage::Closed));
    let claims = [claim("a", gcra(3)), claim("b", gcra(100))];
    for allowed in [true, true, true, false] {
        assert_eq!(take(&limiter, &claims).await.allowed, allowed);
    }
    let before = scripts(&server);
    for _ in 0..1_000 {
        let verdict = take(&limiter, &claims).await;
        assert!(!verdict.allowed && verdict.from_cache && verdict.outage.is_none());
        assert!(verdict.standings[0].unwrap().exceeded && verdict.standings[1].is_none());
    }
    assert_eq!(scripts(&server), before);
    assert!(!reset(&limiter, &claims).await.from_cache);
    assert!(take(&limiter, &claims).await.allowed);
}

#[tokio::test]
async fn a_reset_by_another_process_is_noticed_within_the_stated_time() {
    let server = Server::start();
    let ours = limiter(&server.url(), 5_000, policy(OnOutage::Closed));
    let other = limiter(&server.url(), 5_000, policy(OnOutage::Closed));
    let claims = [claim("a", gcra(1))];
    assert!(take(&ours, &claims).await.allowed);
    let denied = Instant::now();
    assert!(!take(&ours, &claims).await.allowed);
    reset(&other, &claims).await;
    assert!(take(&ours, &claims).await.from_cache);
    while !take(&ours, &claims).await.allowed {
        assert!(denied.elapsed() < Duration::from_secs(4));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(denied.elapsed() >= Duration::from_millis(1_900));
}

#[tokio::test]
async fn a_known_denial_holds_while_redis_is_stopped_and_everybody_else_is_decided_on_without_it() {
    let server = Server::start();
    let limiter = limiter(&server.url(), 50, policy(OnOutage::Open));
    let claims = [claim("a", gcra(1))];
    while take(&limiter, &claims).await.outage.is_some() {}
    while !take(&limiter, &claims).await.from_cache {}
    server.signal("STOP");
    let known = take(&limiter, &claims).await;
    assert!(!known.allowed && known.from_cache && known.outage.is_none());
    let other = take(&limiter, &[claim("b", gcra(1))]).await;
    assert_eq!(
        (other.allowed, other.outage),
        (true, Some((Outage::Deadline, OnOutage::Open)))
    );
    server.signal("CONT");
}

#[tokio::test]
async fn after_failures_in_a_row_nobody_waits_any_more_and_redis_is_used_again_when_it_is_back() {
    let server = Server::start();
    let limiter = limiter(&server.url(), 50, policy(OnOutage::Local));
    let claims = [claim("a", gcra(1_000_000))];
    while take(&limiter, &claims).await.outage.is_some() {}
    server.signal("STOP");
    let outage = async || take(&limiter, &claims).await.outage.unwrap().0;
    for _ in 0..3 {
        assert_eq!(outage().await, Outage::Deadline);
    }
    let start = Instant::now();
    let (mut refused, mut probes) = (0, 0);
    while start.elapsed() < Duration::from_millis(800) {
        match outage().await {
            Outage::BreakerOpen => refused += 1,
            _ => probes += 1,
        }
    }
    // Pauses of 100, 200, 200 ms, each ended by a probe of 50 ms.
    assert!(
        refused > 1_000 && (1..=4).contains(&probes),
        "{refused} {probes}"
    );
    server.signal("CONT");
    let start = Instant::now();
    while take(&limiter, &claims).await.outage.is_some() {
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn local_gives_out_the_share_of_every_algorithm() {
    let nowhere = format!("redis://127.0.0.1:{}", crate::server::free_port());
    let limiter = limiter(&nowhere, 1_000, policy(OnOutage::Local));
    let (limit, length) = (6, 100 * HOUR);
    for algorithm in [
        gcra(limit),
        Algorithm::FixedWindow {
            limit,
            window_us: length,
        },
        Algorithm::SlidingLog {
            limit,
            window_us: length,
        },
        Algorithm::Leases {
            limit,
            ttl_us: length,
        },
    ] {
        let claims = [claim("a", algorithm)];
        let mut allowed = 0;
        for request in 0..8 {
            let lease = request.to_string();
            let demand = Demand {
                lease: &lease,
                ..Demand::take(&claims)
            };
            let verdict = limiter.ask(&demand, wall_clock()).await;
            assert_eq!(verdict.outage.unwrap().1, OnOutage::Local);
            assert!(!verdict.from_cache);
            allowed += u64::from(verdict.allowed);
        }
        assert_eq!(allowed, 3, "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_closed_door_is_open_to_rules_in_shadow() {
    let nowhere = format!("redis://127.0.0.1:{}", crate::server::free_port());
    let limiter = limiter(&nowhere, 1_000, policy(OnOutage::Closed));
    let mut claims = [claim("a", gcra(1))];
    assert!(!take(&limiter, &claims).await.allowed);
    claims[0].enforced = false;
    assert!(take(&limiter, &claims).await.allowed);
}

#[tokio::test]
async fn a_redis_out_of_memory_refuses_and_charges_no_part_of_a_request() {
    let server = Server::start();
    let adapter = server.adapter();
    let set = |value: &str| {
        let () = redis::cmd("CONFIG")
            .arg(&["SET", "maxmemory", value])
            .query(&mut server.connection())
            .unwrap();
    };
    let log = Algorithm::SlidingLog {
        limit: 5,
        window_us: HOUR,
    };
    let claims = [claim("a", gcra(5)), claim("b", log), claim("c", gcra(5))];
    let take = async || adapter.decide(&Demand::take(&claims), 0).await;
    assert!(take().await.unwrap().allowed);
    set("1");
    assert_eq!(take().await, Err(Outage::Refused));
    set("0");
    let outcome = take().await.unwrap();
    let remaining: Vec<u64> = outcome
        .standings(&claims)
        .iter()
        .map(|standing| standing.unwrap().remaining)
        .collect();
    assert_eq!(remaining, [3, 3, 3]);
    assert_eq!(server.immortal_keys(), [""; 0]);
}

#[tokio::test]
async fn a_slow_network_is_waited_for_up_to_the_deadline_and_no_longer() {
    let server = Server::start();
    let proxy = Proxy::before(server.port());
    let deadline = Duration::from_millis(200);
    let redis = RedisServer::new(locate(&proxy.url()).unwrap(), deadline);
    let claims = [claim("a", gcra(1_000))];
    let take = async || redis.decide(&Demand::take(&claims), 0).await;
    while take().await.is_err() {}
    proxy.slow_down(20);
    assert!(take().await.is_ok());
    proxy.slow_down(400);
    let start = Instant::now();
    assert_eq!(take().await, Err(Outage::Deadline));
    assert!(start.elapsed() >= deadline && start.elapsed() < deadline * 3);
    proxy.slow_down(0);
    let start = Instant::now();
    while take().await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_connection_that_the_network_has_forgotten_costs_one_deadline_and_is_replaced() {
    let server = Server::start();
    let proxy = Proxy::before(server.port());
    let redis = RedisServer::new(locate(&proxy.url()).unwrap(), Duration::from_millis(500));
    let claims = [claim("a", gcra(1_000))];
    let take = async || redis.decide(&Demand::take(&claims), 0).await;
    while take().await.is_err() {}
    let connections = proxy.connections();
    proxy.forget_connections();
    assert_eq!(take().await, Err(Outage::Deadline));
    let start = Instant::now();
    while take().await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    assert!(proxy.connections() > connections);
}

#[tokio::test]
async fn a_clock_that_steps_makes_nobody_richer_than_it_says_and_nobody_wait_for_ever() {
    let server = Server::start();
    server.allow_clockless();
    let adapter = server.adapter_as("clockless");
    let start = 1_800_000_000_000_000;
    let window = Algorithm::FixedWindow {
        limit: 2,
        window_us: HOUR,
    };
    let log = Algorithm::SlidingLog {
        limit: 2,
        window_us: HOUR,
    };
    for algorithm in [gcra(2), window, log] {
        let claims = [claim("a", algorithm)];
        let take = async |now_us| {
            let outcome = adapter.decide(&Demand::take(&claims), now_us).await;
            outcome.unwrap().allowed
        };
        assert!(take(start).await && take(start).await && !take(start).await);
        // Ten hours back: what was used stays used.
        assert!(!take(start - 10 * HOUR).await, "{algorithm:?}");
        // Back in time, and well past every window.
        assert!(
            !take(start).await && take(start + 3 * HOUR).await,
            "{algorithm:?}"
        );
    }
    assert_eq!(server.immortal_keys(), [""; 0]);
}
