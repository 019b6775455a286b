//! The one place that asks whether a day is out of the ordinary: by the usual days, through the rule of its series.

use std::collections::BTreeMap;

use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use super::{Incident, at_this_level, usual};
use crate::detect::{Gates, Reported, Verdict, count, detect_after};
use crate::measure::usage_type::{Unit, UsageType};

/// Judges a day of a series by a history without the days of incidents: a leak is not what is usual.
pub fn judge(
    usage_type: UsageType,
    volumes: &BTreeMap<Day, u64>,
    day: Day,
    incidents: &[Incident],
    gates: Gates,
    prices: &RegionPrices,
) -> Verdict {
    let observed = volumes.get(&day).copied().unwrap_or(0);
    match usage_type.unit() {
        Unit::Bytes => {
            let reported: Vec<Reported> = incidents.iter().filter_map(Incident::reported).collect();
            let history = at_this_level(volumes, incidents);
            detect_after(&reported, &history, day, observed, gates, prices)
        }
        Unit::Hours | Unit::GbpsHours => {
            let usual = usual(volumes, incidents);
            let hour = usage_type.price(1, prices).unwrap_or_default();
            count::judge(&usual, day, observed, gates, hour)
        }
    }
}
