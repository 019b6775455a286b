//! How a rule limits, and what each way promises.

/// A way to limit, with its numbers. Times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// The generic cell rate algorithm: one theoretical arrival time. At most `burst` + time / `interval_us` units pass in
    /// any stretch of time.
    Gcra {
        /// Time in which one unit comes back.
        interval_us: u64,
        /// Units that may be used at once.
        burst: u64,
    },
    /// A counter for each window, all windows beginning at multiples of their length since 1970. At most `limit` units
    /// pass in each of them; up to twice that in a stretch that lies across two.
    FixedWindow {
        /// Units in a window.
        limit: u64,
        /// Length of a window.
        window_us: u64,
    },
    /// The moment of every unit. At most `limit` units pass in any window. Memory grows with the limit.
    SlidingLog {
        /// Units in any window, and most moments remembered.
        limit: u64,
        /// Length of a window.
        window_us: u64,
    },
    /// Requests in flight: each holds a lease until it is released, or for `ttl_us` at most. At most `limit` at a time.
    Leases {
        /// Leases at a time.
        limit: u64,
        /// When a lease that nobody released ends.
        ttl_us: u64,
    },
}

impl Algorithm {
    /// Most units that one request can get.
    pub fn most(&self) -> u64 {
        match *self {
            Self::Gcra { burst, .. } => burst,
            Self::FixedWindow { limit, .. }
            | Self::SlidingLog { limit, .. }
            | Self::Leases { limit, .. } => limit,
        }
    }

    /// Letter and numbers, to name a rule's state after.
    pub fn signature(&self) -> String {
        let (numbers, letter) = (self.numbers(), self.letter());
        format!("{letter}{}:{}", numbers.0, numbers.1)
    }

    /// What `quota.lua` calls it.
    pub(crate) fn letter(&self) -> char {
        match self {
            Self::Gcra { .. } => 'g',
            Self::FixedWindow { .. } => 'w',
            Self::SlidingLog { .. } => 's',
            Self::Leases { .. } => 'l',
        }
    }

    fn numbers(&self) -> (u64, u64) {
        match *self {
            Self::Gcra { interval_us, burst } => (interval_us, burst),
            Self::FixedWindow { limit, window_us } | Self::SlidingLog { limit, window_us } => {
                (limit, window_us)
            }
            Self::Leases { limit, ttl_us } => (limit, ttl_us),
        }
    }

    /// Whether the state has a key of its own ([`super::own_key`]): it may be large.
    pub(crate) fn has_own_key(&self) -> bool {
        matches!(self, Self::SlidingLog { .. } | Self::Leases { .. })
    }

    /// A part of the quota, at least `cost`.
    pub(super) fn share(&self, percent: u64, cost: u64) -> Self {
        let part = |units: u64| (units.saturating_mul(percent) / 100).max(cost);
        match *self {
            Self::Gcra { interval_us, burst } => Self::Gcra {
                interval_us: interval_us.saturating_mul(100).div_ceil(percent.max(1)),
                burst: part(burst),
            },
            Self::FixedWindow { limit, window_us } => Self::FixedWindow {
                limit: part(limit),
                window_us,
            },
            Self::SlidingLog { limit, window_us } => Self::SlidingLog {
                limit: part(limit),
                window_us,
            },
            Self::Leases { limit, ttl_us } => Self::Leases {
                limit: (limit.saturating_mul(percent) / 100).max(1),
                ttl_us,
            },
        }
    }
}

/// The GCRA that lets at most `limit` units pass in *any* window of `window_us`, its ends included, `burst` of them at
/// once: the slowest interval is chosen for which burst + window / interval <= limit. In the long run that is `limit` -
/// `burst` + 1 units a window: a burst of the whole limit leaves one. `None` unless 1 <= `burst` <= `limit`.
pub fn strict(limit: u64, window_us: u64, burst: u64) -> Option<Algorithm> {
    let refilled = limit.checked_sub(burst).filter(|_| burst > 0)?;
    // The smallest interval of which no more than `refilled` whole ones fit into the window.
    let interval_us = window_us / (refilled + 1) + 1;
    Some(Algorithm::Gcra { interval_us, burst })
}
