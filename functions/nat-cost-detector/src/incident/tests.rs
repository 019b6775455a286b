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

fn moves(incidents: &[Incident], at: i64, volumes: &[(i64, u64)], anomalous: bool) -> Vec<Move> {
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
        incidents,
        Evidence {
            usage_type: UsageType::NatBytes,
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

fn turn(latest: Option<&Incident>, at: i64, volumes: &[(i64, u64)], anomalous: bool) -> Turn {
    let incidents: Vec<Incident> = latest.into_iter().cloned().collect();
    let moves = moves(&incidents, at, volumes, anomalous);
    assert_eq!(moves.len(), 1, "{moves:?}");
    moves[0].turn
}

/// Opened on day 0 with 1,000 GB, told.
fn open() -> Incident {
    let baseline = Baseline {
        weekdays: [range(); 7],
        history_days: 70,
        excess: 900 * GB,
    };
    Incident {
        told: Some(Told {
            state: State::Opened,
            day: day(0),
            excess: 900 * GB,
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
    let reported = resolved.reported().unwrap();
    assert_eq!((reported.from, reported.until), (day(0), Some(day(1))));
    assert_eq!(open().reported().unwrap().until, None);
}

/// Days 0 to `last` at 1,000 GB, but those named.
fn steady(last: i64, but: &[(i64, u64)]) -> Vec<(i64, u64)> {
    let mut days: BTreeMap<i64, u64> = (0..=last).map(|offset| (offset, 1000)).collect();
    days.extend(but.iter().copied());
    days.into_iter().collect()
}

#[test]
fn a_shift_that_lasted_two_weeks_without_news_is_accepted_once() {
    let incident = open();
    assert_eq!(
        turn(Some(&incident), 13, &steady(13, &[]), true),
        Turn::GoesOn
    );
    assert_eq!(
        turn(Some(&incident), 14, &steady(14, &[]), true),
        Turn::Accepts
    );
    assert_eq!(
        turn(Some(&incident), 14, &steady(14, &[(11, 100)]), true),
        Turn::GoesOn,
        "it was over for a day: not lasting yet"
    );
    let unknown: Vec<(i64, u64)> = steady(14, &[])
        .into_iter()
        .filter(|(day, _)| !(8..12).contains(day))
        .collect();
    assert_eq!(
        turn(Some(&incident), 14, &unknown, true),
        Turn::GoesOn,
        "days nobody knows do not last"
    );
    let mut grown = open();
    grown.told.as_mut().unwrap().day = day(10);
    assert_eq!(
        turn(Some(&grown), 14, &steady(14, &[]), true),
        Turn::GoesOn,
        "news four days ago"
    );
    assert_eq!(
        turn(Some(&grown), 17, &steady(17, &[]), true),
        Turn::Accepts
    );
}

#[test]
fn an_accepted_level_is_what_is_usual_and_what_was_before_is_not() {
    let accepted = open().after(day(14), 1000 * GB, Turn::Accepts, None);
    let volumes = (-30..=20).map(|offset| (day(offset), 1)).collect();
    let first = |incidents: &[Incident]| usual(&volumes, incidents).into_keys().next();
    assert_eq!(first(std::slice::from_ref(&accepted)), Some(day(0)));
    assert_eq!(usual(&volumes, std::slice::from_ref(&accepted)).len(), 21);
    let resolved = accepted.after(day(18), 100 * GB, Turn::Resolves, None);
    assert_eq!(first(std::slice::from_ref(&resolved)), Some(day(-30)));
    assert!(
        !usual(&volumes, &[resolved]).contains_key(&day(5)),
        "the leak's days are not usual again"
    );
    let open_still = usual(&volumes, &[open()]);
    assert_eq!(open_still.into_keys().next_back(), Some(day(-1)));
}

#[test]
fn an_accepted_incident_is_resolved_late_and_beside_a_new_one() {
    let accepted = open().after(day(14), 1000 * GB, Turn::Accepts, None);
    let quiet = Move {
        incident: None,
        turn: Turn::Quiet,
    };
    let known = [accepted.clone()];
    assert_eq!(moves(&known, 20, &[(19, 1000), (20, 1000)], false), [quiet]);
    let ends = Move {
        incident: Some(0),
        turn: Turn::Resolves,
    };
    assert_eq!(
        moves(&known, 20, &[(19, 100), (20, 100)], false),
        [quiet, ends]
    );
    let opens = Move {
        incident: None,
        turn: Turn::Opens,
    };
    assert_eq!(moves(&known, 20, &[(19, 1000), (20, 9000)], true), [opens]);
    let late = 14 + WATCHED_DAYS + 1;
    assert_eq!(
        moves(&known, late, &[(late - 1, 100), (late, 100)], false),
        [quiet],
        "no longer watched"
    );
    let done = accepted.after(day(20), 100 * GB, Turn::Resolves, None);
    assert_eq!(
        moves(&[done], 20, &[(19, 100), (20, 100)], false)[1..],
        [],
        "resolved once"
    );
}

#[test]
fn a_message_is_pending_until_it_was_told() {
    let finding: Finding = serde_json::from_str(include_str!(
        "../../../../events/contracts/finding-opened.json"
    ))
    .unwrap();
    let excess = finding.excess.bytes;
    let message = Pending {
        finding,
        excess,
        claim: None,
    };
    let incident = open().after(day(1), 2000 * GB, Turn::Grows, Some(message));
    assert!(incident.pending.is_some());
    assert_eq!(incident.peak, 2000 * GB);
    let told = incident.told();
    assert_eq!(told.pending, None);
    assert_eq!(told.told.unwrap().excess, excess);
}

#[test]
fn hours_are_over_by_the_price_of_hours() {
    let gateways = |count: u64| count * 24;
    let range = Range {
        low: gateways(3),
        expected: gateways(3),
        high: gateways(3),
    };
    let verdict = Verdict {
        anomalous: false,
        score: Decimal::ZERO,
        weekdays: [range; 7],
        range,
        confidence: Confidence::High,
        reason: String::new(),
        history_days: 70,
    };
    let volumes = BTreeMap::new();
    let evidence = Evidence {
        usage_type: UsageType::NatHours,
        day: day(0),
        verdict: &verdict,
        volumes: &volumes,
        gates: Gates {
            dollars: Decimal::from(5),
            percent: Decimal::from(25),
        },
        prices: prices::for_region("us-east-1").unwrap(),
    };
    assert!(
        evidence.exceeds(range, gateways(8)),
        "five more: $5.40 a day"
    );
    assert!(
        !evidence.exceeds(range, gateways(7)),
        "four more: $4.32 a day"
    );
}
