//! When to stop asking Redis: a circuit breaker, as a pure state machine over time.
//!
//! A Redis that is away costs every request its deadline. After some failures in a row, or when half of the last requests
//! failed, the breaker opens: requests are answered without Redis at once. After a pause one request at a time asks
//! again: an answer closes the breaker, a failure doubles the pause. Times are microseconds of any clock that never
//! steps back.

/// When it opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Failures in a row that open it; 0: it never opens.
    pub failures: u32,
    /// The first pause, microseconds.
    pub first_pause_us: u64,
    /// The longest pause, microseconds.
    pub longest_pause_us: u64,
}

/// Requests of which half have to fail.
const LAST: u32 = 16;

/// Lets requests through to Redis or not.
#[derive(Debug)]
pub struct Breaker {
    settings: Settings,
    state: State,
    /// The outcomes of the last requests, the latest lowest; 1 is a failure. A request not made yet counts as answered.
    last: u16,
    in_a_row: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    /// Nobody asks before then.
    Open {
        until_us: u64,
        pause_us: u64,
    },
    /// One request asks; if nothing is heard of it by then, another may.
    Probing {
        until_us: u64,
        pause_us: u64,
    },
}

impl Breaker {
    /// A closed one.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::Closed,
            last: 0,
            in_a_row: 0,
        }
    }

    /// Whether a request may ask Redis. If so, it has to report [`Self::answered`] or [`Self::failed`].
    pub fn lets_ask(&mut self, now_us: u64) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until_us, pause_us } | State::Probing { until_us, pause_us } => {
                let is_due = now_us >= until_us;
                if is_due {
                    self.state = State::Probing {
                        until_us: now_us.saturating_add(pause_us),
                        pause_us,
                    };
                }
                is_due
            }
        }
    }

    /// Redis answered.
    pub fn answered(&mut self) {
        if self.state == State::Closed {
            self.last <<= 1;
        } else {
            // What failed before says nothing about a Redis that is back.
            self.state = State::Closed;
            self.last = 0;
        }
        self.in_a_row = 0;
    }

    /// Redis did not decide.
    pub fn failed(&mut self, now_us: u64) {
        match self.state {
            State::Closed => {
                self.last = self.last << 1 | 1;
                self.in_a_row = self.in_a_row.saturating_add(1);
                let opens = self.settings.failures > 0
                    && (self.in_a_row >= self.settings.failures
                        || self.last.count_ones() >= LAST / 2);
                if opens {
                    self.open(now_us, self.settings.first_pause_us);
                }
            }
            State::Probing { pause_us, .. } => {
                let longer = pause_us.saturating_mul(2);
                self.open(now_us, longer.min(self.settings.longest_pause_us));
            }
            // One that was under way when it opened.
            State::Open { .. } => {}
        }
    }

    fn open(&mut self, now_us: u64, pause_us: u64) {
        self.state = State::Open {
            until_us: now_us.saturating_add(pause_us),
            pause_us,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(Settings {
            failures: 3,
            first_pause_us: 100,
            longest_pause_us: 350,
        })
    }

    /// Failures at a moment.
    fn fail(breaker: &mut Breaker, times: usize, now_us: u64) {
        for _ in 0..times {
            breaker.failed(now_us);
        }
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_an_answer_in_between_counts() {
        let mut breaker = breaker();
        fail(&mut breaker, 2, 0);
        breaker.answered();
        fail(&mut breaker, 2, 0);
        assert!(breaker.lets_ask(0));
        breaker.failed(0);
        assert!(!breaker.lets_ask(0) && !breaker.lets_ask(99));
    }

    #[test]
    fn it_opens_when_half_of_the_last_requests_failed() {
        let mut breaker = breaker();
        for _ in 0..7 {
            breaker.failed(0);
            assert!(breaker.lets_ask(0));
            breaker.answered();
        }
        breaker.failed(0);
        assert!(!breaker.lets_ask(0));
    }

    #[test]
    fn one_request_at_a_time_asks_again_and_each_failure_doubles_the_pause_up_to_the_longest() {
        let mut breaker = breaker();
        fail(&mut breaker, 3, 0);
        let mut now = 0;
        for pause in [100, 200, 350, 350] {
            assert!(!breaker.lets_ask(now + pause - 1));
            now += pause;
            assert!(breaker.lets_ask(now), "after {pause}");
            assert!(!breaker.lets_ask(now) && !breaker.lets_ask(now + pause - 1));
            breaker.failed(now);
        }
        now += 350;
        assert!(breaker.lets_ask(now));
        breaker.answered();
        assert!(breaker.lets_ask(now) && breaker.lets_ask(now));
        fail(&mut breaker, 2, now);
        assert!(
            breaker.lets_ask(now),
            "what failed before it was closed is forgotten"
        );
    }

    #[test]
    fn a_probe_that_is_never_heard_of_again_does_not_keep_it_open() {
        let mut breaker = breaker();
        fail(&mut breaker, 3, 0);
        assert!(breaker.lets_ask(100));
        assert!(breaker.lets_ask(200));
    }

    #[test]
    fn a_late_failure_does_not_lengthen_the_pause_and_a_late_answer_closes() {
        let mut breaker = breaker();
        fail(&mut breaker, 5, 0);
        assert!(!breaker.lets_ask(99) && breaker.lets_ask(100));
        breaker.failed(100);
        breaker.answered();
        assert!(breaker.lets_ask(100));
    }

    #[test]
    fn without_a_number_of_failures_it_never_opens() {
        let mut breaker = Breaker::new(Settings {
            failures: 0,
            first_pause_us: 100,
            longest_pause_us: 100,
        });
        fail(&mut breaker, 100, 0);
        assert!(breaker.lets_ask(0));
    }
}
