//! Every interleaving of two runs, and every point at which a run can be cut off, against a table and a topic in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use tollkeeper::finding::State;
use tollkeeper::time::Day;

use super::*;
use crate::incident::{Baseline, Turn};

static GOLDEN: LazyLock<Finding> = LazyLock::new(|| {
    let text = include_str!("../../../../events/contracts/finding-opened.json");
    serde_json::from_str(text).unwrap()
});

const SERIES: &str = "NatGateway-Bytes";

fn day() -> Day {
    "2026-10-13".parse().unwrap()
}

/// A table and a topic. Every call waits once before it takes effect and once before it answers, so that a run can be
/// stopped on either side.
#[derive(Default)]
struct World {
    incidents: RefCell<BTreeMap<Day, Versioned<Incident>>>,
    sent: RefCell<Vec<(String, State)>>,
    /// Sends that the topic refuses, and sends that it takes and whose answer is lost.
    refusals: Cell<usize>,
    lost_answers: Cell<usize>,
    /// Writes that happen and whose answer is lost: the SDK tries again and finds a conflict.
    lost_writes: Cell<usize>,
    steps: Cell<usize>,
}

impl World {
    async fn step(&self) {
        self.steps.set(self.steps.get() + 1);
        tokio::task::yield_now().await;
    }
}

fn take(count: &Cell<usize>) -> bool {
    let left = count.get();
    count.set(left.saturating_sub(1));
    left > 0
}

impl Incidents for World {
    async fn read(&self, _: &str) -> Result<Vec<Versioned<Incident>>, TableError> {
        self.step().await;
        Ok(self.incidents.borrow().values().cloned().collect())
    }

    async fn write(&self, incident: &Incident, version: i64) -> Result<Put, TableError> {
        self.step().await;
        let put = {
            let mut incidents = self.incidents.borrow_mut();
            let stored = incidents
                .get(&incident.opened)
                .map_or(0, |stored| stored.version);
            if stored == version {
                let item = incident.clone();
                incidents.insert(
                    item.opened,
                    Versioned {
                        version: version + 1,
                        item,
                    },
                );
                if take(&self.lost_writes) {
                    Put::Conflict
                } else {
                    Put::Done
                }
            } else {
                Put::Conflict
            }
        };
        self.step().await;
        Ok(put)
    }
}

impl Voice for World {
    async fn say(&self, finding: &Finding) -> Result<(), AlertError> {
        self.step().await;
        let failed = AlertError::Call {
            topic: "topic".to_owned(),
            code: "InternalError".to_owned(),
            detail: String::new(),
        };
        if take(&self.refusals) {
            return Err(failed);
        }
        self.sent
            .borrow_mut()
            .push((finding.incident_id.clone(), finding.state));
        self.step().await;
        if take(&self.lost_answers) {
            Err(failed)
        } else {
            Ok(())
        }
    }
}

/// A day that opens an incident where none covers it.
struct Opens;

impl SeriesDay for Opens {
    fn series(&self) -> &str {
        SERIES
    }

    fn decide(&self, incidents: &[Incident]) -> Vec<Move> {
        let turn = match incidents.last() {
            Some(incident) if incident.last_day >= day() => Turn::AlreadyJudged,
            Some(_) => Turn::GoesOn,
            None => Turn::Opens,
        };
        let incident = (turn == Turn::GoesOn).then(|| incidents.len() - 1);
        vec![Move { incident, turn }]
    }

    fn open(&self, _: &[Incident]) -> Incident {
        let baseline = Baseline {
            weekdays: Default::default(),
            history_days: 70,
            excess: 1,
        };
        Incident::open("incident".to_owned(), SERIES, day(), 1, baseline)
    }

    async fn after(
        &self,
        incident: Incident,
        _: &[Incident],
        turn: Turn,
    ) -> Result<Incident, DetectorError> {
        let mut finding = GOLDEN.clone();
        finding.incident_id.clone_from(&incident.incident_id);
        let message = turn.told_as().map(|_| Pending {
            finding,
            excess: 1,
            claim: None,
        });
        Ok(incident.after(day(), 1, turn, message))
    }
}

type Outcome = Result<Kept, DetectorError>;

fn night<'a>(world: &'a World, run: &'a Run) -> impl Future<Output = Outcome> + 'a {
    keep(world, world, &Opens, run)
}

fn start() -> jiff::Timestamp {
    "2026-10-14T06:30:00Z".parse().unwrap()
}

