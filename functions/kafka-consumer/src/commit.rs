//! Writes what a batch adds to a partition: rules pinned first, then quarantine and items, the partition's state last.
//!
//! Each item is read, added to and written back over the version that was read. So this may stop anywhere, be cut off
//! by a deadline, or run twice at once: the next delivery makes it whole.

use futures::{StreamExt, TryStreamExt, stream};
use tollkeeper::aws::{Condition, Put, TableError, Versioned};
use tollkeeper::error::chain;
use tollkeeper::rollup::{ItemKey, Shard};

use crate::archive::ArchiveError;
use crate::item::{Batch, Counters, Item, Update};
use crate::plan::{Dimension, Plan, Poison};
use crate::rollups::Rollups;
use crate::ruleset::{Pinned, RulesetError};
use crate::rulesets::Rulesets;
use crate::state::{Advance, Regression, State};

/// Items of a partition written at the same time.
const AT_ONCE: usize = 8;

/// Reads of an item before another writer's success is taken for contention that will not end.
const ATTEMPTS: usize = 10;

/// Why a partition could not be committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The rules by which the records have to be read.
    #[error(transparent)]
    Ruleset(#[from] RulesetError),
    /// The records may be others than those that were counted.
    #[error(transparent)]
    Regression(#[from] Regression),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Another writer was faster each time.
    #[error("item {pk} / {sk} was changed by another writer each time")]
    Contended {
        /// Partition key.
        pk: String,
        /// Sort key.
        sk: String,
    },
}

impl CommitError {
    /// The error and its causes in one line.
    pub fn describe(&self) -> String {
        chain(self)
    }

    fn contended(key: &ItemKey) -> Self {
        Self::Contended {
            pk: key.pk.clone(),
            sk: key.sk.clone(),
        }
    }
}

/// A partition's state as it is stored.
pub type Stored = Versioned<State>;

/// Makes sure that rules are pinned for all offsets up to the batch's last: the state with them, and which hold for
/// the batch.
pub async fn pin(
    rollups: &impl Rollups,
    rulesets: &Rulesets,
    shard: &Shard,
    mut state: Option<Stored>,
    (first, last): (i64, i64),
) -> Result<(Stored, Pinned), CommitError> {
    let (key, mine) = (shard.state(), rulesets.mine().id());
    for _ in 0..ATTEMPTS {
        let pinned = match state {
            Some(state) if state.item.is_pinned(last) => {
                let rules = rulesets.pinned(rollups, &state.item, first, last).await?;
                return Ok((state, rules));
            }
            Some(Stored { version, item }) => Stored {
                version,
                item: item.pinned(last, mine),
            },
            None => Stored {
                version: 0,
                item: State::new(last, mine),
            },
        };
        rulesets.store(rollups).await?;
        let Stored { version, item } = pinned;
        state = match rollups.replace(&key, item.clone(), version).await? {
            Put::Done => Some(Stored {
                version: version + 1,
                item,
            }),
            Put::Conflict => rollups.get(&key).await?,
        };
    }
    Err(CommitError::contended(&key))
}

/// Writes the plan's quarantine and items. What was written before is not counted again.
pub async fn write(
    rollups: &impl Rollups,
    plan: &Plan,
    batch: Batch<'_>,
) -> Result<(), CommitError> {
    try_each(&plan.quarantine, |poison| quarantine(rollups, poison)).await?;
    dimension(rollups, &plan.traffic, batch).await?;
    dimension(rollups, &plan.levels, batch).await?;
    dimension(rollups, &plan.errors, batch).await
}

/// Writes the state back as a new version, unchanged: whoever works on the partition by an older one can no longer
/// commit alone.
pub async fn claim(
    rollups: &impl Rollups,
    shard: &Shard,
    state: &mut Stored,
) -> Result<(), CommitError> {
    let key = shard.state();
    match rollups
        .replace(&key, state.item.clone(), state.version)
        .await?
    {
        Put::Done => state.version += 1,
        Put::Conflict => return Err(CommitError::contended(&key)),
    }
    Ok(())
}

/// Marks a batch as done, once all of it is written. `exclusive` refuses a state that another run changed
/// meanwhile: rollups stand that, the archive does not.
pub async fn finish(
    rollups: &impl Rollups,
    rulesets: &Rulesets,
    shard: &Shard,
    mut state: Stored,
    advance: &Advance,
    exclusive: bool,
) -> Result<(), CommitError> {
    let (key, mine) = (shard.state(), rulesets.mine().id());
    for _ in 0..ATTEMPTS {
        // It may be pinned ahead in the same write, and must be in the table by then.
        if !state.item.ends_with(mine) {
            rulesets.store(rollups).await?;
        }
        let next = state.item.after(advance, mine);
        if rollups.replace(&key, next, state.version).await? == Put::Done {
            return Ok(());
        }
        if exclusive {
            break;
        }
        match rollups.get(&key).await? {
            Some(current) => state = current,
            // Somebody deleted it since the rules were pinned: begin again.
            None => break,
        }
    }
    Err(CommitError::contended(&key))
}

async fn dimension<S: Counters>(
    rollups: &impl Rollups,
    dimension: &Dimension<S>,
    batch: Batch<'_>,
) -> Result<(), CommitError> {
    try_each(&dimension.updates, |update| {
        settle::<S>(rollups, update, &dimension.cells, batch)
    })
    .await
}

async fn try_each<'a, T, F>(all: &'a [T], write: impl FnMut(&'a T) -> F) -> Result<(), CommitError>
where
    F: Future<Output = Result<(), CommitError>>,
{
    stream::iter(all)
        .map(write)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn quarantine(
    rollups: &impl Rollups,
    (key, poison): &(ItemKey, Poison),
) -> Result<(), CommitError> {
    rollups.put(key, poison, &Condition::Always).await?;
    tracing::warn!(
        pk = key.pk,
        sk = key.sk,
        reason = poison.reason,
        "record quarantined"
    );
    Ok(())
}

async fn settle<S: Counters>(
    rollups: &impl Rollups,
    update: &Update<S::Part>,
    cells: &S::Cells,
    batch: Batch<'_>,
) -> Result<(), CommitError> {
    for _ in 0..ATTEMPTS {
        let current: Option<Versioned<Item<S>>> = rollups.get(&update.key).await?;
        let (version, item) =
            current.map_or((0, None), |current| (current.version, Some(current.item)));
        let Some(next) = Item::after(item, update, cells, batch) else {
            return Ok(());
        };
        if rollups.replace(&update.key, next, version).await? == Put::Done {
            return Ok(());
        }
        tracing::debug!(
            pk = update.key.pk,
            sk = update.key.sk,
            "item changed, read again"
        );
    }
    Err(CommitError::contended(&update.key))
}
