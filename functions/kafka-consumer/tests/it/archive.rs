//! Whatever deliveries do (crashes, shifted ends, bisecting, runs that go on beside their successor), what the state
//! has is in the archive; and where no delivery begins behind unfinished records, it is there once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use kafka_consumer::archive::{Archive, ArchiveError, Object, Put, Rows, Standing, keep};
use proptest::prelude::*;
use tokio::task::{LocalSet, yield_now};
use tollkeeper::rollup::Shard;

/// A delivery of the records from `start` (relative to the first that is not committed) to `start + length`.
#[derive(Debug, Clone)]
struct Delivery {
    start: isize,
    length: usize,
    /// Turns that each call of the run waits before it takes effect.
    delays: Vec<u8>,
    /// The run dies in this call, whose effect is there or not.
    dies: Option<(usize, bool)>,
    /// Turns after which the next delivery comes whatever this run does; `None` to wait for its end.
    patience: Option<u8>,
}

/// What outlives a run: the partition's state, and the archive.
#[derive(Debug, Default)]
struct World {
    version: u64,
    committed: BTreeSet<i64>,
    objects: BTreeMap<String, (u64, BTreeSet<i64>)>,
    puts: u64,
}

/// One run's way to the world.
struct Run {
    world: Arc<Mutex<World>>,
    delivery: Delivery,
    calls: AtomicUsize,
}

#[derive(Debug)]
struct Died;

impl From<ArchiveError> for Died {
    fn from(_: ArchiveError) -> Self {
        Self
    }
}

impl Run {
    /// A call: after its delay the effect, unless the run dies before it; then the answer, unless it dies after it.
    async fn call<T>(&self, effect: impl FnOnce(&mut World) -> T) -> Result<T, Died> {
        let call = self.calls.fetch_add(1, Relaxed);
        for _ in 0..self.delivery.delays.get(call).copied().unwrap_or_default() {
            yield_now().await;
        }
        let dies = self.delivery.dies.filter(|(at, _)| *at == call);
        if matches!(dies, Some((_, false))) {
            return Err(Died);
        }
        let mut world = self.world.lock().unwrap();
        let answer = effect(&mut world);
        let archived: BTreeSet<i64> = world.offsets().collect();
        assert!(world.committed.is_subset(&archived), "lost: {world:?}");
        if dies.is_some() {
            Err(Died)
        } else {
            Ok(answer)
        }
    }

    async fn deliver(&self, offsets: &[i64]) -> Result<(), Died> {
        let (version, committed) = self
            .call(|world| (world.version, world.committed.clone()))
            .await?;
        let news: Vec<i64> = offsets
            .iter()
            .copied()
            .filter(|offset| !committed.contains(offset))
            .collect();
        let Some(object) = object(&news) else {
            return Ok(());
        };
        let version = AtomicU64::new(version);
        keep(self, &object, async || {
            self.call(|world| world.write(&version, &[])).await?
        })
        .await?;
        self.call(|world| world.write(&version, &news)).await?
    }
}

impl World {
    /// The conditional write of the state: a claim without news, a commit with them.
    fn write(&mut self, version: &AtomicU64, news: &[i64]) -> Result<(), Died> {
        if self.version != version.load(Relaxed) {
            return Err(Died);
        }
        self.version += 1;
        version.store(self.version, Relaxed);
        self.committed.extend(news);
        Ok(())
    }

    fn offsets(&self) -> impl Iterator<Item = i64> {
        self.objects
            .values()
            .flat_map(|(_, offsets)| offsets.iter().copied())
    }
}

impl Archive for Run {
    async fn put(&self, object: &Object, over: Option<&Standing>) -> Result<Put, ArchiveError> {
        let put = self.call(|world| {
            let there = world
                .objects
                .get(&object.name)
                .map(|(version, _)| version.to_string());
            if there.as_ref() != over.map(|standing| &standing.version) {
                return Put::Conflict;
            }
            world.puts += 1;
            world
                .objects
                .insert(object.name.clone(), (world.puts, rows(object)));
            Put::Done
        });
        put.await.map_err(died)
    }

    async fn standing(&self, name: &str) -> Result<Option<Standing>, ArchiveError> {
        let standing = self.call(|world| {
            let (version, offsets) = world.objects.get(name)?;
            Some(Standing {
                version: version.to_string(),
                last_offset: *offsets.last()?,
            })
        });
        standing.await.map_err(died)
    }
}

fn died(_: Died) -> ArchiveError {
    ArchiveError::Contended {
        name: String::new(),
    }
}

