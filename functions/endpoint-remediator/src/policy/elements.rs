//! Names and values of a document: which elements there are, and what was meant by one that there is not.

use serde_json::{Map, Value};

use super::lint::Finding;

pub(super) fn unknown_elements(
    fields: &Map<String, Value>,
    known: &[&'static str],
    at: Option<usize>,
    found: &mut Vec<Finding>,
) {
    for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
        let near = known.iter().find(|known| is_near(name, known));
        found.push(Finding::error(
            "unknown-element",
            at,
            format!("there is no element `{name}`: AWS refuses the policy"),
            match near {
                Some(near) => *near,
                None => "Version, Id, Statement; in a statement Sid, Effect, Principal, Action, Resource, Condition",
            },
        ));
    }
}

/// Whether two names differ by case, a plural or a letter or two.
fn is_near(written: &str, known: &str) -> bool {
    let (written, known) = (written.to_ascii_lowercase(), known.to_ascii_lowercase());
    if written.len() > known.len() + 2 {
        return false;
    }
    let known: Vec<char> = known.chars().collect();
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (line, letter) in written.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, expected) in known.iter().enumerate() {
            let change = diagonal + usize::from(*expected != letter);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().is_some_and(|distance| *distance <= 2)
}

pub(super) fn duplicate_sids(statements: &[Value], found: &mut Vec<Finding>) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        let Some(sid) = statement.get("Sid").and_then(Value::as_str) else {
            continue;
        };
        if seen.contains(&sid) {
            let why = format!("Sid {sid} is there twice: AWS refuses the policy");
            found.push(Finding::error(
                "duplicate-sid",
                Some(index + 1),
                why,
                "a Sid of its own",
            ));
        }
        seen.push(sid);
    }
}

pub(super) fn missing(element: &'static str, at: Option<usize>) -> Finding {
    let why = format!("{element} is missing: AWS refuses the policy");
    let instead = if element == "Principal" {
        "\"Principal\": \"*\""
    } else {
        "the element, \"*\" for all"
    };
    Finding::error("missing-element", at, why, instead)
}

/// A text or a list of texts.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) => list
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

/// The kind of a JSON value, for people.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
