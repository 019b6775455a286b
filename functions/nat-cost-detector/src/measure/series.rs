//! One daily series from two witnesses: the bill, and CloudWatch's bytes of the gateways that exist.
//!
//! A final bill is the truth. While a day is an estimate both are lower bounds (the bill is incomplete, CloudWatch
//! misses deleted gateways), so the larger counts: that is what makes a finding possible the next morning. An estimate
//! that CloudWatch does not confirm is held back while it is young: it would enter the history as a fall that never
//! was. The bill calls every day of an open month an estimate, so after [`SETTLED_DAYS`] the quantity is taken as it is.
//! Days that nobody knows are absent, never zero.

use std::collections::BTreeMap;

use tollkeeper::time::Day;

use crate::measure::bill::Bill;
use crate::measure::usage_type::UsageType;

/// Days after which an estimated quantity no longer moves: usage reaches the bill within a day or two.
pub const SETTLED_DAYS: i64 = 3;

/// What CloudWatch can say about a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metrics {
    /// Bytes by day of the gateways that exist.
    Bytes(BTreeMap<Day, u64>),
    /// There is no gateway to ask about.
    NoGateway,
    /// It was not asked, could not be read, or cannot tell this series from others.
    Unknown,
}

/// A series up to the day under analysis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// Quantity by day: bytes, or hours.
    pub values: BTreeMap<Day, u64>,
    /// Young estimates left out of the history.
    pub held: usize,
    /// Settled estimates in the history that CloudWatch does not confirm.
    pub unconfirmed: usize,
    /// The day under analysis rests on an estimate alone: a lower bound.
    pub day_is_lower_bound: bool,
}

/// The series of a usage type up to a day.
pub fn measure(usage_type: UsageType, bill: &Bill, metrics: &Metrics, day: Day) -> Series {
    let mut series = Series::default();
    if let Metrics::Bytes(bytes) = metrics {
        series.values = bytes
            .range(..=day)
            .map(|(day, bytes)| (*day, *bytes))
            .collect();
    }
    for (billed_day, billed) in bill.days.range(..=day) {
        let quantity = billed.quantity(usage_type);
        let seen = series.values.get(billed_day).copied();
        let value = match (billed.estimated, seen) {
            (false, _) => Some(quantity),
            (true, Some(seen)) => Some(quantity.max(seen)),
            (true, None) => series.estimate(quantity, *billed_day, day, metrics),
        };
        match value {
            Some(value) => series.values.insert(*billed_day, value),
            None => series.values.remove(billed_day),
        };
    }
    series
}

impl Series {
    /// What an estimate counts for that CloudWatch does not confirm.
    fn estimate(&mut self, quantity: u64, billed: Day, day: Day, metrics: &Metrics) -> Option<u64> {
        if *metrics == Metrics::NoGateway && quantity == 0 {
            return Some(0);
        }
        if billed == day {
            self.day_is_lower_bound = true;
            // Nothing billed yet is not nothing used.
            return (quantity > 0).then_some(quantity);
        }
        if day.days_since(billed) < SETTLED_DAYS {
            self.held += 1;
            return None;
        }
        self.unconfirmed += 1;
        Some(quantity)
    }
}

/// Usage types of NAT bytes that a bill shows: CloudWatch cannot tell them apart.
pub fn kinds_of_bytes(bill: &Bill) -> Vec<UsageType> {
    used(bill).filter(|usage| usage.is_nat_bytes()).collect()
}

/// The series to judge: those that the bill shows and that cost money. Bytes of zonal gateways are judged always, so
/// that the first gateway of an account is seen before it is billed.
pub fn judged(bill: &Bill) -> Vec<UsageType> {
    let used: Vec<UsageType> = used(bill).collect();
    let regional_only =
        used.contains(&UsageType::RegionalBytes) && !used.contains(&UsageType::NatBytes);
    UsageType::ALL
        .into_iter()
        .filter(|usage| usage.is_judged())
        .filter(|usage| used.contains(usage) || (*usage == UsageType::NatBytes && !regional_only))
        .collect()
}

