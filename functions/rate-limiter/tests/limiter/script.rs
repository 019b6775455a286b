//! `quota.lua` against its oracle.

use rate_limiter::quota::{Algorithm, Claim, Demand, Memory};
use rate_limiter::redis_script::{QuotaScript, read};
use tollkeeper::telemetry::wall_clock;

use crate::histories::history;
use crate::server::Server;

const SECOND: u64 = 1_000_000;
/// Histories in all, and those whose demands are sent at once.
const HISTORIES: u64 = 100_000;
const AT_ONCE: u64 = 500;

fn gcra(interval_us: u64, burst: u64) -> Algorithm {
    Algorithm::Gcra { interval_us, burst }
}

fn claim<'a>(key: &'a str, field: &'a str, algorithm: Algorithm) -> Claim<'a> {
    Claim::new(key, field, algorithm, 1)
}

#[test]
fn the_script_decides_as_the_oracle_does_on_any_history_and_leaves_no_key_without_expiry() {
    let server = Server::start();
    server.allow_clockless();
    let mut connection = server.connection_as("clockless");
    let script = QuotaScript::new();
    let first = history(0);
    // The server gets to know the script.
    let command = QuotaScript::in_full(&first[0].demand(), first[0].now_us, false);
    let _: Vec<u64> = command.query(&mut connection).unwrap();
    for batch in 0..HISTORIES / AT_ONCE {
        let _: () = redis::cmd("FLUSHALL").query(&mut connection).unwrap();
        let histories: Vec<_> = (0..AT_ONCE)
            .map(|number| history(batch * AT_ONCE + number))
            .collect();
        let mut pipeline = redis::pipe();
        for (index, asked) in histories.iter().flatten().enumerate() {
            // Half of them believe that the server tells its time, and are told that it does not.
            let client_clock = index % 2 == 0;
            pipeline.add_command(script.by_hash(&asked.demand(), asked.now_us, client_clock));
        }
        let answers: Vec<Vec<u64>> = pipeline.query(&mut connection).unwrap();
        let mut answers = answers.iter();
        for (number, history) in histories.iter().enumerate() {
            let mut oracle = Memory::new(10);
            for (step, asked) in history.iter().enumerate() {
                let expected = oracle.decide(&asked.demand(), asked.now_us);
                let answer = read(answers.next().unwrap(), &asked.demand()).unwrap();
                assert!(answer.client_clock);
                assert_eq!(
                    answer.outcome,
                    expected,
                    "history {}, step {step}: {:#?}",
                    batch * AT_ONCE + number as u64,
                    &history[..=step],
                );
            }
        }
        assert_eq!(server.immortal_keys(), [""; 0]);
    }
}

#[tokio::test]
async fn a_key_expires_when_its_slowest_rule_is_as_good_as_new() {
    let server = Server::start();
    let claims = [
        claim("a", "fast", gcra(SECOND, 10)),
        claim("a", "slow", gcra(100 * SECOND, 2)),
        claim(
            "a",
            "log",
            Algorithm::SlidingLog {
                limit: 1,
                window_us: 60 * SECOND,
            },
        ),
        claim(
            "a",
            "leases",
            Algorithm::Leases {
                limit: 1,
                ttl_us: 30 * SECOND,
            },
        ),
    ];
    let outcome = server.adapter().decide(&Demand::take(&claims), 0).await;
    assert!(outcome.unwrap().allowed);
    for (key, seconds) in [("a", 100), ("{a}:log", 60), ("{a}:leases", 30)] {
        let left: u64 = redis::cmd("PTTL")
            .arg(key)
            .query(&mut server.connection())
            .unwrap();
        let expected = (seconds - 5) * 1_000..=seconds * 1_000;
        assert!(expected.contains(&left), "{key}: {left} ms");
    }
}

#[tokio::test]
async fn a_log_keeps_no_more_moments_than_its_limit() {
    let server = Server::start();
    server.allow_clockless();
    let adapter = server.adapter_as("clockless");
    let log = Algorithm::SlidingLog {
        limit: 2_500,
        window_us: 100 * SECOND,
    };
    // More units at once than one call of Lua takes, then one more each second, for longer than a window.
    let mut allowed = 0;
    for (cost, seconds) in [(2_400, 0..1), (1, 1..300)] {
        for second in seconds {
            let claims = [Claim::new("a", "log", log, cost)];
            let now_us = 1_800_000_000 * SECOND + second * SECOND;
            let outcome = adapter.decide(&Demand::take(&claims), now_us).await;
            allowed += u64::from(outcome.unwrap().allowed);
            let kept: u64 = redis::cmd("LLEN")
                .arg("{a}:log")
                .query(&mut server.connection())
                .unwrap();
            assert!(kept <= 2_500, "{kept}");
        }
    }
    assert_eq!(allowed, 300);
}

#[tokio::test]
async fn the_servers_clock_counts_where_it_may_be_asked() {
    let server = Server::start();
    let claims = [claim("a", "rule", gcra(SECOND, 2))];
    let decided = server.adapter().decide(&Demand::take(&claims), 7).await;
    let decided = decided.unwrap();
    let ours = u64::try_from(wall_clock().as_microsecond()).unwrap();
    assert!(
        decided.now_us.abs_diff(ours) < 60 * SECOND,
        "{}",
        decided.now_us
    );
}

#[tokio::test]
async fn a_server_that_has_forgotten_the_script_is_given_it_again() {
    let server = Server::start();
    let adapter = server.adapter();
    let claims = [claim("a", "rule", gcra(100 * SECOND, 2))];
    for allowed in [true, true, false] {
        let _: () = redis::cmd("SCRIPT")
            .arg("FLUSH")
            .query(&mut server.connection())
            .unwrap();
        let outcome = adapter.decide(&Demand::take(&claims), 0).await;
        assert_eq!(outcome.unwrap().allowed, allowed);
    }
}

#[tokio::test]
async fn requests_at_once_never_get_more_than_the_algorithm_allows() {
    let (limit, long) = (37, 100_000 * SECOND);
    for algorithm in [
        gcra(long, limit),
        Algorithm::FixedWindow {
            limit,
            window_us: long,
        },
        Algorithm::SlidingLog {
            limit,
            window_us: long,
        },
        Algorithm::Leases {
            limit,
            ttl_us: long,
        },
    ] {
        let server = Server::start();
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..20 {
            let adapter = server.adapter();
            clients.spawn(async move {
                let mut allowed = 0;
                for request in 0..10 {
                    let claims = [claim("a", "rule", algorithm)];
                    let lease = format!("{client}-{request}");
                    let demand = Demand {
                        lease: &lease,
                        ..Demand::take(&claims)
                    };
                    let outcome = adapter.decide(&demand, 0).await.unwrap();
                    allowed += u64::from(outcome.allowed);
                }
                allowed
            });
        }
        let allowed: u64 = clients.join_all().await.into_iter().sum();
        assert_eq!(allowed, limit, "{algorithm:?}");
        assert_eq!(server.immortal_keys(), [""; 0]);
    }
}
