//! Reads the document in the setting `RULES` as a whole: everything that is wrong with it is said at once.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::fields::{Fields, NAME, Problem, Problems, is_name};
use super::limit::{IN_FLIGHT_FIELDS, WINDOW_FIELDS};
use super::overrides::{self, Overrides};
use super::{Document, Rule, conditions, cost, key, limit, lists};

const SHAPE: &str = "a JSON document such as {\"rules\":[{\"name\":\"default\",\"limit\":100,\"window_seconds\":60}]}";
/// Most rules. Every request is held against each.
const MOST_RULES: usize = 100;
const RULE_FIELDS: [&str; 12] = [
    "name",
    "limits",
    "key",
    "path",
    "method",
    "route",
    "header",
    "claim",
    "api_key",
    "client_address",
    "cost",
    "shadow",
];

/// Reads `{"rules": [{"name": "default", "limit": 100, "window_seconds": 60}]}`.
pub fn parse(document: &str) -> Result<Document, Vec<Problem>> {
    let problems = Problems::default();
    let map: Map<String, Value> = match serde_json::from_str(document) {
        Ok(map) => map,
        Err(error) => {
            problems.note(format!("the document ({error})"), SHAPE);
            return problems.unless_any(Document::default());
        }
    };
    let fields = Fields {
        place: "the document",
        map: &map,
        problems: &problems,
    };
    fields.only(&["rules", "allow", "block"]);
    let entries = lists::read(&fields);
    let empty = Vec::new();
    let listed = fields
        .value("rules")
        .and_then(Value::as_array)
        .unwrap_or(&empty);
    if !(1..=MOST_RULES).contains(&listed.len()) {
        problems.note("the document's `rules`".to_owned(), "1 to 100 rules");
    }
    let rules: Vec<Rule> = listed
        .iter()
        .enumerate()
        .filter_map(|(at, value)| rule(at, value, &problems))
        .collect();
    unique_names(&rules, &problems);
    problems.unless_any(Document { rules, entries })
}

/// Rules and their limits share the names in headers and metrics.
fn unique_names(rules: &[Rule], problems: &Problems) {
    let (mut names, mut policies) = (HashSet::new(), HashSet::new());
    for rule in rules {
        if !names.insert(&rule.name) {
            problems.note(
                format!("rule {}, a second time", rule.name),
                "every name once",
            );
            continue;
        }
        for limit in rule
            .limits
            .iter()
            .filter(|limit| !policies.insert(&limit.policy))
        {
            let found = format!("rule {}, limit {}", rule.name, limit.policy);
            problems.note(found, "a name that no limit of another rule has");
        }
    }
}

fn rule(index: usize, value: &Value, problems: &Problems) -> Option<Rule> {
    let Some(map) = value.as_object() else {
        problems.note(format!("rule {index}"), "an object");
        return None;
    };
    let named = map
        .get("name")
        .and_then(Value::as_str)
        .filter(|name| is_name(name));
    let place = named.map_or_else(|| format!("rule {index}"), |name| format!("rule {name}"));
    let fields = Fields {
        place: &place,
        map,
        problems,
    };
    let known = [
        &RULE_FIELDS[..],
        &WINDOW_FIELDS,
        &IN_FLIGHT_FIELDS,
        &["overrides"],
    ]
    .concat();
    fields.only(&known);
    if named.is_none() {
        fields.wrong("name", NAME);
    }
    let name = named.unwrap_or("unnamed").to_owned();
    let limits = limit::read(&fields, &name);
    if limits.is_empty() {
        problems.note(
            format!("{place}, no limit"),
            "limit and window_seconds, limits, or max_in_flight",
        );
    }
    let cost = cost::read(&fields);
    cost.fits(&limits, &place, problems);
    let mut rule = Rule {
        name,
        key: key::read(&fields),
        when: conditions::read(&fields),
        limits,
        cost,
        shadow: fields.flag("shadow").unwrap_or(false),
        overrides: Overrides::new(),
        only_window: only_window(map),
    };
    rule.overrides = own_overrides(&rule, &fields);
    Some(rule)
}

/// The fields of the one window of a rule that has one.
fn only_window(map: &Map<String, Value>) -> Map<String, Value> {
    let listed = match map
        .get("limits")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        Some([one]) => one.as_object(),
        Some(_) => None,
        None => Some(map),
    };
    let window = listed
        .into_iter()
        .flatten()
        .filter(|(field, _)| WINDOW_FIELDS.contains(&field.as_str()));
    window
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}

fn own_overrides(rule: &Rule, fields: &Fields) -> Overrides {
    let mut own = Overrides::new();
    for map in fields.objects("overrides", overrides::MOST, "objects with key and limit") {
        if let Some((key, what)) = overrides::read(rule, map, fields.problems, &[])
            && own.insert(key, what).is_some()
        {
            fields.problems.note(
                format!("{}, override of one key twice", fields.place),
                "every key once",
            );
        }
    }
    own
}
