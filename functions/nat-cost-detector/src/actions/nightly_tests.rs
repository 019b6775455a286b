//! Whole nights against clients that answer from memory: what is told, how often, and what survives a failure.

use tollkeeper::error::Fault;

use super::super::night_fixture::{Cloud, OTHER, OWN, Wrong};
use super::*;

/// Runs the night of a day, so many minutes after the usual time.
async fn night_at(app: &App, day: &str, minutes: i64) -> Result<Value, DetectorError> {
    let day: Day = day.parse().unwrap();
    let morning = day.end().as_second() + 6 * 3600 + 60 * minutes;
    let clock = || Timestamp::from_second(morning).unwrap();
    Box::pin(run(app, day, Clock::new(&clock, None))).await
}

/// The turn of the bytes, and how many messages.
async fn night(app: &App, day: &str) -> Result<(String, usize), DetectorError> {
    let reply = night_at(app, day, 0).await?;
    let told = reply["told"].as_array().unwrap().len();
    Ok((
        line(&reply, OWN, "NatGateway-Bytes")["turn"]
            .as_str()
            .unwrap()
            .to_owned(),
        told,
    ))
}

fn line<'a>(reply: &'a Value, account: &str, series: &str) -> &'a Value {
    let mut lines = reply["series"].as_array().unwrap().iter().rev();
    lines
        .find(|line| line["account"] == account && line["series"] == series)
        .unwrap()
}

/// A leak on two days, grown on the third, over on the fourth.
const STORY: [(&str, u32); 3] = [
    ("2026-10-13", 1_000),
    ("2026-10-14", 1_050),
    ("2026-10-15", 2_000),
];
const LEAK: &str = "2026-10-13";

#[tokio::test]
async fn every_turn_is_told_once_and_a_second_run_of_a_night_tells_nothing() {
    let cloud = Cloud::default().with(OWN, &STORY);
    let app = cloud.app(&[]);
    let nights = [
        ("2026-10-12", "quiet", 0),
        ("2026-10-13", "opens", 1),
        ("2026-10-14", "goes_on", 0),
        ("2026-10-15", "grows", 1),
        ("2026-10-16", "goes_on", 0),
        ("2026-10-17", "resolves", 1),
        ("2026-10-18", "quiet", 0),
    ];
    for (day, turn, told) in nights {
        assert_eq!(
            night(&app, day).await.unwrap(),
            (turn.to_owned(), told),
            "{day}"
        );
        assert_eq!(night(&app, day).await.unwrap().1, 0, "second run of {day}");
    }
    assert_eq!(cloud.state().sent.len(), 3);
}

#[tokio::test]
async fn a_lasting_shift_is_told_once_accepted_and_measured_when_it_ends() {
    let cloud = Cloud::default();
    let first: Day = "2026-08-03".parse().unwrap();
    for offset in 0..20 {
        let day = first.plus(offset).to_string();
        cloud.state().gigabytes.insert((OWN, day), 1_000);
    }
    let app = cloud.app(&[]);
    let mut turns = Vec::new();
    for offset in -1..24 {
        let (turn, told) = night(&app, &first.plus(offset).to_string()).await.unwrap();
        if told > 0 || turn == "accepts" {
            turns.push((offset, turn));
        }
    }
    let expected = [(0, "opens"), (14, "accepts"), (21, "quiet")];
    assert_eq!(
        turns,
        expected.map(|(offset, turn)| (offset, turn.to_owned()))
    );
    let sent = cloud.state().sent.clone();
    assert!(sent[1].ends_with("the new level"), "{sent:?}");
    assert!(sent[2].starts_with("NAT cost back to normal"), "{sent:?}");
}