fn object(offsets: &[i64]) -> Option<Object> {
    let shard = Shard {
        topic: "t".to_owned(),
        partition: 0,
        epoch: 0,
    };
    let mut rows = Rows::of(&shard).unwrap();
    for offset in offsets {
        // Hours apart, some without a time: the name depends on more than the offset.
        let timestamp = (offset % 5 != 0).then_some(offset * 2_000_000);
        rows.add(*offset, timestamp, None, Some(b"x")).unwrap();
    }
    rows.finish().unwrap()
}

fn rows(object: &Object) -> BTreeSet<i64> {
    let mut text = String::new();
    GzDecoder::new(&object.bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    let offset =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["offset"].as_i64();
    text.lines().filter_map(offset).collect()
}

/// Plays the deliveries of a topic's records, then delivers the rest without trouble, as Lambda would in the end.
async fn play(log: &[i64], deliveries: Vec<Delivery>) -> Arc<Mutex<World>> {
    let world = Arc::new(Mutex::new(World::default()));
    let mut runs = Vec::new();
    for delivery in deliveries {
        let first = log
            .iter()
            .take_while(|offset| world.lock().unwrap().committed.contains(*offset))
            .count();
        let start = first.saturating_add_signed(delivery.start).min(log.len());
        let batch = log[start..(start + delivery.length).min(log.len())].to_vec();
        let patience = delivery.patience;
        let run = Run {
            world: Arc::clone(&world),
            delivery,
            calls: AtomicUsize::new(0),
        };
        let run = tokio::task::spawn_local(async move { run.deliver(&batch).await.is_ok() });
        match patience {
            Some(turns) => {
                for _ in 0..turns {
                    yield_now().await;
                }
                runs.push(run);
            }
            None => _ = run.await.unwrap(),
        }
    }
    for run in runs {
        run.await.unwrap();
    }
    let rest = Delivery {
        start: 0,
        length: log.len(),
        delays: Vec::new(),
        dies: None,
        patience: None,
    };
    let run = Run {
        world: Arc::clone(&world),
        delivery: rest,
        calls: AtomicUsize::new(0),
    };
    run.deliver(log).await.unwrap();
    world
}

fn run_to_end(log: &[i64], deliveries: Vec<Delivery>) -> (Vec<i64>, World) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let world = LocalSet::new().block_on(&runtime, play(log, deliveries));
    let world = Arc::try_unwrap(world).unwrap().into_inner().unwrap();
    let mut offsets: Vec<i64> = world.offsets().collect();
    offsets.sort_unstable();
    (offsets, world)
}

/// Offsets with gaps, as compaction and transactions leave them.
fn log() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(1..4i64, 1..30).prop_map(|gaps| {
        gaps.iter()
            .scan(-1, |offset, gap| {
                *offset += gap;
                Some(*offset)
            })
            .collect()
    })
}

fn delivery(
    starts: std::ops::Range<isize>,
    patience: impl Strategy<Value = Option<u8>>,
) -> impl Strategy<Value = Delivery> {
    let dies = proptest::option::weighted(0.6, (0..7usize, any::<bool>()));
    let delays = proptest::collection::vec(0..6u8, 7);
    (starts, 1..12usize, delays, dies, patience).prop_map(
        |(start, length, delays, dies, patience)| Delivery {
            start,
            length,
            delays,
            dies,
            patience,
        },
    )
}

proptest! {
    #[test]
    fn what_is_committed_is_archived_however_runs_overlap(
        log in log(),
        deliveries in proptest::collection::vec(delivery(-6..6, proptest::option::of(0..12u8)), 0..12),
    ) {
        let (offsets, world) = run_to_end(&log, deliveries);
        prop_assert_eq!(&world.committed, &BTreeSet::from_iter(log));
        prop_assert_eq!(BTreeSet::from_iter(offsets), world.committed);
    }

    #[test]
    fn each_record_is_archived_once_where_no_delivery_begins_behind_unfinished_ones(
        log in log(),
        deliveries in proptest::collection::vec(delivery(-6..1, Just(None)), 0..12),
    ) {
        let (offsets, world) = run_to_end(&log, deliveries);
        prop_assert_eq!(offsets, log, "{:?}", world.objects);
    }
}

#[test]
fn halves_of_a_batch_that_failed_take_its_place() {
    let log: Vec<i64> = (10..20).collect();
    let whole = Delivery {
        start: 0,
        length: 10,
        delays: Vec::new(),
        dies: Some((2, false)),
        patience: None,
    };
    let half = Delivery {
        length: 5,
        dies: None,
        ..whole.clone()
    };
    let (offsets, world) = run_to_end(&log, vec![whole, half.clone(), half]);
    assert_eq!(offsets, log);
    assert_eq!(world.puts, 3, "the whole one, then each half");
    assert_eq!(world.objects.len(), 2);
}
