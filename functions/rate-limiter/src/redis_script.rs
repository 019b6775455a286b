//! What is sent to `quota.lua` and how its answer is read.

use std::borrow::Cow;

use redis::{Cmd, Script};

use crate::quota::{Algorithm, Claim, Demand, Operation, Outcome, Reading, own_key};

const SCRIPT: &str = include_str!("quota/quota.lua");
/// Arguments before those of the claims, and of each claim; `quota.lua` names them.
const FIRST: usize = 5;
const OF_A_CLAIM: usize = 7;

/// The script, by the name that a server knows it by.
pub struct QuotaScript {
    hash: String,
}

/// What the script answered.
pub struct Answer {
    /// The outcome.
    pub outcome: Outcome,
    /// Whether the server refused to tell its time, so that the client's clock counted.
    pub client_clock: bool,
}

impl QuotaScript {
    /// Names the script.
    #[expect(
        clippy::new_without_default,
        reason = "there is nothing default about it"
    )]
    pub fn new() -> Self {
        Self {
            hash: Script::new(SCRIPT).get_hash().to_owned(),
        }
    }

    /// For a server that has run it before.
    pub fn by_hash(&self, demand: &Demand, now_us: u64, client_clock: bool) -> Cmd {
        command("EVALSHA", &self.hash, demand, now_us, client_clock)
    }

    /// For one that has not. EVAL rather than SCRIPT LOAD: one trip fewer, and it passes proxies that block SCRIPT.
    pub fn in_full(demand: &Demand, now_us: u64, client_clock: bool) -> Cmd {
        command("EVAL", SCRIPT, demand, now_us, client_clock)
    }
}

fn command(name: &str, script: &str, demand: &Demand, now_us: u64, client_clock: bool) -> Cmd {
    let Demand {
        operation,
        claims,
        lease,
    } = *demand;
    let (keys, indexes) = keys(claims);
    let arguments = 3 + keys.len() + FIRST + OF_A_CLAIM * claims.len();
    // Enough for names of some length; the script's text comes on top of it.
    let mut command = Cmd::with_capacity(arguments, script.len() + 128 * (1 + claims.len()));
    command.arg(name).arg(script).arg(keys.len());
    for key in &keys {
        command.arg(&**key);
    }
    let (operation, taken_at_us) = match operation {
        Operation::Take => ("take", None),
        Operation::Peek => ("peek", None),
        Operation::Refund { taken_at_us } => ("refund", taken_at_us),
        Operation::Reset => ("reset", None),
        Operation::Release => ("release", None),
    };
    command.arg(operation).arg(now_us);
    command.arg(if client_clock { "1" } else { "0" }).arg(lease);
    match taken_at_us {
        Some(taken_at_us) => command.arg(taken_at_us),
        None => command.arg(""),
    };
    for (claim, index) in claims.iter().zip(indexes) {
        let (quota, length, cost) = numbers(claim);
        let mut letter = [0; 4];
        command
            .arg(&*claim.algorithm.letter().encode_utf8(&mut letter))
            .arg(index)
            .arg(&claim.field)
            .arg(quota)
            .arg(length)
            .arg(cost)
            .arg(if claim.enforced { "1" } else { "0" });
    }
    command
}

/// The keys, each once, and for each claim the index of its own, from 1.
fn keys<'c>(claims: &'c [Claim]) -> (Vec<Cow<'c, str>>, Vec<usize>) {
    let mut keys: Vec<Cow<str>> = Vec::with_capacity(claims.len());
    let mut indexes = Vec::with_capacity(claims.len());
    for claim in claims {
        let key = if claim.algorithm.has_own_key() {
            Cow::Owned(own_key(claim))
        } else {
            Cow::Borrowed(&*claim.key)
        };
        let known = keys.iter().position(|known| *known == key);
        indexes.push(known.unwrap_or(keys.len()) + 1);
        if known.is_none() {
            keys.push(key);
        }
    }
    (keys, indexes)
}

/// Quota, length and cost, as the script's table has them.
fn numbers(claim: &Claim) -> (u64, u64, u64) {
    match claim.algorithm {
        Algorithm::Gcra { interval_us, burst } => (
            burst.saturating_mul(interval_us),
            0,
            claim.cost.saturating_mul(interval_us),
        ),
        Algorithm::FixedWindow { limit, window_us }
        | Algorithm::SlidingLog { limit, window_us } => (limit, window_us, claim.cost),
        Algorithm::Leases { limit, ttl_us } => (limit, ttl_us, 1),
    }
}

/// Reads what the script answered; `None`: that is something else.
pub fn read(numbers: &[u64], demand: &Demand) -> Option<Answer> {
    let [allowed, clock, now_us, readings @ ..] = numbers else {
        return None;
    };
    let (readings, rest) = readings.as_chunks::<3>();
    let complete = rest.is_empty() && readings.len() == demand.claims.len();
    complete.then(|| Answer {
        client_clock: *clock == 1,
        outcome: Outcome {
            operation: demand.operation,
            allowed: *allowed == 1,
            now_us: *now_us,
            readings: readings
                .iter()
                .map(|[used, room_at_us, full_at_us]| {
                    Some(Reading {
                        used: *used,
                        room_at_us: *room_at_us,
                        full_at_us: *full_at_us,
                    })
                })
                .collect(),
        },
    })
}
