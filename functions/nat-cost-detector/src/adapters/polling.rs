//! Waiting for a query that runs elsewhere: soon at first, then less and less often, and not for ever.

use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_millis(300);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);
/// All pauses of one query together: a function has fifteen minutes.
const PATIENCE: Duration = Duration::from_mins(4);

/// What is left of the time for one query.
#[derive(Debug)]
pub(super) struct Patience {
    left: Duration,
    next: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self {
            left: PATIENCE,
            next: FIRST,
        }
    }

    /// Waits; `false` once the time is used up.
    pub(super) async fn wait(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(self.next) else {
            return false;
        };
        tokio::time::sleep(self.next).await;
        self.left = left;
        self.next = (self.next * 3 / 2).min(LONGEST);
        true
    }
}
