//! Sample events and decisions for tests.

use serde_json::Value;

use crate::config::OnOutage;
use crate::decision::{Decision, Ruling};
use crate::identity::Identity;
use crate::matching::Applied;
use crate::quota::{Algorithm, Claim, Operation, Outcome, Reading};
use crate::redis_server::Outage;
use crate::rules::{self, Listed, Rule};

/// A sample event, or the reply that is expected.
pub(crate) fn event(name: &str) -> Value {
    let path = format!(
        "{}/../../events/rate-limiter/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A wide rule for everything and a narrow one.
pub(crate) fn rules() -> Vec<Rule> {
    rules::parse(
        r#"{"rules": [
            {"name": "default", "limit": 100, "window_seconds": 60},
            {"name": "login", "limit": 2, "window_seconds": 60, "path": "/login", "method": "POST"}
        ]}"#,
    )
    .unwrap_or_else(|problems| panic!("{problems:?}"))
    .rules
}

/// The first request of a client: both rules hold, both let it pass.
pub(crate) fn allowed(rules: &[Rule]) -> Decision<'_> {
    decided(rules, true, &[0, 0])
}

/// The third attempt to log in, all within a second.
pub(crate) fn denied(rules: &[Rule]) -> Decision<'_> {
    decided(rules, false, &[1_200_000, 59_500_000])
}

/// Redis is away and the door is closed.
pub(crate) fn closed(rules: &[Rule]) -> Decision<'_> {
    let mut decision = decided(rules, false, &[0, 0]);
    for ruling in &mut decision.rulings {
        ruling.standing = None;
    }
    decision.outage = Some((Outage::Unreachable, OnOutage::Closed));
    decision
}

/// The client's address is on the block list.
pub(crate) fn blocked(reason: &str) -> Decision<'static> {
    let reason = Some(reason.to_owned());
    Decision::listed(Listed::Blocked { reason }, false)
}

fn decided<'r>(rules: &'r [Rule], allowed: bool, used_us: &[u64]) -> Decision<'r> {
    let now_us = 1_800_000_000_000_000;
    let applied: Vec<Applied> = rules.iter().map(applied).collect();
    let claims: Vec<Claim> = applied.iter().map(Applied::claim).collect();
    let reading = |(claim, used): (&Claim, &u64)| {
        let Algorithm::Gcra { interval_us, burst } = claim.algorithm else {
            panic!("{claim:?}");
        };
        let full_at_us = now_us + used;
        Some(Reading {
            used: 0,
            room_at_us: (full_at_us + interval_us - burst * interval_us).max(now_us),
            full_at_us,
        })
    };
    let outcome = Outcome {
        operation: Operation::Take,
        allowed,
        now_us,
        readings: claims.iter().zip(used_us).map(reading).collect(),
    };
    let standings = outcome.standings(&claims);
    Decision {
        allowed,
        outage: None,
        listed: None,
        from_cache: false,
        lease: None,
        decided_at_us: None,
        rulings: applied
            .into_iter()
            .zip(standings)
            .map(|(one, standing)| Ruling::new(one, standing))
            .collect(),
    }
}

fn applied(rule: &Rule) -> Applied<'_> {
    Applied {
        rule,
        limit: std::borrow::Cow::Borrowed(&rule.limits[0]),
        identity: Identity {
            key: "someone".to_owned(),
            missing: false,
        },
        cost: 1,
        enforced: true,
    }
}
