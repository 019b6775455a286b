//! NAB's nyc_taxi by day: half-hourly passengers in New York, with five known causes.
//!
//! Two-sided scores, since several causes are falls. Judged from day 30 on, by the days before. A cause is found when a
//! day within its window (NAB's, in whole days) alarms; alarm days that touch no window are other episodes, counted as
//! everywhere.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use tollkeeper::time::Day;

use super::ours;
use super::roc::{Scores, alarms, float};

/// Days before the first that is judged.
const HISTORY: usize = 30;
/// Marathon, Thanksgiving, Christmas, New Year, blizzard.
const CAUSES: [(&str, &str); 5] = [
    ("2014-10-30", "2014-11-03"),
    ("2014-11-25", "2014-11-29"),
    ("2014-12-23", "2014-12-27"),
    ("2014-12-29", "2015-01-03"),
    ("2015-01-24", "2015-01-29"),
];

/// Causes found, and other episodes.
pub(crate) fn judge(path: &Path) -> io::Result<(f64, f64)> {
    let days = daily(&std::fs::read_to_string(path)?)?;
    let mut found = [false; CAUSES.len()];
    let mut others: Scores = Vec::new();
    for (day, passengers) in days.iter().skip(HISTORY) {
        let score = ours::judge(&days, *day, *passengers).abs();
        let within = CAUSES
            .iter()
            .position(|(from, to)| (*from..=*to).contains(&day.to_string().as_str()));
        match within {
            Some(cause) => found[cause] |= score > 1.0,
            None => others.push(Some(score)),
        }
    }
    let found = found.iter().filter(|found| **found).count();
    Ok((float(found), float(alarms(&others, 1.0))))
}

fn daily(text: &str) -> io::Result<BTreeMap<Day, u64>> {
    let mut days = BTreeMap::new();
    for line in text.lines().skip(1) {
        let bad = || io::Error::other(format!("`{line}` is not `<day> <time>,<passengers>`"));
        let (time, count) = line.split_once(',').ok_or_else(bad)?;
        let day: Day = time
            .get(..10)
            .and_then(|day| day.parse().ok())
            .ok_or_else(bad)?;
        let count: u64 = count.trim().parse().map_err(|_| bad())?;
        *days.entry(day).or_insert(0) += count;
    }
    Ok(days)
}
