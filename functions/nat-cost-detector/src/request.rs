//! What the function is asked to do: a schedule's event, a rule's event, or a person's request.
//!
//! The event's time picks the day under analysis, the UTC day before it. No request sets the clock.

use jiff::Timestamp;
use serde_json::{Map, Value};
use tollkeeper::time::Day;

use crate::fault::DetectorError;

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Judge the day, keep the incident, tell people.
    Nightly(Day),
    /// Judge and explain the day, read-only.
    Explain(Day),
    /// Where the money goes, read-only; the day before `now` where none is named.
    Audit(Option<Day>),
    /// The month so far, read-only; up to the day before `now` where none is named.
    Report(Option<Day>),
    /// API Gateway against a load balancer over thirty days, read-only.
    CompareFrontDoor(Option<Day>),
    /// The nights of a range of days, one after the other.
    Backfill {
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
        /// Whether people are told; no, where the request does not say.
        tell: bool,
    },
}

const EXPECTED: &str = "{\"action\": \"nightly\", \"time\": \"2026-10-14T06:30:00Z\"}, a scheduled event of EventBridge, \
                        an action of nightly, explain, audit, report, compare-front-door with \"day\", or {\"action\": \
                        \"backfill\", \"from\": \"2026-10-01\", \"to\": \"2026-10-13\", \"tell\": false}";

impl Request {
    /// Reads an event. A person's unknown fields are refused, EventBridge's tolerated.
    pub fn parse(event: &Value) -> Result<Self, DetectorError> {
        let fields = event
            .as_object()
            .ok_or_else(|| malformed("no JSON object"))?;
        if fields.get("detail-type").and_then(Value::as_str) == Some("Scheduled Event") {
            return Ok(Self::Nightly(before(time(fields)?)));
        }
        let action = match fields.get("action") {
            Some(Value::String(action)) => action.as_str(),
            Some(_) => return Err(malformed("an action that is no text")),
            None => return Err(malformed("neither an action nor a scheduled event")),
        };
        let allowed: &[&str] = match action {
            "nightly" => &["action", "time", "day"],
            "explain" | "audit" | "report" | "compare-front-door" => &["action", "day"],
            "backfill" => &["action", "from", "to", "tell"],
            other => return Err(DetectorError::UnknownAction(other.to_owned())),
        };
        if let Some(unknown) = fields.keys().find(|key| !allowed.contains(&key.as_str())) {
            return Err(malformed(&format!(
                "an unknown field `{unknown}` of `{action}`"
            )));
        }
        match (action, day(fields, "day")?) {
            ("audit", day) => Ok(Self::Audit(day)),
            ("report", day) => Ok(Self::Report(day)),
            ("compare-front-door", day) => Ok(Self::CompareFrontDoor(day)),
            ("backfill", _) => backfill(fields),
            ("explain", Some(day)) => Ok(Self::Explain(day)),
            ("explain", None) => Err(malformed("`explain` without a day")),
            (_, Some(_)) if fields.contains_key("time") => Err(malformed("both a time and a day")),
            (_, Some(day)) => Ok(Self::Nightly(day)),
            (_, None) => Ok(Self::Nightly(before(time(fields)?))),
        }
    }
}

fn backfill(fields: &Map<String, Value>) -> Result<Request, DetectorError> {
    let (Some(from), Some(to)) = (day(fields, "from")?, day(fields, "to")?) else {
        return Err(malformed("`backfill` without from and to"));
    };
    if from > to {
        return Err(malformed("a `from` after its `to`"));
    }
    let tell = match fields.get("tell") {
        None => false,
        Some(Value::Bool(tell)) => *tell,
        Some(_) => return Err(malformed("a `tell` that is neither true nor false")),
    };
    Ok(Request::Backfill { from, to, tell })
}

/// The UTC day before a moment.
pub fn before(moment: Timestamp) -> Day {
    Day::of(moment).plus(-1)
}

