//! A policy document by IAM's grammar: what it says, and every way in which it is not one.

use serde_json::{Map, Value};

use super::condition::{self, Condition};
use super::lint::Finding;

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principals {
    /// Kind (`*`, `AWS`, `Service`) and name.
    pub(super) listed: Vec<(String, String)>,
}

impl Principals {
    /// `*` and `{"AWS": "*"}`: everyone, also who has no principal.
    pub(super) fn everyone(&self) -> bool {
        let is_all =
            |(kind, name): &(String, String)| kind == "*" || (kind == "AWS" && name == "*");
        self.listed.iter().any(is_all)
    }
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
    let principals = principals(fields, at, found);
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

fn principals(
    fields: &Map<String, Value>,
    at: Option<usize>,
    found: &mut Vec<Finding>,
) -> Option<Principals> {
    if fields.contains_key("NotPrincipal") {
        found.push(Finding::error(
            "principal",
            at,
            "NotPrincipal in an endpoint policy admits or denies by what is not known of a caller"
                .to_owned(),
            "Principal \"*\" with a condition on aws:PrincipalArn",
        ));
        return None;
    }
    let Some(value) = fields.get("Principal") else {
        found.push(missing("Principal", at));
        return None;
    };
    let listed: Option<Vec<(String, String)>> = match value {
        Value::String(text) if text == "*" => Some(vec![("*".to_owned(), text.clone())]),
        Value::Object(kinds) if !kinds.is_empty() => {
            let of_kind = |(kind, names): (&String, &Value)| {
                let names = texts(names)?;
                Some(
                    names
                        .into_iter()
                        .map(|name| (kind.clone(), name))
                        .collect::<Vec<_>>(),
                )
            };
            let all: Option<Vec<_>> = kinds.iter().map(of_kind).collect();
            all.map(|lists| lists.concat())
        }
        _ => None,
    };
    let Some(listed) = listed else {
        found.push(Finding::error(
            "malformed",
            at,
            "Principal is neither \"*\" nor an object of texts".to_owned(),
            "\"Principal\": \"*\"",
        ));
        return None;
    };
    for (kind, name) in &listed {
        odd_principal(kind, name, at, found);
    }
    Some(Principals { listed })
}

/// Kinds and spellings of principals that no call through an endpoint has.
fn odd_principal(kind: &str, name: &str, at: Option<usize>, found: &mut Vec<Finding>) {
    let (why, instead) = match kind {
        "*" | "Service" => return,
        "AWS" if name == "*" || !super::glob::is_pattern(name) => return,
        "AWS" => (
            format!("Principal {name} has a wildcard inside: it stands for nobody"),
            "Principal \"*\" with ArnLike on aws:PrincipalArn",
        ),
        "Federated" | "CanonicalUser" => (
            format!("an endpoint policy cannot name a principal of the kind {kind}"),
            "Principal \"*\", and for federated callers of sts a statement of their own without principal conditions",
        ),
        _ => (
            format!("there is no kind of principal {kind}"),
            "\"*\", AWS or Service",
        ),
    };
    found.push(Finding::error("principal", at, why, instead));
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

fn unknown_elements(
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

fn duplicate_sids(statements: &[Value], found: &mut Vec<Finding>) {
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

fn missing(element: &'static str, at: Option<usize>) -> Finding {
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
