//! What the items of the table say.
//!
//! An item that is wrong is skipped and named: one slip must not undo everybody else's limits. Items whose `expires_at`
//! has passed no longer count, whether or not DynamoDB has got round to deleting them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::rules::{
    AddressLists, Document, Entry, MOST_ENTRIES, Override, Overrides, Problems, read_entry,
    read_override,
};

/// Most items that count: what a function keeps in memory is bounded.
pub(super) const MOST_ITEMS: usize = 20_000;

/// Everything that was read, together with the document's own lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    overrides: HashMap<String, Overrides>,
    /// Address lists of document and table.
    pub lists: AddressLists,
    /// Items that count.
    pub items: usize,
}

/// An item that does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its sort key.
    pub sk: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Loaded {
    /// What holds without a table.
    pub fn of_document(document: &Document) -> Self {
        Self {
            lists: AddressLists::new(document.entries.clone()),
            ..Self::default()
        }
    }

    /// What holds for one identity of a rule.
    pub fn of(&self, rule: &str, key: &str) -> Option<&Override> {
        self.overrides.get(rule)?.get(key)
    }
}

/// What one item says.
enum Item {
    Override(String, String, Override),
    Entry(Entry),
    Expired,
}

/// Reads all items: what counts, and what is refused.
pub fn read(
    document: &Document,
    items: &[Map<String, Value>],
    now: Timestamp,
) -> (Loaded, Vec<Refused>) {
    let (mut loaded, mut refused) = (Loaded::default(), Vec::new());
    let mut entries = document.entries.clone();
    let most_entries = entries.len() + 2 * MOST_ENTRIES;
    for map in items {
        let full = loaded.items >= MOST_ITEMS || entries.len() >= most_entries;
        let read = if full {
            Err(format!("the table has more than {MOST_ITEMS} items"))
        } else {
            item(document, map, now)
        };
        match read {
            Ok(Item::Override(rule, key, own)) => {
                loaded.overrides.entry(rule).or_default().insert(key, own);
                loaded.items += 1;
            }
            Ok(Item::Entry(entry)) => {
                entries.push(entry);
                loaded.items += 1;
            }
            Ok(Item::Expired) => {}
            Err(problem) => refused.push(Refused {
                sk: text(map, "sk").to_owned(),
                problem,
            }),
        }
    }
    loaded.lists = AddressLists::new(entries);
    (loaded, refused)
}