fn used(bill: &Bill) -> impl Iterator<Item = UsageType> {
    UsageType::ALL
        .into_iter()
        .filter(|usage| bill.days.values().any(|day| day.quantity(*usage) > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::bill::{BillDay, Usage};
    use rust_decimal::Decimal;

    fn day(offset: i64) -> Day {
        "2026-10-13".parse::<Day>().unwrap().plus(offset)
    }

    /// Days before the one under analysis, gigabytes, and whether estimated.
    fn bill(rows: &[(i64, u32, bool)]) -> Bill {
        let mut bill = Bill::default();
        for (offset, gigabytes, estimated) in rows {
            let mut billed = BillDay {
                estimated: *estimated,
                ..BillDay::default()
            };
            let usage = Usage {
                quantity: Decimal::from(*gigabytes),
                cost: Decimal::ZERO,
            };
            billed.add(UsageType::NatBytes, usage);
            bill.days.insert(day(*offset), billed);
        }
        bill
    }

    fn metrics(rows: &[(i64, u64)]) -> Metrics {
        Metrics::Bytes(
            rows.iter()
                .map(|(offset, gb)| (day(*offset), gb << 30))
                .collect(),
        )
    }

    fn gigabytes(series: &Series) -> Vec<(i64, u64)> {
        let offset = |known: &Day| known.days_since(day(0));
        series
            .values
            .iter()
            .map(|(day, bytes)| (offset(day), bytes >> 30))
            .collect()
    }

    fn of(bill: &Bill, metrics: &Metrics) -> Series {
        measure(UsageType::NatBytes, bill, metrics, day(0))
    }

    #[test]
    fn a_final_bill_wins_and_with_cloudwatch_an_estimate_is_a_lower_bound() {
        let bill = bill(&[
            (-3, 10, false),
            (-2, 10, true),
            (-1, 90, true),
            (0, 0, true),
        ]);
        let series = of(
            &bill,
            &metrics(&[(-4, 50), (-3, 50), (-2, 50), (-1, 50), (0, 50)]),
        );
        assert_eq!(
            gigabytes(&series),
            [(-4, 50), (-3, 10), (-2, 50), (-1, 90), (0, 50)]
        );
        assert_eq!((series.held, series.day_is_lower_bound), (0, false));
    }

    #[test]
    fn young_estimates_that_nobody_confirms_are_no_history() {
        let bill = bill(&[
            (-4, 9, true),
            (-3, 10, true),
            (-2, 4, true),
            (-1, 2, true),
            (0, 7, true),
        ]);
        let series = of(&bill, &Metrics::Unknown);
        assert_eq!(gigabytes(&series), [(-4, 9), (-3, 10), (0, 7)]);
        assert_eq!(
            (series.held, series.unconfirmed, series.day_is_lower_bound),
            (2, 2, true)
        );
    }

    #[test]
    fn nothing_billed_yet_is_unknown_unless_there_is_no_gateway() {
        let bill = bill(&[(-1, 0, false), (0, 0, true)]);
        assert_eq!(gigabytes(&of(&bill, &Metrics::Unknown)), [(-1, 0)]);
        assert_eq!(
            gigabytes(&of(&bill, &metrics(&[]))),
            [(-1, 0)],
            "a gateway without data"
        );
        assert_eq!(
            gigabytes(&of(&bill, &Metrics::NoGateway)),
            [(-1, 0), (0, 0)]
        );
    }

    #[test]
    fn days_after_the_one_under_analysis_do_not_exist_for_it() {
        let series = of(
            &bill(&[(0, 1, false), (1, 2, false)]),
            &metrics(&[(1, 5), (2, 5)]),
        );
        assert_eq!(gigabytes(&series), [(0, 1)]);
    }

    #[test]
    fn what_costs_money_and_is_used_is_judged() {
        assert_eq!(judged(&Bill::default()), [UsageType::NatBytes]);
        let add = |bill: &mut Bill, usage_type| {
            let usage = Usage {
                quantity: Decimal::ONE,
                cost: Decimal::ONE,
            };
            bill.days.entry(day(0)).or_default().add(usage_type, usage);
        };
        let mut bill = Bill::default();
        for usage in [
            UsageType::RegionalBytes,
            UsageType::RegionalHours,
            UsageType::EndpointBytes,
        ] {
            add(&mut bill, usage);
        }
        assert_eq!(
            judged(&bill),
            [UsageType::RegionalBytes, UsageType::RegionalHours]
        );
        add(&mut bill, UsageType::NatProvisionedBytes);
        assert_eq!(
            kinds_of_bytes(&bill),
            [UsageType::NatProvisionedBytes, UsageType::RegionalBytes]
        );
        assert!(
            !judged(&bill).contains(&UsageType::NatProvisionedBytes),
            "free of charge"
        );
    }
}
