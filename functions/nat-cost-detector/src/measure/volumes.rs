//! Sums and shares of CloudWatch's bytes.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tollkeeper::time::Day;

use crate::adapters::cloudwatch::DailyBytes;

/// Bytes of all gateways by day.
pub fn total_by_day(nats: &DailyBytes) -> BTreeMap<Day, u64> {
    let mut total: BTreeMap<Day, u64> = BTreeMap::new();
    for (day, bytes) in nats.values().flatten() {
        let sum = total.entry(*day).or_insert(0);
        *sum = sum.saturating_add(*bytes);
    }
    total
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
    fn days_are_summed_over_gateways_and_nothing_has_no_percentage() {
        let day: Day = "2026-10-13".parse().unwrap();
        let nats = DailyBytes::from([
            (
                "nat-a".to_owned(),
                BTreeMap::from([(day, 3), (day.next(), u64::MAX)]),
            ),
            (
                "nat-b".to_owned(),
                BTreeMap::from([(day, 4), (day.next(), 1)]),
            ),
        ]);
        assert_eq!(
            total_by_day(&nats),
            BTreeMap::from([(day, 7), (day.next(), u64::MAX)])
        );
        assert_eq!(percent(1, 3).unwrap().to_string(), "33.3");
        assert_eq!(percent(1, 0), None);
    }
}