fn item(document: &Document, item: &Map<String, Value>, now: Timestamp) -> Result<Item, String> {
    let mut map = item.clone();
    map.remove("pk");
    map.remove("sk");
    if let Some(expires_at) = map.remove("expires_at") {
        let expires_at = expires_at
            .as_i64()
            .ok_or("expires_at: expected seconds since 1970")?;
        if expires_at <= now.as_second() {
            return Ok(Item::Expired);
        }
    }
    let kind = map.remove("kind");
    let problems = Problems::default();
    let read = match kind.as_ref().and_then(Value::as_str) {
        Some("override") => own_limits(document, map, &problems)?,
        Some(list @ ("allow" | "block")) => {
            read_entry(&map, &problems, list, list == "allow").map(Item::Entry)
        }
        _ => return Err("kind: expected override, allow or block".to_owned()),
    };
    let all = |problems: Vec<_>| {
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    problems
        .unless_any(read)
        .map_err(all)?
        .ok_or_else(|| "the item says nothing".to_owned())
}

fn own_limits(
    document: &Document,
    mut map: Map<String, Value>,
    problems: &Problems,
) -> Result<Option<Item>, String> {
    let name = map.remove("rule");
    let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
    let rule = document.rules.iter().find(|rule| rule.name == name);
    let rule = rule.ok_or("rule: expected the name of a rule in RULES")?;
    let own = read_override(rule, &map, problems, &[]);
    Ok(own.map(|(key, own)| Item::Override(name.to_owned(), key, own)))
}

fn text<'a>(map: &'a Map<String, Value>, field: &str) -> &'a str {
    map.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::{self, Listed};

    fn document() -> Document {
        let text = json!({
            "rules": [
                {"name": "default", "limit": 100, "window_seconds": 60, "cost": 2},
                {"name": "customer", "limit": 5, "window_seconds": 1, "strict": true, "key": ["api_key", "route"]},
            ],
            "block": ["198.51.100.0/24"],
        });
        rules::parse(&text.to_string()).unwrap()
    }

    fn items(listed: &Value) -> Vec<Map<String, Value>> {
        let listed = listed.as_array().unwrap().iter().enumerate();
        let numbered = listed.map(|(index, item)| {
            let mut item = item.as_object().unwrap().clone();
            item.insert("pk".to_owned(), json!("limiter"));
            item.insert("sk".to_owned(), json!(index.to_string()));
            item
        });
        numbered.collect()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn items_override_limits_of_single_identities_and_lengthen_the_lists() {
        let listed = json!([
            {"kind": "override", "rule": "default", "key": "203.0.113.7", "limit": 1000},
            {"kind": "override", "rule": "customer", "key": ["k-1", "GET /orders"], "exempt": true},
            {"kind": "allow", "cidr": "198.51.100.7"},
            {"kind": "block", "cidr": "2001:db8::/32", "reason": "scraper", "expires_at": 1_800_000_001},
            {"kind": "block", "cidr": "192.0.2.1", "expires_at": 1_800_000_000},
        ]);
        let (loaded, refused) = read(&document(), &items(&listed), now());
        assert_eq!((refused, loaded.items), (Vec::new(), 4));
        let own = loaded
            .of("default", "tollkeeper:limit:{client_address:203.0.113.7}")
            .unwrap();
        assert_eq!(
            (own.limits[0].quota, own.limits[0].window_seconds),
            (1_000, Some(60))
        );
        let of = |address: &str| loaded.lists.of(Some(address.parse().unwrap()));
        assert_eq!(of("198.51.100.7"), Some(&Listed::Allowed));
        assert_eq!(of("198.51.100.8"), Some(&Listed::Blocked { reason: None }));
        assert_eq!(
            of("2001:db8::1"),
            Some(&Listed::Blocked {
                reason: Some("scraper".to_owned())
            })
        );
        assert_eq!(of("192.0.2.1"), None, "its time is over");
    }

    #[test]
    fn a_wrong_item_is_named_and_skipped_and_shows_no_key() {
        let listed = json!([
            {"kind": "override", "rule": "defalt", "key": "203.0.113.7", "limit": 1000},
            {"kind": "override", "rule": "default", "key": "s3cret", "limit": 1000},
            {"kind": "override", "rule": "default", "key": "203.0.113.7", "limit": 1},
            {"kind": "override", "rule": "default", "key": "203.0.113.7"},
            {"kind": "block", "cidr": "198.51.100.1/24", "reason": "a\nb"},
            {"kind": "blok", "cidr": "198.51.100.1"},
            {"kind": "block", "cidr": "198.51.100.1", "expires_at": "soon"},
            {"kind": "override", "rule": "default", "key": "203.0.113.8", "limit": 10},
        ]);
        let (loaded, refused) = read(&document(), &items(&listed), now());
        assert_eq!(loaded.items, 1);
        let lines: Vec<String> = refused
            .iter()
            .map(|one| format!("{}: {}", one.sk, one.problem))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        0: rule: expected the name of a rule in RULES
        1: rule default, override, key=(hidden): expected client_address: texts; of a header, claim or API key also sha256:<64 hexadecimal digits>
        2: rule default, override, default with room for 1 at once: expected room for the cost of 2
        3: rule default, override with nothing: expected limits (limit, limits, max_in_flight), "shadow", or "exempt": true alone
        4: block, cidr="198.51.100.1/24": expected an address or CIDR block such as 198.51.100.0/24 or 2001:db8::/32; block, reason="a\nb": expected a text of up to 200 characters on one line
        5: kind: expected override, allow or block
        6: expires_at: expected seconds since 1970
"#);
    }
}
