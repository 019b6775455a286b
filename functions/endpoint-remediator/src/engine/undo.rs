//! Backward: the inverses of the journal's entries, last first; only what the plan made or changed.

use tollkeeper::aws::Versioned;

use super::{Engine, EngineError, Journal, Keep, Outcome};
use crate::change::{Change, Inverse};
use crate::journal::{Entry, Progress};
use crate::network::{Network, NetworkError};
use crate::snapshot::EndpointState;

impl<N: Network, K: Keep> Engine<'_, N, K> {
    /// Undoes every entry that is not undone yet.
    pub(crate) async fn undo(&self, journal: &mut Journal) -> Result<Outcome, EngineError> {
        for (step, entry) in journal.iter_mut().rev() {
            if entry.item.progress == Progress::Undone {
                continue;
            }
            let change = entry.item.change.clone();
            if !self.has_time() || !self.undo_entry(*step, entry, &change).await? {
                return Ok(Outcome::OutOfTime {
                    at: format!("undoing step {step}: {change}"),
                });
            }
            entry.item.undone((self.clock)());
            self.keep(entry).await?;
            tracing::info!(plan_id = self.plan_id, step, "step undone");
        }
        Ok(Outcome::Finished)
    }

    /// `false` when out of time.
    async fn undo_entry(
        &self,
        step: u32,
        entry: &Versioned<Entry>,
        change: &Change<String>,
    ) -> Result<bool, EngineError> {
        if entry.item.inverse == Inverse::Nothing {
            return Ok(true);
        }
        self.refuse_moved_policy(step, change).await?;
        if !change.creates() {
            let undone = self
                .until(step, change, async || {
                    if self.is_so(change).await? {
                        self.network.undo(change, None).await?;
                    }
                    Ok(Some(()))
                })
                .await;
            return Ok(undone?.is_some());
        }
        let known = if entry.item.created_id.is_some() {
            entry.item.created_id.clone()
        } else {
            // An intent without an outcome: it may have been made all the same.
            let stamp = self.stamp(step);
            let look = async || self.network.made(change, &stamp).await.map(Some);
            match self.until(step, change, look).await? {
                Some(found) => found,
                None => return Ok(false),
            }
        };
        match known {
            Some(id) => self.remove(step, change, &id).await,
            None => Ok(true),
        }
    }

    async fn remove(
        &self,
        step: u32,
        change: &Change<String>,
        id: &str,
    ) -> Result<bool, EngineError> {
        if matches!(change, Change::CreateGatewayEndpoint { .. }) {
            self.refuse_if_used(step, change, id).await?;
        }
        let removed = self
            .until(step, change, async || {
                if self.is_still_there(change, id).await? {
                    self.network.undo(change, Some(id)).await?;
                }
                Ok(self.is_gone(change, id).await?.then_some(()))
            })
            .await;
        Ok(removed?.is_some())
    }

    /// Whether deleting has yet to be asked for: it takes minutes, and is asked for once.
    async fn is_still_there(
        &self,
        change: &Change<String>,
        id: &str,
    ) -> Result<bool, NetworkError> {
        Ok(match change {
            Change::CreateGroup { .. } => self.network.group(id).await?.is_some(),
            _ => self.live_endpoint(id).await?.is_some(),
        })
    }

    /// A deleted endpoint's interfaces are gone, so that its group can go next.
    async fn is_gone(&self, change: &Change<String>, id: &str) -> Result<bool, NetworkError> {
        if matches!(change, Change::CreateGroup { .. }) {
            return Ok(true);
        }
        let found = self.network.endpoint(id).await?;
        Ok(found.is_none_or(|endpoint| endpoint.state == EndpointState::Deleted))
    }

    /// By now the plan's own tables are off the endpoint: any that is left was added by somebody else.
    async fn refuse_if_used(
        &self,
        step: u32,
        change: &Change<String>,
        id: &str,
    ) -> Result<(), EngineError> {
        let look = async || self.live_endpoint(id).await.map(Some);
        match self.until(step, change, look).await?.flatten() {
            Some(endpoint) if !endpoint.route_tables.is_empty() => Err(EngineError::InUse {
                step,
                endpoint: id.to_owned(),
                users: endpoint.route_tables.join(", "),
            }),
            _ => Ok(()),
        }
    }
}
