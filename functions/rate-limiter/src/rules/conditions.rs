//! For which requests does a rule hold? All conditions have to be met; one on something unknown is not.

use serde_json::{Map, Value};

use super::fields::{Fields, is_name};
use super::key::is_claim;
use super::lists;
use super::networks::Networks;
use super::path::PathPattern;
use crate::request::Request;
use tollkeeper::canonical::hash_text;

/// The conditions of a rule. An empty list is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    paths: Vec<PathPattern>,
    methods: Vec<String>,
    routes: Vec<String>,
    headers: Vec<(String, Wanted)>,
    claims: Vec<(String, Wanted)>,
    api_key: Option<Wanted>,
    client_address: Networks<()>,
}

/// What is wanted of a header, a claim or the API key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Present,
    Absent,
    OneOf(Vec<String>),
}

impl Wanted {
    fn fits(&self, value: Option<&str>) -> bool {
        match (self, value.filter(|value| !value.is_empty())) {
            (Self::Present, value) => value.is_some(),
            (Self::Absent, value) => value.is_none(),
            (Self::OneOf(wanted), Some(value)) => wanted.iter().any(|wanted| wanted == value),
            (Self::OneOf(_), None) => false,
        }
    }
}

impl When {
    /// Whether all conditions are met.
    pub fn holds(&self, request: &Request) -> bool {
        let method = |wanted: &String| {
            request
                .method
                .is_some_and(|m| m.eq_ignore_ascii_case(wanted))
        };
        let route = |wanted: &String| request.route.as_ref() == Some(wanted);
        let key = || request.api_key.as_deref().map(hash_text);
        (self.methods.is_empty() || self.methods.iter().any(method))
            && (self.paths.is_empty() || self.pattern(request).is_some())
            && (self.routes.is_empty() || self.routes.iter().any(route))
            && self
                .headers
                .iter()
                .all(|(name, wanted)| wanted.fits(request.header(name).as_deref()))
            && self
                .claims
                .iter()
                .all(|(name, wanted)| wanted.fits(request.claim(name).as_deref()))
            && self
                .api_key
                .as_ref()
                .is_none_or(|wanted| wanted.fits(key().as_deref()))
            && (self.client_address.is_empty()
                || request
                    .address
                    .is_some_and(|address| self.client_address.of(address).is_some()))
    }

    /// The first path condition that fits: names a route where no gateway does.
    pub fn pattern(&self, request: &Request) -> Option<&PathPattern> {
        let path = request.path.as_deref()?;
        self.paths.iter().find(|pattern| pattern.fits(path))
    }
}

/// Reads the conditions of a rule.
pub(crate) fn read(fields: &Fields) -> When {
    let path = "a path such as /login, /orders/{id} or /static/*";
    let method = "an HTTP method such as POST";
    let route = "a route such as GET /orders/{id} or $default";
    let block = |cidr| (cidr, ());
    When {
        paths: fields.texts("path", 64, path, PathPattern::parse),
        methods: fields.texts("method", 16, method, |text| is_method(text).then(|| text.to_owned())),
        routes: fields.texts("route", 64, route, |text| is_route(text).then(|| text.to_owned())),
        headers: wanted_by_name(fields, "header", is_name, str::to_ascii_lowercase),
        claims: wanted_by_name(fields, "claim", is_claim, str::to_owned),
        api_key: fields.value("api_key").and_then(|value| {
            let expected = "true (given), false (not given), or sha256:<64 hexadecimal digits> of the keys meant";
            let read = wanted(value).filter(|wanted| match wanted {
                Wanted::OneOf(hashes) => hashes.iter().all(|hash| is_hash(hash)),
                _ => true,
            });
            if read.is_none() {
                // Perhaps a key in plain text: not shown.
                fields.problems.note(format!("{}, api_key=(hidden)", fields.place), expected);
            }
            read
        }),
        client_address: Networks::new(lists::cidrs(fields, "client_address").into_iter().map(block)),
    }
}

fn wanted_by_name(
    fields: &Fields,
    field: &str,
    is_name: impl Fn(&str) -> bool,
    spelt: impl Fn(&str) -> String,
) -> Vec<(String, Wanted)> {
    let expected = "names with a text, a list of texts, true (given) or false (not given)";
    let empty = Map::new();
    let map = fields.object(field, expected).unwrap_or(&empty);
    let mut all = Vec::with_capacity(map.len());
    for (name, value) in map {
        match wanted(value).filter(|_| is_name(name)) {
            Some(wanted) => all.push((spelt(name), wanted)),
            None => fields.wrong(field, expected),
        }
    }
    all
}

fn wanted(value: &Value) -> Option<Wanted> {
    let text = |value: &Value| {
        value
            .as_str()
            .filter(|t| (1..=1024).contains(&t.len()))
            .map(str::to_owned)
    };
    match value {
        Value::Bool(true) => Some(Wanted::Present),
        Value::Bool(false) => Some(Wanted::Absent),
        Value::Array(several) if (1..=64).contains(&several.len()) => several
            .iter()
            .map(text)
            .collect::<Option<Vec<_>>>()
            .map(Wanted::OneOf),
        one => text(one).map(|one| Wanted::OneOf(vec![one])),
    }
}

fn is_method(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_uppercase())
}

fn is_route(text: &str) -> bool {
    let (method, path) = text.split_once(' ').unwrap_or(("", ""));
    text == "$default" || (is_method(method) && path.starts_with('/') && path.len() <= 1024)
}

pub(crate) fn is_hash(text: &str) -> bool {
    let lower = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.chars().all(lower))
}
