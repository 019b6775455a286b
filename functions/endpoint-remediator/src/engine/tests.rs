use super::*;
use crate::model::{self, Model, Weather, World};
use crate::plan::{Sealed, make, normalise};
use crate::proof::{Kept, invoke, place};
use crate::snapshot::Snapshot;

pub(super) fn calm(network: Snapshot) -> Model {
    Model::new(World::of(network), Weather::CALM)
}

fn sealed(network: &Snapshot) -> Sealed {
    let (request, _) = normalise(model::request()).unwrap();
    make(&place(), &request, network, &crate::model::evidence(), 0).unwrap()
}

/// Invocation after invocation until it is done.
pub(super) fn run(
    model: &Model,
    kept: &Kept<'_>,
    plan: &Sealed,
    is_undo: bool,
) -> Result<(), EngineError> {
    while invoke(model, kept, plan, is_undo)? != Outcome::Finished {}
    Ok(())
}

pub(super) fn network(model: &Model) -> Snapshot {
    model.world.borrow().remaining().network
}

/// What a plan must have left: each service served once, from each private table and subnet.
fn assert_applied_once(world: &Snapshot, plan: &Sealed) {
    assert_eq!(world.endpoints.len(), 3);
    for service in ["lambda", "sts"] {
        let endpoint = world
            .endpoints
            .iter()
            .find(|e| e.service == service)
            .unwrap();
        assert!(endpoint.private_dns);
        assert_eq!(endpoint.subnets.len(), 2);
    }
    let gateway = world.endpoints.iter().find(|e| e.service == "s3").unwrap();
    assert_eq!(gateway.route_tables.len(), 2);
    assert_eq!(world.groups.len(), 4);
    let again = sealed(world);
    assert_eq!(again.plan.steps, [], "nothing is left to plan");
    assert_ne!(again.id, plan.id);
}

#[test]
fn a_plan_is_applied_and_undone_to_what_was_before() {
    let model = calm(model::snapshot());
    let before = network(&model);
    let (plan, kept) = (sealed(&before), Kept::new(&model));
    run(&model, &kept, &plan, false).unwrap();
    assert_applied_once(&network(&model), &plan);
    run(&model, &kept, &plan, true).unwrap();
    assert_eq!(network(&model), before);
}

#[test]
fn applying_twice_calls_nothing_twice() {
    let model = calm(model::snapshot());
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    run(&model, &kept, &plan, false).unwrap();
    let calls = model.calls();
    run(&model, &kept, &plan, false).unwrap();
    assert_eq!(model.calls(), calls);
}

#[test]
fn a_run_out_of_time_goes_on_where_it_stopped() {
    // An endpoint is pending for longer than one invocation may wait.
    let slow = Weather {
        settle: Duration::from_secs(150),
        ..Weather::CALM
    };
    let model = Model::new(World::of(model::snapshot()), slow);
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    let first = invoke(&model, &kept, &plan, false).unwrap();
    assert!(matches!(first, Outcome::OutOfTime { .. }), "{first:?}");
    let begun = kept.journal.borrow().len();
    assert!((1..plan.plan.steps.len()).contains(&begun), "{begun}");
    run(&model, &kept, &plan, false).unwrap();
    assert_applied_once(&network(&model), &plan);
}

#[test]
fn a_rule_that_was_there_before_is_not_revoked() {
    let mut world = model::snapshot();
    let plan = sealed(&world);
    // Somebody adds the very rule between plan and apply; the engine alone does not mind.
    let brokers = crate::change::Peer::Group("sg-brokers".to_owned());
    world.groups[0].egress.push(Rule::tcp(9098, brokers));
    let model = calm(world);
    let kept = Kept::new(&model);
    let before = network(&model);
    run(&model, &kept, &plan, false).unwrap();
    run(&model, &kept, &plan, true).unwrap();
    assert_eq!(network(&model), before);
}

#[test]
fn an_endpoint_that_others_came_to_use_is_not_deleted() {
    let model = calm(model::snapshot());
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    run(&model, &kept, &plan, false).unwrap();
    for endpoint in &mut model.world.borrow_mut().network.endpoints {
        if endpoint.service == "s3" {
            endpoint.route_tables.push("rtb-theirs".to_owned());
        }
    }
    let error = run(&model, &kept, &plan, true).unwrap_err();
    assert!(matches!(error, EngineError::InUse { .. }), "{error}");
    let world = network(&model);
    assert!(world.endpoints.iter().any(|e| e.service == "s3"));
}

