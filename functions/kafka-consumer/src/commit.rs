//! Writes a partition's plan: quarantine and items first, the partition's state last.
//!
//! Each item is read, added to and written back on the condition that its watermark is still the one read. So this
//! may stop anywhere, be cut off by a deadline, or run twice at once: the next delivery makes it whole.

use futures::{StreamExt, TryStreamExt, stream};
use tollkeeper::aws::{Condition, Put, TableError};
use tollkeeper::error::chain;
use tollkeeper::rollup::{ItemKey, Traffic};

use crate::item::{Item, Levels, Progress, Sums, Update};
use crate::plan::{Plan, Poison};
use crate::rollups::Rollups;

/// Items of a partition written at the same time.
const AT_ONCE: usize = 8;

/// Reads of an item before another writer's success is taken for contention that will not end.
const ATTEMPTS: usize = 5;

/// Why a partition could not be committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Another writer was faster each time.
    #[error("item {pk} / {sk} was changed by another writer in each of {ATTEMPTS} attempts")]
    Contended {
        /// Partition key.
        pk: String,
        /// Sort key.
        sk: String,
    },
}

/// Writes the plan. Returns the last offset that an earlier delivery had already committed.
pub async fn commit(rollups: &impl Rollups, plan: &Plan) -> Result<Option<i64>, CommitError> {
    let already = match &plan.state {
        Some(state) => rollups.get::<Item<Progress>>(&state.key).await?,
        None => None,
    };
    try_each(&plan.quarantine, |poison| quarantine(rollups, poison)).await?;
    try_each(&plan.traffic, |update| settle::<Traffic>(rollups, update)).await?;
    try_each(&plan.logs, |update| settle::<Levels>(rollups, update)).await?;
    if let Some(state) = &plan.state {
        settle::<Progress>(rollups, state).await?;
    }
    Ok(already.map(|state| state.last_offset))
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

async fn settle<S: Sums>(
    rollups: &impl Rollups,
    update: &Update<S::Part>,
) -> Result<(), CommitError> {
    for _ in 0..ATTEMPTS {
        let current: Option<Item<S>> = rollups.get(&update.key).await?;
        let condition = match &current {
            None => Condition::Absent,
            Some(item) => Condition::Number {
                attribute: "last_offset",
                value: item.last_offset,
            },
        };
        let Some(next) = Item::after(current, update) else {
            return Ok(());
        };
        match rollups.put(&update.key, &next, &condition).await? {
            Put::Done => return Ok(()),
            Put::Conflict => {
                tracing::debug!(
                    pk = update.key.pk,
                    sk = update.key.sk,
                    "item changed, read again"
                );
            }
        }
    }
    Err(CommitError::Contended {
        pk: update.key.pk.clone(),
        sk: update.key.sk.clone(),
    })
}

impl CommitError {
    /// The error and its causes in one line.
    pub fn describe(&self) -> String {
        chain(self)
    }
}
