//! Everybody's habits: who talks to whom, how much, and when.

use jiff::civil::Weekday;

use super::addresses::FarEnd;
use super::cast::{BATCH, IMAGE_BUILDER, POLLERS, Resident, WEB};
use super::traffic::Direction;

/// Ten-minute intervals of a day.
pub(super) const INTERVALS: u32 = 144;

/// A habit: so much a day between a resident and a far end.
pub(super) struct Habit {
    pub(super) resident: Resident,
    pub(super) far_end: FarEnd,
    /// GB on a plain weekday.
    pub(super) gigabytes: f64,
    pub(super) direction: Direction,
    /// Whether it follows the people's day and week; machines' work does not.
    pub(super) human: bool,
    /// Far-end addresses talked to in one interval.
    pub(super) peers: u32,
    /// One conversation every so many intervals.
    pub(super) every: u32,
}

/// Everybody's habits, before or during the leak.
pub(super) fn all(leaking: bool) -> Vec<Habit> {
    let mut habits = Vec::new();
    let habit = |resident, far_end, gigabytes, direction, human| Habit {
        resident,
        far_end,
        gigabytes,
        direction,
        human,
        peers: 1,
        every: 1,
    };
    for web in WEB {
        habits.push(Habit {
            peers: 3,
            ..habit(web, FarEnd::Internet, 55.0, Direction::Upload, true)
        });
        habits.push(habit(web, FarEnd::DynamoDb, 6.0, Direction::Download, true));
    }
    let layers = if leaking { 90.0 * 6.0 } else { 90.0 };
    habits.push(Habit {
        peers: 2,
        ..habit(IMAGE_BUILDER, FarEnd::S3, layers, Direction::Download, true)
    });
    habits.push(habit(
        BATCH,
        FarEnd::S3Abroad,
        45.0,
        Direction::Upload,
        false,
    ));
    for poller in POLLERS {
        // Temporary credentials, every hour.
        habits.push(Habit {
            every: 6,
            ..habit(poller, FarEnd::Sts, 0.01, Direction::Upload, false)
        });
    }
    if leaking {
        for poller in POLLERS {
            habits.push(habit(
                poller,
                FarEnd::LambdaApi,
                835.0,
                Direction::Upload,
                false,
            ));
        }
    }
    habits
}

/// Averages about 1 over the working days.
pub(super) fn week_profile(weekday: Weekday) -> f64 {
    match weekday {
        Weekday::Saturday => 0.62,
        Weekday::Sunday => 0.55,
        Weekday::Monday => 1.04,
        _ => 1.0,
    }
}

/// Averages 1 over the day; its peak is at 15:00 UTC.
pub(super) fn day_profile(interval: u32) -> f64 {
    let hour = f64::from(interval) / 6.0;
    1.0 + 0.6 * ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos()
}
