//! What goes wrong: a crash at one call or journal write, throttling, slowness, copies that lag behind.

use std::cell::Cell;
use std::time::Duration;

/// When an injected crash happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    Before,
    After,
}

/// How EC2 behaves today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weather {
    /// How long an endpoint is pending, and deleting.
    pub(crate) settle: Duration,
    /// How long reads may miss a write.
    pub(crate) lag: Duration,
    /// How long a call takes.
    pub(crate) latency: Duration,
    /// One call in so many is throttled; 0 for none, at least 2.
    pub(crate) throttle_every: u32,
    /// How many deletions of endpoints answer with an entry in `Unsuccessful` first.
    pub(crate) unsuccessful: u32,
}

impl Weather {
    pub(crate) const CALM: Self = Self {
        settle: Duration::from_secs(40),
        lag: Duration::ZERO,
        latency: Duration::from_millis(80),
        throttle_every: 0,
        unsuccessful: 0,
    };
}

/// Counts calls that change something, and blows at one of them.
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    events: Cell<u32>,
    blow: Cell<Option<(u32, Crash)>>,
}

impl Fuse {
    /// The event with this number, from 1 and from now on, crashes.
    pub(crate) fn blow_at(&self, event: u32, crash: Crash) {
        self.events.set(0);
        self.blow.set(Some((event, crash)));
    }

    /// No crash from here on; counts anew.
    pub(crate) fn calm(&self) {
        self.events.set(0);
        self.blow.set(None);
    }

    /// Events since it was last set.
    pub(crate) fn events(&self) -> u32 {
        self.events.get()
    }

    /// Runs one event.
    pub(crate) fn around<T, E>(
        &self,
        effect: impl FnOnce() -> Result<T, E>,
        crashed: impl FnOnce(&'static str) -> E,
    ) -> Result<T, E> {
        self.events.set(self.events.get() + 1);
        let due = self.blow.get().filter(|(at, _)| *at == self.events.get());
        if due.is_some() {
            self.blow.set(None);
        }
        match due {
            None => effect(),
            Some((_, Crash::Before)) => Err(crashed("before the call")),
            Some((_, Crash::After)) => {
                // Whatever EC2 answered, nobody is there to hear it.
                let _ = effect();
                Err(crashed("after the call"))
            }
        }
    }
}
