//! Forward: each step once, in order.

use tollkeeper::aws::Versioned;

use super::{Engine, EngineError, Journal, Keep, Outcome};
use crate::change::{Change, Step};
use crate::journal::{Entry, PreImage, Progress};
use crate::network::{Network, NetworkError};
use crate::snapshot::EndpointState;

impl<N: Network, K: Keep> Engine<'_, N, K> {
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
        let look = async || self.is_so(change).await.map(Some);
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
            (self.clock)(),
        );
        let mut entry = Versioned { version: 0, item };
        self.keep(&mut entry).await?;
        Ok(Some(entry))
    }

    /// Brings an intent to its outcome, whether or not an earlier run had already called; `false` when out of time.
    async fn carry_out(&self, entry: &mut Versioned<Entry>) -> Result<bool, EngineError> {
        let (step, change) = (entry.item.step, entry.item.change.clone());
        let call = async || self.call_once(step, &change).await.map(Some);
        let Some(created) = self.until(step, &change, call).await? else {
            return Ok(false);
        };
        entry.item.done(created, (self.clock)());
        self.keep(entry).await?;
        tracing::info!(plan_id = self.plan_id, step, "step done");
        Ok(true)
    }

    async fn call_once(
        &self,
        step: u32,
        change: &Change<String>,
    ) -> Result<Option<String>, NetworkError> {
        let stamp = self.stamp(step);
        if change.creates() {
            if let Some(id) = self.network.made(change, &stamp).await? {
                return Ok(Some(id));
            }
        } else if self.is_so(change).await? {
            return Ok(None);
        }
        self.network.change(change, &stamp).await
    }

    /// Waits for what a step needs first: an endpoint takes routes and private DNS once it is available.
    async fn is_ready(&self, step: u32, change: &Change<String>) -> Result<bool, EngineError> {
        self.refuse_moved_policy(step, change).await?;
        let (Change::SwitchPrivateDnsOn { endpoint, .. }
        | Change::AssociateRouteTable { endpoint, .. }) = change
        else {
            return Ok(true);
        };
        let settled = self
            .until(step, change, async || {
                let found = self.network.endpoint(endpoint).await?;
                let state = found.map_or(EndpointState::Pending, |endpoint| endpoint.state);
                Ok((state != EndpointState::Pending).then_some(state))
            })
            .await?;
        match settled {
            None => Ok(false),
            Some(EndpointState::Available) => Ok(true),
            Some(state) => Err(EngineError::Unusable {
                step,
                endpoint: endpoint.clone(),
                state: format!("{state:?}").to_ascii_lowercase(),
            }),
        }
    }
}
