//! The one place that asks whether a day is out of the ordinary: by the usual days, through the rule of its series.

use std::collections::BTreeMap;

use tollkeeper::prices::RegionPrices;
use tollkeeper::time::Day;

use super::{Incident, gateways, usual};
use crate::detect::{Gates, Verdict, detect};
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
    let usual = usual(volumes, incidents);
    let observed = volumes.get(&day).copied().unwrap_or(0);
    match usage_type.unit() {
        Unit::Bytes => detect(&usual, day, observed, gates, prices),
        Unit::Hours | Unit::GbpsHours => {
            gateways::judge(usage_type, &usual, day, observed, gates, prices)
        }
    }
}