/// Steps a run takes when nothing disturbs it.
async fn steps_of_a_run() -> usize {
    let world = World::default();
    night(&world, &Run::named("a", start())).await.unwrap();
    assert_eq!(world.sent.borrow().len(), 1);
    world.steps.get()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// After everything, whatever happened: the lease over, another run; then one more, which finds nothing to do.
async fn aftermath(world: &World) {
    tokio::time::advance(Duration::from_secs(LEASE.as_secs().unsigned_abs() + 1)).await;
    let later = start()
        .checked_add(LEASE)
        .unwrap()
        .checked_add(LEASE)
        .unwrap();
    night(world, &Run::named("later", later)).await.unwrap();
    let before = world.sent.borrow().len();
    night(world, &Run::named("last", later)).await.unwrap();
    assert_eq!(world.sent.borrow().len(), before, "nothing is left to tell");
    let incidents = world.incidents.borrow();
    let [stored] = incidents.values().collect::<Vec<_>>()[..] else {
        panic!("one incident, not {}", incidents.len())
    };
    assert!(stored.item.pending.is_none() && stored.item.told.is_some());
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_tell_once_in_every_interleaving() {
    let steps = steps_of_a_run().await;
    // Bit i says which run moves at step i; the loser's further reads are at the end, where the order is given by the
    // bits that are left. Twice the steps of a run are more than both take.
    let bits = u32::try_from(steps * 2).unwrap();
    assert!((10..=20).contains(&bits), "{bits} steps in both");
    for schedule in 0..(1u64 << bits) {
        let world = World::default();
        let (one, other) = (Run::named("one", start()), Run::named("other", start()));
        let (mut a, mut b) = (pin!(night(&world, &one)), pin!(night(&world, &other)));
        let mut done: [Option<Outcome>; 2] = [None, None];
        let mut step = 0u32;
        while done.iter().any(Option::is_none) {
            let first = schedule >> (step % bits) & 1 == 0;
            step += 1;
            if (first && done[0].is_none()) || done[1].is_some() {
                done[0] = poll(a.as_mut());
            } else {
                done[1] = poll(b.as_mut());
            }
        }
        assert_eq!(world.sent.borrow().len(), 1, "schedule {schedule:b}");
        let told: usize = done
            .iter()
            .flatten()
            .map(|outcome| match outcome {
                Ok(kept) => kept.told.len(),
                // The other one is at it: to be run again, which is what Lambda does.
                Err(DetectorError::Claimed { .. }) => 0,
                Err(error) => panic!("schedule {schedule:b}: {error}"),
            })
            .sum();
        assert_eq!(told, 1, "schedule {schedule:b}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_cut_off_anywhere_loses_nothing_and_doubles_only_between_send_and_strike_out() {
    let steps = steps_of_a_run().await;
    let mut doubled = Vec::new();
    for cut in 0..=steps {
        let world = World::default();
        {
            let run = Run::named("dies", start());
            let mut dies = pin!(night(&world, &run));
            for _ in 0..cut {
                if poll(dies.as_mut()).is_some() {
                    break;
                }
            }
        }
        // A run that comes at once waits for the lease, or finds all done; it never sends beside a claim.
        let before = world.sent.borrow().len();
        let at_once = night(&world, &Run::named("at once", start())).await;
        if let Err(error) = &at_once {
            assert!(
                matches!(error, DetectorError::Claimed { .. }),
                "cut {cut}: {error}"
            );
            assert_eq!(world.sent.borrow().len(), before, "cut {cut}");
        }
        aftermath(&world).await;
        match world.sent.borrow().len() {
            1 => {}
            2 => doubled.push(cut),
            count => panic!("cut {cut}: {count} messages"),
        }
    }
    // After the topic took the message: before its answer came, and before the strike-out took effect.
    assert_eq!(doubled.len(), 2, "{doubled:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_topic_refused_is_sent_by_the_very_next_run() {
    let world = World::default();
    world.refusals.set(1);
    let error = night(&world, &Run::named("a", start())).await.unwrap_err();
    assert!(matches!(error, DetectorError::Alert(_)), "{error}");
    let kept = night(&world, &Run::named("b", start())).await.unwrap();
    assert_eq!((kept.turn, kept.told.len()), (Turn::AlreadyJudged, 1));
    aftermath(&world).await;
    assert_eq!(world.sent.borrow().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_topic_that_was_lost_repeats_the_message_rather_than_lose_it() {
    let world = World::default();
    world.lost_answers.set(1);
    night(&world, &Run::named("a", start())).await.unwrap_err();
    aftermath(&world).await;
    let sent = world.sent.borrow();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1], "the same incident in the same state");
}

#[tokio::test(start_paused = true)]
async fn writes_whose_answers_were_lost_are_recognised_as_ones_own() {
    for lost in 1..=2 {
        let world = World::default();
        world.lost_writes.set(lost);
        night(&world, &Run::named("a", start())).await.unwrap();
        aftermath(&world).await;
        assert_eq!(world.sent.borrow().len(), 1, "{lost} lost");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_found_anothers_claim_says_until_when_it_holds() {
    let world = World::default();
    {
        let run = Run::named("dies", start());
        let mut dies = pin!(night(&world, &run));
        while world.incidents.borrow().is_empty() {
            assert!(poll(dies.as_mut()).is_none());
        }
    }
    let error = night(&world, &Run::named("next", start()))
        .await
        .unwrap_err();
    let until = start().checked_add(LEASE).unwrap();
    assert!(
        matches!(error, DetectorError::Claimed { until: known, .. } if known == until),
        "{error}"
    );
    aftermath(&world).await;
    assert_eq!(
        world.sent.borrow().len(),
        1,
        "the lease is over: sent in its place"
    );
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_never_answers_is_given_up_before_the_lease_ends() {
    struct Silent;
    impl Voice for Silent {
        async fn say(&self, _: &Finding) -> Result<(), AlertError> {
            std::future::pending().await
        }
    }
    let world = World::default();
    let before = tokio::time::Instant::now();
    let error = keep(&world, &Silent, &Opens, &Run::named("a", start()))
        .await
        .unwrap_err();
    assert!(matches!(error, DetectorError::Alert(_)), "{error}");
    assert!(before.elapsed() < Duration::from_secs(LEASE.as_secs().unsigned_abs()));
    aftermath(&world).await;
    assert_eq!(world.sent.borrow().len(), 1);
}
