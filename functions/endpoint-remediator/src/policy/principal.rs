//! Whom a statement is about.

use serde_json::{Map, Value};

use super::elements::{missing, texts};
use super::glob;
use super::lint::Finding;

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

pub(super) fn read(
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
        "AWS" if name == "*" || !glob::is_pattern(name) => return,
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
