//! Time that passes for this process, and for nobody faster: a freeze of the execution environment counts, too.
//!
//! A Lambda environment may be frozen between two requests. Its monotonic clock may stand still meanwhile, its wall clock
//! is put right afterwards but may step at any time. So time is taken from whichever of the two says that more has
//! passed: what must be over by then is over, at worst too early.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Microseconds since it was first asked. Never runs backwards.
#[derive(Debug, Default)]
pub(crate) struct Steady {
    /// When that was, by the monotonic clock and by the wall clock (microseconds since 1970).
    start: OnceLock<(Instant, u64)>,
    /// How much more has passed by the wall clock than by the monotonic one, at the most so far.
    ahead_us: AtomicU64,
}

impl Steady {
    /// The time, where the wall clock says `wall_us`.
    pub(crate) fn with_wall(&self, wall_us: u64) -> u64 {
        let (start, start_wall_us) = self.start.get_or_init(|| (Instant::now(), wall_us));
        let monotonic = micros(start.elapsed());
        let ahead = ahead(monotonic, *start_wall_us, wall_us);
        let known = self.ahead_us.fetch_max(ahead, Ordering::Relaxed);
        monotonic + known.max(ahead)
    }

    /// The time, as far as the monotonic clock and what is known of the wall clock tell.
    pub(crate) fn now(&self) -> u64 {
        let monotonic = self
            .start
            .get()
            .map_or(0, |(start, _)| micros(start.elapsed()));
        monotonic + self.ahead_us.load(Ordering::Relaxed)
    }
}

fn ahead(monotonic_us: u64, start_wall_us: u64, wall_us: u64) -> u64 {
    wall_us
        .saturating_sub(start_wall_us)
        .saturating_sub(monotonic_us)
}

fn micros(passed: std::time::Duration) -> u64 {
    u64::try_from(passed.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_800_000_000_000_000;

    #[test]
    fn a_freeze_that_only_the_wall_clock_shows_counts_and_a_step_back_does_not_undo_it() {
        let steady = Steady::default();
        steady.with_wall(START);
        let hour = 3_600_000_000;
        let thawed = steady.with_wall(START + hour);
        assert!(thawed >= hour);
        assert!(steady.with_wall(START) >= thawed);
        assert!(steady.now() >= thawed);
    }

    #[test]
    fn a_wall_clock_that_lags_behind_does_not_slow_it_down() {
        assert_eq!(ahead(500, START, START + 100), 0);
        assert_eq!(ahead(500, START, START - 100), 0);
        assert_eq!(ahead(500, START, START + 600), 100);
    }
}
