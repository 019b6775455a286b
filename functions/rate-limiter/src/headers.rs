//! What a client is told about its quota: `RateLimit`, `RateLimit-Policy` and `Retry-After`.
//!
//! Source: draft-ietf-httpapi-ratelimit-headers-10, RFC 9110 section 10.2.3. Rule names are plain enough to stand in
//! a structured field without escapes; see `rules.rs`.

use crate::gate::{Decision, Ruling};

/// Names (lower-case) and values. No `RateLimit` where the standing is unknown, nothing where no rule holds.
pub fn of(decision: &Decision) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    if !decision.rulings.is_empty() {
        headers.push((
            "ratelimit-policy",
            list(decision, |ruling| Some(policy(ruling))),
        ));
    }
    let standings = list(decision, standing);
    if !standings.is_empty() {
        headers.push(("ratelimit", standings));
    }
    if let Some(seconds) = decision.retry_after_seconds() {
        headers.push(("retry-after", seconds.to_string()));
    }
    headers
}

fn list(decision: &Decision, item: impl Fn(&Ruling) -> Option<String>) -> String {
    let items: Vec<String> = decision.rulings.iter().filter_map(item).collect();
    items.join(", ")
}

fn policy(ruling: &Ruling) -> String {
    let rule = ruling.rule;
    format!(
        "\"{}\";q={};w={}",
        rule.name, rule.limit, rule.window_seconds
    )
}

/// `t` is when the whole burst is back, or for a rule that stopped the request when it may be repeated: the draft
/// wants that to be the moment that `Retry-After` names.
fn standing(ruling: &Ruling) -> Option<String> {
    let standing = ruling.standing?;
    Some(format!(
        "\"{}\";r={};t={}",
        ruling.rule.name,
        standing.remaining,
        ruling.reset_seconds()?
    ))
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
        let headers = of(&samples::denied(&rules));
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
        assert_eq!(retry(&of(&samples::denied(&rules))).as_deref(), Some("30"));
        assert_eq!(retry(&of(&samples::allowed(&rules))), None);
    }

    #[test]
    fn what_nobody_knows_without_redis_is_not_claimed() {
        let rules = samples::rules();
        let headers = of(&samples::closed(&rules));
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["ratelimit-policy", "retry-after"]);
    }
}
