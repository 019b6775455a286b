use rust_decimal::Decimal;
use tollkeeper::finding::Confidence;
use tollkeeper::prices;

use super::*;

const GB: u64 = 1 << 30;

fn day(offset: i64) -> Day {
    "2026-10-13".parse::<Day>().unwrap().plus(offset)
}

fn range() -> Range {
    Range {
        low: 80 * GB,
        expected: 100 * GB,
        high: 120 * GB,
    }
}

fn turn(latest: Option<&Incident>, at: i64, volumes: &[(i64, u64)], anomalous: bool) -> Turn {
    let verdict = Verdict {
        anomalous,
        score: Decimal::ONE,
        weekdays: [range(); 7],
        range: range(),
        confidence: Confidence::High,
        reason: String::new(),
        history_days: 70,
    };
    let volumes = volumes
        .iter()
        .map(|(offset, gb)| (day(*offset), gb * GB))
        .collect();
    decide(
        latest,
        Evidence {
            day: day(at),
            verdict: &verdict,
            volumes: &volumes,
            gates: Gates {
                dollars: Decimal::from(5),
                percent: Decimal::from(25),
            },
            prices: prices::for_region("us-east-1").unwrap(),
        },
    )
}

/// Opened on day 0 with 1,000 GB, told.
fn open() -> Incident {
    let baseline = Baseline {
        weekdays: [range(); 7],
        nat_gateway_ids: vec!["nat-a".to_owned()],
        history_days: 70,
        excess_bytes: 900 * GB,
    };
    Incident {
        told: Some(Told {
            state: State::Opened,
            day: day(0),
            excess_bytes: 900 * GB,
            severity: Severity::High,
        }),
        ..Incident::open(
            "incident".to_owned(),
            "NatGateway-Bytes",
            day(0),
            1000 * GB,
            baseline,
        )
    }
}

#[test]
fn an_anomalous_day_opens_an_incident_once() {
    assert_eq!(turn(None, 0, &[(0, 1000)], true), Turn::Opens);
    assert_eq!(turn(None, 0, &[(0, 100)], false), Turn::Quiet);
    assert_eq!(
        turn(Some(&open()), 0, &[(0, 1000)], true),
        Turn::AlreadyJudged
    );
    assert_eq!(
        turn(Some(&open()), -3, &[(-3, 1000)], true),
        Turn::AlreadyJudged
    );
}

#[test]
fn an_open_incident_speaks_up_again_only_when_it_grows_by_half() {
    let incident = open();
    assert_eq!(turn(Some(&incident), 1, &[(1, 1100)], true), Turn::GoesOn);
    assert_eq!(turn(Some(&incident), 1, &[(1, 1440)], true), Turn::GoesOn);
    assert_eq!(turn(Some(&incident), 1, &[(1, 1450)], true), Turn::Grows);
}

#[test]
fn two_days_in_a_row_within_the_frozen_range_resolve() {
    let incident = open();
    assert_eq!(
        turn(Some(&incident), 1, &[(0, 100), (1, 100)], false),
        Turn::GoesOn,
        "the first"
    );
    assert_eq!(
        turn(Some(&incident), 2, &[(1, 1000), (2, 100)], false),
        Turn::GoesOn
    );
    assert_eq!(
        turn(Some(&incident), 2, &[(2, 100)], false),
        Turn::GoesOn,
        "a day nobody saw is no quiet day"
    );
    assert_eq!(
        turn(Some(&incident), 2, &[(1, 100), (2, 110)], false),
        Turn::Resolves
    );
    assert_eq!(
        turn(Some(&incident), 2, &[(1, 0), (2, 0)], false),
        Turn::Resolves,
        "below is over too"
    );
}

#[test]
fn after_a_resolved_incident_the_next_one_opens_anew() {
    let resolved = open().after(day(2), 100 * GB, Turn::Resolves, None);
    assert_eq!(
        turn(Some(&resolved), 2, &[(2, 1000)], true),
        Turn::AlreadyJudged
    );
    assert_eq!(turn(Some(&resolved), 3, &[(3, 1000)], true), Turn::Opens);
    assert!(resolved.covers(day(0)) && !resolved.covers(day(1)) && !resolved.covers(day(-1)));
}

#[test]
fn a_finding_is_pending_until_it_was_told() {
    let finding: Finding = serde_json::from_str(include_str!(
        "../../../../events/contracts/finding-opened.json"
    ))
    .unwrap();
    let incident = open().after(day(1), 2000 * GB, Turn::Grows, Some(finding.clone()));
    assert!(incident.pending.is_some());
    assert_eq!(incident.peak_bytes, 2000 * GB);
    let told = incident.told();
    assert_eq!(told.pending, None);
    assert_eq!(told.told.unwrap().excess_bytes, finding.excess.bytes);
}
