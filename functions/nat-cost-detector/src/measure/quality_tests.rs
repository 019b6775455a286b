use std::collections::BTreeMap;

use super::*;
use crate::detect::Range;
use crate::measure::bill::{BillDay, Usage};
use tollkeeper::prices;

const GB: u64 = 1 << 30;

fn day(offset: i64) -> Day {
    "2026-10-13".parse::<Day>().unwrap().plus(offset)
}

fn series(last: &[u64]) -> Series {
    let first = 1 - i64::try_from(last.len()).unwrap();
    let values = (first..)
        .zip(last)
        .map(|(offset, gb)| (day(offset), gb * GB))
        .collect();
    Series {
        values,
        held: 0,
        unconfirmed: 0,
        day_is_lower_bound: false,
    }
}

fn verdict(anomalous: bool, history_days: usize) -> Verdict {
    let range = Range {
        low: 80 * GB,
        expected: 100 * GB,
        high: 120 * GB,
    };
    Verdict {
        anomalous,
        score: Decimal::ONE,
        weekdays: [range; 7],
        range,
        confidence: Confidence::High,
        reason: String::new(),
        history_days,
    }
}

fn judged(series: &Series, bill: &Bill, verdict: &Verdict) -> (Confidence, String) {
    let facts = Facts {
        usage_type: UsageType::NatBytes,
        series,
        bill,
        kinds_mixed: false,
        day: day(0),
        prices: prices::for_region("us-east-1").unwrap(),
    };
    (
        most_confident(facts, verdict),
        notes(facts, verdict).join("\n"),
    )
}

#[test]
fn complete_figures_need_no_words() {
    let judged = judged(&series(&[100; 30]), &Bill::default(), &verdict(true, 29));
    assert_eq!(judged, (Confidence::High, String::new()));
}

#[test]
fn every_weakness_is_named_and_lowers_the_confidence_where_it_matters() {
    let bound = Series {
        day_is_lower_bound: true,
        held: 2,
        unconfirmed: 9,
        ..series(&[100; 30])
    };
    let (confidence, notes) = judged(&bound, &Bill::default(), &verdict(true, 29));
    assert_eq!(confidence, Confidence::Medium);
    for words in [
        "this or more",
        "2 day(s) are estimates younger",
        "9 day(s) of the history are estimates",
    ] {
        assert!(notes.contains(words), "{notes}");
    }
    let mut gaps = series(&[100; 30]);
    for offset in [-5, -6, -20] {
        gaps.values.remove(&day(offset));
    }
    let (confidence, notes) = judged(&gaps, &Bill::default(), &verdict(true, 26));
    assert_eq!(
        (confidence, notes.as_str()),
        (
            Confidence::Medium,
            "3 day(s) of the history are unknown, not zero"
        )
    );
    let (_, notes) = judged(&series(&[100; 4]), &Bill::default(), &verdict(true, 3));
    assert_eq!(
        notes,
        "Only 3 day(s) of history: what is usual is assumed rather than known"
    );
}

#[test]
fn work_that_moved_across_midnight_is_suspected_only_where_the_day_before_fell() {
    let moved = series(&[100, 100, 30, 180]);
    let (confidence, notes) = judged(&moved, &Bill::default(), &verdict(true, 29));
    assert_eq!(confidence, Confidence::Medium);
    assert!(
        notes.starts_with("The day before was below its usual"),
        "{notes}"
    );
    let rose = series(&[100, 100, 95, 180]);
    assert_eq!(
        judged(&rose, &Bill::default(), &verdict(true, 29)).0,
        Confidence::High
    );
}

#[test]
fn credits_currencies_and_prices_show_in_words_and_not_in_the_figures() {
    let billed = |quantity: u32, cost: &str| {
        let mut billed = BillDay::default();
        let usage = Usage {
            quantity: Decimal::from(quantity),
            cost: cost.parse().unwrap(),
        };
        billed.add(UsageType::NatBytes, usage);
        Bill {
            days: BTreeMap::from([(day(0), billed)]),
            ..Bill::default()
        }
    };
    let notes = |bill: &Bill| judged(&series(&[100; 30]), bill, &verdict(true, 29)).1;
    assert_eq!(notes(&billed(1_000, "45")), "");
    assert_eq!(
        notes(&billed(1_000, "31.50")),
        "Billed $31.50 where the list price makes $45.00: a discount, or a price that changed. Dollars here are list prices"
    );
    let bill = Bill {
        other_currencies: BTreeMap::from([("EUR".to_owned(), "4.2".parse().unwrap())]),
        negative_days: vec![day(-1)],
        ..Bill::default()
    };
    let notes = notes(&bill);
    assert!(
        notes.contains("4.20 EUR") && notes.contains("negative lines on 1 day(s)"),
        "{notes}"
    );
}
