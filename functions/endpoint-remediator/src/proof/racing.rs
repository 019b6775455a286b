//! Two runs at once on one VPC, over the real lock, lease and journal: a scheduler gives each call its turn, lets time
//! pass, and kills runs.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use proptest::prelude::*;

use super::{Direction, Kept, PACE, drive, observe, place};
use crate::engine::{Clock, Engine, EngineError, Outcome};
use crate::model::worlds::{self, Case};
use crate::model::{MemoryRows, Model, Stage, World};
use crate::plan::{Sealed, make, normalise};
use crate::store::{Ledger, PlanJournal, StoreError};

/// The setting's default.
const LEASE: Duration = Duration::from_secs(150);

/// The longest that one call lasts, with its retries.
const CALL: Duration = Duration::from_mins(1);

const INVOCATION: Duration = Duration::from_mins(5);

/// What a function is called for.
#[derive(Clone, Copy)]
struct Job<'a> {
    plan: &'a Sealed,
    is_undo: bool,
}

/// One function's life: it takes the lock, runs, gives the lock back, and is called again until the plan is done.
async fn function(model: &Model, ledger: &Ledger<MemoryRows>, job: Job<'_>, name: String) {
    let Job { plan, is_undo } = job;
    let stage = &model.stage;
    for attempt in 0_u32.. {
        let holder = format!("{name}-{attempt}");
        let lock = match ledger
            .lock("vpc-1", &plan.id, &holder, LEASE, stage.now())
            .await
        {
            Ok(lock) => lock,
            Err(StoreError::Held { .. } | StoreError::Overtaken { .. }) => {
                stage.pause(Duration::from_secs(2)).await;
                continue;
            }
            Err(other) => panic!("{other}"),
        };
        stage.works_under(lock.fencing);
        let mut journal = ledger.journal(&plan.id).await.unwrap();
        let keep = PlanJournal {
            ledger,
            plan_id: &plan.id,
            lock: &lock,
            clock: stage.clone(),
        };
        let engine: Engine<'_, Model, PlanJournal<'_, MemoryRows, Rc<Stage>>, Rc<Stage>> = Engine {
            network: model,
            journal: &keep,
            plan_id: &plan.id,
            vpc_id: "vpc-1",
            fencing: lock.fencing,
            clock: stage.clone(),
            stop_at: stage.now().checked_add(INVOCATION).unwrap(),
            pace: PACE,
        };
        let outcome = if is_undo {
            engine.undo(&mut journal).await
        } else {
            engine.apply(&plan.plan.steps, &mut journal).await
        };
        let _ = ledger.unlock(lock, stage.now()).await;
        match outcome {
            Ok(Outcome::Finished) => return,
            Ok(Outcome::OutOfTime { .. })
            | Err(EngineError::Store(StoreError::Overtaken { .. })) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// Small random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

type Life<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Lets both functions run to their ends, call by call in random order.
fn race(model: &Model, ledger: &Ledger<MemoryRows>, jobs: [Job<'_>; 2], seed: u64) {
    let mut dice = Dice(seed);
    let start = |at: usize, life: u64| -> Option<Life<'_>> {
        Some(Box::pin(function(
            model,
            ledger,
            jobs[at],
            format!("f{at}-{life}"),
        )))
    };
    let mut running = [start(0, 0), start(1, 0)];
    let (mut deaths, mut favoured) = (dice.below(3), 0);
    model.stage.race(true);
    for turn in 0_u32.. {
        assert!(turn < 200_000, "two functions never end");
        if running.iter().all(Option::is_none) {
            break;
        }
        // Stretches, so that one run gets far while the other's call hangs.
        if dice.below(8) == 0 {
            favoured = 1 - favoured;
        }
        let mut actor = favoured;
        // Little at all, or as much as a call can take.
        let pass = [1, 5, 40, 58].get(usize::try_from(dice.below(24)).unwrap());
        let pass = Duration::from_secs(pass.copied().unwrap_or(0));
        match model.stage.oldest_in_flight() {
            // No call lasts longer than its retries do.
            Some((whose, since))
                if since.checked_add(CALL).unwrap()
                    <= model.stage.now().checked_add(pass).unwrap() =>
            {
                actor = whose;
            }
            _ => model.stage.advance(pass),
        }
        if deaths > 0 && dice.below(60) == 0 && running[actor].is_some() {
            deaths -= 1;
            model.stage.forget(actor);
            running[actor] = start(actor, deaths + 1);
        }
        model.stage.give_turn(actor);
        let Some(function) = &mut running[actor] else {
            continue;
        };
        if let Poll::Ready(()) = function
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            running[actor] = None;
        }
    }
    drop(running);
    model.stage.race(false);
}

/// Plans for two services of one world, or the same plan twice.
fn plans(case: &Case, model: &Model, which: u64) -> [Sealed; 2] {
    let seen = observe(model, case);
    let of = |services: &[&str]| {
        let mut request = case.request.clone();
        request.services = services.iter().map(|name| (*name).to_owned()).collect();
        let (request, _) = normalise(request).unwrap();
        make(&place(), &request, &seen, &crate::model::evidence(), 0).unwrap()
    };
    match which % 4 {
        0 => [of(&["lambda", "s3"]), of(&["lambda", "s3"])],
        1 => [of(&["lambda"]), of(&["sts", "s3"])],
        _ => [of(&["sqs", "dynamodb"]), of(&["sts", "s3"])],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn two_runs_at_once_never_interleave_their_changes(mut case in worlds::cases()) {
        case.request.services = ["lambda", "s3", "sts", "sqs", "dynamodb"].map(str::to_owned).to_vec();
        case.request.kafka_pollers.clear();
        case.world.quotas = World::of(case.world.network.clone()).quotas;
        for subnet in &mut case.world.network.subnets {
            subnet.free_addresses = 200;
        }
        let model = Model::new(case.world.clone(), case.weather);
        let [first, second] = plans(&case, &model, case.seed);
        let ledger = Ledger::new(MemoryRows::new(&model.stage), place());
        let is_undo = case.seed % 4 == 3;
        let jobs = [Job { plan: &first, is_undo }, Job { plan: &second, is_undo: false }];
        if is_undo {
            let before = Job { is_undo: false, ..jobs[0] };
            function(&model, &ledger, before, "before".to_owned()).now_or_never().unwrap();
        }
        race(&model, &ledger, jobs, case.seed);
        let tenures = model.tenures.borrow().clone();
        prop_assert!(tenures.is_sorted(), "a late run changed something under a newer lock: {tenures:?}");
        for plan in [&first, &second] {
            let kept = Kept::new(&model);
            *kept.journal.borrow_mut() = ledger.journal(&plan.id).now_or_never().unwrap().unwrap();
            prop_assert_eq!(kept.journal.borrow().len(), plan.plan.steps.len());
            prop_assert!(drive(&model, &kept, plan, Direction::Undo).is_ok());
        }
        model.rest();
        prop_assert_eq!(model.world.borrow().remaining(), case.world.remaining(), "nothing was made twice");
    }
}