/// Reads miss a write for this long.
const LAGGING: Weather = Weather {
    lag: Duration::from_secs(5),
    ..Weather::CALM
};

/// A run that dies right after its `event`-th call or write, with nothing of it visible yet; then the way back.
fn undone_after_crash(event: u32) -> (Snapshot, Snapshot) {
    let model = Model::new(World::of(model::snapshot()), LAGGING);
    let before = network(&model);
    let (plan, kept) = (sealed(&before), Kept::new(&model));
    model.fuse.blow_at(event, model::Crash::After);
    run(&model, &kept, &plan, false).unwrap_err();
    run(&model, &kept, &plan, true).unwrap();
    (before, network(&model))
}

#[test]
fn what_a_dead_run_made_is_undone_though_no_tag_finds_it_yet() {
    // Intent, then the gateway endpoint of step 1.
    let (before, after) = undone_after_crash(2);
    assert_eq!(after, before);
}

#[test]
fn what_a_dead_run_made_is_undone_though_its_id_is_not_found_yet() {
    // Its outcome is in the journal, its endpoint not yet in anybody's sight.
    let (before, after) = undone_after_crash(3);
    assert_eq!(after, before);
}

#[test]
fn a_route_of_a_dead_run_is_taken_back_though_no_read_shows_it_yet() {
    let (before, after) = undone_after_crash(5);
    assert_eq!(after, before);
}

#[test]
fn a_new_group_that_is_not_found_for_a_while_takes_its_rules() {
    let model = Model::new(World::of(model::snapshot()), LAGGING);
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    run(&model, &kept, &plan, false).unwrap();
    assert_applied_once(&network(&model), &plan);
}

#[test]
fn a_group_made_by_a_dead_run_is_found_again_and_not_a_duplicate() {
    let model = Model::new(World::of(model::snapshot()), LAGGING);
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    let makes_group =
        |step: &&crate::change::Step| matches!(step.change, Change::CreateGroup { .. });
    let group = plan.plan.steps.iter().find(makes_group).unwrap().number;
    // Three events a step: intent, call, outcome.
    model.fuse.blow_at((group - 1) * 3 + 2, model::Crash::After);
    run(&model, &kept, &plan, false).unwrap_err();
    run(&model, &kept, &plan, false).unwrap();
    assert_applied_once(&network(&model), &plan);
}

#[test]
fn an_endpoint_that_somebody_deleted_meanwhile_ends_the_run() {
    let model = calm(model::snapshot());
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    model.fuse.blow_at(3, model::Crash::After);
    run(&model, &kept, &plan, false).unwrap_err();
    model.world.borrow_mut().network.endpoints.clear();
    let error = run(&model, &kept, &plan, false).unwrap_err();
    assert!(
        matches!(&error, EngineError::Unusable { state, .. } if state == "gone"),
        "{error}"
    );
    run(&model, &kept, &plan, true).unwrap();
    assert_eq!(network(&model), model::snapshot().sorted());
}

/// Keeps entries, but the lock is lost with the first look at the network.
struct Late<'a>(&'a Model, Kept<'a>);

impl Keep for Late<'_> {
    async fn keep(&self, entry: &mut Versioned<Entry>) -> Result<(), StoreError> {
        self.1.keep(entry).await
    }

    async fn hold(&self) -> Result<(), StoreError> {
        if self.0.calls() == 0 {
            return Ok(());
        }
        let what = "the lock of vpc-1".to_owned();
        Err(StoreError::Overtaken { what })
    }
}

#[tokio::test]
async fn a_run_that_lost_the_lock_since_its_last_look_changes_nothing() {
    let model = calm(model::snapshot());
    let plan = sealed(&network(&model));
    let late = Late(&model, Kept::new(&model));
    let engine = Engine {
        network: &model,
        journal: &late,
        plan_id: &plan.id,
        vpc_id: "vpc-1",
        fencing: 1,
        clock: model.stage.clone(),
        stop_at: Timestamp::MAX,
        pace: crate::actions::PACE,
    };
    // An intent of an earlier run: whether it was done has to be looked at first.
    let (step, change) = (1, plan.plan.steps[0].change.resolve(|_| None).unwrap());
    let absent = crate::journal::PreImage::Absent;
    let item = Entry::intend(&plan.id, step, change, absent, Timestamp::UNIX_EPOCH);
    let mut intent = Versioned { version: 0, item };
    late.keep(&mut intent).await.unwrap();
    let mut journal = Journal::from([(step, intent)]);
    let result = engine.apply(&plan.plan.steps, &mut journal).await;
    assert!(matches!(
        result,
        Err(EngineError::Store(StoreError::Overtaken { .. }))
    ));
    assert_eq!(network(&model), model::snapshot().sorted());
}

