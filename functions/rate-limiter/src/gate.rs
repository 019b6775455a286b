//! One decision for one request: which rules hold, whose quotas they use, and what comes of that.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tollkeeper::telemetry::{Metrics, Unit};

use crate::config::OnOutage;
use crate::error::RequestError;
use crate::identity::{self, Caller};
use crate::limiter::Limiter;
use crate::quota::{Claim, Demand, Standing};
use crate::redis_server::Outage;
use crate::rules::Rule;

/// What is asked.
pub struct Question<'a> {
    /// Who asks.
    pub caller: Caller<'a>,
    /// HTTP method, if known.
    pub method: Option<&'a str>,
    /// Path, if known.
    pub path: Option<&'a str>,
    /// Only this rule, whatever its conditions; `None`: all that hold.
    pub rule: Option<&'a str>,
    /// Units of quota that the request costs.
    pub cost: u64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'r> {
    /// Whether the request may pass.
    pub allowed: bool,
    /// One for each rule that holds.
    pub rulings: Vec<Ruling<'r>>,
    /// Set when Redis did not decide: why, and what was done instead.
    pub outage: Option<(Outage, OnOutage)>,
}

/// One rule's part of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// Whether the request did not say who it is, and so used the quota of all who do not.
    pub missing_identity: bool,
    /// Where the client stands; `None`: nobody knows, because Redis is away.
    pub standing: Option<Standing>,
}

/// Rules, and the limiter that decides by them.
pub struct Gate {
    rules: Vec<Rule>,
    limiter: Limiter,
}

impl Gate {
    /// A gate.
    pub fn new(rules: Vec<Rule>, limiter: Limiter) -> Self {
        Self { rules, limiter }
    }

    /// Decides, charges what was granted, and counts it in the metrics.
    pub async fn decide(
        &self,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Decision<'_>, RequestError> {
        let rules = select(&self.rules, question)?;
        let identities: Vec<_> = rules
            .iter()
            .map(|rule| identity::of(&rule.key, &question.caller))
            .collect();
        let claims: Vec<Claim> = rules
            .iter()
            .zip(&identities)
            .map(|(rule, identity)| {
                Claim::new(
                    identity.key.clone(),
                    rule.field(),
                    rule.algorithm(),
                    question.cost,
                )
            })
            .collect();
        let started = Instant::now();
        let verdict = self.limiter.ask(&Demand::take(&claims), now).await;
        let rulings = rules.iter().zip(&identities).enumerate();
        let decision = Decision {
            allowed: verdict.allowed,
            outage: verdict.outage,
            rulings: rulings
                .map(|(index, (rule, identity))| Ruling {
                    rule,
                    missing_identity: identity.missing,
                    standing: verdict.standings.get(index).copied().flatten(),
                })
                .collect(),
        };
        for metrics in decision.metrics(started.elapsed()) {
            metrics.emit(now);
        }
        Ok(decision)
    }
}

/// The rules that hold for a question.
fn select<'r>(rules: &'r [Rule], question: &Question) -> Result<Vec<&'r Rule>, RequestError> {
    let selected: Vec<&Rule> = match question.rule {
        None => rules
            .iter()
            .filter(|rule| rule.matches(question.method, question.path))
            .collect(),
        Some(name) => {
            let rule = rules.iter().find(|rule| rule.name == name);
            vec![rule.ok_or_else(|| RequestError::UnknownRule {
                rule: name.to_owned(),
                known: names(rules.iter()),
            })?]
        }
    };
    match selected.iter().find(|rule| question.cost > rule.burst) {
        Some(rule) => Err(RequestError::CostTooHigh {
            cost: question.cost,
            rule: rule.name.clone(),
            burst: rule.burst,
        }),
        None => Ok(selected),
    }
}

fn names<'r>(rules: impl Iterator<Item = &'r Rule>) -> String {
    let names: Vec<&str> = rules.map(|rule| rule.name.as_str()).collect();
    names.join(", ")
}

impl<'r> Decision<'r> {
    /// When a denied request may be repeated, whole seconds, at least 1; `None` for one that passed.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let retry = |ruling: &Ruling| Some(whole_seconds(ruling.standing?.retry_after_us));
        let longest = self.rulings.iter().filter_map(retry).max();
        (!self.allowed).then(|| longest.unwrap_or(0).max(1))
    }

    /// The rules that stopped the request.
    pub fn exceeded(&self) -> Vec<&'r str> {
        let exceeded = |ruling: &&Ruling| ruling.standing.is_some_and(|s| s.exceeded);
        let rulings = self.rulings.iter().filter(exceeded);
        rulings.map(|ruling| ruling.rule.name.as_str()).collect()
    }

    /// One line for each rule. A request that another rule stopped counts as neither allowed nor denied.
    fn metrics(&self, redis: Duration) -> impl Iterator<Item = Metrics> {
        self.rulings.iter().map(move |ruling| {
            let exceeded = ruling.standing.map_or(!self.allowed, |s| s.exceeded);
            Metrics::of("rate-limiter")
                .by("Rule", ruling.rule.name.as_str())
                .count("Allowed", u64::from(self.allowed))
                .count("Denied", u64::from(exceeded))
                .count("Outage", u64::from(self.outage.is_some()))
                .value(
                    "RedisMilliseconds",
                    Unit::Milliseconds,
                    redis.as_secs_f64() * 1_000.0,
                )
        })
    }
}

impl Ruling<'_> {
    /// Seconds until the whole burst is back; for a rule that stopped the request, until it may be repeated.
    pub fn reset_seconds(&self) -> Option<u64> {
        let standing = self.standing?;
        Some(if standing.exceeded {
            whole_seconds(standing.retry_after_us).max(1)
        } else {
            whole_seconds(standing.full_after_us)
        })
    }
}

/// Rounded up: a client that waits that long is not early.
fn whole_seconds(microseconds: u64) -> u64 {
    microseconds.div_ceil(1_000_000)
}
