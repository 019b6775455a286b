//! `gcra.lua` against its oracle.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rate_limiter::budgets::Budgets;
use rate_limiter::gcra::{Claim, Pace};
use tollkeeper::telemetry::wall_clock;

use crate::server::{Server, adapter};

const SECOND: u64 = 1_000_000;
const START: u64 = 1_800_000_000 * SECOND;

fn claim(key: &str, field: &str, interval_us: u64, burst: u64, cost: u64) -> Claim {
    Claim {
        key: key.to_owned(),
        field: field.to_owned(),
        pace: Pace { interval_us, burst },
        cost: cost.min(burst),
    }
}

/// One request: how long after the last one, whether an identity and everybody are counted, what it costs.
fn request() -> impl Strategy<Value = (u64, usize, BTreeSet<usize>, u64)> {
    let pause = prop_oneof![0..2 * SECOND, 0..90 * SECOND, Just(0)];
    (
        pause,
        0..3_usize,
        prop::collection::btree_set(0..4_usize, 1..4),
        1..4_u64,
    )
}

/// Rules with intervals from 40 seconds on: in real time, no state expires within the test.
fn claims(
    rules: &[(u64, u64)],
    identity: usize,
    chosen: &BTreeSet<usize>,
    cost: u64,
) -> Vec<Claim> {
    let named = |index: &usize| {
        let (interval_us, burst) = rules[*index];
        // The last rule counts everybody together, under a key of its own.
        let key = if *index == 3 {
            "everybody".to_owned()
        } else {
            format!("client-{identity}")
        };
        claim(
            &key,
            &format!("rule-{index}:{interval_us}:{burst}"),
            interval_us,
            burst,
            cost,
        )
    };
    chosen.iter().map(named).collect()
}

#[test]
fn the_script_decides_as_the_oracle_does_on_any_history_and_leaves_no_key_without_expiry() {
    let server = Server::start();
    // A user who may not ask the time: the script runs on the clock that the history sets.
    let _: () = redis::cmd("ACL")
        .arg(&[
            "SETUSER",
            "clockless",
            "on",
            ">secret",
            "~*",
            "+@all",
            "-time",
        ])
        .query(&mut server.connection())
        .unwrap();
    let adapter = adapter(&server.url().replace("127", "clockless:secret@127"));
    let connection = RefCell::new(server.connection());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();

    let rules = prop::collection::vec((40 * SECOND..400 * SECOND, 1..6_u64), 4);
    let history = (rules, prop::collection::vec(request(), 1..60));
    let mut runner = TestRunner::new(Config {
        cases: 64,
        ..Config::default()
    });
    let outcome = runner.run(&history, |(rules, requests)| {
        let mut connection = connection.borrow_mut();
        let _: () = redis::cmd("FLUSHALL").query(&mut *connection).unwrap();
        let mut oracle = Budgets::new(100);
        let mut now = START;
        for (pause, identity, chosen, cost) in requests {
            now += pause;
            let claims = claims(&rules, identity, &chosen, cost);
            let decided = runtime.block_on(adapter.decide(&claims, now)).unwrap();
            prop_assert_eq!(decided, oracle.decide(&claims, now));
            for (key, left_ms) in expiries(&mut connection) {
                prop_assert!(left_ms > 0, "{} expires in {}", key, left_ms);
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Every key and the milliseconds it has left; -1 means for ever.
fn expiries(connection: &mut redis::Connection) -> Vec<(String, i64)> {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(connection).expect("keys");
    let with_expiry = |key: String| {
        let left_ms = redis::cmd("PTTL")
            .arg(&key)
            .query(connection)
            .expect("an expiry");
        (key, left_ms)
    };
    keys.into_iter().map(with_expiry).collect()
}

#[tokio::test]
async fn a_key_expires_when_its_slowest_rule_is_as_good_as_new() {
    let server = Server::start();
    let claims = [
        claim("a", "fast", SECOND, 10, 1),
        claim("a", "slow", 100 * SECOND, 2, 1),
    ];
    assert!(server.adapter().decide(&claims, 0).await.unwrap().allowed);
    let left: u64 = redis::cmd("PTTL")
        .arg("a")
        .query(&mut server.connection())
        .unwrap();
    assert!((95_000..=100_000).contains(&left), "{left} ms");
}

#[tokio::test]
async fn the_servers_clock_counts_where_it_may_be_asked() {
    let server = Server::start();
    let claims = [claim("a", "rule", SECOND, 2, 1)];
    let decided = server.adapter().decide(&claims, 7).await.unwrap();
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
    let claims = [claim("a", "rule", 100 * SECOND, 2, 1)];
    for allowed in [true, true, false] {
        let _: () = redis::cmd("SCRIPT")
            .arg("FLUSH")
            .query(&mut server.connection())
            .unwrap();
        assert_eq!(adapter.decide(&claims, 0).await.unwrap().allowed, allowed);
    }
}

#[tokio::test]
async fn requests_at_once_never_get_more_than_the_burst() {
    let server = Server::start();
    let adapter = std::sync::Arc::new(server.adapter());
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let adapter = std::sync::Arc::clone(&adapter);
        let claims = [claim("a", "rule", 1_000 * SECOND, 37, 1)];
        requests.spawn(async move { adapter.decide(&claims, 0).await.unwrap().allowed });
    }
    let allowed = requests
        .join_all()
        .await
        .into_iter()
        .filter(|allowed| *allowed)
        .count();
    assert_eq!(allowed, 37);
}
