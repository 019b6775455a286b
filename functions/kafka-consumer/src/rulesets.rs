//! The rulesets that this function can read by: its own, and those that partitions were pinned to before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tollkeeper::aws::Condition;
use tollkeeper::rollup::ItemKey;

use crate::commit::CommitError;
use crate::rollups::Rollups;
use crate::ruleset::{Pinned, Ruleset, RulesetError, Stored};
use crate::state::State;

/// Known rulesets.
#[derive(Debug)]
pub struct Rulesets {
    mine: Arc<Ruleset>,
    stored: AtomicBool,
    others: Mutex<BTreeMap<String, Arc<Ruleset>>>,
}

impl Rulesets {
    /// With the ruleset of the function's own settings.
    pub fn new(mine: Ruleset) -> Self {
        Self {
            mine: Arc::new(mine),
            stored: AtomicBool::new(false),
            others: Mutex::default(),
        }
    }

    /// The ruleset of the function's own settings.
    pub fn mine(&self) -> &Arc<Ruleset> {
        &self.mine
    }

    /// Makes sure that the table has the function's own ruleset: nothing may be pinned to it before.
    pub async fn store(&self, rollups: &impl Rollups) -> Result<(), CommitError> {
        if self.stored.load(Ordering::Relaxed) {
            return Ok(());
        }
        let key = key(self.mine.id());
        // Read first: a write that is refused costs as much as one that is made.
        if rollups.get::<Stored>(&key).await?.is_none() {
            let stored = self.mine.to_stored()?;
            rollups.put(&key, &stored, &Condition::Absent).await?;
        }
        self.stored.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The rulesets that a state has pinned from `first` to `last`.
    pub async fn pinned(
        &self,
        rollups: &impl Rollups,
        state: &State,
        first: i64,
        last: i64,
    ) -> Result<Pinned, CommitError> {
        let mut stretches = Vec::new();
        for pin in state.pins(first, last) {
            stretches.push((pin.from, self.get(rollups, &pin.ruleset).await?));
        }
        let below = stretches.first().map_or(&self.mine, |(_, ruleset)| ruleset);
        Ok(Pinned::from(below.clone(), stretches))
    }

    async fn get(&self, rollups: &impl Rollups, id: &str) -> Result<Arc<Ruleset>, CommitError> {
        if id == self.mine.id() {
            return Ok(self.mine.clone());
        }
        if let Some(ruleset) = self.others().get(id) {
            return Ok(ruleset.clone());
        }
        let stored = rollups
            .get::<Stored>(&key(id))
            .await?
            .ok_or_else(|| RulesetError {
                id: id.to_owned(),
                problem: "is pinned to these offsets but is not in the table any more",
            })?;
        let ruleset = Arc::new(Ruleset::from_stored(id, stored)?);
        self.others().insert(id.to_owned(), ruleset.clone());
        Ok(ruleset)
    }

    fn others(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Ruleset>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(id: &str) -> ItemKey {
    ItemKey {
        pk: format!("ruleset#{id}"),
        sk: "content".to_owned(),
    }
}
