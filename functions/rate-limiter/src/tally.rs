//! Metrics of decisions, added up: a client that sends ten thousand requests a second must not become ten thousand
//! lines of log, which cost more than the requests.
//!
//! Figures are written at most once a second, with the request that finds them a second old. What was counted in the
//! last second of an environment's life is lost with it. An outage is written at once when it begins or changes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tollkeeper::telemetry::{Metrics, Unit};

use crate::decision::Decision;
use crate::offenders::Offenders;
use crate::redis_server::Outage;
use crate::rules::Listed;

const FLUSH_SECONDS: f64 = 1.0;
const OFFENDERS_SECONDS: f64 = 60.0;
/// Counters of the sketch, and how many of them are shown.
const COUNTERS: usize = 128;
const SHOWN: usize = 10;

/// What was counted since the last lines were written.
#[derive(Debug)]
pub struct Tally {
    rules: BTreeMap<String, Counts>,
    listed_allowed: u64,
    listed_blocked: u64,
    flushed_at: Option<Timestamp>,
    outage: Option<(Outage, Timestamp)>,
    outages: BTreeMap<String, u64>,
    redis: Vec<f64>,
    offenders: Offenders,
    offenders_since: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Counts {
    allowed: u64,
    denied: u64,
    shadow_denied: u64,
    outages: u64,
    cache_hits: u64,
    missing_identity: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            rules: BTreeMap::new(),
            listed_allowed: 0,
            listed_blocked: 0,
            flushed_at: None,
            outage: None,
            outages: BTreeMap::new(),
            redis: Vec::new(),
            offenders: Offenders::new(COUNTERS),
            offenders_since: None,
        }
    }
}

impl Tally {
    /// Counts a decision, and how long Redis took if it was asked. A request that another limit stopped counts as neither
    /// allowed nor denied by this one.
    pub fn add(&mut self, decision: &Decision, redis: Option<Duration>, now: Timestamp) {
        match &decision.listed {
            Some(Listed::Allowed) => self.listed_allowed += 1,
            Some(Listed::Blocked { .. }) => self.listed_blocked += 1,
            None => {}
        }
        if let Some((outage, _)) = decision.outage {
            *self.outages.entry(outage.to_string()).or_default() += 1;
        }
        self.redis
            .extend(redis.map(|time| time.as_secs_f64() * 1_000.0));
        for ruling in &decision.rulings {
            let known = ruling.standing.is_some();
            let stopped = if known || decision.from_cache {
                ruling.exceeded()
            } else {
                !decision.allowed
            };
            if !self.rules.contains_key(&ruling.limit.policy) {
                self.rules
                    .insert(ruling.limit.policy.clone(), Counts::default());
            }
            let Some(counts) = self.rules.get_mut(&ruling.limit.policy) else {
                continue;
            };
            counts.allowed += u64::from(decision.allowed);
            counts.denied += u64::from(stopped && ruling.enforced);
            counts.shadow_denied += u64::from(ruling.exceeded() && !ruling.enforced);
            counts.outages += u64::from(decision.outage.is_some());
            counts.cache_hits += u64::from(decision.from_cache && ruling.exceeded());
            counts.missing_identity += u64::from(ruling.identity.missing);
            if ruling.enforced && ruling.exceeded() {
                self.offenders_since.get_or_insert(now);
                self.offenders.count(ruling.identity.shown(), 1);
            }
        }
    }

    /// Whether it is time to write.
    pub fn is_due(&mut self, decision: &Decision, now: Timestamp) -> bool {
        let reason = decision.outage.map(|(outage, _)| outage);
        let new_outage = reason.is_some_and(|reason| {
            self.outage
                .is_none_or(|(last, at)| last != reason || seconds(at, now) >= FLUSH_SECONDS)
        });
        if new_outage || reason.is_none() {
            self.outage = reason.map(|reason| (reason, now));
        }
        new_outage
            || self
                .flushed_at
                .is_none_or(|at| seconds(at, now) >= FLUSH_SECONDS)
    }

    /// One line for each limit and one for the lists, and a fresh start.
    pub fn drain(&mut self, now: Timestamp) -> Vec<Metrics> {
        self.flushed_at = Some(now);
        let rules = std::mem::take(&mut self.rules);
        let mut lines: Vec<Metrics> = rules
            .iter()
            .map(|(policy, counts)| counts.line(policy))
            .collect();
        for (reason, count) in std::mem::take(&mut self.outages) {
            lines.push(
                Metrics::of("rate-limiter")
                    .by("Reason", reason)
                    .count("OutageDecisions", count),
            );
        }
        lines.extend(redis_time(&std::mem::take(&mut self.redis)));
        let (allowed, blocked) = (
            std::mem::take(&mut self.listed_allowed),
            std::mem::take(&mut self.listed_blocked),
        );
        if allowed + blocked > 0 {
            let lists = Metrics::of("rate-limiter");
            lines.push(
                lists
                    .count("ListAllowed", allowed)
                    .count("ListBlocked", blocked),
            );
        }
        lines
    }

