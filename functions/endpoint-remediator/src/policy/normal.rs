//! One spelling for policies that mean the same: what is read back is compared by meaning, not by text.
//!
//! It works on JSON and keeps what it does not know, so that a policy somebody else wrote survives being read, kept and
//! put back.

use serde_json::{Map, Value};
use tollkeeper::canonical;

/// What AWS gives an endpoint that nobody gave a policy.
pub(crate) const FULL_ACCESS: &str = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}],"Version":"2008-10-17"}"#;

/// Elements whose order and single-or-list spelling mean nothing.
const LISTS: [&str; 4] = ["Action", "NotAction", "Resource", "NotResource"];

/// Canonical JSON of the policy in its one spelling; `None` for full access, where no policy and AWS's own are the same.
/// Text that is no JSON stands for itself.
pub(crate) fn normal_form(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    let Ok(policy) = serde_json::from_str::<Value>(text) else {
        return Some(text.to_owned());
    };
    let policy = normal(policy);
    if is_full_access(&policy) {
        return None;
    }
    Some(canonical::to_canonical_json(&policy).unwrap_or_else(|_| text.to_owned()))
}

/// Whether two policies mean the same; none is full access.
pub(crate) fn same(one: Option<&str>, other: Option<&str>) -> bool {
    let form = |text: Option<&str>| text.and_then(normal_form);
    form(one) == form(other)
}

fn normal(policy: Value) -> Value {
    let Value::Object(mut policy) = policy else {
        return policy;
    };
    if let Some(statements) = policy.remove("Statement") {
        let statements = match statements {
            Value::Array(list) => list,
            single => vec![single],
        };
        let normal = statements.into_iter().map(statement).collect();
        policy.insert("Statement".to_owned(), Value::Array(normal));
    }
    let version = policy.entry("Version");
    version.or_insert_with(|| Value::from("2008-10-17"));
    Value::Object(policy)
}

fn statement(statement: Value) -> Value {
    let Value::Object(fields) = statement else {
        return statement;
    };
    let mut normal = Map::new();
    for (name, value) in fields {
        let value = match name.as_str() {
            list if LISTS.contains(&list) => sorted_list(value),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" => condition(value),
            _ => value,
        };
        normal.insert(name, value);
    }
    Value::Object(normal)
}

fn sorted_list(value: Value) -> Value {
    let mut list = match value {
        Value::Array(list) => list,
        single => vec![single],
    };
    list.sort_by_key(Value::to_string);
    list.dedup();
    Value::Array(list)
}

/// `{"AWS": "*"}` is everyone; an account's root is the account.
fn principal(value: Value) -> Value {
    let Value::Object(kinds) = value else {
        return value;
    };
    let of_kind = |(kind, value): (String, Value)| {
        let list = sorted_list(value);
        let list = match list {
            Value::Array(list) if kind == "AWS" => {
                sorted_list(Value::Array(list.into_iter().map(account).collect()))
            }
            list => list,
        };
        (kind, list)
    };
    let kinds: Map<String, Value> = kinds.into_iter().map(of_kind).collect();
    let everyone = kinds.len() == 1 && kinds.get("AWS") == Some(&serde_json::json!(["*"]));
    if everyone {
        return Value::from("*");
    }
    Value::Object(kinds)
}

fn account(principal: Value) -> Value {
    let id = principal.as_str().and_then(|arn| {
        let mut parts = arn.split(':');
        let is_root =
            parts.next() == Some("arn") && parts.nth(1) == Some("iam") && parts.next() == Some("");
        let id = parts.next()?;
        (is_root && parts.next() == Some("root") && parts.next().is_none()).then(|| id.to_owned())
    });
    id.map_or(principal, Value::from)
}

fn condition(value: Value) -> Value {
    let Value::Object(operators) = value else {
        return value;
    };
    let text = |value: Value| match value {
        Value::Bool(_) | Value::Number(_) => Value::from(value.to_string()),
        other => other,
    };
    let values = |value: Value| match value {
        Value::Array(list) => sorted_list(Value::Array(list.into_iter().map(text).collect())),
        single => sorted_list(text(single)),
    };
    let of_operator = |(operator, keys): (String, Value)| {
        let keys = match keys {
            Value::Object(keys) => {
                Value::Object(keys.into_iter().map(|(k, v)| (k, values(v))).collect())
            }
            other => other,
        };
        (operator, keys)
    };
    Value::Object(operators.into_iter().map(of_operator).collect())
}

fn is_full_access(policy: &Value) -> bool {
    let Some([only]) = policy["Statement"].as_array().map(Vec::as_slice) else {
        return false;
    };
    let Some(fields) = only.as_object() else {
        return false;
    };
    let all = serde_json::json!(["*"]);
    let known = |name: &str| matches!(name, "Sid" | "Effect" | "Principal" | "Action" | "Resource");
    fields.keys().all(|name| known(name))
        && only["Effect"] == "Allow"
        && only["Principal"] == "*"
        && only["Action"] == all
        && only["Resource"] == all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_that_mean_the_same_are_the_same() {
        let short = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": true}}}}"#;
        let long = r#"{"Statement": [{"Condition": {"Bool": {"aws:SecureTransport": ["true"]}}, "Resource": ["*"], "Action": ["s3:GetObject", "s3:PutObject"], "Principal": {"AWS": ["123456789012"]}, "Effect": "Allow"}], "Version": "2012-10-17"}"#;
        assert!(same(Some(short), Some(long)));
        let other = long.replace("s3:PutObject", "s3:DeleteObject");
        assert!(!same(Some(short), Some(&other)));
    }

    #[test]
    fn no_policy_is_full_access() {
        assert!(same(None, Some(FULL_ACCESS)));
        assert!(same(Some(""), Some(FULL_ACCESS)));
        let narrowed =
            FULL_ACCESS.replace(r#""Principal":"*""#, r#""Principal":"*","Condition":{}"#);
        assert!(!same(None, Some(&narrowed)));
        let denied = FULL_ACCESS.replace("Allow", "Deny");
        assert!(!same(None, Some(&denied)));
    }

    proptest! {
        #[test]
        fn the_normal_form_of_a_normal_form_is_itself(text in ".{0,60}|\\{\"Statement\":\\{\"Action\":[0-9a-z\"\\[\\],]{0,20}\\}\\}") {
            let once = normal_form(&text);
            let twice = once.as_deref().and_then(normal_form);
            prop_assert_eq!(twice, once);
        }
    }
}
