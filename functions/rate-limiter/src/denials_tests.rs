use proptest::prelude::*;

use super::*;
use crate::quota::Memory;

const SECOND: u64 = 1_000_000;
const START: u64 = 1_800_000_000 * SECOND;
const LIFETIME: u64 = 2 * SECOND;

fn told(now_us: u64, asked_at: u64, answered_at: u64) -> Told {
    Told {
        now_us,
        asked_at,
        answered_at,
    }
}

fn claim(key: &str, algorithm: Algorithm, cost: u64) -> Claim<'_> {
    Claim::new(key, algorithm.signature(), algorithm, cost)
}

fn gcra(interval_us: u64, burst: u64) -> Algorithm {
    Algorithm::Gcra { interval_us, burst }
}

/// A cache that has learnt that one more is too much, and the claim.
fn over(algorithm: Algorithm) -> (Denials, Memory, [Claim<'static>; 1]) {
    let (mut denials, mut memory) = (Denials::new(LIFETIME), Memory::new(10));
    let claims = [claim("a", algorithm, 1)];
    let demand = Demand::take(&claims);
    while memory.decide(&demand, START).allowed {}
    let outcome = memory.decide(&demand, START);
    denials.learn(&demand, &outcome, told(START, 0, 0), 0);
    (denials, memory, claims)
}

#[test]
fn a_known_denial_is_answered_as_redis_would_until_its_time_or_its_entry_is_over() {
    let (denials, mut memory, claims) = over(gcra(SECOND, 3));
    let demand = Demand::take(&claims);
    let known = denials.certain(&demand, 0).unwrap();
    assert_eq!(known, memory.decide(&demand, START).standings(&claims));
    assert!(denials.certain(&demand, SECOND / 2).is_some());
    // The last thousandth is left to Redis: the clocks may run apart by as much.
    assert!(denials.certain(&demand, SECOND).is_none());
    let (denials, _, claims) = over(gcra(100 * SECOND, 3));
    let demand = Demand::take(&claims);
    assert!(denials.certain(&demand, LIFETIME - 1).is_some());
    assert!(denials.certain(&demand, LIFETIME).is_none());
}

#[test]
fn the_time_of_the_round_trip_shortens_a_denial_and_lengthens_the_wait() {
    let (mut denials, mut memory) = (Denials::new(LIFETIME), Memory::new(10));
    let claims = [claim("a", gcra(SECOND, 1), 1)];
    let demand = Demand::take(&claims);
    memory.decide(&demand, START);
    let outcome = memory.decide(&demand, START);
    denials.learn(&demand, &outcome, told(START, 100_000, 500_000), 0);
    let known = denials.certain(&demand, 500_000).unwrap();
    let standing = known[0].unwrap();
    assert!(standing.exceeded && standing.retry_after_us == SECOND);
    // By then Redis's clock may show 600 ms more; that it shows 200 ms more is the least.
    assert!(denials.certain(&demand, 1_098_000).is_some());
    assert!(denials.certain(&demand, 1_100_000).is_none());
}

#[test]
fn one_rule_that_is_known_to_deny_is_enough_and_of_the_others_nothing_is_said() {
    let (denials, _, [known]) = over(gcra(SECOND, 3));
    let claims = [claim("b", gcra(SECOND, 9), 1), known];
    let standings = denials.certain(&Demand::take(&claims), 0).unwrap();
    assert_eq!(standings[0], None);
    assert!(standings[1].unwrap().exceeded);
}

#[test]
fn neither_leases_nor_shadow_rules_nor_operations_that_ask_for_nothing_are_answered() {
    let leases = Algorithm::Leases {
        limit: 1,
        ttl_us: 100 * SECOND,
    };
    let (mut denials, mut memory) = (Denials::new(LIFETIME), Memory::new(10));
    let claims = [claim("a", leases, 1)];
    for lease in ["one", "two"] {
        let demand = Demand {
            lease,
            ..Demand::take(&claims)
        };
        let outcome = memory.decide(&demand, START);
        denials.learn(&demand, &outcome, told(START, 0, 0), 0);
        assert_eq!(outcome.allowed, lease == "one");
        assert!(denials.certain(&demand, 0).is_none());
    }
    let (denials, _, [claim]) = over(gcra(SECOND, 3));
    let shadow = [Claim {
        enforced: false,
        ..claim.clone()
    }];
    assert!(denials.certain(&Demand::take(&shadow), 0).is_none());
    let enforced = [claim];
    assert!(denials.certain(&Demand::take(&enforced), 0).is_some());
    let reset = Demand {
        operation: Operation::Reset,
        ..Demand::take(&enforced)
    };
    assert!(denials.certain(&reset, 0).is_none());
}

#[test]
fn what_is_given_back_is_forgotten_at_once_and_answers_from_before_are_not_believed() {
    let (mut denials, mut memory, claims) = over(gcra(SECOND, 3));
    let demand = Demand::take(&claims);
    let epoch = denials.epoch();
    let late = memory.decide(&demand, START);
    denials.forget(&claims);
    assert!(denials.certain(&demand, 0).is_none());
    denials.learn(&demand, &late, told(START, 0, 0), epoch);
    assert!(denials.certain(&demand, 0).is_none());
    denials.learn(&demand, &late, told(START, 0, 0), denials.epoch());
    assert!(denials.certain(&demand, 0).is_some());
}

#[test]
fn an_answer_that_contradicts_a_denial_ends_it() {
    let (mut denials, _, claims) = over(gcra(SECOND, 3));
    let demand = Demand::take(&claims);
    let allowed = Memory::new(1).decide(&demand, START);
    denials.learn(&demand, &allowed, told(START, 0, 0), 0);
    assert!(denials.certain(&demand, 0).is_none());
}

#[test]
fn a_flood_of_identities_takes_bounded_memory_and_none_is_remembered_without_a_lifetime() {
    for (lifetime, most) in [(LIFETIME, IDENTITIES), (0, 0)] {
        let mut denials = Denials::new(lifetime);
        let mut memory = Memory::new(1);
        for number in 0..IDENTITIES * 2 {
            let key = number.to_string();
            let claims = [claim(&key, gcra(SECOND, 1), 1)];
            let demand = Demand::take(&claims);
            memory.decide(&demand, START);
            let outcome = memory.decide(&demand, START);
            assert!(!outcome.allowed);
            denials.learn(&demand, &outcome, told(START, 0, 0), 0);
        }
        let kept = denials.young.len() + denials.old.len();
        assert!(kept <= most && kept >= most / 2, "{kept}");
    }
}

proptest! {
    /// Other processes take from the same quota; this one hears of Redis only by its own answers, after a round trip, and
    /// its clock runs up to 500 parts in a million faster or slower.
    #[test]
    fn a_denial_from_the_cache_is_always_one_that_redis_would_make(
        algorithm in prop_oneof![
            (1..9_u64, 1..9_u64).prop_map(|(interval, burst)| gcra(interval * 100_000, burst)),
            (1..9_u64, 1..9_u64).prop_map(|(limit, length)| Algorithm::FixedWindow {
                limit, window_us: length * 200_000 }),
            (1..9_u64, 1..9_u64).prop_map(|(limit, length)| Algorithm::SlidingLog {
                limit, window_us: length * 200_000 }),
        ],
        drift in -500_i64..500,
        steps in prop::collection::vec((0..300_000_u64, 1..4_u64, any::<bool>(), 0..50_000_u64), 1..60),
    ) {
        let (mut denials, mut redis) = (Denials::new(LIFETIME), Memory::new(10));
        let steady = |redis_us: u64| {
            let passed = redis_us - START;
            passed.saturating_add_signed(i64::try_from(passed).unwrap() * drift / 1_000_000)
        };
        let mut now = START;
        for (pause, cost, is_ours, trip) in steps {
            now += pause;
            let claims = [claim("a", algorithm, cost.min(algorithm.most()))];
            let demand = Demand::take(&claims);
            if !is_ours {
                redis.decide(&demand, now);
                continue;
            }
            if let Some(known) = denials.certain(&demand, steady(now)) {
                let peek = Demand { operation: Operation::Peek, ..demand };
                let real = redis.decide(&peek, now);
                prop_assert!(!real.allowed, "{known:?} {real:?}");
                continue;
            }
            let asked_at = steady(now);
            now += trip;
            let outcome = redis.decide(&demand, now);
            let decided_at = now;
            now += trip;
            let told = told(decided_at, asked_at, steady(now));
            denials.learn(&demand, &outcome, told, denials.epoch());
        }
    }
}
