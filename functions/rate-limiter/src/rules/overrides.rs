//! Other limits for a single identity: written in the rule itself, or in a table that is read while the function runs.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::fields::{Fields, Problems};
use super::limit::{self, IN_FLIGHT_FIELDS, Limit, WINDOW_FIELDS};
use super::{Rule, conditions};
use crate::identity;

/// Most overrides of one rule in the document.
pub(crate) const MOST: usize = 1_000;
/// Longest text that names an identity.
const LONGEST_KEY: usize = 1_024;

/// What holds for one identity in place of the rule's own limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The limits.
    pub limits: Vec<Limit>,
    /// Whether the rule does not hold at all for this identity.
    pub exempt: bool,
    /// Whether the rule only watches this identity; `None`: as the rule says.
    pub shadow: Option<bool>,
}

/// The overrides of one rule by the key of the identity.
pub type Overrides = HashMap<String, Override>;

/// Reads one `{"key": ..., "limit": ...}`: the identity's key and what holds for it. `also` are fields that the place
/// where it stands adds.
pub(crate) fn read(
    rule: &Rule,
    map: &Map<String, Value>,
    problems: &Problems,
    also: &[&str],
) -> Option<(String, Override)> {
    let place = format!("rule {}, override", rule.name);
    let fields = Fields {
        place: &place,
        map,
        problems,
    };
    let mut known = vec!["key", "limits", "exempt", "shadow"];
    known.extend(WINDOW_FIELDS);
    known.extend(IN_FLIGHT_FIELDS);
    known.extend(also);
    fields.only(&known);
    let exempt = fields.flag("exempt").unwrap_or(false);
    let given = limit::read(&windowed(&fields, rule, &mut map.clone()), &rule.name);
    let shadow = fields.flag("shadow");
    let says = [exempt, !given.is_empty(), shadow.is_some()];
    if (exempt && !given.is_empty()) || !says.contains(&true) {
        let found = format!(
            "{place} with {}",
            if exempt {
                "limits and exempt"
            } else {
                "nothing"
            }
        );
        problems.note(
            found,
            "limits (limit, limits, max_in_flight), \"shadow\", or \"exempt\": true alone",
        );
    }
    let limits = completed(given, rule);
    rule.cost.fits(&limits, &place, problems);
    Some((
        identity(&fields, rule)?,
        Override {
            limits,
            exempt,
            shadow,
        },
    ))
}

/// An override with a bare `limit` keeps window, algorithm and strictness of a rule that has one window.
fn windowed<'a>(
    fields: &Fields<'a>,
    rule: &'a Rule,
    map: &'a mut Map<String, Value>,
) -> Fields<'a> {
    if map.contains_key("limit") {
        for (field, value) in &rule.only_window {
            if field != "limit" && field != "burst" {
                map.entry(field.as_str()).or_insert_with(|| value.clone());
            }
        }
    }
    Fields { map, ..*fields }
}

/// Windows or requests in flight: what an override does not mention stays as the rule has it.
fn completed(given: Vec<Limit>, rule: &Rule) -> Vec<Limit> {
    let kept = |in_flight: bool| {
        let mentioned = given.iter().any(|limit| limit.is_in_flight() == in_flight);
        let own = rule
            .limits
            .iter()
            .filter(move |limit| limit.is_in_flight() == in_flight && !mentioned);
        own.cloned().collect::<Vec<_>>()
    };
    let (windows, in_flight) = (kept(false), kept(true));
    windows.into_iter().chain(given).chain(in_flight).collect()
}

/// The identity that an override names, by its parts in the order of the rule's `key`.
fn identity(fields: &Fields, rule: &Rule) -> Option<String> {
    let expected = format!(
        "{}: texts; of a header, claim or API key also sha256:<64 hexadecimal digits>",
        rule.key
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    );
    let text = |text: &str| {
        (1..=LONGEST_KEY)
            .contains(&text.len())
            .then(|| text.to_owned())
    };
    let parts: Vec<String> = match fields.value("key") {
        Some(Value::String(one)) => text(one).into_iter().collect(),
        Some(Value::Array(several)) => several
            .iter()
            .filter_map(|v| v.as_str().and_then(text))
            .collect(),
        _ => Vec::new(),
    };
    let named = (parts.len() == rule.key.len())
        .then(|| identity::of_texts(&rule.key, &parts, conditions::is_hash))
        .flatten();
    if named.is_none() {
        // Perhaps a key in plain text: not shown.
        fields
            .problems
            .note(format!("{}, key=(hidden)", fields.place), &expected);
    }
    named
}
