//! Is a request over its limit? The generic cell rate algorithm (GCRA), as arithmetic on whole microseconds.
//!
//! One number is remembered for each rule and identity: the theoretical arrival time, at which the whole burst is
//! available again. All rules of a request are checked, then all are charged: a denial consumes nothing. This module
//! refuses to know Redis, addresses and headers; it is the oracle for `gcra.lua` and decides itself where Redis is
//! away and the process limits on its own.

/// How fast one rule lets requests pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Microseconds in which one unit of quota comes back.
    pub interval_us: u64,
    /// Units that may be used at once.
    pub burst: u64,
}

/// One rule's claim on one identity's quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose quota: the name of the remembered state.
    pub key: String,
    /// Which rule: the name of its number within that state.
    pub field: String,
    /// How fast the rule lets requests pass.
    pub pace: Pace,
    /// Units that the request costs: at least 1, at most the burst.
    pub cost: u64,
}

/// What was decided on all claims of a request together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether every claim was granted; else none was.
    pub allowed: bool,
    /// The time of the decision, microseconds since 1970, on the clock that decided.
    pub now_us: u64,
    /// For each claim, in order: the theoretical arrival time before this request, never before `now_us`.
    pub arrivals_us: Vec<u64>,
}

/// Where a client stands with one rule after the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether this rule is one that stopped the request.
    pub exceeded: bool,
    /// Units that may be used right away.
    pub remaining: u64,
    /// Microseconds until the same request could pass this rule; 0 unless exceeded.
    pub retry_after_us: u64,
    /// Microseconds until the whole burst is available again.
    pub full_after_us: u64,
}

impl Pace {
    /// Microseconds of quota that may be used at once.
    pub fn tolerance_us(&self) -> u64 {
        self.burst.saturating_mul(self.interval_us)
    }

    /// Microseconds of quota that so many units use.
    pub fn charge_us(&self, cost: u64) -> u64 {
        cost.saturating_mul(self.interval_us)
    }
}

impl Claim {
    /// The theoretical arrival time if this claim is granted.
    fn charged(&self, arrival_us: u64) -> u64 {
        arrival_us.saturating_add(self.pace.charge_us(self.cost))
    }

    /// How far beyond its tolerance this claim would go, in microseconds.
    fn excess_us(&self, arrival_us: u64, now_us: u64) -> u64 {
        self.charged(arrival_us)
            .saturating_sub(now_us.saturating_add(self.pace.tolerance_us()))
    }
}

/// Decides on all claims of a request together. `arrival_of` answers the remembered theoretical arrival time, 0 where
/// nothing is remembered.
pub fn decide(claims: &[Claim], now_us: u64, arrival_of: impl Fn(&Claim) -> u64) -> Outcome {
    let arrivals_us: Vec<u64> = claims
        .iter()
        .map(|claim| arrival_of(claim).max(now_us))
        .collect();
    let allowed = claims
        .iter()
        .zip(&arrivals_us)
        .all(|(claim, arrival)| claim.excess_us(*arrival, now_us) == 0);
    Outcome {
        allowed,
        now_us,
        arrivals_us,
    }
}

