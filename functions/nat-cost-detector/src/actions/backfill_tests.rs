//! Ranges of days replayed against a cloud in memory.

use jiff::Timestamp;
use serde_json::Value;

use super::super::night_fixture::{Cloud, OWN, Wrong};
use super::super::nightly;
use super::*;

/// A leak that begins, stays, grows, and is over.
const STORY: [(&str, u32); 3] = [
    ("2026-10-13", 4_000),
    ("2026-10-14", 4_100),
    ("2026-10-15", 9_000),
];

async fn backfilled(app: &App, to: &str) -> Value {
    let now: Timestamp = "2026-11-21T06:30:00Z".parse().unwrap();
    backfilled_by(app, to, Clock::new(&|| now, None)).await
}

async fn backfilled_by(app: &App, to: &str, clock: Clock<'_>) -> Value {
    let range = Range {
        from: "2026-10-12".parse().unwrap(),
        to: to.parse().unwrap(),
        tell: false,
    };
    Box::pin(run(app, range, clock)).await.unwrap()
}

/// What each day meant for the bytes.
fn turns(reply: &Value) -> Vec<&str> {
    let nights = reply["nights"].as_array().unwrap();
    let bytes = |night: &'_ Value| {
        let series = night["series"].as_array().unwrap();
        series
            .iter()
            .rposition(|line| line["series"] == "NatGateway-Bytes" && line["day"] == night["day"])
            .unwrap()
    };
    nights
        .iter()
        .map(|night| night["series"][bytes(night)]["turn"].as_str().unwrap())
        .collect()
}

/// A real night; how many messages it told.
async fn night(app: &App, day: &str) -> Result<usize, DetectorError> {
    let now: Timestamp = "2026-11-21T06:35:00Z".parse().unwrap();
    let clock = || now;
    let clock = Clock::new(&clock, None);
    let reply = Box::pin(nightly::run(app, day.parse().unwrap(), clock)).await?;
    Ok(reply["told"].as_array().unwrap().len())
}

#[tokio::test]
async fn a_backfill_keeps_incidents_as_the_nights_would_have_tells_nobody_and_changes_nothing_twice()
 {
    let cloud = Cloud::default().with(OWN, &STORY);
    let app = cloud.app(&[]);
    let first = backfilled(&app, "2026-10-14").await;
    assert_eq!(turns(&first), ["quiet", "opens", "goes_on"]);
    assert_eq!(first["go_on_from"], Value::Null);
    let again = backfilled(&app, "2026-10-14").await;
    assert_eq!(turns(&again), ["already_judged"; 3]);
    assert_eq!(cloud.state().sent.len(), 0);
    let told = night(&app, "2026-10-15").await.unwrap();
    assert_eq!(
        told, 1,
        "the next real night goes on from there, and speaks"
    );
}

#[tokio::test]
async fn a_backfill_stops_before_its_deadline_and_says_where_to_go_on() {
    let cloud = Cloud::default().with(OWN, &STORY);
    let app = cloud.app(&[]);
    let begin: Timestamp = "2026-11-21T06:30:00Z".parse().unwrap();
    // Each look at the bill, and so each night, takes five minutes: of fifteen the third night would take the last.
    let clock = || {
        let nights = cloud.state().calls.get("GetCostAndUsage").copied();
        begin + SignedDuration::from_mins(5) * i32::try_from(nights.unwrap_or(0)).unwrap()
    };
    let deadline = begin + SignedDuration::from_mins(15);
    let reply = backfilled_by(&app, "2026-10-14", Clock::new(&clock, Some(deadline))).await;
    assert_eq!(turns(&reply), ["quiet"], "two of the longest no longer fit");
    assert_eq!(reply["go_on_from"], "2026-10-13");
}

#[tokio::test]
async fn a_backfill_leaves_what_sns_did_not_take_to_the_next_real_night() {
    let cloud = Cloud::default().with(OWN, &STORY);
    let app = cloud.app(&[]);
    cloud.goes_wrong("Publish", None, Wrong::ServerError);
    night(&app, "2026-10-13").await.unwrap_err();
    cloud.goes_right();
    backfilled(&app, "2026-10-14").await;
    assert_eq!(cloud.state().sent.len(), 0);
    let told = night(&app, "2026-10-15").await.unwrap();
    assert_eq!(told, 2, "the old one and the new one");
}
