//! What is handed to the function: a batch of an event source mapping, or one that a person hands in again.
//!
//! Strict where a person writes: `{"action": "replay", "event": {…}}`, with the event as Lambda kept it when it gave
//! the batch up (`payload` in what an on-failure destination in S3 receives).

use serde::Deserialize;
use serde_json::value::RawValue;
use tollkeeper::error::Fault;

use crate::envelope::{self, NotKafka, Partition};
use crate::state::Origin;

/// Records to count.
pub(crate) struct Request<'a> {
    pub(crate) partitions: Vec<Partition<'a>>,
    pub(crate) origin: Origin,
}

/// A request that is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    NotKafka(#[from] NotKafka),
    #[error(
        "request is malformed: expected {{\"action\": \"replay\", \"event\": <Kafka event>}} and nothing else"
    )]
    Malformed,
}

impl Fault for RequestError {
    fn fault_type(&self) -> &'static str {
        match self {
            Self::NotKafka(error) => error.fault_type(),
            Self::Malformed => "Request.Malformed",
        }
    }
}

#[derive(Deserialize)]
struct Tagged<'a> {
    #[serde(borrow)]
    action: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay<'a> {
    #[serde(rename = "action")]
    _action: Action,
    #[serde(borrow)]
    event: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Replay,
}

/// Reads what Lambda hands over.
pub(crate) fn read(event: &[u8]) -> Result<Request<'_>, RequestError> {
    // Batches first: they are what comes, and reading them twice would cost.
    let not_kafka = match envelope::read(event) {
        Ok(partitions) => {
            return Ok(Request {
                partitions,
                origin: Origin::Delivery,
            });
        }
        Err(error) => error,
    };
    let tagged = serde_json::from_slice::<Tagged<'_>>(event);
    if !tagged.is_ok_and(|tagged| tagged.action.is_some()) {
        return Err(not_kafka.into());
    }
    let replay: Replay<'_> = serde_json::from_slice(event).map_err(|_| RequestError::Malformed)?;
    let partitions = envelope::read(replay.event.get())?;
    Ok(Request {
        partitions,
        origin: Origin::Replay,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(json: &str) -> Result<Origin, String> {
        read(json.as_bytes())
            .map(|request| request.origin)
            .map_err(|error| error.fault_type().to_owned())
    }

    #[test]
    fn a_batch_is_a_delivery_and_one_handed_in_by_a_person_a_replay() {
        let batch = r#"{"eventSource":"aws:kafka","records":{"t-0":[]}}"#;
        assert_eq!(origin(batch), Ok(Origin::Delivery));
        let replay = |event: &str| format!(r#"{{"action":"replay","event":{event}}}"#);
        assert_eq!(origin(&replay(batch)), Ok(Origin::Replay));
        assert_eq!(origin(&replay("{}")), Err("Event.NotKafka".to_owned()));
    }

    #[test]
    fn what_a_person_mistyped_is_refused() {
        for json in [
            r#"{"action":"replay"}"#,
            r#"{"action":"count","event":{}}"#,
            r#"{"action":"replay","event":{},"partition":1}"#,
        ] {
            assert_eq!(origin(json), Err("Request.Malformed".to_owned()), "{json}");
        }
        assert_eq!(origin("{}"), Err("Event.NotKafka".to_owned()));
    }

    #[test]
    fn what_is_no_text_is_no_event() {
        let error = read(&[0xff, 0xfe]).map(|_| ()).unwrap_err();
        assert_eq!(error.fault_type(), "Event.NotKafka");
    }
}
