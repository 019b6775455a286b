//! What a client is told about its quota: `RateLimit`, `RateLimit-Policy` and `Retry-After`.
//!
//! Source: draft-ietf-httpapi-ratelimit-headers-10, RFC 9110 section 10.2.3. Rule names are plain enough to stand in
//! a structured field without escapes; see `rules.rs`.

use crate::decision::{Decision, Ruling};
use crate::rules::Limit;

/// Names (lower-case) and values. No `RateLimit` where the standing is unknown, nothing where no limit is enforced: one
/// that only watches is none of the client's business. With `x_headers` also the older `X-RateLimit-*`, of the limit
/// that leaves least: `Reset` counts seconds from now.
pub fn of(decision: &Decision, x_headers: bool) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    let policies = list(decision, |ruling| Some(policy(&ruling.limit)));
    if !policies.is_empty() {
        headers.push(("ratelimit-policy", policies));
    }
    let standings = list(decision, standing);
    if !standings.is_empty() {
        headers.push(("ratelimit", standings));
    }
    if let Some(seconds) = decision.retry_after_seconds() {
        headers.push(("retry-after", seconds.to_string()));
    }
    if x_headers {
        headers.extend(older(decision));
    }
    headers
}

fn enforced<'d>(decision: &'d Decision) -> impl Iterator<Item = &'d Ruling<'d>> {
    decision.rulings.iter().filter(|ruling| ruling.enforced)
}

fn list(decision: &Decision, item: impl Fn(&Ruling) -> Option<String>) -> String {
    let items: Vec<String> = enforced(decision).filter_map(item).collect();
    items.join(", ")
}

/// `qu` is the unit where it is not requests in a window.
fn policy(limit: &Limit) -> String {
    let Limit { policy, quota, .. } = limit;
    match limit.window_seconds {
        Some(window) => format!("\"{policy}\";q={quota};w={window}"),
        None => format!("\"{policy}\";q={quota};qu=\"concurrent-requests\""),
    }
}

/// `t` is when the whole quota is back, or for a limit that stopped the request when it may be repeated: the draft
/// wants that to be the moment that `Retry-After` names. Nobody knows when a request in flight ends.
fn standing(ruling: &Ruling) -> Option<String> {
    let remaining = ruling.standing?.remaining;
    let policy = &ruling.limit.policy;
    if ruling.limit.is_in_flight() {
        return Some(format!("\"{policy}\";r={remaining}"));
    }
    Some(format!(
        "\"{policy}\";r={remaining};t={}",
        ruling.reset_seconds()?
    ))
}

fn older(decision: &Decision) -> Vec<(&'static str, String)> {
    let known = enforced(decision).filter_map(|ruling| Some((ruling, ruling.standing?)));
    let least = known.min_by_key(|(ruling, standing)| {
        (!standing.exceeded, standing.remaining, ruling.limit.quota)
    });
    let Some((ruling, standing)) = least else {
        return Vec::new();
    };
    let reset = ruling.reset_seconds().unwrap_or_default();
    vec![
        ("x-ratelimit-limit", ruling.limit.quota.to_string()),
        ("x-ratelimit-remaining", standing.remaining.to_string()),
        ("x-ratelimit-reset", reset.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use sfv::{BareItem, List, ListEntry, Parser};

    use super::*;
    use crate::samples;

    /// Name and parameters of each member, as an independent parser of structured fields reads them.
    fn read(headers: &[(&str, String)], name: &str) -> Vec<(String, Vec<(String, i64)>)> {
        let (_, value) = headers.iter().find(|(n, _)| *n == name).unwrap();
        let list: List = Parser::new(value).parse().unwrap();
        list.into_iter()
            .map(|entry| {
                let ListEntry::Item(item) = entry else {
                    panic!("{name} has an inner list");
                };
                let BareItem::String(rule) = item.bare_item else {
                    panic!("{name} has a member that is no string");
                };
                let integer = |value: BareItem| i64::from(value.as_integer().unwrap());
                let parameters = item.params.into_iter();
                let parameters = parameters.map(|(key, value)| (key.to_string(), integer(value)));
                (rule.to_string(), parameters.collect())
            })
            .collect()
    }

    fn member(rule: &str, parameters: [(&str, i64); 2]) -> (String, Vec<(String, i64)>) {
        let parameters = parameters.map(|(key, value)| (key.to_owned(), value));
        (rule.to_owned(), parameters.to_vec())
    }

    #[test]
    fn the_headers_are_structured_fields_that_others_can_read() {
        let rules = samples::rules();
        let headers = of(&samples::denied(&rules), false);
        let policies = [
            member("default", [("q", 100), ("w", 60)]),
            member("login", [("q", 2), ("w", 60)]),
        ];
        let standings = [
            member("default", [("r", 98), ("t", 2)]),
            member("login", [("r", 0), ("t", 30)]),
        ];
        assert_eq!(read(&headers, "ratelimit-policy"), policies);
        assert_eq!(read(&headers, "ratelimit"), standings);
    }

    #[test]
    fn a_denial_names_the_moment_of_the_exceeded_rule_and_a_request_that_passed_none() {
        let rules = samples::rules();
        let retry = |headers: &[(&str, String)]| {
            let found = headers.iter().find(|(name, _)| *name == "retry-after");
            found.map(|(_, value)| value.clone())
        };
        assert_eq!(
            retry(&of(&samples::denied(&rules), false)).as_deref(),
            Some("30")
        );
        assert_eq!(retry(&of(&samples::allowed(&rules), false)), None);
    }

    #[test]
    fn what_nobody_knows_without_redis_is_not_claimed() {
        let rules = samples::rules();
        let headers = of(&samples::closed(&rules), false);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["ratelimit-policy", "retry-after"]);
    }
}