impl Outcome {
    /// What has to be remembered after the decision: a theoretical arrival time for each claim, none after a denial.
    pub fn committed<'c>(&self, claims: &'c [Claim]) -> impl Iterator<Item = (&'c Claim, u64)> {
        claims
            .iter()
            .zip(&self.arrivals_us)
            .filter(|_| self.allowed)
            .map(|(claim, arrival)| (claim, claim.charged(*arrival)))
    }

    /// Where the client stands with each claim's rule, in order.
    pub fn standings(&self, claims: &[Claim]) -> Vec<Standing> {
        claims
            .iter()
            .zip(&self.arrivals_us)
            .map(|(claim, arrival)| self.standing(claim, *arrival))
            .collect()
    }

    fn standing(&self, claim: &Claim, before_us: u64) -> Standing {
        let arrival_us = if self.allowed {
            claim.charged(before_us)
        } else {
            before_us
        };
        let full_after_us = arrival_us.saturating_sub(self.now_us);
        let retry_after_us = if self.allowed {
            0
        } else {
            claim.excess_us(before_us, self.now_us)
        };
        let free_us = claim.pace.tolerance_us().saturating_sub(full_after_us);
        Standing {
            exceeded: retry_after_us > 0,
            // A pace of no interval would be no limit at all; rules cannot express it.
            remaining: free_us / claim.pace.interval_us.max(1),
            retry_after_us,
            full_after_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::budgets::Budgets;

    const SECOND: u64 = 1_000_000;
    const START: u64 = 1_800_000_000 * SECOND;

    fn claim(field: &str, interval_us: u64, burst: u64, cost: u64) -> Claim {
        Claim {
            key: "someone".to_owned(),
            field: field.to_owned(),
            pace: Pace { interval_us, burst },
            cost,
        }
    }

    #[test]
    fn a_burst_passes_and_the_next_request_is_told_exactly_when_to_come_back() {
        let mut budgets = Budgets::new(10);
        let claims = [claim("default", 600_000, 3, 1)];
        for left in [2, 1, 0] {
            let outcome = budgets.decide(&claims, START);
            assert!(outcome.allowed);
            assert_eq!(outcome.standings(&claims)[0].remaining, left);
        }
        let denied = budgets.decide(&claims, START + 1);
        let standing = denied.standings(&claims)[0];
        assert!(!denied.allowed && standing.exceeded);
        assert_eq!(standing.retry_after_us, 599_999);
        assert!(!budgets.decide(&claims, START + 599_999).allowed);
        assert!(budgets.decide(&claims, START + 600_000).allowed);
    }

    #[test]
    fn a_denial_by_one_rule_consumes_nothing_of_the_others() {
        let mut budgets = Budgets::new(10);
        let (wide, narrow) = (claim("wide", SECOND, 10, 1), claim("narrow", SECOND, 1, 1));
        let both = [wide.clone(), narrow];
        assert!(budgets.decide(&both, START).allowed);
        for _ in 0..5 {
            let denied = budgets.decide(&both, START);
            let exceeded: Vec<bool> = denied.standings(&both).iter().map(|s| s.exceeded).collect();
            assert_eq!(exceeded, [false, true]);
        }
        let outcome = budgets.decide(&[wide], START);
        assert_eq!(outcome.arrivals_us, [START + SECOND]);
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_admits_more_than_burst_plus_rate(
            interval in 1..50_u64, burst in 1..20_u64,
            history in prop::collection::vec((0..60_u64, 1..4_u64), 1..200),
        ) {
            let mut budgets = Budgets::new(10);
            let mut now = START;
            let mut admitted: Vec<(u64, u64)> = Vec::new();
            for (pause, cost) in history {
                now += pause;
                let claims = [claim("one", interval, burst, cost.min(burst))];
                if budgets.decide(&claims, now).allowed {
                    admitted.push((now, cost.min(burst)));
                }
            }
            for (index, (from, _)) in admitted.iter().enumerate() {
                let mut units = 0;
                for (until, cost) in &admitted[index..] {
                    units += cost;
                    prop_assert!(units <= burst + (until - from) / interval);
                }
            }
        }

        #[test]
        fn a_retry_at_the_stated_time_passes_and_a_microsecond_earlier_does_not(
            interval in 1..5_000_u64, burst in 1..20_u64, used in 0..40_u64, cost in 1..20_u64,
        ) {
            let cost = cost.min(burst);
            let mut budgets = Budgets::new(10);
            for _ in 0..used {
                budgets.decide(&[claim("one", interval, burst, 1)], START);
            }
            let claims = [claim("one", interval, burst, cost)];
            let outcome = budgets.decide(&claims, START);
            let retry = outcome.standings(&claims)[0].retry_after_us;
            prop_assert_eq!(outcome.allowed, retry == 0);
            if retry > 0 {
                prop_assert!(!budgets.decide(&claims, START + retry - 1).allowed);
                prop_assert!(budgets.decide(&claims, START + retry).allowed);
            }
        }
    }
}
