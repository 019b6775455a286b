//! The adapter on a real cluster of three nodes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rate_limiter::quota::{Algorithm, Claim, Demand, Operation, Outcome};
use rate_limiter::redis_server::{Outage, RedisServer};

use crate::nodes::{Cluster, ask, cluster};
use crate::server::{Server, adapter};

const SECOND: u64 = 1_000_000;
const LONG: u64 = 100_000 * SECOND;

fn gcra(burst: u64) -> Algorithm {
    Algorithm::Gcra {
        interval_us: LONG,
        burst,
    }
}

/// One identity on each node, by its slot: 3168, 7233 and 11694.
const IDENTITIES: [&str; 3] = ["{f}", "{g}", "{h}"];

fn claim(key: &str, algorithm: Algorithm) -> Claim<'static> {
    Claim::new(
        key.to_owned(),
        format!("rule:{}", algorithm.signature()),
        algorithm,
        1,
    )
}

async fn take(redis: &RedisServer, claims: &[Claim<'_>]) -> Result<Outcome, Outage> {
    redis.decide(&Demand::take(claims), 0).await
}

/// On any node, keys that would stay for ever.
fn immortal_keys(cluster: &Cluster) -> Vec<String> {
    cluster
        .nodes
        .iter()
        .flat_map(Server::immortal_keys)
        .collect()
}

#[tokio::test]
async fn requests_at_once_on_a_cluster_never_get_more_than_the_algorithms_allow() {
    let cluster = Cluster::start();
    let (limit, length) = (23, LONG);
    for (round, algorithm) in [
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
    ]
    .into_iter()
    .enumerate()
    {
        // Everybody together may do less than the three identities each on their own.
        let shared = claim(
            &format!("everybody-{round}"),
            Algorithm::SlidingLog {
                limit: 50,
                window_us: length,
            },
        );
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..12 {
            let adapter = adapter(&cluster.urls()[client % 3]);
            let own = IDENTITIES[client / 4];
            let claims = [claim(&format!("{own}{round}"), algorithm), shared.clone()];
            clients.spawn(async move {
                let mut allowed = 0_u64;
                for request in 0..15 {
                    let lease = format!("{client}-{request}");
                    let demand = Demand {
                        lease: &lease,
                        ..Demand::take(&claims)
                    };
                    let outcome = adapter.decide(&demand, 0).await.unwrap();
                    allowed += u64::from(outcome.allowed);
                }
                (own, allowed)
            });
        }
        let mut by_identity = BTreeMap::new();
        for (own, allowed) in clients.join_all().await {
            *by_identity.entry(own).or_insert(0) += allowed;
        }
        assert!(
            by_identity.values().all(|allowed| *allowed <= limit),
            "{algorithm:?}: {by_identity:?}"
        );
        assert!(
            by_identity.values().sum::<u64>() <= 50,
            "{algorithm:?}: {by_identity:?}"
        );
        // What was given back is there again: one after the other, they get the rest.
        let redis = adapter(&cluster.urls()[0]);
        for (number, own) in IDENTITIES.iter().cycle().take(120).enumerate() {
            let claims = [claim(&format!("{own}{round}"), algorithm), shared.clone()];
            let lease = format!("late-{number}");
            let demand = Demand {
                lease: &lease,
                ..Demand::take(&claims)
            };
            let outcome = redis.decide(&demand, 0).await.unwrap();
            *by_identity.entry(*own).or_insert(0) += u64::from(outcome.allowed);
        }
        let all: u64 = by_identity.values().sum();
        assert!(
            by_identity.values().all(|allowed| *allowed <= limit),
            "{algorithm:?}: {by_identity:?}"
        );
        assert_eq!(all, 50, "{algorithm:?}: {by_identity:?}");
    }
    assert_eq!(immortal_keys(&cluster), [""; 0]);
}

#[tokio::test]
async fn a_denial_in_one_slot_gives_back_what_another_took() {
    let nodes = Cluster::start();
    let redis = adapter(&nodes.urls()[0]);
    let [one, other, _] = IDENTITIES;
    for wide in [
        gcra(5),
        Algorithm::FixedWindow {
            limit: 5,
            window_us: LONG,
        },
        Algorithm::SlidingLog {
            limit: 5,
            window_us: LONG,
        },
        Algorithm::Leases {
            limit: 5,
            ttl_us: LONG,
        },
    ] {
        let claims = [
            claim(one, wide),
            claim(
                other,
                Algorithm::SlidingLog {
                    limit: 1,
                    window_us: wide.most() * LONG,
                },
            ),
        ];
        let demand = |lease| Demand {
            lease,
            ..Demand::take(&claims)
        };
        let reset = Demand {
            operation: Operation::Reset,
            ..demand("")
        };
        redis.decide(&reset, 0).await.unwrap();
        assert!(redis.decide(&demand("first"), 0).await.unwrap().allowed);
        for lease in ["second", "third", "fourth"] {
            let denied = redis.decide(&demand(lease), 0).await.unwrap();
            assert!(!denied.allowed);
            assert!(denied.standings(&claims)[1].unwrap().exceeded);
        }
        let peek = Demand {
            operation: Operation::Peek,
            lease: "fifth",
            claims: &claims[..1],
        };
        // The time that a rate's take was held counts as used: microseconds of a unit.
        let left = redis.decide(&peek, 0).await.unwrap();
        let used = LONG * 5 - left.standings(&claims[..1])[0].unwrap().full_after_us;
        let remaining = left.standings(&claims[..1])[0].unwrap().remaining;
        let is_rate = matches!(wide, Algorithm::Gcra { .. });
        assert!(
            remaining == 4 || (is_rate && remaining == 3 && used > LONG * 39 / 10),
            "{wide:?}: {left:?}"
        );
    }
}

#[tokio::test]
async fn a_replica_that_takes_over_goes_on_where_its_master_ended() {
    let mut nodes = Cluster::start();
    nodes.add_replica_of(0);
    // Asked by way of another node, which outlives the failover.
    let redis = adapter(&nodes.urls()[1]);
    let claims = [claim(IDENTITIES[0], gcra(5))];
    for _ in 0..3 {
        assert!(take(&redis, &claims).await.unwrap().allowed);
    }
    // Of the connection that wrote, so this one writes, too.
    let mut master = nodes.nodes[0].connection();
    let () = redis::cmd("SET")
        .arg(&["{f}probe", "1", "PX", "60000"])
        .query(&mut master)
        .unwrap();
    let copies: u32 = redis::cmd("WAIT")
        .arg(1)
        .arg(5_000)
        .query(&mut master)
        .unwrap();
    assert_eq!(copies, 1);

    nodes.nodes[0].kill();
    let outage = take(&redis, &claims).await.unwrap_err();
    assert!(
        matches!(outage, Outage::Unreachable | Outage::Deadline),
        "{outage}"
    );
    let () = ask(&nodes.nodes[3], &mut cluster(&["FAILOVER", "TAKEOVER"]));
    let until = Instant::now() + Duration::from_secs(30);
    let outcome = loop {
        match take(&redis, &claims).await {
            Ok(outcome) => break outcome,
            Err(outage) => assert!(Instant::now() < until, "still {outage}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(outcome.standings(&claims)[0].unwrap().remaining, 1);
}

#[tokio::test]
async fn a_slot_on_its_way_to_another_node_is_decided_on_where_its_keys_are() {
    let nodes = Cluster::start();
    let [old, new] = [&nodes.nodes[0], &nodes.nodes[1]];
    let redis = adapter(&old.url());
    let claims = [claim(IDENTITIES[0], gcra(5))];
    let slot: u16 = ask(old, &mut cluster(&["KEYSLOT", IDENTITIES[0]]));
    let slot = slot.to_string();
    let set = |node: &Server, words: &[&str]| {
        let () = ask(node, cluster(&["SETSLOT", &slot]).arg(words));
    };
    set(new, &["IMPORTING", &nodes.id(0)]);
    set(old, &["MIGRATING", &nodes.id(1)]);
    // The key is on neither node yet: the old one sends us to the new one (ASK).
    for left in [4, 3] {
        let outcome = take(&redis, &claims).await.unwrap();
        assert_eq!(outcome.standings(&claims)[0].unwrap().remaining, left);
    }
    let there: u32 = ask(new, &mut cluster(&["COUNTKEYSINSLOT", &slot]));
    assert_eq!(there, 1);
    for node in [new, old] {
        set(node, &["NODE", &nodes.id(1)]);
    }
    // Now the old one no longer has the slot (MOVED).
    let outcome = take(&redis, &claims).await.unwrap();
    assert_eq!(outcome.standings(&claims)[0].unwrap().remaining, 2);
}
