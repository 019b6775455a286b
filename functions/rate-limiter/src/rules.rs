//! Which limits hold for which requests: the document in the setting `RULES`, validated as a whole.

use serde_json::{Map, Value};

use crate::quota::Algorithm;

/// More a second than one Redis can decide for one key anyway; keeps the rounding of the interval under 1%.
const MOST_A_SECOND: u64 = 10_000;
/// Longest window, and longest time in which a burst may come back: 31 days. Keeps Lua's numbers exact.
const LONGEST_SECONDS: u64 = 31 * 24 * 3600;
const FIELDS: [&str; 7] = [
    "name",
    "limit",
    "window_seconds",
    "burst",
    "key",
    "path",
    "method",
];

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyBy {
    /// Those of one client address (IPv6: one /64).
    ClientAddress,
    /// Those with the same value of a header, an API key for example. Lower-case name.
    Header(String),
    /// Those of everybody.
    Global,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in headers, answers and metrics.
    pub name: String,
    /// Requests in a window, in the long run.
    pub limit: u64,
    /// The window, seconds.
    pub window_seconds: u64,
    /// Requests that may come at once.
    pub burst: u64,
    /// Whose requests are counted together.
    pub key: KeyBy,
    /// Only paths below this one; `None`: every path.
    pub path: Option<String>,
    /// Only this HTTP method; `None`: every method.
    pub method: Option<String>,
}

/// What is wrong with a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found}: expected {expected}")]
pub struct RuleError {
    /// Rule, field and what stands there.
    pub found: String,
    /// What a right one looks like.
    pub expected: String,
}

impl Rule {
    /// How the rule limits. The interval is rounded up to whole microseconds: never more than the limit passes.
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::Gcra {
            interval_us: self.interval_us(),
            burst: self.burst,
        }
    }

    fn interval_us(&self) -> u64 {
        (self.window_seconds * 1_000_000).div_ceil(self.limit)
    }

    /// The name of this rule's number in an identity's state. A changed rule starts anew: its old number would mean
    /// something else.
    pub fn field(&self) -> String {
        format!("{}:{}", self.name, self.algorithm().signature())
    }

    /// Whether the rule holds for a request. A condition on something unknown does not hold.
    pub fn matches(&self, method: Option<&str>, path: Option<&str>) -> bool {
        let same_method = |wanted: &String| method.is_some_and(|m| m.eq_ignore_ascii_case(wanted));
        let below = |prefix: &String| path.is_some_and(|path| is_below(path, prefix));
        self.method.as_ref().is_none_or(same_method) && self.path.as_ref().is_none_or(below)
    }
}

/// `/orders` is below `/orders` and so is `/orders/1`, but not `/orders-archive`.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads `{"rules": [{"name": "default", "limit": 100, "window_seconds": 60}]}`.
pub fn parse(document: &str) -> Result<Vec<Rule>, RuleError> {
    let shape = "a JSON document such as {\"rules\":[{\"name\":\"default\",\"limit\":100,\"window_seconds\":60}]}";
    let document: Map<String, Value> = serde_json::from_str(document)
        .map_err(|error| wrong(format!("the document ({error})"), shape))?;
    if let Some(other) = document.keys().find(|name| *name != "rules") {
        return Err(wrong(format!("the document's field `{other}`"), shape));
    }
    let listed = document.get("rules").and_then(Value::as_array);
    let listed = listed
        .filter(|rules| !rules.is_empty())
        .ok_or_else(|| wrong("the document's `rules`".to_owned(), "at least one rule"))?;
    let mut rules: Vec<Rule> = Vec::with_capacity(listed.len());
    for (index, value) in listed.iter().enumerate() {
        let rule = parse_rule(index, value)?;
        if rules.iter().any(|earlier| earlier.name == rule.name) {
            let found = format!("rule {}, a second time", rule.name);
            return Err(wrong(found, "every name once"));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn parse_rule(index: usize, value: &Value) -> Result<Rule, RuleError> {
    let map = value
        .as_object()
        .ok_or_else(|| wrong(format!("rule {index}"), "an object"))?;
    let named = map.get("name").and_then(Value::as_str);
    let fields = Fields {
        rule: named.map_or_else(|| format!("rule {index}"), |name| format!("rule {name}")),
        map,
    };
    if let Some(other) = map.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let found = format!("{}, field `{other}`", fields.rule);
        return Err(wrong(found, &format!("only {}", FIELDS.join(", "))));
    }
    let name = fields
        .text("name", "1 to 64 of a-z A-Z 0-9 . _ -", is_name)?
        .ok_or_else(|| wrong(format!("{}, name", fields.rule), "a name"))?;
    let window_seconds = fields.whole("window_seconds", None, LONGEST_SECONDS)?;
    let limit = fields.whole("limit", None, window_seconds * MOST_A_SECOND)?;
    let rule = Rule {
        name,
        limit,
        window_seconds,
        burst: fields.whole("burst", Some(limit), LONGEST_SECONDS * MOST_A_SECOND)?,
        key: fields.key()?,
        path: fields.text("path", "a path that begins with /", |p| p.starts_with('/'))?,
        method: fields.text("method", "an HTTP method such as POST", is_method)?,
    };
    // A little slack: rounding the interval up may carry a burst of `limit` over the window.
    if rule.interval_us().saturating_mul(rule.burst) > (LONGEST_SECONDS + 3600) * 1_000_000 {
        let found = format!("{}, burst={}", fields.rule, rule.burst);
        return Err(wrong(found, "a burst that comes back within 31 days"));
    }
    Ok(rule)
}

/// The fields of one rule, and its name for errors.
struct Fields<'a> {
    rule: String,
    map: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn whole(&self, field: &str, default: Option<u64>, high: u64) -> Result<u64, RuleError> {
        let value = match self.map.get(field) {
            None => default,
            Some(value) => value.as_u64().filter(|number| (1..=high).contains(number)),
        };
        value.ok_or_else(|| self.wrong(field, &format!("a whole number from 1 to {high}")))
    }

    fn text(
        &self,
        field: &str,
        expected: &str,
        accepts: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, RuleError> {
        let Some(value) = self.map.get(field) else {
            return Ok(None);
        };
        value
            .as_str()
            .filter(|text| accepts(text))
            .map(|text| Some(text.to_owned()))
            .ok_or_else(|| self.wrong(field, expected))
    }

    fn key(&self) -> Result<KeyBy, RuleError> {
        let expected = "client_address, global or header:<name>";
        let text = self.text("key", expected, |_| true)?;
        match text.as_deref() {
            None | Some("client_address") => Ok(KeyBy::ClientAddress),
            Some("global") => Ok(KeyBy::Global),
            Some(text) => text
                .strip_prefix("header:")
                .filter(|name| is_name(name))
                .map(|name| KeyBy::Header(name.to_ascii_lowercase()))
                .ok_or_else(|| self.wrong("key", expected)),
        }
    }

    fn wrong(&self, field: &str, expected: &str) -> RuleError {
        let found = match self.map.get(field) {
            None => format!("{}, {field} is missing", self.rule),
            Some(value) => format!("{}, {field}={value}", self.rule),
        };
        wrong(found, expected)
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

fn is_method(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase())
}

fn wrong(found: String, expected: &str) -> RuleError {
    RuleError {
        found,
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
