//! The time, and how much of it a request has left.

use jiff::{SignedDuration, Timestamp};

/// What is kept back for writing down and answering, and the part of a short time that is.
const RESERVE: SignedDuration = SignedDuration::from_secs(60);
const RESERVED_PART: i32 = 4;

/// Tells the time; asked again between the steps of what takes long.
#[derive(Clone, Copy)]
pub struct Clock<'a> {
    now: &'a (dyn Fn() -> Timestamp + Sync),
    /// When the function is stopped, and what is kept back before.
    end: Option<(Timestamp, SignedDuration)>,
}

impl<'a> Clock<'a> {
    /// A clock with the time at which the function is stopped, where it is one.
    pub fn new(now: &'a (dyn Fn() -> Timestamp + Sync), deadline: Option<Timestamp>) -> Self {
        let reserve = |deadline: Timestamp| {
            let whole = deadline.duration_since(now());
            RESERVE.min(whole / RESERVED_PART)
        };
        Self {
            now,
            end: deadline.map(|deadline| (deadline, reserve(deadline))),
        }
    }

    /// The time.
    pub fn now(self) -> Timestamp {
        (self.now)()
    }

    /// Whether too little is left to begin anything of the usual length.
    pub fn is_short(self) -> bool {
        self.is_short_for(SignedDuration::ZERO)
    }

    /// Whether too little is left to begin something that may take so long.
    pub fn is_short_for(self, duration: SignedDuration) -> bool {
        self.end.is_some_and(|(deadline, reserve)| {
            deadline.duration_since(self.now()) <= duration.max(reserve)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_short_when_the_reserve_or_what_is_to_begin_no_longer_fits() {
        use std::sync::atomic::{AtomicI64, Ordering};
        let second = AtomicI64::new(0);
        let tell = || Timestamp::from_second(second.load(Ordering::Relaxed)).unwrap();
        let clock = Clock::new(&tell, Timestamp::from_second(900).ok());
        let short_at = |now, duration| {
            second.store(now, Ordering::Relaxed);
            clock.is_short_for(SignedDuration::from_secs(duration))
        };
        assert!(!short_at(839, 0) && short_at(840, 0), "the reserve");
        assert!(
            !short_at(699, 200) && short_at(700, 200),
            "what is to begin"
        );
        second.store(0, Ordering::Relaxed);
        let brief = Clock::new(&tell, Timestamp::from_second(40).ok());
        assert!(
            !brief.is_short(),
            "a function with little time begins all the same"
        );
        assert!(!Clock::new(&tell, None).is_short(), "a laptop");
    }
}
