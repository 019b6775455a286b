//! Keeps a series' incidents over a day and tells what is to be told: once, whatever is cut off or runs beside it.
//!
//! A message is written into its incident, together with the claim of the run that will send it, by one conditional write;
//! then it is sent; then it is struck out. Of two runs one wins the write, the other reads again and finds the day judged.
//! A claim is a lease of [`LEASE`], longer than a send may take ([`SEND_LIMIT`]): who holds one that has ended is dead, and
//! the next run sends in its place. What SNS refused loses its claim at once and is sent by the next run.
//!
//! The choice: **at least once**. A run that dies after SNS took the message and before it was struck out leaves a message
//! that will be sent again after the lease; nothing short of a topic that drops repeats could tell. The repeat has the same
//! incident, state and day. At every other point a cut-off costs no message and doubles none.

use std::time::Duration;

use jiff::SignedDuration;
use tollkeeper::aws::{AlertError, Put, TableError, Versioned};
use tollkeeper::finding::Finding;

use super::run::Run;
use super::{Claim, Incident, Move, Pending};
use crate::fault::DetectorError;

/// How long a run may hold a message.
pub const LEASE: SignedDuration = SignedDuration::from_secs(120);
/// How long a send may take, the SDK's retries included: well under the lease.
pub const SEND_LIMIT: Duration = Duration::from_secs(70);
/// Times that a run reads again after somebody else wrote.
const TRIES: usize = 5;

/// Where incidents are kept.
pub(crate) trait Incidents {
    /// The series' incidents with their versions, oldest first.
    async fn read(&self, series: &str) -> Result<Vec<Versioned<Incident>>, TableError>;
    /// Writes an incident over exactly the version it was read at (0: it must be new).
    async fn write(&self, incident: &Incident, version: i64) -> Result<Put, TableError>;
}

/// How people are told.
pub(crate) trait Voice {
    /// Sends a message; `Ok` once it was taken.
    async fn say(&self, finding: &Finding) -> Result<(), AlertError>;

    /// Whether nobody listens: incidents are kept as if they had been told, and what an earlier run could not send waits
    /// for one that is heard.
    fn is_muted(&self) -> bool {
        false
    }
}

/// A series' day: what it means and what there is to say.
pub(crate) trait SeriesDay {
    /// The series.
    fn series(&self) -> &str;
    /// What the day means for its incidents.
    fn decide(&self, incidents: &[Incident]) -> Vec<Move>;
    /// The incident that opens on the day.
    fn open(&self, incidents: &[Incident]) -> Incident;
    /// The incident after a turn, with its message (unclaimed) where there is something to tell.
    async fn after(
        &self,
        incident: Incident,
        incidents: &[Incident],
        turn: super::Turn,
    ) -> Result<Incident, DetectorError>;
}

/// What became of a day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// The day's own move.
    pub(crate) turn: super::Turn,
    /// The incident it belongs to.
    pub(crate) incident_id: Option<String>,
    /// What this run told.
    pub(crate) told: Vec<Finding>,
}

/// Keeps the incidents over a day.
pub(crate) async fn keep<I: Incidents, V: Voice, D: SeriesDay>(
    incidents: &I,
    voice: &V,
    day: &D,
    run: &Run,
) -> Result<Kept, DetectorError> {
    let desk = Desk {
        incidents,
        voice,
        run,
    };
    let mut told = Vec::new();
    let mut own_move = None;
    for _ in 0..TRIES {
        let mut slots = incidents.read(day.series()).await?;
        if !voice.is_muted() && !desk.deliver_all(&mut slots, &mut told).await? {
            continue;
        }
        let known: Vec<Incident> = slots.iter().map(|slot| slot.item.clone()).collect();
        let moves = day.decide(&known);
        if own_move.is_none() {
            own_move = moves.first().map(|own| {
                (
                    own.turn,
                    own.incident.map(|index| known[index].incident_id.clone()),
                )
            });
        }
        let mut overtaken = false;
        for one in moves {
            match desk.perform(day, &slots, &known, one).await? {
                Done::Nothing => {}
                Done::Overtaken => overtaken = true,
                Done::Kept(stored, finding) => {
                    if one.incident.is_none() {
                        own_move = Some((one.turn, Some(stored.item.incident_id.clone())));
                    }
                    told.extend(finding.map(|finding| *finding));
                }
            }
        }
        if !overtaken {
            let (turn, incident_id) = own_move.unwrap_or((super::Turn::Quiet, None));
            return Ok(Kept {
                turn,
                incident_id,
                told,
            });
        }
        // Somebody else wrote: the day means what their state says.
        own_move = None;
    }
    Err(DetectorError::Conflict(day.series().to_owned()))
}

/// What became of one move.
enum Done {
    Nothing,
    Overtaken,
    Kept(Box<Versioned<Incident>>, Option<Box<Finding>>),
}

/// What became of a message.
enum Sent {
    /// By this run.
    Yes(Box<Versioned<Incident>>),
    /// Somebody else took it.
    Overtaken,
}

struct Desk<'a, I, V> {
    incidents: &'a I,
    voice: &'a V,
    run: &'a Run,
}

