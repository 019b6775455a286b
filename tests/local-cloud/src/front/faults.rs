//! Calls that fail on demand.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::response::Response;

use super::call::Call;
use super::errors;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// AWS says "too many requests", in the service's own words; nothing happened.
    Throttle,
    /// AWS says "access denied", in the service's own words; nothing happened.
    Denied,
    /// AWS answers 500; nothing happened.
    ServerError,
    /// The call is never answered; nothing happened.
    Timeout,
    /// The call takes effect and its answer is replaced by a 500.
    LostReply,
}

impl Fault {
    pub(super) async fn strike(
        self,
        call: &Call,
        real: impl Future<Output = Response>,
    ) -> Response {
        match self {
            Self::Throttle => errors::throttled(call),
            Self::Denied => errors::denied(call),
            Self::ServerError => errors::server_error(call, "injected by the test"),
            // The server drops this when the client hangs up.
            Self::Timeout => std::future::pending().await,
            Self::LostReply => {
                drop(real.await);
                errors::server_error(call, "injected by the test, after the effect")
            }
        }
    }
}

/// The faults still to come, in order, for each service and action.
#[derive(Debug, Default)]
pub(super) struct Faults {
    waiting: Mutex<HashMap<(String, String), VecDeque<Fault>>>,
}

impl Faults {
    pub(super) fn add(&self, service: &str, action: &str, times: usize, fault: Fault) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting
            .entry((service.to_owned(), action.to_owned()))
            .or_default()
            .extend(std::iter::repeat_n(fault, times));
    }

    pub(super) fn take(&self, service: &str, action: &str) -> Option<Fault> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting
            .get_mut(&(service.to_owned(), action.to_owned()))?
            .pop_front()
    }
}