fn time(fields: &Map<String, Value>) -> Result<Timestamp, DetectorError> {
    fields
        .get("time")
        .and_then(Value::as_str)
        .ok_or_else(|| malformed("no time"))?
        .parse()
        .map_err(|_| malformed("a time that is none"))
}

fn day(fields: &Map<String, Value>, name: &str) -> Result<Option<Day>, DetectorError> {
    match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => text
            .parse()
            .map(Some)
            .map_err(|_| malformed(&format!("a `{name}` that is no day"))),
        Some(_) => Err(malformed(&format!("a `{name}` that is no text"))),
    }
}

fn malformed(got: &str) -> DetectorError {
    DetectorError::Malformed {
        got: got.to_owned(),
        expected: EXPECTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollkeeper::error::Fault;

    fn parse(text: &str) -> Result<Request, DetectorError> {
        Request::parse(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn the_sample_events_pick_the_day_before_their_time() {
        let day = "2026-10-13".parse().unwrap();
        let scheduler =
            include_str!("../../../events/nat-cost-detector/scheduler-runs-the-night.json");
        let rule = include_str!("../../../events/nat-cost-detector/rule-runs-the-night.json");
        let person = include_str!("../../../events/nat-cost-detector/person-repeats-a-night.json");
        for event in [scheduler, rule, person] {
            assert_eq!(parse(event).unwrap(), Request::Nightly(day));
        }
        let explain =
            include_str!("../../../events/nat-cost-detector/person-asks-for-an-explanation.json");
        assert_eq!(parse(explain).unwrap(), Request::Explain(day));
        let audit = include_str!("../../../events/nat-cost-detector/person-asks-for-an-audit.json");
        assert_eq!(parse(audit).unwrap(), Request::Audit(None));
        let report =
            include_str!("../../../events/nat-cost-detector/person-asks-for-a-report.json");
        assert_eq!(parse(report).unwrap(), Request::Report(Some(day)));
        let compare =
            include_str!("../../../events/nat-cost-detector/person-compares-front-doors.json");
        assert_eq!(parse(compare).unwrap(), Request::CompareFrontDoor(None));
        let backfill = include_str!("../../../events/nat-cost-detector/person-backfills.json");
        assert_eq!(
            parse(backfill).unwrap(),
            Request::Backfill {
                from: "2026-10-01".parse().unwrap(),
                to: day,
                tell: false
            }
        );
    }

    #[test]
    fn what_is_no_request_has_a_stable_error_type() {
        let cases = [
            ("[]", "Request.Malformed"),
            ("{}", "Request.Malformed"),
            (r#"{"action": 5}"#, "Request.Malformed"),
            (r#"{"action": "explain"}"#, "Request.Malformed"),
            (r#"{"action": "nightly"}"#, "Request.Malformed"),
            (
                r#"{"action": "nightly", "time": "tomorrow"}"#,
                "Request.Malformed",
            ),
            (
                r#"{"action": "nightly", "day": "2026-10-13", "now": "2026-10-14"}"#,
                "Request.Malformed",
            ),
            (
                r#"{"action": "nightly", "day": "2026-10-13", "time": "2026-10-14T06:30:00Z"}"#,
                "Request.Malformed",
            ),
            (r#"{"detail-type": "Scheduled Event"}"#, "Request.Malformed"),
            (
                r#"{"action": "report", "month": "2026-10"}"#,
                "Request.Malformed",
            ),
            (
                r#"{"action": "backfill", "from": "2026-10-13"}"#,
                "Request.Malformed",
            ),
            (
                r#"{"action": "backfill", "from": "2026-10-13", "to": "2026-10-12"}"#,
                "Request.Malformed",
            ),
            (
                r#"{"action": "backfill", "from": "2026-10-12", "to": "2026-10-13", "tell": "yes"}"#,
                "Request.Malformed",
            ),
            (r#"{"action": "delete"}"#, "Request.UnknownAction"),
        ];
        for (event, fault) in cases {
            assert_eq!(parse(event).unwrap_err().fault_type(), fault, "{event}");
        }
    }
}
