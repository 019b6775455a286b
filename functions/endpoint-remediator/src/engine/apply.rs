//! Forward: each step once, in order.

use std::collections::BTreeSet;

use tollkeeper::aws::Versioned;

use super::{Clock, Engine, EngineError, Journal, Keep, Outcome, Trouble};
use crate::change::{Change, Step};
use crate::journal::{Entry, PreImage, Progress};
use crate::network::Network;
use crate::snapshot::EndpointState;

impl<N: Network, K: Keep, C: Clock> Engine<'_, N, K, C> {
    /// Does every step that the journal does not show as done.
    pub(crate) async fn apply(
        &self,
        steps: &[Step],
        journal: &mut Journal,
    ) -> Result<Outcome, EngineError> {
        // Endpoints that this run has seen available.
        let mut available = BTreeSet::new();
        for step in steps {
            let known = journal.get(&step.number);
            if known.is_some_and(|entry| entry.item.progress == Progress::Done) {
                continue;
            }
            let made = |number: u32| journal.get(&number)?.item.created_id.clone();
            let change = step
                .change
                .resolve(made)
                .ok_or(EngineError::Dangling { step: step.number })?;
            let out_of_time = || Outcome::OutOfTime {
                at: format!("step {}: {change}", step.number),
            };
            if !self.has_time() || !self.is_ready(step.number, &change, &mut available).await? {
                return Ok(out_of_time());
            }
            let (mut entry, is_fresh) = match journal.remove(&step.number) {
                Some(entry) => (entry, false),
                None => match self.intend(step.number, &change, journal).await? {
                    Some(entry) => (entry, true),
                    None => return Ok(out_of_time()),
                },
            };
            let done = self.carry_out(&mut entry, is_fresh).await;
            journal.insert(step.number, entry);
            if !done? {
                return Ok(out_of_time());
            }
        }
        Ok(Outcome::Finished)
    }

    /// Reads the pre-image and writes the intent; `None` when the time is over. What the plan made itself has no pre-image
    /// to read: it goes as a whole on the way back.
    async fn intend(
        &self,
        step: u32,
        change: &Change<String>,
        journal: &Journal,
    ) -> Result<Option<Versioned<Entry>>, EngineError> {
        let made = |id: &String| {
            let mut entries = journal.values();
            entries.any(|entry| entry.item.created_id.as_ref() == Some(id))
        };
        let look = async || {
            let is_own = change.changes().is_some_and(made);
            Ok(Some(!is_own && self.is_so(change).await?))
        };
        let Some(is_so) = self.until(step, change, look).await? else {
            return Ok(None);
        };
        let pre_image = if is_so {
            PreImage::Present
        } else {
            PreImage::Absent
        };
        let item = Entry::intend(
            self.plan_id,
            step,
            change.clone(),
            pre_image,
            self.clock.now(),
        );
        let mut entry = Versioned { version: 0, item };
        self.keep(&mut entry).await?;
        Ok(Some(entry))
    }

    /// Brings an intent to its outcome, whether or not an earlier run had already called; `false` when out of time. An
    /// intent written just now after a look needs no second one, but for what a first try may have done.
    async fn carry_out(
        &self,
        entry: &mut Versioned<Entry>,
        is_fresh: bool,
    ) -> Result<bool, EngineError> {
        let (step, change) = (entry.item.step, entry.item.change.clone());
        let mut may_be_so = !is_fresh || entry.item.pre_image == PreImage::Present;
        let call = async || {
            let look_first = std::mem::replace(&mut may_be_so, true);
            Ok(Some(self.call_once(step, &change, look_first).await?))
        };
        let Some(created) = self.until(step, &change, call).await? else {
            return Ok(false);
        };
        entry.item.done(created, self.clock.now());
        self.keep(entry).await?;
        tracing::info!(plan_id = self.plan_id, step, "step done");
        Ok(true)
    }

    async fn call_once(
        &self,
        step: u32,
        change: &Change<String>,
        look_first: bool,
    ) -> Result<Option<String>, Trouble> {
        let stamp = self.stamp(step);
        if !look_first {
            // Known to be absent.
        } else if change.creates() {
            if let Some(id) = self.network.made(change, &stamp).await? {
                return Ok(Some(id));
            }
        } else if self.is_so(change).await? {
            return Ok(None);
        }
        // As late as can be: EC2 takes the call of whoever lost the lock just as well.
        self.journal.hold().await?;
        Ok(self.network.change(change, &stamp).await?)
    }

    /// Waits for what a step needs first: an endpoint takes routes and private DNS once it is available.
    async fn is_ready(
        &self,
        step: u32,
        change: &Change<String>,
        available: &mut BTreeSet<String>,
    ) -> Result<bool, EngineError> {
        let (Change::SwitchPrivateDnsOn { endpoint, .. }
        | Change::AssociateRouteTable { endpoint, .. }) = change
        else {
            return Ok(true);
        };
        if available.contains(endpoint) {
            return Ok(true);
        }
        let believed_from = self.believed_from(self.clock.now());
        let settled = self
            .until(step, change, async || {
                let found = self.network.endpoint(endpoint).await?;
                Ok(match found.map(|endpoint| endpoint.state) {
                    Some(EndpointState::Pending) => None,
                    None => (self.clock.now() >= believed_from).then_some(None),
                    Some(state) => Some(Some(state)),
                })
            })
            .await?;
        let unusable = |state: String| EngineError::Unusable {
            step,
            endpoint: endpoint.clone(),
            state,
        };
        match settled {
            None => Ok(false),
            Some(Some(EndpointState::Available)) => {
                available.insert(endpoint.clone());
                Ok(true)
            }
            Some(Some(state)) => Err(unusable(format!("{state:?}").to_ascii_lowercase())),
            Some(None) => Err(unusable("gone".to_owned())),
        }
    }
}