    /// Once a minute, if somebody was denied: who most often, as JSON. Names are addresses or hashes.
    pub fn offenders(&mut self, now: Timestamp) -> Option<String> {
        let since = self
            .offenders_since
            .filter(|at| seconds(*at, now) >= OFFENDERS_SECONDS)?;
        let sketch = std::mem::replace(&mut self.offenders, Offenders::new(COUNTERS));
        self.offenders_since = None;
        let top: Vec<serde_json::Value> = sketch
            .top(SHOWN)
            .into_iter()
            .map(|one| serde_json::json!({"identity": one.name, "denied": one.count, "at_most_too_high_by": one.error}))
            .collect();
        let seconds = seconds(since, now).round();
        Some(
            serde_json::json!({"denials": sketch.total(), "seconds": seconds, "top": top})
                .to_string(),
        )
    }
}

/// Mean and longest, of the requests for which Redis was asked.
#[expect(clippy::cast_precision_loss, reason = "a count of one second")]
fn redis_time(times: &[f64]) -> Option<Metrics> {
    let longest = times.iter().copied().reduce(f64::max)?;
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let line = Metrics::of("rate-limiter").value("RedisMilliseconds", Unit::Milliseconds, mean);
    Some(line.value("RedisMillisecondsLongest", Unit::Milliseconds, longest))
}

impl Counts {
    fn line(&self, policy: &str) -> Metrics {
        Metrics::of("rate-limiter")
            .by("Rule", policy)
            .count("Allowed", self.allowed)
            .count("Denied", self.denied)
            .count("ShadowDenied", self.shadow_denied)
            .count("Outage", self.outages)
            .count("DenialCacheHits", self.cache_hits)
            .count("MissingIdentity", self.missing_identity)
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
    }

    /// The figures of one limit in the lines written, by name.
    fn figure(lines: &[Metrics], rule: &str, name: &str) -> serde_json::Value {
        let lines = lines.iter().map(|line| line.to_emf(at(0)));
        let found = lines.into_iter().find(|line| line["Rule"] == rule);
        found.unwrap()[name].clone()
    }

    #[test]
    fn a_flood_of_decisions_becomes_one_line_for_each_limit_a_second() {
        let rules = samples::rules();
        let (allowed, denied) = (samples::allowed(&rules), samples::denied(&rules));
        let mut tally = Tally::default();
        tally.add(&allowed, Some(Duration::from_millis(2)), at(0));
        assert!(tally.is_due(&allowed, at(0)), "the first one at once");
        tally.drain(at(0));
        for request in 0..1_000 {
            tally.add(&denied, None, at(request));
            assert!(!tally.is_due(&denied, at(request.min(999))));
        }
        assert!(tally.is_due(&denied, at(1_000)));
        let lines = tally.drain(at(1_000));
        assert_eq!(lines.len(), 2);
        assert_eq!(figure(&lines, "login", "Denied"), 1_000.0);
        assert_eq!(
            figure(&lines, "default", "Denied"),
            0.0,
            "another limit stopped those"
        );
        assert_eq!(figure(&lines, "default", "Allowed"), 0.0);
        assert_eq!(tally.drain(at(1_001)), []);
    }

    #[test]
    fn an_outage_is_written_at_once_when_it_begins_or_changes() {
        let rules = samples::rules();
        let mut tally = Tally::default();
        let mut outage = samples::closed(&rules);
        let due = |tally: &mut Tally, decision: &Decision, now: i64| {
            tally.add(decision, None, at(now));
            tally
                .is_due(decision, at(now))
                .then(|| tally.drain(at(now)))
        };
        assert!(due(&mut tally, &samples::allowed(&rules), 0).is_some());
        let lines = due(&mut tally, &outage, 10).unwrap();
        assert_eq!(figure(&lines, "login", "Outage"), 1.0);
        let reasons = lines.iter().map(|line| line.to_emf(at(0)));
        let reasons: Vec<_> = reasons
            .filter(|line| line["Reason"] == "redis-unreachable")
            .collect();
        assert_eq!(reasons[0]["OutageDecisions"], 1.0);
        assert!(due(&mut tally, &outage, 20).is_none());
        outage.outage = outage.outage.map(|(_, mode)| (Outage::Deadline, mode));
        assert!(due(&mut tally, &outage, 30).is_some());
    }

    #[test]
    fn offenders_are_named_once_a_minute_by_what_they_are_counted_under() {
        let rules = samples::rules();
        let mut tally = Tally::default();
        for _ in 0..5 {
            tally.add(&samples::denied(&rules), None, at(0));
        }
        assert_eq!(tally.offenders(at(59_000)), None);
        let named = tally.offenders(at(60_000)).unwrap();
        assert_eq!(
            named,
            r#"{"denials":5,"seconds":60.0,"top":[{"identity":"someone","denied":5,"at_most_too_high_by":0}]}"#
        );
        assert_eq!(
            tally.offenders(at(120_000)),
            None,
            "nobody was denied since"
        );
    }
}