#[tokio::test]
async fn more_gateways_are_a_series_of_their_own() {
    let cloud = Cloud::default();
    cloud.state().gateways.insert((OWN, LEAK.to_owned()), 9);
    cloud.state().metered = true;
    let app = cloud.app(&[]);
    let reply = night_at(&app, LEAK, 0).await.unwrap();
    assert_eq!(line(&reply, OWN, "NatGateway-Bytes")["turn"], "quiet");
    let hours = line(&reply, OWN, "NatGateway-Hours");
    assert_eq!(
        (&hours["turn"], &hours["observed"], &hours["unit"]),
        (&"opens".into(), &216.into(), &"hours".into())
    );
    let finding = &reply["findings"][0];
    assert_eq!(finding["gateways"]["observed"], "9");
    assert_eq!(finding["excess"]["cost"]["amount"], "7.56");
    assert_eq!(finding["excess"]["bytes"], 0);
    let text = crate::tell::message::text(&serde_json::from_value(finding.clone()).unwrap());
    let (told, _) = text.split_once("\nWhat this rests on").unwrap();
    insta::assert_snapshot!(told, @"
    More NAT gateways cost $7.56 a day more than usual in us-east-1 (account 123456789012), whatever goes through them.
    Tuesday 2026-10-13: 9 gateways, $9.72 in hours; usual are 2, at most 2.
    If it lasts: $226.80 a month.
    Severity medium, confidence high.
    Why: 9 gateways (216 gateway-hours) on 2026-10-13; usual are 2 (median of the last 14 days), at most 2 in the last 28.
    Since 2026-10-13. Incident 123456789012/us-east-1/NatGateway-Hours/2026-10-13.

    Made in the week before it began or since
      - nat-0 in vpc-0, 2026-10-12 09:00 UTC: 100.0 GB that day
      CloudTrail's CreateNatGateway says who made them. A VPC needs one a zone, and one in all where the zones may share.
    ");
    assert_eq!(
        cloud.state().sent,
        ["NAT gateway hours up $7.56 a day ($226.80 a month) in us-east-1"]
    );
}

#[tokio::test]
async fn accounts_and_regions_are_judged_apart_from_one_payers_page() {
    let cloud = Cloud::default().with(OTHER, &STORY);
    let role = format!("own,arn:aws:iam::{OTHER}:role/reader");
    let app = cloud.app(&[
        ("ACCOUNTS", &role),
        ("REGIONS", "us-east-1,eu-west-1"),
        ("BILL_SOURCE", "here"),
    ]);
    let reply = night_at(&app, LEAK, 0).await.unwrap();
    assert_eq!(line(&reply, OWN, "NatGateway-Bytes")["turn"], "quiet");
    let opened: Vec<&Value> = reply["series"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["turn"] == "opens")
        .collect();
    assert_eq!(opened.len(), 1);
    assert_eq!(
        (&opened[0]["account"], &opened[0]["region"]),
        (&OTHER.into(), &"us-east-1".into())
    );
    assert_eq!(
        reply["series"].as_array().unwrap().len(),
        6,
        "bytes and hours here, bytes alone in Ireland"
    );
    assert_eq!(reply["cost_explorer"]["pages"], 1);
    assert_eq!(reply["cost_explorer"]["cost"]["amount"], "0.01");
    assert_eq!(
        (&reply["turn"], cloud.state().sent.len()),
        (&"opens".into(), 1)
    );
}

#[tokio::test]
async fn an_account_that_refuses_is_reported_and_the_others_go_on() {
    let cloud = Cloud::default().with(OWN, &STORY);
    let role = format!("own,arn:aws:iam::{OTHER}:role/reader");
    let app = cloud.app(&[("ACCOUNTS", &role)]);
    cloud.goes_wrong("GetCallerIdentity", Some(1), Wrong::Denied);
    let reply = night_at(&app, LEAK, 0).await.unwrap();
    assert_eq!(line(&reply, OWN, "NatGateway-Bytes")["turn"], "opens");
    let failed = &reply["failed"][0];
    assert_eq!(
        (&failed["account"], &failed["error_type"]),
        (&OTHER.into(), &"Aws.CallFailed".into())
    );
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .contains("sts:GetCallerIdentity"),
        "{failed}"
    );
    // Its own Cost Explorer each: two pages. One is too few, and that is one account's failure too.
    cloud.goes_right();
    let app = cloud.app(&[("ACCOUNTS", &role), ("COST_EXPLORER_MAX_PAGES", "1")]);
    let reply = night_at(&app, "2026-10-14", 0).await.unwrap();
    assert_eq!(
        reply["failed"][0]["error_type"],
        "CostExplorer.TooManyPages"
    );
    assert_eq!(reply["cost_explorer"]["pages"], 1);
}

