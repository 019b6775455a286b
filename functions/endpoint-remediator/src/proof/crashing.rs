//! A run can die before and after every call and every write of the journal, and the run that goes on can die too.

use proptest::prelude::*;

use super::{Direction, Kept, drive, is_crash, is_recognised, observe, plan};
use crate::journal::Progress;
use crate::model::worlds::{self, Case};
use crate::model::{Crash, Model};
use crate::plan::Sealed;

const WHENS: [Crash; 2] = [Crash::Before, Crash::After];

/// A world with a plan, and the number of events that each direction takes when nothing goes wrong.
struct Course {
    plan: Sealed,
    forward: u32,
    backward: u32,
}

fn course(case: &Case) -> Course {
    let model = Model::new(case.world.clone(), case.weather);
    let plan = plan(case, &observe(&model, case));
    // Anew, so that every later run meets the same weather at each call.
    let model = Model::new(case.world.clone(), case.weather);
    let kept = Kept::new(&model);
    // A quota may stop it: then the way back starts there.
    let _ = drive(&model, &kept, &plan, Direction::Apply);
    let forward = model.fuse.events();
    model.fuse.calm();
    drive(&model, &kept, &plan, Direction::Undo).unwrap();
    Course {
        plan,
        forward,
        backward: model.fuse.events(),
    }
}

/// Runs one direction, dying where it is told to and again in the resume, then to its end.
fn stumble(
    model: &Model,
    kept: &Kept<'_>,
    plan: &Sealed,
    direction: Direction,
    first: (u32, Crash),
    second: Option<(u32, Crash)>,
) -> bool {
    model.fuse.blow_at(first.0, first.1);
    let mut result = drive(model, kept, plan, direction);
    if let Some((event, when)) = second.filter(|_| is_crash(&result)) {
        model.fuse.blow_at(event, when);
        result = drive(model, kept, plan, direction);
    }
    model.fuse.calm();
    if is_crash(&result) {
        result = drive(model, kept, plan, direction);
    }
    assert!(!is_crash(&result));
    if let (Direction::Undo, Err(error)) = (direction, &result) {
        panic!("not undone: {error}");
    }
    result.is_ok()
}

fn assert_as_before(case: &Case, model: &Model, kept: &Kept<'_>) {
    model.rest();
    assert_eq!(
        model.world.borrow().remaining(),
        case.world.remaining(),
        "the pre-image"
    );
    let journal = kept.journal.borrow();
    assert!(
        journal
            .values()
            .all(|entry| entry.item.progress == Progress::Undone)
    );
    assert_eq!(
        *model.lost.borrow(),
        std::collections::BTreeSet::new(),
        "cut off"
    );
}

/// The next nested crash: some event soon after the resume.
fn nested(seed: &mut u64) -> Option<(u32, Crash)> {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let bits = *seed >> 33;
    let event = u32::try_from(bits % 5).unwrap();
    (event > 0).then_some((event, WHENS[usize::from(bits & 64 > 0)]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_crash_at_every_call_of_an_apply_ends_applied_or_where_it_was(case in worlds::cases()) {
        let mut seed = case.seed;
        let Course { plan, forward, .. } = course(&case);
        let finished = {
            let model = Model::new(case.world.clone(), case.weather);
            let kept = Kept::new(&model);
            drive(&model, &kept, &plan, Direction::Apply).is_ok().then(|| {
                model.rest();
                model.world.borrow().remaining()
            })
        };
        for event in 1..=forward {
            for when in WHENS {
                let model = Model::new(case.world.clone(), case.weather);
                let kept = Kept::new(&model);
                model.fuse.blow_at(event, when);
                let crashed = drive(&model, &kept, &plan, Direction::Apply);
                prop_assert!(is_crash(&crashed));
                prop_assert!(is_recognised(&model, &case, &plan, &kept), "resume knows its own traces");
                let first = nested(&mut seed).unwrap_or((u32::MAX, Crash::Before));
                let done = stumble(&model, &kept, &plan, Direction::Apply, first, None);
                prop_assert_eq!(done, finished.is_some());
                model.rest();
                if let Some(finished) = &finished {
                    let world = model.world.borrow().remaining();
                    prop_assert_eq!(world.network.endpoints.len(), finished.network.endpoints.len());
                    prop_assert_eq!(world.network.groups.len(), finished.network.groups.len());
                    let again = super::plan(&case, &observe(&model, &case));
                    prop_assert_eq!(again.plan.steps, Vec::new());
                }
                prop_assert!(drive(&model, &kept, &plan, Direction::Undo).is_ok());
                assert_as_before(&case, &model, &kept);
            }
        }
    }

    #[test]
    fn a_crash_at_every_call_of_an_apply_can_be_undone_at_once(case in worlds::cases()) {
        let mut seed = case.seed;
        let Course { plan, forward, .. } = course(&case);
        for event in 1..=forward {
            for when in WHENS {
                let model = Model::new(case.world.clone(), case.weather);
                let kept = Kept::new(&model);
                model.fuse.blow_at(event, when);
                prop_assert!(is_crash(&drive(&model, &kept, &plan, Direction::Apply)));
                let first = nested(&mut seed).unwrap_or((u32::MAX, Crash::Before));
                let second = nested(&mut seed);
                prop_assert!(stumble(&model, &kept, &plan, Direction::Undo, first, second));
                assert_as_before(&case, &model, &kept);
            }
        }
    }

    #[test]
    fn a_crash_at_every_call_of_an_undo_ends_where_it_was(case in worlds::cases()) {
        let mut seed = case.seed;
        let Course { plan, backward, .. } = course(&case);
        for event in 1..=backward {
            for when in WHENS {
                let model = Model::new(case.world.clone(), case.weather);
                let kept = Kept::new(&model);
                let _ = drive(&model, &kept, &plan, Direction::Apply);
                let second = nested(&mut seed);
                prop_assert!(stumble(&model, &kept, &plan, Direction::Undo, (event, when), second));
                assert_as_before(&case, &model, &kept);
            }
        }
    }
}

/// Worlds of each property; every one is run twice for each of its calls and writes.
const CASES: u32 = 100;