/// The calls that applying a plan takes in a VPC with so many private route tables, by what they ask for.
fn calls_to_apply(tables: usize) -> BTreeMap<&'static str, u32> {
    let mut snapshot = model::snapshot();
    for number in 0..tables - 2 {
        let id = format!("rtb-more-{number}");
        snapshot.subnets.push(crate::snapshot::Subnet {
            id: format!("subnet-more-{number}"),
            zone: "us-east-1a".to_owned(),
            route_table: id.clone(),
            cidr: String::new(),
            free_addresses: 200,
        });
        snapshot.route_tables.push(crate::snapshot::RouteTable {
            id,
            default_target: Some("nat-a".to_owned()),
            endpoint_routes: Vec::new(),
        });
    }
    let at_once = Weather {
        settle: Duration::ZERO,
        ..Weather::CALM
    };
    let model = Model::new(World::of(snapshot), at_once);
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    run(&model, &kept, &plan, false).unwrap();
    let gateway = network(&model)
        .endpoints
        .into_iter()
        .find(|e| e.service == "s3");
    assert_eq!(gateway.unwrap().route_tables.len(), tables);
    model.calls.borrow().clone()
}

#[test]
fn three_endpoints_take_few_calls_and_one_more_for_each_route_table() {
    let few = calls_to_apply(2);
    // One for each of the 14 steps, a look at each endpoint until it is available, three at the pollers' own rules.
    insta::assert_debug_snapshot!(few, @r#"
    {
        "change": 14,
        "endpoint": 3,
        "group": 3,
    }
    "#);
    let mut many = calls_to_apply(52);
    *many.get_mut("change").unwrap() -= 50;
    assert_eq!(many, few);
}

#[test]
fn a_group_that_others_came_to_use_is_not_deleted() {
    let model = calm(model::snapshot());
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    run(&model, &kept, &plan, false).unwrap();
    let made = network(&model).groups;
    let made = made
        .iter()
        .find(|group| group.name == "tollkeeper-sts")
        .unwrap();
    let theirs = Rule::tcp(443, crate::change::Peer::Group(made.id.clone()));
    let mut others = model::group("sg-theirs", "theirs");
    others.egress.push(theirs);
    model.world.borrow_mut().network.groups.push(others);
    let error = run(&model, &kept, &plan, true).unwrap_err();
    assert!(
        matches!(&error, EngineError::InUse { users, .. } if users == "sg-theirs"),
        "{error}"
    );
    assert!(network(&model).group(&made.id).is_some());
    // The owner takes the rule away: the way back goes on.
    let is_theirs = |group: &crate::snapshot::Group| group.id == "sg-theirs";
    model
        .world
        .borrow_mut()
        .network
        .groups
        .retain(|group| !is_theirs(group));
    run(&model, &kept, &plan, true).unwrap();
    assert_eq!(network(&model), model::snapshot().sorted());
}

#[test]
fn the_way_back_waits_for_an_endpoint_that_a_dead_run_had_begun_to_delete() {
    let slow = Weather {
        settle: Duration::from_secs(50),
        ..Weather::CALM
    };
    let model = Model::new(World::of(model::snapshot()), slow);
    let (plan, kept) = (sealed(&network(&model)), Kept::new(&model));
    let makes_endpoint =
        |step: &&crate::change::Step| matches!(step.change, Change::CreateInterfaceEndpoint { .. });
    let endpoint = plan.plan.steps.iter().find(makes_endpoint).unwrap().number;
    model
        .fuse
        .blow_at((endpoint - 1) * 3 + 2, model::Crash::After);
    run(&model, &kept, &plan, false).unwrap_err();
    model.fuse.blow_at(1, model::Crash::After);
    run(&model, &kept, &plan, true).unwrap_err();
    run(&model, &kept, &plan, true).unwrap();
    assert_eq!(network(&model), model::snapshot().sorted());
}
