//! Forward: each step once, in order.

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
            if !self.has_time() || !self.is_ready(step.number, &change).await? {
                return Ok(out_of_time());
            }
            let mut entry = match journal.remove(&step.number) {
                Some(entry) => entry,
                None => match self.intend(step.number, &change).await? {
                    Some(entry) => entry,
                    None => return Ok(out_of_time()),
                },
            };
            let done = self.carry_out(&mut entry).await;
            journal.insert(step.number, entry);
            if !done? {
                return Ok(out_of_time());
            }
        }
        Ok(Outcome::Finished)
    }

    /// Reads the pre-image and writes the intent; `None` when the time is over.
    async fn intend(
        &self,
        step: u32,
        change: &Change<String>,
    ) -> Result<Option<Versioned<Entry>>, EngineError> {
        let look = async || Ok(Some(self.is_so(change).await?));
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

    /// Brings an intent to its outcome, whether or not an earlier run had already called; `false` when out of time.
    async fn carry_out(&self, entry: &mut Versioned<Entry>) -> Result<bool, EngineError> {
        let (step, change) = (entry.item.step, entry.item.change.clone());
        let call = async || Ok(Some(self.call_once(step, &change).await?));
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
    ) -> Result<Option<String>, Trouble> {
        let stamp = self.stamp(step);
        if change.creates() {
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
    async fn is_ready(&self, step: u32, change: &Change<String>) -> Result<bool, EngineError> {
        let (Change::SwitchPrivateDnsOn { endpoint, .. }
        | Change::AssociateRouteTable { endpoint, .. }) = change
        else {
            return Ok(true);
        };
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
            Some(Some(EndpointState::Available)) => Ok(true),
            Some(Some(state)) => Err(unusable(format!("{state:?}").to_ascii_lowercase())),
            Some(None) => Err(unusable("gone".to_owned())),
        }
    }
}
