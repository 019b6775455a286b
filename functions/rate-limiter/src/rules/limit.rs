//! How much is allowed: one window of a rule, or requests in flight.

use serde_json::{Map, Value};

use super::fields::{Fields, NAME, Problems, is_name};
use crate::quota::{self, Algorithm};

/// More a second than one Redis can decide for one key anyway; keeps the rounding of the interval under 1%.
const MOST_A_SECOND: u64 = 10_000;
/// Longest window, and longest time in which a burst may come back: 31 days. Keeps Lua's numbers exact.
const LONGEST_SECONDS: u64 = 31 * 24 * 3600;
/// A sliding log remembers the moment of every unit.
const MOST_IN_A_LOG: u64 = 10_000;
/// Most requests in flight, and longest lease.
const MOST_IN_FLIGHT: u64 = 10_000;
const LONGEST_LEASE: u64 = 3_600;
const DEFAULT_LEASE: u64 = 60;
/// Most windows of one rule.
const MOST_LIMITS: usize = 8;

/// What the fields of one window are called.
pub(crate) const WINDOW_FIELDS: [&str; 5] =
    ["limit", "window_seconds", "burst", "algorithm", "strict"];
/// What those of a limit on requests in flight are called.
pub(crate) const IN_FLIGHT_FIELDS: [&str; 2] = ["max_in_flight", "lease_seconds"];

/// One limit of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name in headers, answers and metrics: the rule's own, or one made of it where a rule has several.
    pub policy: String,
    /// Requests in a window, in the long run; or in flight.
    pub quota: u64,
    /// The window, seconds; `None` for requests in flight.
    pub window_seconds: Option<u64>,
    /// How it is counted.
    pub algorithm: Algorithm,
    /// The name of its part in an identity's state. A changed limit starts anew: the old state would mean something
    /// else.
    pub field: String,
}

/// One limit before it has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    quota: u64,
    window_seconds: Option<u64>,
    algorithm: Algorithm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gcra,
    FixedWindow,
    SlidingLog,
}

impl Limit {
    /// Whether it counts requests in flight.
    pub fn is_in_flight(&self) -> bool {
        matches!(self.algorithm, Algorithm::Leases { .. })
    }
}

/// Reads the limits of a rule, or of an override for it: `limit` and its like, `limits`, `max_in_flight`. None if there
/// are none.
pub(crate) fn read(fields: &Fields, rule: &str) -> Vec<Limit> {
    let mut named: Vec<(Option<String>, Shape)> = Vec::new();
    let short = WINDOW_FIELDS
        .iter()
        .any(|field| fields.value(field).is_some());
    if short {
        named.push((None, window(fields)));
    }
    if short && fields.value("limits").is_some() {
        fields.wrong("limits", "either `limit` and `window_seconds`, or `limits`");
    }
    for map in fields.objects(
        "limits",
        MOST_LIMITS,
        "objects with limit and window_seconds",
    ) {
        named.push(listed(fields.place, map, fields.problems));
    }
    let alone = named.len() == 1;
    let mut limits: Vec<Limit> = Vec::with_capacity(named.len() + 1);
    for (name, shape) in named {
        let policy = match (name, shape.window_seconds) {
            (Some(name), _) => name,
            (None, Some(seconds)) if !alone => format!("{rule}-{seconds}s"),
            _ => rule.to_owned(),
        };
        limits.push(shape.named(rule, policy));
    }
    if let Some(shape) = in_flight(fields) {
        limits.push(shape.named(rule, format!("{rule}-in-flight")));
    }
    let policies: std::collections::HashSet<&str> =
        limits.iter().map(|limit| limit.policy.as_str()).collect();
    if policies.len() < limits.len() {
        fields.wrong(
            "limits",
            "windows of different lengths, or a `name` for each",
        );
    }
    limits
}

impl Shape {
    fn named(self, rule: &str, policy: String) -> Limit {
        let Self {
            quota,
            window_seconds,
            algorithm,
        } = self;
        let signature = algorithm.signature();
        // No name has a slash in it: limits of two rules never share a field.
        let field = if policy == rule {
            format!("{rule}:{signature}")
        } else {
            format!("{rule}/{policy}:{signature}")
        };
        Limit {
            policy,
            quota,
            window_seconds,
            algorithm,
            field,
        }
    }
}

