//! Random histories of demands: every algorithm and operation, several identities, clocks that step both ways.

use fastrand::Rng;
use rate_limiter::quota::{Algorithm, Claim, Demand, Operation};

/// All times are multiples of it, so that no state is over in real time before a test has looked at it.
pub(crate) const STEP: u64 = 40_000_000;
/// Not a multiple of it, and long enough that a rounded number would show.
const START: u64 = 1_800_000_000_123_457;
const RULES: usize = 5;
const MOST_DEMANDS: usize = 8;

/// One thing asked, and when.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) now_us: u64,
    pub(crate) operation: Operation,
    pub(crate) claims: Vec<Claim<'static>>,
    pub(crate) lease: String,
}

impl Asked {
    pub(crate) fn demand(&self) -> Demand<'_> {
        Demand {
            operation: self.operation,
            claims: &self.claims,
            lease: &self.lease,
        }
    }
}

/// A history that nobody else shares a key with.
pub(crate) fn history(seed: u64) -> Vec<Asked> {
    let mut rng = Rng::with_seed(seed);
    let rules: Vec<Algorithm> = (0..RULES).map(|_| algorithm(&mut rng)).collect();
    let mut now_us = START;
    let mut moments = vec![START];
    (0..rng.usize(1..=MOST_DEMANDS))
        .map(|_| {
            now_us = match rng.u8(0..10) {
                0..5 => now_us,
                // The clock steps back.
                5 => now_us - STEP * rng.u64(0..4),
                _ => now_us + STEP * rng.u64(0..6),
            };
            moments.push(now_us);
            Asked {
                now_us,
                operation: operation(&mut rng, &moments),
                claims: claims(&mut rng, seed, &rules),
                lease: format!("lease-{}", rng.u8(0..6)),
            }
        })
        .collect()
}

fn algorithm(rng: &mut Rng) -> Algorithm {
    let limit = rng.u64(1..6);
    let length = STEP * rng.u64(1..6);
    match rng.u8(0..4) {
        0 => Algorithm::Gcra {
            interval_us: length,
            burst: limit,
        },
        1 => Algorithm::FixedWindow {
            limit,
            window_us: length,
        },
        2 => Algorithm::SlidingLog {
            limit,
            window_us: length,
        },
        _ => Algorithm::Leases {
            limit,
            ttl_us: length,
        },
    }
}

fn operation(rng: &mut Rng, moments: &[u64]) -> Operation {
    match rng.u8(0..14) {
        0..8 => Operation::Take,
        8..10 => Operation::Peek,
        10 => Operation::Refund { taken_at_us: None },
        11 => Operation::Refund {
            taken_at_us: rng.choice(moments).copied(),
        },
        12 => Operation::Release,
        _ => Operation::Reset,
    }
}

/// Some of the rules; the last one counts everybody together, under a key of its own.
fn claims(rng: &mut Rng, seed: u64, rules: &[Algorithm]) -> Vec<Claim<'static>> {
    let identity = rng.u8(0..2);
    let mut places: Vec<usize> = (0..rules.len()).collect();
    rng.shuffle(&mut places);
    places.truncate(rng.usize(1..=3));
    let cost = rng.u64(1..4);
    let claim = |place: &usize| {
        let algorithm = rules[*place];
        let key = if *place == rules.len() - 1 {
            format!("{{everybody-{seed}}}")
        } else {
            format!("client-{seed}-{identity}")
        };
        let field = format!("rule-{place}:{}", algorithm.signature());
        // A shadow rule is one throughout.
        let enforced = !(seed + *place as u64).is_multiple_of(5);
        Claim {
            enforced,
            ..Claim::new(key, field, algorithm, cost.min(algorithm.most()))
        }
    };
    places.iter().map(claim).collect()
}
