//! Waiting for a condition with a deadline: the only way anything here waits for a process.

use std::time::Duration;

use tokio::time::Instant;

const POLL: Duration = Duration::from_millis(5);

/// Asks `probe` until it answers `Some`, at most for `limit`; `None` when the time is over.
pub async fn until<T>(limit: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe().await {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(POLL).await;
    }
}
