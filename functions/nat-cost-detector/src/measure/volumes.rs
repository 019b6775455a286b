//! One daily volume from two witnesses: the bill, and CloudWatch's bytes of the gateways that exist.
//!
//! A final bill is the truth. While a day is an estimate both are lower bounds (the bill is incomplete, CloudWatch
//! misses deleted gateways), so the larger counts: that is what makes a finding possible the next morning.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tollkeeper::time::Day;

use crate::adapters::cloudwatch::DailyBytes;
use crate::adapters::cost_explorer::BillDay;

/// Bytes of all gateways by day.
pub fn total_by_day(nats: &DailyBytes) -> BTreeMap<Day, u64> {
    let mut total = BTreeMap::new();
    for (day, bytes) in nats.values().flatten() {
        *total.entry(*day).or_insert(0) += bytes;
    }
    total
}

/// Volume by day. Days that neither witness knows are absent.
pub fn daily(bill: &BTreeMap<Day, BillDay>, metrics: &BTreeMap<Day, u64>) -> BTreeMap<Day, u64> {
    let mut volumes = metrics.clone();
    for (day, billed) in bill {
        let seen = volumes.entry(*day).or_insert(0);
        *seen = if billed.estimated {
            billed.nat_bytes.max(*seen)
        } else {
            billed.nat_bytes
        };
    }
    volumes
}

/// `part` as percent of `whole`, one place; `None` of nothing.
pub fn percent(part: u64, whole: u64) -> Option<Decimal> {
    (Decimal::from(part) * Decimal::ONE_HUNDRED)
        .checked_div(Decimal::from(whole))
        .map(|percent| percent.round_dp(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_bill_wins_and_an_estimate_is_a_lower_bound() {
        let day: Day = "2026-10-13".parse().unwrap();
        let billed = |nat_bytes, estimated| BillDay {
            nat_bytes,
            estimated,
            ..BillDay::default()
        };
        let bill = BTreeMap::from([
            (day, billed(10, false)),
            (day.plus(1), billed(10, true)),
            (day.plus(2), billed(90, true)),
        ]);
        let metrics = (0..4).map(|offset| (day.plus(offset), 50)).collect();
        let volumes: Vec<u64> = daily(&bill, &metrics).into_values().collect();
        assert_eq!(volumes, [10, 50, 90, 50]);
        assert_eq!(percent(1, 3).unwrap().to_string(), "33.3");
        assert_eq!(percent(1, 0), None);
    }
}
