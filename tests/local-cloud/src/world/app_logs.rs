//! The application's own log lines: JSON under the names that common loggers use, with the counts they must add up to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

/// Log lines of an hour, and what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppLogs {
    /// Milliseconds since the epoch, and the line.
    pub lines: Vec<(i64, String)>,
    /// Lines by service and level.
    pub counts: BTreeMap<(&'static str, &'static str), u64>,
}

const SERVICES: [&str; 3] = ["checkout", "catalogue", "search"];

/// `count` lines spread over the hour that starts at `hour` o'clock UTC of `day`.
pub fn app_logs(seed: u64, day: Date, hour: i8, count: u32) -> AppLogs {
    let mut random = StdRng::seed_from_u64(seed);
    let start = day
        .at(hour, 0, 0, 0)
        .to_zoned(TimeZone::UTC)
        .map_or(0, |zoned| zoned.timestamp().as_millisecond());
    let mut logs = AppLogs {
        lines: Vec::new(),
        counts: BTreeMap::new(),
    };
    for number in 0..count {
        let service = SERVICES[random.random_range(0..SERVICES.len())];
        let level = match random.random_range(0..100) {
            0..80 => "info",
            80..95 => "warn",
            _ => "error",
        };
        let at = start + i64::from(number) * 3_600_000 / i64::from(count);
        let timestamp = Timestamp::from_millisecond(at)
            .unwrap_or_default()
            .to_string();
        let milliseconds = random.random_range(2..900);
        // Each team has its own logger.
        let line = match service {
            "checkout" => {
                json!({"timestamp": timestamp, "level": level, "service": service, "message": "request served", "ms": milliseconds})
            }
            "catalogue" => {
                json!({"@timestamp": timestamp, "log.level": level, "service.name": service, "message": "page built", "ms": milliseconds})
            }
            _ => {
                json!({"ts": timestamp, "severity": level, "app": service, "msg": "query answered", "took_ms": milliseconds})
            }
        };
        logs.lines.push((at, line.to_string()));
        *logs.counts.entry((service, level)).or_default() += 1;
    }
    logs
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_same_seed_logs_the_same_lines_and_counts_them() {
        let day = date(2026, 10, 13);
        let logs = app_logs(7, day, 9, 500);
        assert_eq!(logs, app_logs(7, day, 9, 500));
        assert_eq!(logs.counts.values().sum::<u64>(), 500);
        assert!(logs.lines.iter().all(|(at, _)| (*at).div_euclid(3_600_000) == logs.lines[0].0.div_euclid(3_600_000)));
    }
}
