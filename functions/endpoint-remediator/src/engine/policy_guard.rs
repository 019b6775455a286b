//! A policy is set over the one that was planned for, and put back over the one that was set: never over a third.

use super::{Clock, Engine, EngineError, Keep};
use crate::change::Change;
use crate::network::Network;
use crate::policy;

impl<N: Network, K: Keep, C: Clock> Engine<'_, N, K, C> {
    /// Refuses a change of policy where the endpoint has one that is neither before nor after. Out of time, or with the
    /// endpoint gone, there is nothing to refuse: what comes next says so.
    pub(super) async fn refuse_moved_policy(
        &self,
        step: u32,
        change: &Change<String>,
    ) -> Result<(), EngineError> {
        let Change::SetPolicy {
            endpoint,
            policy: set,
            replaces,
            ..
        } = change
        else {
            return Ok(());
        };
        let look = async || Ok(Some(self.live_endpoint(endpoint).await?));
        let Some(found) = self.until(step, change, look).await?.flatten() else {
            return Ok(());
        };
        let is = |known: &str| policy::same(found.policy.as_deref(), Some(known));
        if is(set) || is(replaces) {
            return Ok(());
        }
        Err(EngineError::PolicyMoved {
            step,
            endpoint: endpoint.clone(),
        })
    }
}
