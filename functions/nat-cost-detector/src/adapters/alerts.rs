//! How a night's messages leave: to the topic, or to nobody where a range of days is replayed.

use tollkeeper::aws::{AlertError, Alerts};
use tollkeeper::finding::Finding;

use crate::config::AlertFormat;
use crate::incident::keep::Voice;
use crate::tell::message;

/// Who hears the messages, and as what.
#[derive(Debug, Clone)]
pub enum Listeners {
    /// The topic's subscribers.
    Topic(Alerts, AlertFormat),
    /// Nobody: incidents are kept as if they had been told.
    Nobody,
}

impl Voice for Listeners {
    async fn say(&self, finding: &Finding) -> Result<(), AlertError> {
        match self {
            Self::Topic(alerts, format) => alerts
                .send(&message::alert(finding, *format))
                .await
                .map(|_| ()),
            Self::Nobody => Ok(()),
        }
    }

    fn is_muted(&self) -> bool {
        matches!(self, Self::Nobody)
    }
}