#[tokio::test]
async fn a_night_that_runs_out_of_time_fails_and_the_next_run_goes_on_with_what_is_left() {
    let cloud = Cloud::default().with(OWN, &STORY);
    let role = format!("own,arn:aws:iam::{OTHER}:role/reader");
    let app = cloud.app(&[("ACCOUNTS", &role)]);
    let day: Day = LEAK.parse().unwrap();
    let begin = day.end();
    // The time is over once the first place has been judged and told of.
    let clock = || match cloud.state().sent.len() {
        0 => begin + jiff::SignedDuration::from_hours(6),
        _ => begin + jiff::SignedDuration::from_hours(7),
    };
    let deadline = begin + jiff::SignedDuration::from_hours(7);
    let error = Box::pin(run(&app, day, Clock::new(&clock, Some(deadline))))
        .await
        .unwrap_err();
    assert_eq!(error.fault_type(), "Nightly.OutOfTime");
    let reply = night_at(&app, LEAK, 90).await.unwrap();
    assert_eq!(
        line(&reply, OWN, "NatGateway-Bytes")["turn"],
        "already_judged"
    );
    assert_eq!(line(&reply, OTHER, "NatGateway-Bytes")["turn"], "quiet");
    assert_eq!(cloud.state().sent.len(), 1, "nobody is told twice");
}

#[tokio::test]
async fn a_role_of_another_account_than_named_is_not_used() {
    let cloud = Cloud::default();
    let app = cloud.app(&[("ACCOUNTS", "own,arn:aws:iam::999999999999:role/reader")]);
    let reply = night_at(&app, LEAK, 0).await.unwrap();
    assert_eq!(reply["failed"][0]["error_type"], "Accounts.OtherAccount");
    let app = cloud.app(&[("ACCOUNTS", &format!("own,arn:aws:iam::{OWN}:role/reader"))]);
    let reply = night_at(&app, LEAK, 0).await.unwrap();
    assert_eq!(reply["failed"][0]["error_type"], "Accounts.Twice");
}