impl<I: Incidents, V: Voice> Desk<'_, I, V> {
    /// Sends what earlier runs left behind; `false` if another run interfered and all is to be read again.
    async fn deliver_all(
        &self,
        slots: &mut [Versioned<Incident>],
        told: &mut Vec<Finding>,
    ) -> Result<bool, DetectorError> {
        for slot in slots {
            let Some(pending) = slot.item.pending.clone() else {
                continue;
            };
            match self.deliver(slot.clone(), &pending).await? {
                Sent::Yes(stored) => {
                    *slot = *stored;
                    told.push(pending.finding);
                }
                Sent::Overtaken => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn perform<D: SeriesDay>(
        &self,
        day: &D,
        slots: &[Versioned<Incident>],
        known: &[Incident],
        one: Move,
    ) -> Result<Done, DetectorError> {
        let stored = match (one.turn, one.incident) {
            (super::Turn::AlreadyJudged | super::Turn::Quiet, _) => return Ok(Done::Nothing),
            (_, Some(index)) => slots[index].clone(),
            (_, None) => Versioned {
                version: 0,
                item: day.open(known),
            },
        };
        let unsent = stored.item.pending.clone();
        let after = day.after(stored.item, known, one.turn).await?;
        let after = if self.voice.is_muted() {
            Incident {
                pending: unsent,
                ..after.told()
            }
        } else {
            after.claimed(Some(self.claim()))
        };
        let Some(stored) = self.write(stored.version, after).await? else {
            return Ok(Done::Overtaken);
        };
        let pending = stored.item.pending.clone();
        let Some(pending) = pending.filter(|_| !self.voice.is_muted()) else {
            return Ok(Done::Kept(Box::new(stored), None));
        };
        match self.deliver(stored, &pending).await? {
            Sent::Yes(stored) => Ok(Done::Kept(stored, Some(Box::new(pending.finding)))),
            Sent::Overtaken => Ok(Done::Overtaken),
        }
    }

    fn claim(&self) -> Claim {
        let now = self.run.now();
        Claim {
            run: self.run.id().to_owned(),
            until: now.checked_add(LEASE).unwrap_or(now),
        }
    }

    /// `None` where the condition failed.
    async fn write(
        &self,
        version: i64,
        item: Incident,
    ) -> Result<Option<Versioned<Incident>>, DetectorError> {
        Ok(match self.incidents.write(&item, version).await? {
            Put::Done => Some(Versioned {
                version: version + 1,
                item,
            }),
            Put::Conflict => None,
        })
    }

    /// Claims a message unless this run has it, sends it, strikes it out.
    async fn deliver(
        &self,
        stored: Versioned<Incident>,
        pending: &Pending,
    ) -> Result<Sent, DetectorError> {
        let now = self.run.now();
        // A claim of one's own is fresh enough where a whole send fits into it.
        let enough = now.checked_add(SEND_LIMIT).unwrap_or(now);
        let stored = match &pending.claim {
            Some(claim) if claim.run == self.run.id() && claim.until > enough => stored,
            Some(claim) if claim.run != self.run.id() && claim.until > now => {
                return Err(DetectorError::Claimed {
                    incident: stored.item.incident_id,
                    until: claim.until,
                });
            }
            _ => {
                let item = stored.item.claimed(Some(self.claim()));
                match self.write(stored.version, item).await? {
                    Some(stored) => stored,
                    None => return Ok(Sent::Overtaken),
                }
            }
        };
        if let Err(error) = self.send(&pending.finding).await {
            // Should this fail too, the lease ends by itself.
            let released = stored.item.claimed(None);
            if !matches!(
                self.incidents.write(&released, stored.version).await,
                Ok(Put::Done)
            ) {
                tracing::warn!(
                    incident_id = released.incident_id,
                    "a claim could not be given back"
                );
            }
            return Err(error.into());
        }
        tracing::info!(
            incident_id = pending.finding.incident_id,
            state = pending.finding.state.as_str(),
            "finding told"
        );
        let stored = self.strike_out(stored).await?;
        Ok(Sent::Yes(Box::new(stored)))
    }

    async fn send(&self, finding: &Finding) -> Result<(), AlertError> {
        match tokio::time::timeout(SEND_LIMIT, self.voice.say(finding)).await {
            Ok(said) => said,
            Err(_) => Err(AlertError::Call {
                topic: "(no answer)".to_owned(),
                code: "Timeout".to_owned(),
                detail: format!("no answer within {} seconds", SEND_LIMIT.as_secs()),
            }),
        }
    }

    /// A sent message that cannot be struck out would be sent again: so a conflict is looked into. It is this run's own
    /// write whose answer was lost, or a run that took over because this one was too slow.
    async fn strike_out(
        &self,
        mut stored: Versioned<Incident>,
    ) -> Result<Versioned<Incident>, DetectorError> {
        for _ in 0..TRIES {
            if let Some(done) = self
                .write(stored.version, stored.item.clone().told())
                .await?
            {
                return Ok(done);
            }
            let series = stored.item.series.clone();
            let now = self.incidents.read(&series).await?;
            let Some(current) = now
                .into_iter()
                .find(|slot| slot.item.opened == stored.item.opened)
            else {
                break;
            };
            let own = |pending: &Pending| {
                pending
                    .claim
                    .as_ref()
                    .is_some_and(|claim| claim.run == self.run.id())
            };
            if !current.item.pending.as_ref().is_some_and(own) {
                return Ok(current);
            }
            stored = current;
        }
        Err(DetectorError::Conflict(stored.item.incident_id))
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
