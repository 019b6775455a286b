//! Backward: the inverses of the journal's entries, last first; only what the plan made or changed.

use jiff::Timestamp;

use super::{Clock, Engine, EngineError, Journal, Keep, Outcome, Trouble};
use crate::change::{Change, Inverse};
use crate::journal::{Entry, Progress};
use crate::network::{Network, NetworkError};
use crate::snapshot::EndpointState;

impl<N: Network, K: Keep, C: Clock> Engine<'_, N, K, C> {
    /// Undoes every entry that is not undone yet.
    pub(crate) async fn undo(&self, journal: &mut Journal) -> Result<Outcome, EngineError> {
        for (step, entry) in journal.iter_mut().rev() {
            if entry.item.progress == Progress::Undone {
                continue;
            }
            let change = entry.item.change.clone();
            if !self.has_time() || !self.undo_entry(&entry.item, &change).await? {
                return Ok(Outcome::OutOfTime {
                    at: format!("undoing step {step}: {change}"),
                });
            }
            entry.item.undone(self.clock.now());
            self.keep(entry).await?;
            tracing::info!(plan_id = self.plan_id, step, "step undone");
        }
        Ok(Outcome::Finished)
    }

    /// `false` when out of time.
    async fn undo_entry(
        &self,
        entry: &Entry,
        change: &Change<String>,
    ) -> Result<bool, EngineError> {
        if entry.inverse == Inverse::Nothing {
            return Ok(true);
        }
        let believed_from = self.absence_believed_from(entry);
        self.refuse_moved_policy(entry.step, change).await?;
        if !change.creates() {
            return self.reverse(entry.step, change, believed_from).await;
        }
        let known = if entry.created_id.is_some() {
            entry.created_id.clone()
        } else {
            // An intent without an outcome: it may have been made all the same.
            let stamp = self.stamp(entry.step);
            let look = async || {
                let made = self.network.made(change, &stamp).await?;
                Ok((made.is_some() || self.is_past(believed_from)).then_some(made))
            };
            match self.until(entry.step, change, look).await? {
                Some(found) => found,
                None => return Ok(false),
            }
        };
        match known {
            Some(id) => self.remove(entry.step, change, &id, believed_from).await,
            None => Ok(true),
        }
    }

    /// An outcome in the journal says when EC2 was last told; after an intent alone, the call may have been made just now.
    fn absence_believed_from(&self, entry: &Entry) -> Timestamp {
        let told = entry.done_at.unwrap_or_else(|| self.clock.now());
        self.believed_from(told)
    }

    fn is_past(&self, moment: Timestamp) -> bool {
        self.clock.now() >= moment
    }

    /// Takes back what a change set; `false` when out of time.
    async fn reverse(
        &self,
        step: u32,
        change: &Change<String>,
        believed_from: Timestamp,
    ) -> Result<bool, EngineError> {
        let attempt = async || {
            if self.is_so(change).await? {
                self.journal.hold().await?;
                match self.network.undo(change, None, &self.stamp(step)).await {
                    Err(error) if error.is_absence() => {}
                    other => return Ok(Some(other?)),
                }
            }
            Ok(self.is_past(believed_from).then_some(()))
        };
        Ok(self.until(step, change, attempt).await?.is_some())
    }

    /// Deletes what a change made, and waits until it is gone; `false` when out of time.
    async fn remove(
        &self,
        step: u32,
        change: &Change<String>,
        id: &str,
        believed_from: Timestamp,
    ) -> Result<bool, EngineError> {
        let is_gateway = matches!(change, Change::CreateGatewayEndpoint { .. });
        if is_gateway && !self.is_unused(step, change, id).await? {
            return Ok(false);
        }
        let is_group = matches!(change, Change::CreateGroup { .. });
        let (mut is_told, mut refused_from) = (false, None);
        let attempt = async || {
            let is_gone = match self.presence(change, id).await? {
                Presence::Live if !is_told => {
                    self.journal.hold().await?;
                    match self.network.undo(change, Some(id), &self.stamp(step)).await {
                        Err(error) if error.is_absence() => self.is_past(believed_from),
                        Err(error) if is_group && error.code == "DependencyViolation" => {
                            let now = self.clock.now();
                            let since = *refused_from.get_or_insert(now);
                            if now < self.believed_from(since) {
                                return Ok(None);
                            }
                            let users = self.network.users_of_group(id).await?;
                            return Ok((!users.is_empty()).then_some(users));
                        }
                        other => {
                            other?;
                            is_told = true;
                            // A deleted group is gone; an endpoint takes minutes, and its group stays until then.
                            is_group
                        }
                    }
                }
                Presence::Live | Presence::Leaving => false,
                Presence::Absent => is_told || self.is_past(believed_from),
                Presence::Gone => true,
            };
            Ok(is_gone.then(Vec::new))
        };
        let users = self.until(step, change, attempt).await?;
        stays_with(users, step, id)
    }

    async fn presence(&self, change: &Change<String>, id: &str) -> Result<Presence, NetworkError> {
        if matches!(change, Change::CreateGroup { .. }) {
            let found = self.network.group(id).await?;
            return Ok(found.map_or(Presence::Absent, |_| Presence::Live));
        }
        let found = self.network.endpoint(id).await?;
        Ok(match found.map(|endpoint| endpoint.state) {
            None => Presence::Absent,
            Some(EndpointState::Deleted) => Presence::Gone,
            Some(EndpointState::Deleting) => Presence::Leaving,
            Some(_) => Presence::Live,
        })
    }

    /// By now the plan's own tables are off the endpoint: any that is left was added by somebody else, which is an error.
    /// `false` when out of time.
    async fn is_unused(
        &self,
        step: u32,
        change: &Change<String>,
        id: &str,
    ) -> Result<bool, EngineError> {
        // The plan's own table may have been taken off just now.
        let believed_from = self.believed_from(self.clock.now());
        let look = async || {
            let users = match self.live_endpoint(id).await? {
                Some(endpoint) => endpoint.route_tables,
                None => Vec::new(),
            };
            Ok::<_, Trouble>((users.is_empty() || self.is_past(believed_from)).then_some(users))
        };
        stays_with(self.until(step, change, look).await?, step, id)
    }
}

/// Whether there was an answer, and nobody in it who uses the resource.
fn stays_with(users: Option<Vec<String>>, step: u32, id: &str) -> Result<bool, EngineError> {
    match users {
        Some(users) if !users.is_empty() => Err(EngineError::InUse {
            step,
            resource: id.to_owned(),
            users: users.join(", "),
        }),
        found => Ok(found.is_some()),
    }
}

/// What EC2 says of something this plan made.
enum Presence {
    Live,
    /// Being deleted.
    Leaving,
    /// Known as deleted.
    Gone,
    /// Not known: gone, or not yet seen.
    Absent,
}
