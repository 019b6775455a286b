//! One decision for one request: what the lists say, which limits hold, what Redis says of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::decision::{Decision, Ruling};
use crate::error::RequestError;
use crate::limiter::{Limiter, Verdict};
use crate::matching::{Applied, Question, applied};
use crate::overrides::{Live, Loaded, Overrides};
use crate::quota::{Claim, Demand, Operation};
use crate::redis_server::Outage;
use crate::rules::{Document, Listed};
use crate::tally::Tally;

/// Rules, lists and the limiter that decides by them.
pub struct Gate {
    document: Arc<Document>,
    live: Live,
    limiter: Limiter,
    /// Nothing is denied, everything is reported.
    shadow: bool,
    tally: Mutex<Tally>,
    leases: LeaseNames,
}

impl Gate {
    /// A gate; with `shadow` it only watches.
    pub fn new(
        document: Document,
        overrides: Option<Overrides>,
        limiter: Limiter,
        shadow: bool,
    ) -> Self {
        let document = Arc::new(document);
        Self {
            live: Live::new(document.clone(), overrides),
            document,
            limiter,
            shadow,
            tally: Mutex::new(Tally::default()),
            leases: LeaseNames::new(fastrand::u64(..)),
        }
    }

    /// Decides, charges what was granted, and counts it in the metrics.
    pub async fn take(
        &self,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Decision<'_>, RequestError> {
        let loaded = self.live.current(now).await;
        let started = Instant::now();
        let decision = self.decide(question, &loaded, Operation::Take, now).await?;
        let spared = matches!(decision.outage, Some((Outage::BreakerOpen, _)));
        let asked = !decision.from_cache && !decision.rulings.is_empty() && !spared;
        self.count(&decision, asked.then(|| started.elapsed()), now);
        Ok(decision)
    }

    /// What a take would answer; changes nothing and counts nowhere.
    pub async fn peek(
        &self,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Decision<'_>, RequestError> {
        let loaded = self.live.current(now).await;
        self.decide(question, &loaded, Operation::Peek, now).await
    }

    /// Gives back or forgets. `lease` is the one to end, for [`Operation::Release`].
    pub async fn undo(
        &self,
        operation: Operation,
        question: &Question<'_>,
        lease: Option<&str>,
        now: Timestamp,
    ) -> Result<Decision<'_>, RequestError> {
        let loaded = self.live.current(now).await;
        self.ask(question, &loaded, operation, lease, now).await
    }

    /// Lists first, then the limits. In shadow a blocked address is reported, and its limits are asked as if it were not.
    async fn decide(
        &self,
        question: &Question<'_>,
        loaded: &Loaded,
        operation: Operation,
        now: Timestamp,
    ) -> Result<Decision<'_>, RequestError> {
        let listed = loaded.lists.of(question.request.address).cloned();
        match listed {
            Some(Listed::Allowed) => Ok(Decision::listed(Listed::Allowed, true)),
            Some(blocked) if !self.shadow => Ok(Decision::listed(blocked, false)),
            listed => {
                let decision = self.ask(question, loaded, operation, None, now).await?;
                Ok(Decision { listed, ..decision })
            }
        }
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        loaded: &Loaded,
        operation: Operation,
        lease: Option<&str>,
        now: Timestamp,
    ) -> Result<Decision<'_>, RequestError> {
        let applied = applied(&self.document.rules, loaded, question, self.shadow)?;
        let claims: Vec<Claim> = applied.iter().map(Applied::claim).collect();
        let leases = applied.iter().any(|one| one.limit.is_in_flight());
        let lease = match lease {
            Some(lease) => lease.to_owned(),
            None if leases => self.leases.next(),
            None => String::new(),
        };
        let demand = Demand {
            operation,
            claims: &claims,
            lease: &lease,
        };
        let Verdict {
            allowed,
            standings,
            outage,
            from_cache,
            decided_at_us,
        } = self.limiter.ask(&demand, now).await;
        let standings = standings.into_iter().chain(std::iter::repeat(None));
        Ok(Decision {
            allowed,
            outage,
            rulings: applied
                .into_iter()
                .zip(standings)
                .map(|(one, standing)| Ruling::new(one, standing))
                .collect(),
            listed: None,
            from_cache,
            lease: (leases && allowed && operation == Operation::Take).then_some(lease),
            decided_at_us,
        })
    }

    fn count(&self, decision: &Decision<'_>, redis: Option<Duration>, now: Timestamp) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.add(decision, redis, now);
        if tally.is_due(decision, now) {
            for metrics in tally.drain(now).into_iter().chain(self.live.metrics(now)) {
                metrics.emit(now);
            }
        }
        if let Some(offenders) = tally.offenders(now) {
            tracing::info!(
                offenders,
                "top offenders: identities denied most often since the last such line"
            );
        }
    }
}

/// Names for leases: unique for each request of each process.
struct LeaseNames {
    process: u64,
    count: AtomicU64,
}

impl LeaseNames {
    fn new(process: u64) -> Self {
        Self {
            process,
            count: AtomicU64::new(0),
        }
    }

    fn next(&self) -> String {
        format!(
            "{:016x}-{:x}",
            self.process,
            self.count.fetch_add(1, Ordering::Relaxed)
        )
    }
}
