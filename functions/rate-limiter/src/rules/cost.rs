//! What a request costs: one unit, unless its rule weighs it.

use serde_json::{Map, Value};

use super::fields::{Fields, Problems};
use super::limit::Limit;
use crate::request::Request;

/// Most units that one request may cost.
const MOST: u64 = 1_000_000;
const EXPECTED: &str = "a whole number from 1 to 1000000, or such a number by method (POST), route (GET /orders/{id}) or default";

/// The weights of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    default: u64,
    named: Vec<(String, u64)>,
}

impl Cost {
    /// What a request costs: by its route, else by its method, else by default.
    pub fn of(&self, request: &Request) -> u64 {
        let named = |name: Option<&str>| {
            let name = name?;
            let found = self
                .named
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, cost)| *cost)
        };
        named(request.route.as_deref())
            .or_else(|| named(request.method))
            .unwrap_or(self.default)
    }

    /// Notes a limit that has no room for what a request may cost: such a request could never pass.
    pub(crate) fn fits(&self, limits: &[Limit], place: &str, problems: &Problems) {
        let most = self
            .named
            .iter()
            .map(|(_, cost)| *cost)
            .fold(self.default, u64::max);
        let small = |limit: &&Limit| !limit.is_in_flight() && limit.algorithm.most() < most;
        if let Some(limit) = limits.iter().find(small) {
            let found = format!(
                "{place}, {} with room for {} at once",
                limit.policy,
                limit.algorithm.most()
            );
            problems.note(found, &format!("room for the cost of {most}"));
        }
    }
}

/// Reads `cost`.
pub(crate) fn read(fields: &Fields) -> Cost {
    let plain = Cost {
        default: 1,
        named: Vec::new(),
    };
    let Some(value) = fields.value("cost") else {
        return plain;
    };
    let read = match value {
        Value::Object(map) if !map.is_empty() && map.len() <= 64 => by_name(map),
        one => whole(one).map(|default| Cost {
            default,
            named: Vec::new(),
        }),
    };
    read.unwrap_or_else(|| {
        fields.wrong("cost", EXPECTED);
        plain
    })
}

fn by_name(map: &Map<String, Value>) -> Option<Cost> {
    let mut cost = Cost {
        default: 1,
        named: Vec::new(),
    };
    for (name, value) in map {
        let units = whole(value)?;
        if name == "default" {
            cost.default = units;
        } else if name.starts_with(|c: char| c.is_ascii_uppercase() || c == '$') {
            cost.named.push((name.clone(), units));
        } else {
            return None;
        }
    }
    Some(cost)
}

fn whole(value: &Value) -> Option<u64> {
    value.as_u64().filter(|units| (1..=MOST).contains(units))
}