#[tokio::test]
async fn a_spike_of_a_night_that_failed_is_found_by_the_next_one() {
    let cloud = Cloud::default().with(OWN, &[(LEAK, 1_000)]);
    let app = cloud.app(&[]);
    night(&app, "2026-10-12").await.unwrap();
    cloud.goes_wrong("GetCostAndUsage", None, Wrong::ServerError);
    assert_eq!(
        night(&app, LEAK).await.unwrap_err().fault_type(),
        "Aws.CallFailed"
    );
    cloud.goes_right();
    let reply = night_at(&app, "2026-10-14", 0).await.unwrap();
    let days: Vec<&Value> = reply["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["day"])
        .collect();
    assert_eq!(days, [LEAK, LEAK, "2026-10-14", "2026-10-14"]);
    assert_eq!(reply["findings"][0]["day"], LEAK);
    assert_eq!(cloud.state().sent.len(), 1);
}

#[tokio::test]
async fn a_day_whose_bill_was_late_is_judged_again_until_it_has_settled() {
    let cloud = Cloud::default();
    let app = cloud.app(&[]);
    cloud.state().estimated_from = Some(LEAK.to_owned());
    night(&app, "2026-10-12").await.unwrap();
    let reply = night_at(&app, LEAK, 0).await.unwrap();
    let line_of = line(&reply, OWN, "NatGateway-Bytes");
    assert_eq!(
        (&line_of["provisional"], &line_of["turn"]),
        (&true.into(), &"quiet".into())
    );
    // The next morning the bill shows what had been used: the gateways were deleted in the meantime.
    cloud
        .state()
        .gigabytes
        .insert((OWN, LEAK.to_owned()), 1_000);
    let reply = night_at(&app, "2026-10-14", 0).await.unwrap();
    assert_eq!(reply["findings"][0]["day"], LEAK);
    assert_eq!(reply["findings"][0]["confidence"], "medium");
    let notes = reply["findings"][0]["data_quality"]["notes"].to_string();
    assert!(
        notes.contains("is an estimate and CloudWatch does not confirm it"),
        "{notes}"
    );
}

#[tokio::test]
async fn a_day_that_is_not_over_is_not_judged() {
    let app = Cloud::default().app(&[]);
    let error = night_at(&app, LEAK, -24 * 60).await.unwrap_err();
    assert_eq!(error.fault_type(), "Day.NotOver");
}

#[tokio::test]
async fn without_a_table_or_topic_the_night_says_what_it_needs() {
    let cloud = Cloud::default();
    let mut app = cloud.app(&[]);
    app.config.ledger_table = None;
    let error = night(&app, LEAK).await.unwrap_err();
    assert_eq!(error.fault_type(), "Nightly.NotConfigured");
    app.region = Some("mars-north-1".to_owned());
    let asked = serde_json::json!({"action": "explain", "day": LEAK});
    let reply = app
        .handle(&asked, "2026-11-21T06:30:00Z".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(reply.error_type, "Prices.UnknownRegion");
    assert!(reply.error_message.contains("mars-north-1"));
}

/// Calls of the night, and how it ends without each: with an error of that type, or all the same.
const CALLS: [(&str, Option<&str>); 14] = [
    ("GetCallerIdentity", Some("Aws.CallFailed")),
    ("GetCostAndUsage", Some("Aws.CallFailed")),
    ("DescribeNatGateways", Some("Aws.CallFailed")),
    ("DescribeInstances", None),
    ("DescribeNetworkInterfaces", Some("Aws.CallFailed")),
    ("DescribeSubnets", Some("Aws.CallFailed")),
    ("DescribeVpcEndpoints", Some("Aws.CallFailed")),
    ("ListEventSourceMappings", None),
    ("GetMetricData", None),
    ("ListObjectsV2", None),
    ("Query", Some("Table.Failed")),
    ("GetItem", Some("Table.Failed")),
    ("PutItem", Some("Table.Failed")),
    ("Publish", Some("Alert.NotSent")),
];

#[tokio::test]
async fn every_call_may_fail_in_every_way_and_the_next_run_makes_up_for_it_once() {
    for (call, expected) in CALLS {
        for wrong in [
            Wrong::Throttled,
            Wrong::Denied,
            Wrong::ServerError,
            Wrong::Garbage,
        ] {
            let cloud = Cloud::default().with(OWN, &STORY);
            cloud.state().metered = true;
            let app = cloud.app(&[("FLOW_LOGS_LOCATION", "s3://logs")]);
            cloud.goes_wrong(call, None, wrong);
            let first = night_at(&app, LEAK, 0).await;
            assert!(
                cloud.state().calls.contains_key(call),
                "{call} was not called"
            );
            let failed = first.as_ref().err().map(Fault::fault_type);
            assert_eq!(failed, expected, "{call} {wrong:?}");
            cloud.goes_right();
            night_at(&app, LEAK, 5).await.unwrap();
            let sent = cloud.state().sent.len();
            assert_eq!(sent, 1, "{call} {wrong:?}");
        }
    }
}

#[tokio::test]
async fn a_night_cut_off_at_any_write_is_made_up_for_by_the_next_run() {
    let undisturbed = Cloud::default().with(OWN, &STORY);
    night_at(&undisturbed.app(&[]), LEAK, 0).await.unwrap();
    let writes = undisturbed.state().calls["PutItem"];
    assert_eq!(writes, 3, "the incident, the incident as told, the night");
    for which in 0..writes {
        for wrong in [Wrong::ServerError, Wrong::LostAnswer] {
            let cloud = Cloud::default().with(OWN, &STORY);
            let app = cloud.app(&[]);
            cloud.goes_wrong("PutItem", Some(which), wrong);
            let error = night_at(&app, LEAK, 0).await.unwrap_err();
            assert_eq!(error.fault_type(), "Table.Failed", "write {which}");
            cloud.goes_right();
            if let Err(error) = night_at(&app, LEAK, 1).await {
                assert_eq!(
                    error.fault_type(),
                    "Alert.Claimed",
                    "write {which} {wrong:?}"
                );
            }
            night_at(&app, LEAK, 5).await.unwrap();
            // The strike-out that did not happen: the one place where nothing but a repeat is left.
            let expected = if (which, wrong) == (1, Wrong::ServerError) {
                2
            } else {
                1
            };
            assert_eq!(
                cloud.state().sent.len(),
                expected,
                "write {which} {wrong:?}"
            );
        }
    }
}