fn listed(place: &str, map: &Map<String, Value>, problems: &Problems) -> (Option<String>, Shape) {
    let fields = Fields {
        place,
        map,
        problems,
    };
    fields.only(&[
        "name",
        "limit",
        "window_seconds",
        "burst",
        "algorithm",
        "strict",
    ]);
    let name = fields.text("name", NAME, |text| is_name(text).then(|| text.to_owned()));
    (name, window(&fields))
}

/// One window. What is wrong is noted, something harmless stands in for it.
fn window(fields: &Fields) -> Shape {
    let kinds = "gcra, fixed_window or sliding_log";
    let kind = fields.text("algorithm", kinds, |text| match text {
        "gcra" => Some(Kind::Gcra),
        "fixed_window" => Some(Kind::FixedWindow),
        "sliding_log" => Some(Kind::SlidingLog),
        _ => None,
    });
    let kind = kind.unwrap_or(Kind::Gcra);
    let seconds = fields.needed_whole("window_seconds", &(1..=LONGEST_SECONDS));
    let most = match kind {
        Kind::SlidingLog => MOST_IN_A_LOG,
        Kind::Gcra | Kind::FixedWindow => seconds * MOST_A_SECOND,
    };
    let quota = fields.needed_whole("limit", &(1..=most));
    let strict = fields.flag("strict").unwrap_or(false);
    let window_us = seconds * 1_000_000;
    if kind != Kind::Gcra && fields.value("burst").is_some() {
        fields.wrong("burst", "no burst: only gcra has one");
    }
    if kind == Kind::FixedWindow && strict {
        fields.wrong(
            "strict",
            "gcra or sliding_log: a fixed window lets twice the limit pass around its end",
        );
    }
    let algorithm = match kind {
        Kind::Gcra => gcra(fields, quota, window_us, strict),
        Kind::FixedWindow => Algorithm::FixedWindow {
            limit: quota,
            window_us,
        },
        Kind::SlidingLog => Algorithm::SlidingLog {
            limit: quota,
            window_us,
        },
    };
    Shape {
        quota,
        window_seconds: Some(seconds),
        algorithm,
    }
}

/// The interval is rounded up to whole microseconds: never more than the limit passes. Strict: the burst is part of the
/// limit, half of it unless said otherwise.
fn gcra(fields: &Fields, quota: u64, window_us: u64, strict: bool) -> Algorithm {
    let burst = fields.whole("burst", &(1..=LONGEST_SECONDS * MOST_A_SECOND));
    let strictly = || {
        let burst = burst.unwrap_or(quota.div_ceil(2));
        quota::strict(quota, window_us, burst).unwrap_or_else(|| {
            fields.wrong("burst", "at most the limit, because it is strict");
            Algorithm::Gcra {
                interval_us: 1,
                burst: 1,
            }
        })
    };
    let plain = || Algorithm::Gcra {
        interval_us: window_us.div_ceil(quota),
        burst: burst.unwrap_or(quota),
    };
    let algorithm = if strict { strictly() } else { plain() };
    // A little slack: rounding the interval up may carry a burst of `limit` over the window.
    if let Algorithm::Gcra { interval_us, burst } = algorithm
        && interval_us.saturating_mul(burst) > (LONGEST_SECONDS + 3600) * 1_000_000
    {
        fields.wrong("burst", "a burst that comes back within 31 days");
    }
    algorithm
}

fn in_flight(fields: &Fields) -> Option<Shape> {
    let limit = fields.whole("max_in_flight", &(1..=MOST_IN_FLIGHT));
    let seconds = fields.whole("lease_seconds", &(1..=LONGEST_LEASE));
    if fields.value("max_in_flight").is_none() && fields.value("lease_seconds").is_some() {
        fields.wrong("max_in_flight", "a number, because lease_seconds is set");
    }
    let quota = limit?;
    let ttl_us = seconds.unwrap_or(DEFAULT_LEASE) * 1_000_000;
    Some(Shape {
        quota,
        window_seconds: None,
        algorithm: Algorithm::Leases {
            limit: quota,
            ttl_us,
        },
    })
}
