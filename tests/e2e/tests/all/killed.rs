//! The real remediator, killed before and after every single write to its journal, forwards and backwards.

use std::time::Duration;

use local_cloud::{Hold, Reply, wait};
use serde_json::json;
use tollkeeper::plan::PlanSummary;

use crate::nights::Story;
use crate::remediation::Engine;

/// Each kill costs a lease, a start and a few calls.
const LIMIT: Duration = Duration::from_mins(8);

/// Calls an action again and again, and kills it at the next write to the journal each time: first before the write takes
/// effect, then after it. Answers how often it was killed.
async fn kill_at_every_entry(
    story: &Story,
    engine: &Engine,
    action: &str,
    plan: &PlanSummary,
    done: &str,
) -> usize {
    let front = story.cloud.front();
    let mut turns = [Hold::Before, Hold::After].into_iter().cycle();
    let mut hold_next = || {
        let turn = turns.next().unwrap();
        front.hold_next("dynamodb", "PutItem", "journal#", turn)
    };
    let (mut held, mut kills) = (hold_next(), 0);
    let through = wait::until(LIMIT, async || {
        let mut call = std::pin::pin!(engine.act(action, plan));
        let reply = tokio::select! {
            reply = &mut call => reply,
            () = held.arrived() => {
                engine.remediator.kill();
                kills += 1;
                held = hold_next();
                call.await
            }
        };
        match reply {
            Reply::Ok(reply) => (reply["state"] == done).then_some(()),
            Reply::Crashed { .. } => None,
            Reply::Error { error_type, .. } if error_type == "Lock.Held" => None,
            other => panic!("{action}: {other:?}"),
        }
    });
    through
        .await
        .unwrap_or_else(|| panic!("{action} never ended"));
    kills
}

#[tokio::test]
async fn a_plan_survives_a_kill_before_and_after_every_journal_entry() {
    let story = Story::up_to_the_leak("killed").await;
    let engine = Engine::with(&story, &[("LEASE_SECONDS", "1"), ("SOAK_MINUTES", "0")]).await;
    let before = story.world.observe().await.unwrap();
    let ask = json!({"action": "plan", "vpc_id": story.world.ids.vpc, "services": ["s3", "sts"]});
    let reply = engine.remediator.invoke(&ask).await.unwrap();
    let reply = reply.into_result().unwrap();
    let steps = reply["steps"].as_array().unwrap().len();
    let plan: PlanSummary = serde_json::from_value(reply["summary"].clone()).unwrap();
    engine.approve(&plan, &plan.plan_hash).await;

    // An intent and an outcome for each step, each held before and after it is written.
    let kills = kill_at_every_entry(&story, &engine, "apply", &plan, "applied").await;
    assert_eq!(kills, steps * 4);
    let verified = engine.act("verify", &plan).await.into_result().unwrap();
    assert_eq!(verified["verified"], true, "{verified}");
    let made = story.world.observe().await.unwrap();
    assert_eq!(made.interface_endpoints.len(), 1, "{made:?}");

    let kills = kill_at_every_entry(&story, &engine, "rollback", &plan, "rolled_back").await;
    assert_eq!(kills, steps * 2);
    assert_eq!(story.world.observe().await.unwrap(), before);
}
