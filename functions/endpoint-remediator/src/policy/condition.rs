//! Conditions: read by IAM's grammar and evaluated as IAM does, also where a key is missing from the call.

use serde_json::Value;

use super::address;
use super::elements::kind;
use super::glob;
use super::lint::Finding;
use super::operator::{Operator, Quantifier, Test};

/// One key under one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) operator: Operator,
    /// As written, for people.
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

/// What a call carries under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    Missing,
    /// This.
    Text(String),
    /// Something of the policy's own world: what the policy names may be it.
    Own,
    /// Something of somebody else's: nothing that a policy names without wildcards is it.
    Foreign,
}

/// In rising order, so that the least of several is "and" and the greatest is "or".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    No,
    Maybe,
    Yes,
}

impl Answer {
    pub(super) fn of(is_so: bool) -> Self {
        if is_so { Self::Yes } else { Self::No }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

/// Every condition of a statement; `None` where one is not by the grammar, which is added to `found`.
pub(super) fn read(value: &Value, at: usize, found: &mut Vec<Finding>) -> Option<Vec<Condition>> {
    let malformed = |why: String| {
        Finding::error(
            "malformed",
            Some(at),
            why,
            "{\"<operator>\": {\"<key>\": \"<value>\"}}",
        )
    };
    let Value::Object(operators) = value else {
        found.push(malformed(format!("Condition is {}", kind(value))));
        return None;
    };
    let mut conditions = Some(Vec::new());
    for (operator, keys) in operators {
        let Some(shape) = Operator::read(operator) else {
            found.push(Finding::error(
                "unknown-operator",
                Some(at),
                format!("there is no condition operator `{operator}`: AWS refuses the policy"),
                "StringEquals, StringLike, ArnLike, Bool, IpAddress, Null, …, with IfExists after or ForAllValues: before it",
            ));
            conditions = None;
            continue;
        };
        let Value::Object(keys) = keys else {
            found.push(malformed(format!("{operator} is {}", kind(keys))));
            conditions = None;
            continue;
        };
        for (key, value) in keys {
            let Some(values) = values(value) else {
                found.push(malformed(format!("the value of {key} is {}", kind(value))));
                conditions = None;
                continue;
            };
            if let Some(conditions) = &mut conditions {
                conditions.push(Condition {
                    operator: shape.clone(),
                    key: key.clone(),
                    values,
                });
            }
        }
    }
    conditions
}

fn values(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        single => text(single).map(|text| vec![text]),
    }
}

impl Condition {
    /// Whether it is about this key; keys have no case.
    pub(super) fn is_on(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }

    /// Whether it compares numbers.
    pub(super) fn is_numeric(&self) -> bool {
        self.operator.test == Test::Number
    }

    /// Whether it only asks if the key is there.
    pub(super) fn asks_presence(&self) -> bool {
        self.operator.test == Test::Null
    }

    /// Whether it holds for a call that carries `known` under its key.
    pub(super) fn holds(&self, known: &Known) -> Answer {
        if self.asks_presence() {
            let missing = *known == Known::Missing;
            let wanted = |value: &String| value.eq_ignore_ascii_case("true") == missing;
            return Answer::of(self.values.iter().any(wanted));
        }
        if *known == Known::Missing {
            return Answer::of(match self.operator.quantifier {
                Quantifier::All => true,
                Quantifier::Any => self.operator.if_exists,
                Quantifier::One => self.operator.if_exists || self.operator.negated,
            });
        }
        let matched = self.values.iter().map(|value| self.matches(value, known));
        let matched = matched.max().unwrap_or(Answer::No);
        if self.operator.negated {
            matched.not()
        } else {
            matched
        }
    }

    fn matches(&self, value: &str, known: &Known) -> Answer {
        let is_like = self.operator.test == Test::Like;
        if is_like && value == "*" {
            return Answer::Yes;
        }
        match known {
            Known::Missing => Answer::No,
            Known::Own => Answer::Maybe,
            // What a policy fills in from the call may be anything.
            _ if value.contains("${") => Answer::Maybe,
            Known::Foreign if is_like && glob::is_pattern(value) => Answer::Maybe,
            Known::Foreign => Answer::No,
            Known::Text(text) => match self.operator.test {
                Test::Equals => Answer::of(text == value),
                Test::EqualsAnyCase | Test::Boolean => Answer::of(text.eq_ignore_ascii_case(value)),
                Test::Like => Answer::of(glob::matches(value, text)),
                Test::Address => address::lies_in(text, value),
                Test::Number | Test::Date | Test::Binary | Test::Null => Answer::Maybe,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(operator: &str, value: &Value) -> Condition {
        let mut found = Vec::new();
        let conditions = read(
            &json!({operator: {"aws:PrincipalOrgID": value}}),
            1,
            &mut found,
        );
        assert!(found.is_empty(), "{found:?}");
        conditions.unwrap().remove(0)
    }

    fn missing(operator: &str) -> Answer {
        one(operator, &json!("o-a1b2c3d4e5")).holds(&Known::Missing)
    }

    #[test]
    fn a_missing_key_is_answered_as_iam_does() {
        assert_eq!(missing("StringEquals"), Answer::No);
        assert_eq!(missing("StringNotEquals"), Answer::Yes);
        assert_eq!(missing("StringEqualsIfExists"), Answer::Yes);
        assert_eq!(missing("StringNotEqualsIfExists"), Answer::Yes);
        assert_eq!(missing("ForAllValues:StringEquals"), Answer::Yes);
        assert_eq!(missing("ForAnyValue:StringEquals"), Answer::No);
        assert_eq!(
            one("Null", &json!(true)).holds(&Known::Missing),
            Answer::Yes
        );
        assert_eq!(
            one("Null", &json!("false")).holds(&Known::Missing),
            Answer::No
        );
    }

    #[test]
    fn what_is_not_known_is_maybe_and_what_is_foreign_is_not_named() {
        let equals = one("StringEquals", &json!(["o-a1b2c3d4e5", "o-b1b2c3d4e5"]));
        assert_eq!(equals.holds(&Known::Own), Answer::Maybe);
        assert_eq!(equals.holds(&Known::Foreign), Answer::No);
        assert_eq!(
            equals.holds(&Known::Text("o-b1b2c3d4e5".to_owned())),
            Answer::Yes
        );
        let differs = one("StringNotEquals", &json!("o-a1b2c3d4e5"));
        assert_eq!(differs.holds(&Known::Own), Answer::Maybe);
        assert_eq!(differs.holds(&Known::Foreign), Answer::Yes);
        assert_eq!(
            one("StringLike", &json!("*")).holds(&Known::Foreign),
            Answer::Yes
        );
        assert_eq!(
            one("StringLike", &json!("o-*")).holds(&Known::Foreign),
            Answer::Maybe
        );
    }

    #[test]
    fn an_operator_that_is_none_is_named() {
        let mut found = Vec::new();
        assert_eq!(
            read(&json!({"StringEqual": {"a:b": "c"}}), 2, &mut found),
            None
        );
        assert_eq!(
            (found[0].code, found[0].statement),
            ("unknown-operator", Some(2))
        );
    }
}
