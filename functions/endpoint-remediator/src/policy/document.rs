//! A policy document by IAM's grammar: what it says, and every way in which it is not one.

use serde_json::{Map, Value};

use super::condition::{self, Condition};
use super::elements::{duplicate_sids, kind, missing, texts, unknown_elements};
use super::lint::Finding;
use super::principal::{self, Principals};

/// What was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// From 1, as people count.
    pub(super) number: usize,
    pub(super) allows: bool,
    pub(super) principals: Principals,
    pub(super) actions: Selection,
    pub(super) resources: Selection,
    pub(super) conditions: Vec<Condition>,
}

/// Patterns, or everything but them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) patterns: Vec<String>,
    pub(super) inverted: bool,
}

const TOP: [&str; 3] = ["Version", "Id", "Statement"];
const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

/// Reads a document; what is wrong with its shape is added to `found`.
pub(super) fn read(policy: &Value, found: &mut Vec<Finding>) -> Document {
    let mut document = Document {
        statements: Vec::new(),
    };
    let Value::Object(fields) = policy else {
        found.push(Finding::error(
            "malformed",
            None,
            format!("the policy is {}", kind(policy)),
            "a JSON object with Version and Statement",
        ));
        return document;
    };
    unknown_elements(fields, &TOP, None, found);
    version(fields.get("Version"), found);
    let statements = match fields.get("Statement") {
        Some(Value::Array(list)) if !list.is_empty() => list.as_slice(),
        Some(single @ Value::Object(_)) => std::slice::from_ref(single),
        other => {
            let what = other.map_or("missing", |value| match value {
                Value::Array(_) => "an empty list",
                other => kind(other),
            });
            found.push(Finding::error(
                "no-statement",
                None,
                format!("Statement is {what}: nothing is allowed, so everyone is denied"),
                "at least one statement with Effect Allow",
            ));
            return document;
        }
    };
    for (index, statement) in statements.iter().enumerate() {
        document
            .statements
            .extend(read_statement(index + 1, statement, found));
    }
    duplicate_sids(statements, found);
    document
}

fn version(version: Option<&Value>, found: &mut Vec<Finding>) {
    match version {
        None => found.push(Finding::note(
            "no-version",
            None,
            "without Version the policy is read as 2008-10-17, which has no policy variables"
                .to_owned(),
            "\"Version\": \"2012-10-17\"",
        )),
        Some(Value::String(text)) if VERSIONS.contains(&text.as_str()) => {}
        Some(other) => found.push(Finding::error(
            "unknown-version",
            None,
            format!("Version {other} is none: AWS refuses the policy"),
            "\"Version\": \"2012-10-17\"",
        )),
    }
}

fn read_statement(number: usize, value: &Value, found: &mut Vec<Finding>) -> Option<Statement> {
    let at = Some(number);
    let Value::Object(fields) = value else {
        let why = format!("a statement is {}", kind(value));
        found.push(Finding::error("malformed", at, why, "a JSON object"));
        return None;
    };
    unknown_elements(fields, &ELEMENTS, at, found);
    if !fields.get("Sid").is_none_or(Value::is_string) {
        let why = "Sid is no text".to_owned();
        found.push(Finding::error("malformed", at, why, "a text"));
    }
    let allows = effect(fields.get("Effect"), at, found);
    let principals = principal::read(fields, at, found);
    let actions = selection(fields, "Action", "NotAction", at, found);
    let resources = selection(fields, "Resource", "NotResource", at, found);
    let conditions = match fields.get("Condition") {
        None => Some(Vec::new()),
        Some(value) => condition::read(value, number, found),
    };
    if let Some(actions) = &actions {
        odd_actions(actions, at, found);
    }
    Some(Statement {
        number,
        allows: allows?,
        principals: principals?,
        actions: actions?,
        resources: resources?,
        conditions: conditions?,
    })
}

fn effect(value: Option<&Value>, at: Option<usize>, found: &mut Vec<Finding>) -> Option<bool> {
    match value.and_then(Value::as_str) {
        Some("Allow") => Some(true),
        Some("Deny") => Some(false),
        _ => {
            let what = value.map_or_else(|| "missing".to_owned(), Value::to_string);
            let why = format!("Effect is {what}");
            found.push(Finding::error("effect", at, why, "Allow or Deny, spelt so"));
            None
        }
    }
}

fn selection(
    fields: &Map<String, Value>,
    plain: &'static str,
    inverted: &'static str,
    at: Option<usize>,
    found: &mut Vec<Finding>,
) -> Option<Selection> {
    let (value, is_inverted) = match (fields.get(plain), fields.get(inverted)) {
        (Some(value), None) => (value, false),
        (None, Some(value)) => (value, true),
        (None, None) => {
            found.push(missing(plain, at));
            return None;
        }
        (Some(_), Some(_)) => {
            let why = format!("{plain} and {inverted} exclude each other");
            found.push(Finding::error("both-elements", at, why, "one of the two"));
            return None;
        }
    };
    let patterns = texts(value).filter(|patterns| !patterns.is_empty());
    if patterns.is_none() {
        let why = format!("{plain} is neither a text nor a list of texts");
        found.push(Finding::error(
            "malformed",
            at,
            why,
            "a text such as \"*\", or a list of them",
        ));
    }
    Some(Selection {
        patterns: patterns?,
        inverted: is_inverted,
    })
}

fn odd_actions(actions: &Selection, at: Option<usize>, found: &mut Vec<Finding>) {
    let has_service = |action: &str| {
        action == "*"
            || action
                .split_once(':')
                .is_some_and(|(service, verb)| !service.is_empty() && !verb.is_empty())
    };
    for odd in actions
        .patterns
        .iter()
        .filter(|action| !has_service(action))
    {
        let why = format!("`{odd}` is no action");
        found.push(Finding::error(
            "action",
            at,
            why,
            "* or <service>:<action>, such as s3:GetObject",
        ));
    }
}
