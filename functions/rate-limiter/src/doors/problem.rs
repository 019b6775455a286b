//! What RFC 9457 calls a problem: over quota, blocked, or closed because nobody can tell.
//!
//! Types: draft-ietf-httpapi-ratelimit-headers-10, registered under
//! <https://iana.org/assignments/http-problem-types>.

use serde_json::{Value, json};

use crate::decision::Decision;

const PROBLEM_TYPES: &str = "https://iana.org/assignments/http-problem-types";

/// HTTP status and body for a denial.
pub fn of(decision: &Decision) -> (u16, Value) {
    let exceeded = decision.exceeded();
    let (status, name, title) = if decision.blocked().is_some() {
        (429, "abnormal-usage-detected", "Abnormal usage detected")
    } else if exceeded.is_empty() {
        (
            503,
            "temporary-reduced-capacity",
            "Temporary reduced capacity",
        )
    } else {
        (429, "quota-exceeded", "Quota exceeded")
    };
    let mut body = json!({
        "type": format!("{PROBLEM_TYPES}#{name}"),
        "title": title,
        "status": status,
        "violated-policies": exceeded,
    });
    if let Some(reason) = decision.blocked() {
        body["detail"] = json!(reason);
        body["violated-policies"] = json!(["block"]);
    }
    add_outage(&mut body, decision);
    (status, body)
}

/// Every answer that Redis had no part in says so.
pub fn add_outage(reply: &mut Value, decision: &Decision) {
    if let Some((outage, mode)) = decision.outage {
        reply["outage"] = json!(outage.to_string());
        reply["on_outage"] = json!(mode.as_str());
    }
}
