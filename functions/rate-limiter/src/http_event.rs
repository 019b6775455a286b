//! What API Gateway's and the load balancer's events have in common.

use serde_json::Value;

use crate::error::RequestError;

/// The value of a header by its lower-case name, several joined by commas; `None` where it is absent. Reads `headers`
/// and `multiValueHeaders`.
pub fn header(event: &Value, name: &str) -> Option<String> {
    let maps = ["headers", "multiValueHeaders"].map(|field| event.get(field)?.as_object());
    let values: Vec<&str> = maps
        .into_iter()
        .flatten()
        .flatten()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .flat_map(|(_, value)| match value {
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect::<Vec<_>>(),
        })
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// A text that every event of its kind has, by its JSON pointer.
pub fn text<'e>(event: &'e Value, pointer: &str) -> Result<&'e str, RequestError> {
    event
        .pointer(pointer)
        .and_then(Value::as_str)
        .ok_or_else(|| RequestError::malformed(format!("no {pointer}"), "a text there"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_header_is_found_in_any_case_and_its_repetitions_are_joined_in_order() {
        let event = json!({"multiValueHeaders": {"X-Forwarded-For": ["6.6.6.6", "10.0.0.1, 198.51.100.7"]}});
        let found = header(&event, "x-forwarded-for");
        assert_eq!(found.as_deref(), Some("6.6.6.6,10.0.0.1, 198.51.100.7"));
        assert_eq!(header(&event, "x-api-key"), None);
        assert_eq!(header(&json!({"headers": null}), "x-api-key"), None);
    }

    #[test]
    fn a_missing_text_is_named_by_its_place() {
        let error = text(&json!({"path": 5}), "/path").unwrap_err();
        assert_eq!(
            error.to_string(),
            "event has no /path: expected a text there"
        );
    }
}
