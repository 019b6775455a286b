//! The time, and how much of it a request has left.

use jiff::{SignedDuration, Timestamp};

/// What is kept back for writing down and answering.
const RESERVE: SignedDuration = SignedDuration::from_secs(60);

/// Tells the time; asked again between the steps of what takes long.
#[derive(Clone, Copy)]
pub struct Clock<'a> {
    now: &'a (dyn Fn() -> Timestamp + Sync),
    deadline: Option<Timestamp>,
}

impl<'a> Clock<'a> {
    /// A clock with the time at which the function is stopped, where it is one.
    pub fn new(now: &'a (dyn Fn() -> Timestamp + Sync), deadline: Option<Timestamp>) -> Self {
        Self { now, deadline }
    }

    /// The time.
    pub fn now(self) -> Timestamp {
        (self.now)()
    }

    /// Whether too little is left to begin anything of the usual length.
    pub fn is_short(self) -> bool {
        self.is_short_for(RESERVE)
    }

    /// Whether too little is left to begin something that may take so long.
    pub fn is_short_for(self, duration: SignedDuration) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline.duration_since(self.now()) <= duration.max(RESERVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_short_when_the_reserve_or_what_is_to_begin_no_longer_fits() {
        let now: Timestamp = "2026-11-21T06:30:00Z".parse().unwrap();
        let tell = || now;
        let clock = |left| Clock::new(&tell, Some(now + SignedDuration::from_secs(left)));
        assert!(!clock(61).is_short());
        assert!(clock(60).is_short(), "the reserve");
        assert!(!clock(201).is_short_for(SignedDuration::from_secs(200)));
        assert!(clock(200).is_short_for(SignedDuration::from_secs(200)));
        assert!(!Clock::new(&tell, None).is_short(), "a laptop");
    }
}
