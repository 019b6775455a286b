//! Calls that are never answered, so that a test can kill whoever waits for one: before or after it took effect.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use super::call::Call;

/// When a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Nothing happens.
    Before,
    /// It takes effect.
    After,
}

/// A call that is to be held. Dropping this lets it pass.
#[derive(Debug)]
pub struct Held {
    arrived: oneshot::Receiver<()>,
}

impl Held {
    /// Waits until the call has come, and has taken effect where it was to.
    pub async fn arrived(&mut self) {
        if (&mut self.arrived).await.is_err() {
            // The front is gone: it never comes.
            std::future::pending::<()>().await;
        }
    }
}

#[derive(Debug)]
struct Rule {
    service: String,
    action: String,
    part: String,
    hold: Hold,
    arrived: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
pub(super) struct Holds {
    waiting: Mutex<Vec<Rule>>,
}

/// A call that came, on its way to being held.
pub(super) struct Caught(Rule);

impl Holds {
    pub(super) fn add(&self, service: &str, action: &str, part: &str, hold: Hold) -> Held {
        let (sender, arrived) = oneshot::channel();
        let rule = Rule {
            service: service.to_owned(),
            action: action.to_owned(),
            part: part.to_owned(),
            hold,
            arrived: sender,
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(rule);
        Held { arrived }
    }

    pub(super) fn catch(&self, call: &Call) -> Option<Caught> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|rule| !rule.arrived.is_closed());
        let found = waiting.iter().position(|rule| {
            let part = rule.part.as_bytes();
            (rule.service == call.service && rule.action == call.action)
                && call.body.windows(part.len()).any(|found| found == part)
        });
        found.map(|at| Caught(waiting.remove(at)))
    }
}

impl Caught {
    /// Never returns: the server drops it when the client hangs up.
    pub(super) async fn hold<T>(self, effect: impl Future<Output = T>) -> T {
        if self.0.hold == Hold::After {
            drop(effect.await);
        }
        // A test that has gone on meanwhile does not care.
        let _ = self.0.arrived.send(());
        std::future::pending().await
    }
}
