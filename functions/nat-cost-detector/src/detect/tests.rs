use proptest::prelude::*;
use tollkeeper::prices;

use super::*;

const GB: u64 = 1 << 30;

fn gates() -> Gates {
    Gates {
        dollars: Decimal::from(5),
        percent: Decimal::from(25),
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A Tuesday.
fn today() -> Day {
    day("2026-10-13")
}

/// Weekends at 60 %, and noise in thousandths by a small generator.
fn series(days: i64, base: u64, noise: u64, seed: u64) -> BTreeMap<Day, u64> {
    let mut state = seed | 1;
    (1..=days)
        .map(|back| {
            let day = today().plus(-back);
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let wobble = 1000 - noise + (state >> 33) % (2 * noise + 1);
            let profile = if day.weekday() >= 5 { 600 } else { 1000 };
            (day, base / 1_000_000 * profile * wobble)
        })
        .collect()
}

fn judge(history: &BTreeMap<Day, u64>, observed: u64) -> Verdict {
    let prices = prices::for_region("us-east-1").unwrap();
    detect(history, today(), observed, gates(), prices)
}

#[test]
fn a_spike_is_found_and_explained_in_words() {
    let verdict = judge(&series(70, 1000 * GB, 50, 1), 4000 * GB);
    assert!(verdict.anomalous);
    assert!(verdict.score > Decimal::ONE);
    assert_eq!(verdict.confidence, Confidence::High);
    assert!(
        verdict
            .reason
            .starts_with("4.0 times the usual Tuesday: 4,000.0 GB against "),
        "{}",
        verdict.reason
    );
    assert!(
        verdict.reason.ends_with(
            "a sudden rise explains it more than 10,000 times better than the usual noise (19 times raise an alarm)"
        ),
        "{}",
        verdict.reason
    );
}

#[test]
fn a_quiet_weekend_is_no_reason_to_alarm_on_monday() {
    let history = series(70, 1000 * GB, 50, 2);
    assert!(!judge(&history, 1000 * GB).anomalous);
    let prices = prices::for_region("us-east-1").unwrap();
    let saturday = day("2026-10-17");
    let on_saturday = detect(&history, saturday, 1000 * GB, gates(), prices);
    assert!(
        on_saturday.range.expected < 700 * GB,
        "a weekday's volume is not usual on a Saturday"
    );
}

#[test]
fn what_costs_little_is_no_alarm() {
    let verdict = judge(&series(70, 10 * GB, 50, 3), 40 * GB);
    assert!(verdict.score > Decimal::ONE, "significant");
    assert!(!verdict.anomalous, "but $1.35");
}

#[test]
fn a_short_history_is_judged_with_low_confidence() {
    let verdict = judge(&series(5, 1000 * GB, 50, 4), 6000 * GB);
    assert!(verdict.anomalous);
    assert_eq!(verdict.confidence, Confidence::Low);
    assert!(!judge(&series(5, 1000 * GB, 50, 4), 1250 * GB).anomalous);
}

#[test]
fn traffic_of_a_new_gateway_is_all_new() {
    let silent: BTreeMap<Day, u64> = (1..60).map(|back| (today().plus(-back), 0)).collect();
    let verdict = judge(&silent, 500 * GB);
    assert!(verdict.anomalous);
    assert_eq!(
        (verdict.confidence, verdict.range.expected),
        (Confidence::Low, 0)
    );
    assert!(!judge(&silent, GB).anomalous);
}

#[test]
fn a_fall_is_kept_for_the_record_and_is_no_alarm() {
    let verdict = judge(&series(70, 1000 * GB, 50, 5), 0);
    assert!(!verdict.anomalous);
    assert!(verdict.score < -Decimal::ONE, "{}", verdict.score);
    assert!(
        verdict.reason.contains("a sudden fall"),
        "{}",
        verdict.reason
    );
}

/// The last `days` days of the history, and what is judged today, times `tenths` / 10.
fn lifted(history: &BTreeMap<Day, u64>, days: i64, tenths: u64) -> BTreeMap<Day, u64> {
    let from = today().plus(-days);
    let lift = |(day, bytes): (&Day, &u64)| {
        (
            *day,
            if *day >= from {
                bytes / 10 * tenths
            } else {
                *bytes
            },
        )
    };
    history.iter().map(lift).collect()
}

#[test]
fn a_shift_alarms_for_days_and_is_the_new_level_once_it_has_lasted() {
    let history = series(100, 1000 * GB, 50, 6);
    for days in 0..7 {
        let verdict = judge(&lifted(&history, days, 20), 2000 * GB);
        assert!(verdict.anomalous, "after {days} days: {}", verdict.reason);
    }
    let after = lifted(&history, 21, 20);
    assert!(!judge(&after, 2000 * GB).anomalous);
    assert!(
        judge(&after, 3500 * GB).anomalous,
        "a second leak on top is found"
    );
}

#[test]
fn a_small_excess_that_lasts_is_found_though_no_day_of_it_would_be() {
    let history = series(100, 1000 * GB, 250, 7);
    let alone = judge(&history, 1600 * GB);
    assert!(!alone.anomalous, "{}", alone.reason);
    let lasting = judge(&lifted(&history, 5, 16), 1600 * GB);
    assert!(lasting.anomalous, "{}", lasting.reason);
    assert!(
        lasting.reason.contains("since 2026-10-0"),
        "{}",
        lasting.reason
    );
}

#[test]
fn a_high_first_of_the_month_is_expected_once_it_was_seen_twice() {
    let mut history = series(150, 1000 * GB, 50, 8);
    let (first, prices) = (day("2026-10-01"), prices::for_region("us-east-1").unwrap());
    let on_the_first =
        |history: &BTreeMap<Day, u64>| detect(history, first, 2200 * GB, gates(), prices).anomalous;
    assert!(on_the_first(&history));
    for (day, bytes) in &mut history {
        if day.date().day() == 1 {
            *bytes = *bytes / 10 * 22;
        }
    }
    assert!(!on_the_first(&history));
}

#[test]
fn missing_days_are_not_zeros() {
    let full = series(100, 1000 * GB, 50, 9);
    let mut gappy = full.clone();
    gappy.retain(|day, _| day.date().day() % 3 != 0);
    let (one, other) = (judge(&full, 1000 * GB), judge(&gappy, 1000 * GB));
    assert!(one.range.expected.abs_diff(other.range.expected) < 50 * GB);
    assert!(judge(&gappy, 2000 * GB).anomalous);
    assert!(other.history_days < one.history_days);
}

#[test]
fn days_of_an_incident_are_not_usual_until_they_have_lasted() {
    let prices = prices::for_region("us-east-1").unwrap();
    let history = lifted(&series(100, 1000 * GB, 50, 10), 20, 20);
    let after = |days: i64| {
        let judged = today().plus(-20 + days);
        let reported = [Reported {
            from: today().plus(-20),
            until: None,
        }];
        detect_after(&reported, &history, judged, 2000 * GB, gates(), prices)
    };
    let young = after(ACCEPTED_DAYS - 1);
    assert!(
        young.anomalous && young.range.expected < 1200 * GB,
        "{}",
        young.reason
    );
    let old = after(ACCEPTED_DAYS);
    assert!(
        !old.anomalous && old.range.expected > 1700 * GB,
        "{}",
        old.reason
    );
}

#[test]
fn an_alarm_begins_where_the_days_range_ends() {
    let history = series(100, 1000 * GB, 50, 11);
    let range = judge(&history, 1000 * GB).range;
    assert!(range.low < range.expected && range.expected < range.high);
    let score = |bytes| score(&history, today(), bytes).unwrap();
    assert!(
        score(range.high - range.high / 500) < 1.0 && score(range.high + range.high / 500) > 1.0
    );
    assert!(score(range.low + range.low / 500) > -1.0 && score(range.low - range.low / 500) < -1.0);
}

proptest! {
    #[test]
    fn the_score_does_not_depend_on_the_unit(seed: u64, factor in 2u64..1000, times in 1u64..5) {
        let small = series(70, 1000 * GB, 80, seed);
        let large = small.iter().map(|(day, bytes)| (*day, bytes * factor)).collect();
        let one = judge(&small, 1000 * GB * times).score;
        let other = judge(&large, 1000 * GB * times * factor).score;
        prop_assert!((one - other).abs() <= Decimal::new(1, 2), "{one} {other}");
    }

    #[test]
    fn quiet_series_do_not_alarm_and_doubled_days_do(seed: u64, noise in 1u64..120) {
        let history = series(70, 1000 * GB, noise, seed);
        prop_assert!(!judge(&history, 1000 * GB).anomalous);
        prop_assert!(judge(&history, 2000 * GB).anomalous);
    }

    #[test]
    fn a_level_shift_is_found_on_its_first_day_after_older_spikes(seed: u64, spike in 1i64..60) {
        let mut history = series(70, 1000 * GB, 80, seed);
        history.insert(today().plus(-spike), 9000 * GB);
        prop_assert!(judge(&history, 2000 * GB).anomalous);
        prop_assert!(!judge(&history, 1000 * GB).anomalous);
    }
}
