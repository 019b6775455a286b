//! Running hours: a count of gateways, not a noisy volume. One gateway more is a finding at once.
//!
//! A gateway that runs all day has 24 hours; one that was created or deleted during the day has fewer. So the most
//! gateways at once is the day's hours over 24, rounded up. Usual is the most of the last two weeks: a count that was
//! there within them is no news. This rule refuses to judge the bytes of a new gateway: those are in their own series.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use tollkeeper::time::Day;

/// Days in which a count that was reached is usual.
const USUAL_DAYS: i64 = 14;
/// Days of them that must be known to say that a count is new.
const KNOWN_DAYS: usize = 3;
const HOURS: u32 = 24;

/// A day with more gateways than is usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoreGateways {
    /// Most gateways of any day in the two weeks before.
    pub usual: u64,
    /// Gateways of the day, as its hours show them.
    pub observed: u64,
    /// Gateway-hours beyond the usual count's.
    pub excess_hours: Decimal,
    /// Why, in words.
    pub reason: String,
}

/// Judges a day's gateway-hours by those before; `None` where the count is usual or too few days are known.
pub fn judge(history: &BTreeMap<Day, Decimal>, day: Day, hours: Decimal) -> Option<MoreGateways> {
    let before = history.range(day.plus(-USUAL_DAYS)..day);
    let known = before.clone().count();
    if known < KNOWN_DAYS {
        return None;
    }
    let usual = before.map(|(_, hours)| gateways(*hours)).max()?;
    let observed = gateways(hours);
    if observed <= usual {
        return None;
    }
    let excess_hours = hours - Decimal::from(usual) * Decimal::from(HOURS);
    Some(MoreGateways {
        usual,
        observed,
        excess_hours,
        reason: format!(
            "{observed} NAT gateways by their running hours ({} h), where {usual} was the most in the {known} known of \
             {USUAL_DAYS} days before",
            hours.normalize()
        ),
    })
}

/// Gateways that so many hours of a day need at the least.
fn gateways(hours: Decimal) -> u64 {
    (hours / Decimal::from(HOURS))
        .ceil()
        .max(Decimal::ZERO)
        .to_u64()
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> Day {
        "2026-10-13".parse().unwrap()
    }

    fn history(hours: &[i64]) -> BTreeMap<Day, Decimal> {
        let days = (1..).map(|back| day().plus(-back));
        days.zip(hours.iter().map(|hours| Decimal::from(*hours)))
            .collect()
    }

    #[test]
    fn one_gateway_more_is_found_on_the_day_it_is_created() {
        let found = judge(&history(&[48; 14]), day(), Decimal::from(53)).unwrap();
        assert_eq!((found.usual, found.observed), (2, 3));
        assert_eq!(found.excess_hours, Decimal::from(5));
        assert_eq!(
            found.reason,
            "3 NAT gateways by their running hours (53 h), where 2 was the most in the 14 known of 14 days before"
        );
    }

    #[test]
    fn fewer_the_same_and_a_count_of_last_week_are_usual() {
        let mut hours = [48; 14];
        hours[6] = 72;
        for observed in [0, 24, 48, 71, 72] {
            assert_eq!(
                judge(&history(&hours), day(), Decimal::from(observed)),
                None
            );
        }
        assert!(judge(&history(&hours), day(), Decimal::from(73)).is_some());
    }

    #[test]
    fn a_count_that_is_two_weeks_gone_is_news_again() {
        let mut hours = [48; 15];
        hours[14] = 72;
        assert!(judge(&history(&hours), day(), Decimal::from(72)).is_some());
    }

    #[test]
    fn too_few_known_days_say_nothing() {
        assert_eq!(judge(&history(&[24; 2]), day(), Decimal::from(96)), None);
        assert!(judge(&history(&[24; 3]), day(), Decimal::from(96)).is_some());
    }

    #[test]
    fn the_first_gateway_of_a_region_without_any_is_news() {
        assert_eq!(
            judge(&history(&[0; 14]), day(), Decimal::ONE)
                .unwrap()
                .observed,
            1
        );
    }
}
