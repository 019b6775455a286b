//! Counts a batch: observe (state), decide (plan each partition), act (commit each on its own).

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use tollkeeper::rollup::Shard;

use crate::answer::Outcome;
use crate::archive::{self, Archive};
use crate::commit::{self, CommitError, Stored};
use crate::config::Config;
use crate::envelope::{Partition, Record};
use crate::item::Batch;
use crate::offsets::Offsets;
use crate::patience::Patient;
use crate::plan::{How, Plan, plan};
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
        rulesets,
        config,
        ..
    } = sink;
    let records = &partition.records;
    let shard = config.shard(partition);
    let origin = config.origin(&shard, origin);
    let (state, rules) = standing(sink, &shard, records, origin).await?;
    let done = state.as_ref().map(|state| state.item.done.clone());
    let done = done.unwrap_or_default();
    let news = || records.iter().filter(|record| is_news(record, &done));

    let how = How {
        rules: &rules,
        keep: config.keep,
        archived: sink.archive.is_some(),
        now: now.as_second(),
    };
    let plan = plan(&shard, news(), &how)?;
    if let (Some(mut state), Some(advance)) = (state, Advance::of(news())) {
        keep(sink, &shard, &plan, &mut state, now).await?;
        let span = advance.span();
        commit::write(rollups, &plan, Batch { span, done: &done }).await?;
        let exclusive = sink.archive.is_some();
        commit::finish(rollups, rulesets, &shard, state, &advance, exclusive).await?;
    } else {
        // Nothing new, but perhaps records without an offset: they only go to the quarantine.
        let span = NOTHING;
        commit::write(rollups, &plan, Batch { span, done: &done }).await?;
    }
    Ok(Tally {
        records: Tally::count(records.len()),
        bytes: plan.bytes,
        poison: Tally::count(plan.quarantine.len()),
        redelivered: Tally::count(records.len() - news().count()),
        lag: newest(partition).map(|newest| now.as_millisecond().saturating_sub(newest).max(0)),
        ..Tally::default()
    })
}

/// The partition's state, with rules pinned for what is new, and these rules. Refused where the records may not be
/// counted.
async fn standing(
    sink: Sink<'_, impl Rollups, impl Archive>,
    shard: &Shard,
    records: &[Record<'_>],
    origin: Origin,
) -> Result<(Option<Stored>, Pinned), CommitError> {
    let (rollups, rulesets) = (sink.rollups, sink.rulesets);
    let state: Option<Stored> = rollups.get(&shard.state()).await?;
    if let Some(state) = &state {
        state.item.check(records, origin)?;
    }
    let nothing = Offsets::default();
    let done = state.as_ref().map_or(&nothing, |state| &state.item.done);
    let Some(advance) = Advance::of(records.iter().filter(|record| is_news(record, done))) else {
        return Ok((state, Pinned::everywhere(rulesets.mine().clone())));
    };
    let (state, rules) = commit::pin(rollups, rulesets, shard, state, advance.span()).await?;
    // Pinning may have met another run's state: what is new is what *this* one does not have.
    state.item.check(records, origin)?;
    Ok((Some(state), rules))
}

/// Keeps what counts nothing: archive and samples.
async fn keep(
    sink: Sink<'_, impl Rollups, impl Archive>,
    shard: &Shard,
    plan: &Plan,
    state: &mut Stored,
    now: Timestamp,
) -> Result<(), CommitError> {
    if let (Some(archive), Some(object)) = (sink.archive, &plan.archive) {
        let claim = async || commit::claim(sink.rollups, shard, state).await;
        archive::keep(archive, object, claim).await?;
    }
    let (samples, keep) = (&plan.samples, sink.config.keep);
    sink.samples
        .write(sink.rollups, samples, keep, now.as_second())
        .await
}

/// Whether a record was not counted yet, as far as can be told.
fn is_news(record: &Record<'_>, done: &Offsets) -> bool {
    record.offset.is_none_or(|offset| !done.contains(offset))
}

fn newest(partition: &Partition<'_>) -> Option<i64> {
    partition
        .records
        .iter()
        .rev()
        .find_map(|record| record.timestamp)
}
