//! Counts a batch: observe (state), decide (plan each partition), act (commit each on its own).

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::answer::Outcome;
use crate::archive::{Archive, keep};
use crate::commit::{self, CommitError};
use crate::config::Config;
use crate::envelope::{Partition, Record};
use crate::item::Batch;
use crate::offsets::Offsets;
use crate::patience::Patient;
use crate::plan::{How, plan};
use crate::rollups::Rollups;
use crate::ruleset::Pinned;
use crate::rulesets::Rulesets;
use crate::samples::Known;
use crate::state::{Advance, Origin};
use crate::tally::Tally;

/// Partitions committed at the same time; also what bounds the plans in memory.
const AT_ONCE: usize = 4;

/// The span of no offset.
const NOTHING: (i64, i64) = (0, -1);

/// What became of a batch.
#[derive(Debug)]
pub struct Consumed {
    /// Of each partition, by name.
    pub outcomes: Vec<Outcome>,
    /// What was counted, summed over the committed partitions.
    pub tally: Tally,
}

/// What batches are counted into, and how.
#[derive(Debug)]
pub struct Sink<'a, R, A> {
    /// The table.
    pub rollups: &'a R,
    /// Where records are archived, if they are.
    pub archive: Option<&'a A>,
    /// The rules.
    pub rulesets: &'a Rulesets,
    /// The samples that were written.
    pub samples: &'a Known,
    /// The settings.
    pub config: &'a Config,
}

impl<R, A> Clone for Sink<'_, R, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, A> Copy for Sink<'_, R, A> {}

/// Counts a batch within the time `left`. A partition that fails, or is not done in time, leaves the others alone.
pub async fn consume(
    sink: Sink<'_, impl Rollups, impl Archive>,
    partitions: &[Partition<'_>],
    origin: Origin,
    now: Timestamp,
    left: Duration,
) -> Consumed {
    let stop = Instant::now() + left;
    let patient = Patient::new(sink.rollups);
    let sink = Sink {
        rollups: &patient,
        archive: sink.archive,
        rulesets: sink.rulesets,
        samples: sink.samples,
        config: sink.config,
    };
    let mut done: Vec<(Outcome, Tally)> = stream::iter(partitions)
        .map(|partition| one(sink, partition, origin, now, stop))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    done.sort_by(|(a, _), (b, _)| a.partition.cmp(&b.partition));
    let mut consumed = Consumed {
        outcomes: Vec::with_capacity(done.len()),
        tally: Tally::default(),
    };
    for (outcome, tally) in done {
        consumed.outcomes.push(outcome);
        consumed.tally.add(tally);
    }
    consumed.tally.retries = patient.retries();
    consumed.tally.conflicts = patient.conflicts();
    consumed
}

async fn one(
    sink: Sink<'_, impl Rollups, impl Archive>,
    partition: &Partition<'_>,
    origin: Origin,
    now: Timestamp,
    stop: Instant,
) -> (Outcome, Tally) {
    let records = Tally::count(partition.records.len());
    let (tally, failure) = match timeout_at(stop, count(sink, partition, origin, now)).await {
        Ok(Ok(tally)) => (tally, None),
        Ok(Err(error)) => {
            let regressed = u64::from(matches!(error, CommitError::Regression(_)));
            let tally = Tally {
                uncommitted: records,
                regressed,
                ..Tally::default()
            };
            (tally, Some(error.describe()))
        }
        Err(_) => (
            Tally {
                uncommitted: records,
                ..Tally::default()
            },
            Some("time was up".to_owned()),
        ),
    };
    if let Some(failure) = &failure {
        tracing::error!(
            partition = partition.id,
            records,
            failure,
            "partition not committed"
        );
    }
    let outcome = Outcome {
        partition: partition.id.clone(),
        offsets: partition
            .records
            .iter()
            .map(|record| record.offset)
            .collect(),
        failure,
    };
    (outcome, tally)
}

/// Counts a partition's records and says what they came to.
async fn count(
    sink: Sink<'_, impl Rollups, impl Archive>,
    partition: &Partition<'_>,
    origin: Origin,
    now: Timestamp,
) -> Result<Tally, CommitError> {
    let Sink {
        rollups,
        archive,
        rulesets,
        samples,
        config,
    } = sink;
    let shard = config.shard(partition);
    let state: Option<commit::Stored> = rollups.get(&shard.state()).await?;
    if let Some(state) = &state {
        state
            .item
            .check(&partition.records, config.origin(&shard, origin))?;
    }
    let nothing = Offsets::default();
    let done = state
        .as_ref()
        .map_or(&nothing, |state| &state.item.done)
        .clone();
    let is_news = |record: &&Record<'_>| record.offset.is_none_or(|offset| !done.contains(offset));
    let news = || partition.records.iter().filter(is_news);

    let how = |rules| How {
        rules,
        keep: config.keep,
        archived: archive.is_some(),
        now: now.as_second(),
    };
    let plan = match Advance::of(news()) {
        Some(advance) => {
            let span = advance.span();
            let (mut state, rules) = commit::pin(rollups, rulesets, &shard, state, span).await?;
            let plan = plan(&shard, news(), &how(&rules))?;
            if let (Some(archive), Some(object)) = (archive, &plan.archive) {
                let claim = async || commit::claim(rollups, &shard, &mut state).await;
                keep(archive, object, claim).await?;
            }
            samples
                .write(rollups, &plan.samples, config.keep, now.as_second())
                .await?;
            commit::write(rollups, &plan, Batch { span, done: &done }).await?;
            let shared = archive.is_none();
            commit::finish(rollups, rulesets, &shard, state, &advance, shared).await?;
            plan
        }
        // Nothing new, but perhaps records without an offset: they only go to the quarantine.
        None => {
            let rules = Pinned::everywhere(rulesets.mine().clone());
            let plan = plan(
                &shard,
                news(),
                &How {
                    archived: false,
                    ..how(&rules)
                },
            )?;
            commit::write(
                rollups,
                &plan,
                Batch {
                    span: NOTHING,
                    done: &done,
                },
            )
            .await?;
            plan
        }
    };
    let records = Tally::count(partition.records.len());
    Ok(Tally {
        records,
        bytes: plan.bytes,
        poison: Tally::count(plan.quarantine.len()),
        redelivered: records - Tally::count(news().count()),
        lag: newest(partition).map(|newest| now.as_millisecond().saturating_sub(newest).max(0)),
        ..Tally::default()
    })
}

fn newest(partition: &Partition<'_>) -> Option<i64> {
    partition
        .records
        .iter()
        .rev()
        .find_map(|record| record.timestamp)
}
